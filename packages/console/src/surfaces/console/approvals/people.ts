/** Who people are, for pages that name them and ask whether the visitor is among them. */
import { useMemo } from 'react';
import { useQuery } from '@tanstack/react-query';
import { identitiesQuery } from '../../../data/queries.ts';
import { useSession } from '../../../data/session.ts';
import type { People } from './terms.ts';

/** Returns identities by subject; empty while they are not known. */
export function usePeople(): People {
  const { data } = useQuery(identitiesQuery);
  return useMemo(() => new Map((data ?? []).map((one) => [one.subject, one])), [data]);
}

/** Returns the subject of the visitor; empty when nobody is signed in. */
export function useMe(): string {
  const session = useSession();
  return session.kind === 'person' ? session.subject : '';
}
