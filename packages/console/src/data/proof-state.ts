/**
 * What the visitor's own browser has checked, as hooks. Proof state is an axis of its own and never merged with the
 * verdict: `claimed` (the plane says so), `logged` (included under a checkpoint signed by keys you trust),
 * `witnessed` and `anchored` (its quorums met); `failed` is news.
 */
import { useQuery } from '@tanstack/react-query';
import { statusQuery } from './queries.ts';
import { useIsQuiet } from './quiet.ts';
import { useTrustText } from './trust.ts';

export type ProofState = 'claimed' | 'logged' | 'witnessed' | 'anchored' | 'failed';

/** The newest checkpoint as checked here. */
export interface CheckedHead {
  readonly state: ProofState;
  readonly why: string;
  /** When it was checked, milliseconds. */
  readonly atMs: number;
  readonly origin?: string;
  readonly size?: number;
  /** base64url. */
  readonly root?: string;
  readonly note?: string;
  readonly signers?: readonly string[];
}

/** One leaf as checked here. `path` holds the sibling hashes, the leaf's first, base64url. */
export interface CheckedLeaf {
  readonly index: number;
  readonly leaf: string;
  readonly size: number;
  readonly state: ProofState;
  readonly why: string;
  readonly path: readonly string[];
}

/** A place in the log: what every figure and row can open in the proof drawer. */
export interface LogPlace {
  readonly index: number;
  readonly leaf: string;
}

/** Loads the verifier once something has to be verified; it is no part of the first paint. */
const verifier = () => import('./verify.ts');

/** Returns the newest checkpoint, checked under the kept trust file each time the log grows. */
export function useHead() {
  const trust = useTrustText();
  const quiet = useIsQuiet();
  const { data: status } = useQuery(statusQuery);
  return useQuery({
    queryKey: ['log', 'head', status?.size, trust],
    queryFn: async () => (await verifier()).checkHead(trust),
    enabled: status !== undefined && !quiet,
    // What was verified under another trust is not verified under this one.
    placeholderData: (previous, before) => (before?.queryKey[3] === trust ? previous : undefined),
    structuralSharing: false,
    retry: false,
  });
}

/** Returns what this browser knows about one place in the log. */
export function useLeaf(place: LogPlace | undefined) {
  const { data } = useHead();
  const head = data?.head;
  return useQuery({
    queryKey: ['leaf', place?.index, place?.leaf, head?.size, head?.checked.state],
    queryFn: async () => (await verifier()).checkLeaf(head!, place!.index, place!.leaf),
    enabled: place !== undefined && head !== undefined,
    staleTime: Infinity,
    placeholderData: (previous, before) =>
      before?.queryKey[1] === place?.index && before?.queryKey[2] === place?.leaf ? previous : undefined,
    retry: false,
  });
}
