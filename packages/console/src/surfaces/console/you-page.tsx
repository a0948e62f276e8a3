/** `/you`: how one is signed in, and one's passkeys; with an invitation in the address, the place where the first is made. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Button } from '../../components/button.tsx';
import { Facts, Page, Panel } from '../../components/panel.tsx';
import { Failed, Loading, Note } from '../../components/states.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { makePasskey, noPasskeys } from '../../data/passkey.ts';
import { identitiesQuery } from '../../data/queries.ts';
import { signInByPasskey, useSession, type SignInMethod } from '../../data/session.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { ConsoleNav } from './console-nav.tsx';
import { PasskeyList } from './passkeys.tsx';
import css from './console.module.css';

const METHODS: Readonly<Record<SignInMethod, string>> = {
  passkey: 'by passkey',
  token: 'by token: for setting up; what it approves only the operator asserts',
  provider: 'by provider: it vouched for you; what you approve so is not signed by you',
  key: 'by key',
};

export function YouPage() {
  const [invitation] = useState(() => /[#&]invitation=([A-Za-z0-9_-]{16,64})/.exec(location.hash)?.[1]);
  // It is a secret: out of the address bar, and so out of the history, at once.
  useEffect(() => {
    if (invitation !== undefined)
      history.replaceState(history.state, '', location.pathname + location.search);
  }, [invitation]);
  const session = useSession();
  return (
    <>
      <ConsoleNav />
      {invitation !== undefined && session.kind !== 'person' ? (
        <Invited invitation={invitation} />
      ) : (
        <PeopleOnly>
          <You />
        </PeopleOnly>
      )}
    </>
  );
}

/** Makes the person's first passkey, and signs in with it. */
function Invited({ invitation }: { readonly invitation: string }) {
  const make = useMutation({ mutationFn: () => makePasskey(invitation) });
  const enter = useMutation({ mutationFn: signInByPasskey });
  const made = make.data?.verdict === 'done';
  return (
    <Page
      title="You are invited"
      lead="Make a passkey on this device or phone. It is how you sign in and approve."
    >
      <Panel title={made ? 'Your passkey is registered' : 'Your passkey'}>
        <div className={css['stack']}>
          <p>
            The key stays on your device. The plane learns its public half and writes it into the log, under
            your opaque id.
          </p>
          <div className={css['buttons']}>
            {made ? (
              <Button kind="primary" busy={enter.isPending} onPress={() => enter.mutate()}>
                Sign in with it
              </Button>
            ) : (
              <Button
                kind="primary"
                busy={make.isPending}
                because={noPasskeys()}
                onPress={() => make.mutate()}
              >
                Make a passkey
              </Button>
            )}
          </div>
          <MadeNote answer={make.data} error={make.error} />
        </div>
      </Panel>
    </Page>
  );
}

function You() {
  const session = useSession();
  const client = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(identitiesQuery);
  const make = useMutation({
    mutationFn: () => makePasskey(),
    onSettled: () => client.invalidateQueries(),
  });
  if (session.kind !== 'person') return null;
  const me = data?.find(({ subject }) => subject === session.subject);
  const locked =
    (me?.passkeys ?? []).length > 0 && session.method !== 'passkey' && !session.roles.includes('operator')
      ? 'You have a passkey: sign in with it to add another.'
      : undefined;
  return (
    <Page title={<Untrusted>{me?.name ?? session.subject}</Untrusted>} lead={<code>{session.subject}</code>}>
      <div className={css['columns']}>
        <Panel title="Passkeys">
          <div className={css['stack']}>
            {isPending ? (
              <Loading what="your passkeys" />
            ) : error !== null ? (
              <Failed error={error} what="your passkeys" retry={() => void refetch()} />
            ) : (
              me !== undefined && <PasskeyList of={me} />
            )}
            <div>
              <Button
                kind="primary"
                busy={make.isPending}
                because={noPasskeys() ?? locked}
                onPress={() => make.mutate()}
              >
                Make a passkey
              </Button>
            </div>
            <MadeNote answer={make.data} error={make.error} />
          </div>
        </Panel>
        <Panel title="How you are here">
          <Facts
            items={[
              ['Signed in', METHODS[session.method]],
              ['Roles', session.roles.join(', ') || 'none'],
              ['Groups', me?.groups.join(', ') || 'none'],
            ]}
          />
        </Panel>
      </div>
    </Page>
  );
}

function MadeNote({
  answer,
  error,
}: {
  readonly answer: { readonly verdict: string; readonly reason?: string } | undefined;
  readonly error: Error | null;
}) {
  if (error !== null) return <Note tone="deny">{error.message}</Note>;
  if (answer === undefined) return null;
  if (answer.verdict === 'done')
    return (
      <Note>
        <span role="status">The passkey is registered.</span>
      </Note>
    );
  return <Note tone="deny">{answer.reason ?? answer.verdict}</Note>;
}
