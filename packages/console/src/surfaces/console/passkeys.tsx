/** A person's passkeys: listed, taken away, and for others an invitation to bring in their own. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { IdentityView, OperatorAnswer } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Panel } from '../../components/panel.tsx';
import { Note } from '../../components/states.tsx';
import { Time } from '../../components/time.tsx';
import { post } from '../../data/call.ts';
import { base } from '../../data/listener.ts';
import { useMissing, useSession } from '../../data/session.ts';
import { OperatorResult } from './operate.tsx';
import css from './console.module.css';

/** The list, with a way to take each away. */
export function PasskeyList({ of }: { readonly of: IdentityView }) {
  const session = useSession();
  const client = useQueryClient();
  const operator = useMissing('operator');
  const remove = useMutation({
    mutationFn: (id: string) => post<OperatorAnswer>(`/v1/passkeys/${id}/remove`, {}),
    onSettled: () => client.invalidateQueries(),
  });
  const own = session.kind === 'person' && session.subject === of.subject && session.method === 'passkey';
  const list = of.passkeys ?? [];
  return (
    <>
      {list.length === 0 ? (
        <p className={css['small']}>None yet.</p>
      ) : (
        <ul className={css['list']}>
          {list.map(({ id, key }, at) => (
            <li key={id}>
              <div className={css['spread']}>
                <span>
                  Passkey {at + 1}, {key.crv} <Hash value={id} label="passkey id" />
                </span>
                <Button
                  busy={remove.isPending}
                  because={own ? undefined : operator}
                  label={`Take away passkey ${at + 1}`}
                  onPress={() => remove.mutate(id)}
                >
                  Take away
                </Button>
              </div>
            </li>
          ))}
        </ul>
      )}
      <OperatorResult answer={remove.data} error={remove.error} done="Taken away." />
    </>
  );
}

/** For operators: another person's passkeys, and the address that brings in one. */
export function PersonPasskeys({ of }: { readonly of: IdentityView }) {
  const missing = useMissing('operator');
  const invite = useMutation({
    mutationFn: () =>
      post<{ readonly invitation: string; readonly exp: number }>(
        `/v1/identities/${encodeURIComponent(of.subject)}/invite`,
        {},
      ),
  });
  return (
    <Panel title="Passkeys">
      <div className={css['stack']}>
        <PasskeyList of={of} />
        <div>
          <Button
            busy={invite.isPending}
            because={missing ?? (of.revoked ? 'This identity is revoked.' : undefined)}
            onPress={() => invite.mutate()}
          >
            Invite to make a passkey
          </Button>
        </div>
        {invite.data !== undefined && (
          <Note>
            Give this address to the person, by a way that is theirs alone. It works once, until{' '}
            <Time ms={invite.data.exp} />:{' '}
            <code>{`${location.origin}${base}/you#invitation=${invite.data.invitation}`}</code>
          </Note>
        )}
        {invite.error !== null && <Note tone="deny">{invite.error.message}</Note>}
      </div>
    </Panel>
  );
}
