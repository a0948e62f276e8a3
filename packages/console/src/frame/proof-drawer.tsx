/** The proof drawer: one place in the log, with every step of its proof as computed in this browser. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { Button } from '../components/button.tsx';
import { Hash } from '../components/hash.tsx';
import { Facts } from '../components/panel.tsx';
import { Note } from '../components/states.tsx';
import { Ticks } from '../components/ticks.tsx';
import { Time } from '../components/time.tsx';
import { useHead, useLeaf, type LogPlace } from '../data/proof-state.ts';
import { TrustBox } from './trust-box.tsx';
import { useSession } from '../data/session.ts';
import css from './proof-drawer.module.css';

export function ProofDrawer({ place, onClose }: { readonly place: LogPlace; readonly onClose: () => void }) {
  const head = useHead();
  const leaf = useLeaf(place);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [place.index]);
  const checked = head.data?.checked;
  const state = leaf.data?.state ?? 'claimed';
  return (
    <aside className={css['drawer']} aria-labelledby="proof-title">
      <header>
        <h2 id="proof-title" ref={heading} tabIndex={-1}>
          Entry {place.index.toLocaleString('en')}
        </h2>
        <Button kind="quiet" onPress={onClose} label="Close the proof">
          Close
        </Button>
      </header>
      <p className={css['state']}>
        <Ticks state={state} /> <strong>{state}</strong>
      </p>
      <p className={css['why']}>
        {leaf.data?.why ?? (leaf.isPending ? 'Computing the path from hash tiles …' : 'Not checked.')}
      </p>
      <Facts
        items={[
          ['Leaf hash', <Hash key="l" value={place.leaf} label="leaf hash" full />],
          checked?.size !== undefined && [
            'Tree size',
            <span key="s" className="mono">
              {checked.size.toLocaleString('en')}
            </span>,
          ],
          checked?.root !== undefined && ['Root', <Hash key="r" value={checked.root} label="root" full />],
          checked?.origin !== undefined && ['Origin', <code key="o">{checked.origin}</code>],
          checked !== undefined && ['Checked here', <Time key="t" ms={checked.atMs} />],
        ]}
      />
      {leaf.data !== undefined && leaf.data.path.length > 0 && (
        <details className={css['path']}>
          <summary>
            Path to the root: {leaf.data.path.length} {leaf.data.path.length === 1 ? 'hash' : 'hashes'}
          </summary>
          <ol>
            {leaf.data.path.map((hash, at) => (
              <li key={at}>
                <span>{at}</span>
                <Hash value={hash} />
              </li>
            ))}
          </ol>
        </details>
      )}
      <EntryText place={place} />
      <TrustBox />
      {checked?.state === 'failed' && <Note tone="deny">{checked.why}</Note>}
      <p>
        <Link to="/proof/entry/$ref" params={{ ref: `${place.index}@${checked?.size ?? ''}` }}>
          Open in the proof viewer
        </Link>
      </p>
    </aside>
  );
}

/** The bytes of the entry, for those who may read them; their hash is computed here and compared. */
function EntryText({ place }: { readonly place: LogPlace }) {
  const session = useSession();
  const may = session.kind === 'person' && session.roles.includes('auditor');
  const [shown, setShown] = useState(false);
  const { data, error } = useQuery({
    queryKey: ['entry', place.index, place.leaf],
    queryFn: async () => (await import('../data/entry.ts')).readEntryAt(place),
    enabled: may && shown,
    staleTime: Infinity,
    retry: false,
  });
  if (!may)
    return (
      <p className="muted">Entry bytes need the auditor role here; the hash proves them all the same.</p>
    );
  return (
    <details className={css['path']} onToggle={({ currentTarget }) => setShown(currentTarget.open)}>
      <summary>Entry bytes</summary>
      {error !== null && <Note tone="deny">{error.message}</Note>}
      {data !== undefined && (
        <>
          <p>
            {data.matches
              ? 'SHA-256 of these bytes is the leaf hash above; computed here.'
              : 'These bytes do not have this leaf hash.'}
          </p>
          <pre tabIndex={0}>{data.text}</pre>
        </>
      )}
    </details>
  );
}
