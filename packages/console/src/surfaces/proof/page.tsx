/** Proof: is this true, and on whose word? The viewer inside the frame of a plane that it does not ask. */
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import cedarUrl from '@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm?url';
import { Page } from '../../components/panel.tsx';
import { Note } from '../../components/states.tsx';
import { forgetTrust, keepTrust, useTrustText } from '../../data/trust.ts';
import { useQuiet } from '../../data/quiet.ts';
import { evidenceOfFragment } from './check.ts';
import { openRedecider, type Redecider } from './redecide/redecider.ts';
import { Viewer, type Subject, type View } from './viewer.tsx';
import { base } from '../../data/listener.ts';

/** The engine is loaded with the page, so that nothing has to be asked for once evidence is open. */
async function loadEngine(): Promise<Redecider> {
  const worker = new Worker(new URL('./redecide/sealed-worker.ts', import.meta.url), { type: 'module' });
  const [wasm] = await Promise.all([
    WebAssembly.compileStreaming(fetch(cedarUrl)),
    // Also what letters of the evidence could ask for later: a font that loads then would tell the server about them.
    ...Array.from(document.fonts, (font) => font.load()),
  ]);
  return openRedecider(worker, wasm);
}

export function ProofPage() {
  const trust = useTrustText();
  const navigate = useNavigate();
  const { view } = useSearch({ strict: false });
  const [engine, setEngine] = useState<Redecider | 'loading' | Error>('loading');
  const [initial, setInitial] = useState<Subject>();
  const [problem, setProblem] = useState('');
  useQuiet(engine !== 'loading');

  useEffect(() => {
    let gone = false;
    let opened: Redecider | undefined;
    loadEngine().then(
      (made) => {
        opened = made;
        if (gone) made.close();
        else setEngine(made);
      },
      (error: unknown) => setEngine(error instanceof Error ? error : new Error(String(error))),
    );
    return () => {
      gone = true;
      opened?.close();
    };
  }, []);
  useEffect(() => {
    const read = (): void =>
      void evidenceOfFragment(location.hash).then(
        (bytes) => bytes !== undefined && setInitial({ name: 'from the address', bytes }),
        () => setProblem('The address carries no evidence that can be read.'),
      );
    read();
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);

  const setView = useCallback(
    (next: View) =>
      void navigate({ to: '/proof', search: next === 'forgeries' ? { view: next } : {}, hash: true }),
    [navigate],
  );
  return (
    <Page title="Is this true, and on whose word?" wide>
      {problem !== '' && <Note tone="deny">{problem}</Note>}
      <Viewer
        trust={trust}
        onTrust={async (text) => void (await keepTrust(text))}
        onForget={forgetTrust}
        engine={engine}
        view={view === 'forgeries' ? 'forgeries' : 'evidence'}
        onView={setView}
        initial={initial}
        linkBase={`${location.origin}${base}/proof`}
      />
    </Page>
  );
}
