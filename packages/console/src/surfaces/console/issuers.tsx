/** Trusted issuers: by whose tokens agents and people come in, whom their rules name, and how old their keys are. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { IssuerView } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading, Note } from '../../components/states.tsx';
import { Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { post } from '../../data/call.ts';
import { issuersQuery } from '../../data/queries.ts';
import { useMissing } from '../../data/session.ts';
import css from './console.module.css';

/** Shown to those whom the plane lets read settings; others are not told that there are any. */
export function Issuers() {
  return useMissing('operator', 'auditor') === undefined ? <List /> : null;
}

function List() {
  const { data, error, isPending, refetch } = useQuery(issuersQuery);
  return (
    <Panel title="Trusted issuers" flush>
      {isPending ? (
        <Loading what="issuers" />
      ) : error !== null ? (
        <Failed error={error} what="issuers" retry={() => void refetch()} />
      ) : data.length === 0 ? (
        <Empty title="None: everyone comes in with a registered key, a passkey or a token of this plane.">
          <code>licet issuers example github</code> prints settings to start from.
        </Empty>
      ) : (
        <ul className={css['list']}>
          {data.map((one) => (
            <Issuer key={one.subject} of={one} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Issuer({ of }: { readonly of: IssuerView }) {
  const client = useQueryClient();
  const missing = useMissing('operator');
  const refresh = useMutation({
    mutationFn: () => post(`/v1/issuers/${encodeURIComponent(of.subject)}/refresh`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: issuersQuery.queryKey }),
  });
  const { settings } = of;
  const rules = [...(settings.agents ?? []), ...(settings.people ?? [])].length;
  return (
    <li>
      <div className={css['spread']}>
        <span>
          <Link to="/agents/$id" params={{ id: of.subject }}>
            <Untrusted>{of.name}</Untrusted>
          </Link>{' '}
          <span className={css['small']}>
            {settings.profile}, {rules === 1 ? '1 rule' : `${rules} rules`}, for{' '}
            <Untrusted>{settings.audience}</Untrusted>
          </span>
        </span>
        <Button because={missing} busy={refresh.isPending} onPress={() => refresh.mutate()}>
          Ask for its keys now
        </Button>
      </div>
      <div className={css['small']}>
        <code>
          <Untrusted>{settings.issuer}</Untrusted>
        </code>
        {' · '}
        <Keys of={of} />
      </div>
      {(of.failing || refresh.isError) && (
        <Note tone="deny">
          It cannot be reached. Its keys count until they are too old; then nobody new gets in.
        </Note>
      )}
    </li>
  );
}

function Keys({ of: { keys, fetchedMs, settings } }: { readonly of: IssuerView }) {
  if ('keys' in settings.jwks) return <>keys in its settings</>;
  if (fetchedMs === undefined) return <>keys not fetched yet</>;
  return (
    <>
      {keys === 1 ? '1 key' : `${keys} keys`} of <Time ms={fetchedMs} />
    </>
  );
}
