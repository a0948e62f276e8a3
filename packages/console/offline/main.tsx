/**
 * The entry of the offline viewer: the same surface in one file, opened from a disk. Trust is kept for as long as the
 * page is open and no longer: files of a disk may share their storage with each other.
 */
import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { parseTrust } from '@licet/evidence';
import '../src/styles/fonts.css';
import '../src/styles/tokens.css';
import '../src/styles/base.css';
import { Page } from '../src/components/panel.tsx';
import { evidenceOfFragment } from '../src/surfaces/proof/check.ts';
import { openRedecider, type Redecider } from '../src/surfaces/proof/redecide/redecider.ts';
import { Viewer, type Subject, type View } from '../src/surfaces/proof/viewer.tsx';
import css from './offline.module.css';

/** Text of a data block of this file. @throws Error when the file is not whole */
function block(id: string): string {
  const text = document.getElementById(id)?.textContent;
  if (text === undefined || text === null || text === '') throw new Error(`this file lacks its part ${id}`);
  return text;
}

async function loadEngine(): Promise<Redecider> {
  const packed = Uint8Array.from(atob(block('cedar')), (character) => character.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  const wasm = await WebAssembly.compile(await new Response(unpacked).arrayBuffer());
  const code = new Blob([block('sealed-worker')], { type: 'text/javascript' });
  return openRedecider(new Worker(URL.createObjectURL(code)), wasm);
}

function Offline() {
  const [trust, setTrust] = useState<string>();
  const [view, setView] = useState<View>('evidence');
  const [engine, setEngine] = useState<Redecider | 'loading' | Error>('loading');
  const [initial, setInitial] = useState<Subject>();
  useEffect(() => {
    loadEngine().then(setEngine, (error: unknown) =>
      setEngine(error instanceof Error ? error : new Error(String(error))),
    );
    evidenceOfFragment(location.hash).then(
      (bytes) => bytes !== undefined && setInitial({ name: 'from the address', bytes }),
      () => undefined,
    );
  }, []);
  return (
    <>
      <header className={css['bar']}>
        <strong>Licet</strong> <span>Proof viewer, offline</span>
        <span className={css['what']}>This file can reach no network: its own policy forbids it.</span>
      </header>
      <main>
        <Page title="Is this true, and on whose word?" wide>
          <Viewer
            trust={trust}
            onTrust={async (text) => {
              parseTrust(text);
              setTrust(text);
            }}
            onForget={() => setTrust(undefined)}
            engine={engine}
            view={view}
            onView={setView}
            initial={initial}
          />
        </Page>
      </main>
    </>
  );
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Offline />
  </StrictMode>,
);
