/** Shown on operator pages to a visitor who is not signed in; the token stays in this form and in one request. */
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Button } from '../components/button.tsx';
import { Loading, Note } from '../components/states.tsx';
import { Untrusted } from '../components/untrusted.tsx';
import { base, isPublic } from '../data/listener.ts';
import { signInsQuery } from '../data/queries.ts';
import { goToProvider, signIn, signInByPasskey, useSession } from '../data/session.ts';
import css from './sign-in.module.css';

/** Renders its children for a signed-in person; on the public listener, `publicView` or why there is none. */
export function PeopleOnly({
  children,
  publicView,
}: {
  readonly children: ReactNode;
  readonly publicView?: ReactNode;
}) {
  const session = useSession();
  if (isPublic) return publicView ?? <PublicStop />;
  if (session.kind === 'starting') return <Loading what="your session" />;
  return session.kind === 'person' ? (
    children
  ) : (
    <SignIn why={session.kind === 'none' ? session.why : undefined} />
  );
}

function PublicStop() {
  return (
    <div className={css['box']}>
      <h1>For operators</h1>
      <p>
        This is the public, redacted view: it can read and verify, but it has no arguments, names or controls.
        Sign in on the control address of this plane.
      </p>
      <p>
        <a href={`${base}/console`}>See the public decision feed</a>
      </p>
    </div>
  );
}

function SignIn({ why }: { readonly why?: string | undefined }) {
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  return (
    <div className={css['box']}>
      <h1>Sign in</h1>
      <p>With the passkey of this device or phone, if you have made one for this plane.</p>
      {why !== undefined && <Note tone="deny">{why}</Note>}
      <Button
        kind="primary"
        busy={busy}
        onPress={() => {
          setBusy(true);
          void signInByPasskey().finally(() => setBusy(false));
        }}
      >
        Sign in with a passkey
      </Button>
      <Providers />
      <p>
        Or with a token: your own, as an operator gave it to you, or the one that was written when the plane
        was made; open the address that was printed with that, or paste it. It is exchanged for a cookie that
        scripts cannot read.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setBusy(true);
          void signIn(token.trim()).finally(() => setBusy(false));
        }}
      >
        <label>
          <span>Token</span>
          <input
            type="password"
            value={token}
            autoComplete="off"
            spellCheck={false}
            onChange={({ target }) => setToken(target.value)}
          />
        </label>
        <Button
          submit
          busy={busy}
          because={token.trim().length < 16 ? 'A token has at least 16 characters.' : undefined}
        >
          Sign in with the token
        </Button>
      </form>
    </div>
  );
}

/** Ways in by somebody else's word, where there are any. */
function Providers() {
  const { data = [] } = useQuery(signInsQuery);
  return data.map(({ subject, name }) => (
    <p key={subject}>
      <Button onPress={() => void goToProvider(subject)}>
        Sign in with <Untrusted>{name}</Untrusted>
      </Button>
    </p>
  ));
}
