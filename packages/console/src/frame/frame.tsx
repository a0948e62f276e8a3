/** The frame of every page: rail, top bar with the state of the whole, bands, page, proof drawer (UI §4). */
import { Link, Outlet, useNavigate, useSearch } from '@tanstack/react-router';
import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { Ticks } from '../components/ticks.tsx';
import { spanText, Time, useNow } from '../components/time.tsx';
import { startFeed } from '../data/feed.ts';
import { isPublic } from '../data/listener.ts';
import { useHead } from '../data/proof-state.ts';
import { statusQuery } from '../data/queries.ts';
import { useIsQuiet } from '../data/quiet.ts';
import { signOut, startSession, useSession } from '../data/session.ts';
import { Loading } from '../components/states.tsx';
import { useKeys } from './keys.ts';
import { parsePlace, useOpenProof } from './proof-link.ts';
import { Search } from './search.tsx';
import { StateFrame } from './state-frame.tsx';
import { stateWord, useSystem, type System } from './system-state.ts';
import { useTheme } from './theme.ts';
import css from './frame.module.css';

const ProofDrawer = lazy(async () => ({ default: (await import('./proof-drawer.tsx')).ProofDrawer }));
const Help = lazy(async () => ({ default: (await import('./help.tsx')).Help }));

const SURFACES = [
  ['/console', 'Console', 'c'],
  ['/demo', 'Demo', 'd'],
  ['/proof', 'Proof', 'p'],
  ['/health', 'Health', 'h'],
  ['/lineage', 'Lineage', 'l'],
] as const;

export function Frame() {
  const system = useSystem();
  const session = useSession();
  const client = useQueryClient();
  const navigate = useNavigate();
  const openProof = useOpenProof();
  const { proof } = useSearch({ strict: false });
  const place = parsePlace(proof);
  const search = useRef<HTMLInputElement>(null);
  const [help, setHelp] = useState(false);
  const [notice, setNotice] = useState('');

  useEffect(() => void startSession(), []);
  const size = system.status?.size;
  const quiet = useIsQuiet();
  const ready = session.kind === 'person' && size !== undefined && !quiet;
  useEffect(() => {
    if (!quiet) return;
    // A poll that is due within its two seconds would still go out; telling the query makes it look at its clock again.
    void client.cancelQueries();
    const at = client.getQueryState(statusQuery.queryKey)?.dataUpdatedAt;
    client.setQueryData(statusQuery.queryKey, (now) => now, at === undefined ? {} : { updatedAt: at });
    // What was missed while quiet is fetched again, never guessed.
    return () => void client.invalidateQueries();
  }, [quiet, client]);
  useEffect(() => (ready ? startFeed(client, (size ?? 0) - 1) : undefined), [ready, client]);

  const keys = useMemo(
    () => ({
      go: (path: string) => void navigate({ to: path }),
      search: () => search.current?.focus(),
      help: () => setHelp(true),
      close: () => {
        if (document.activeElement === search.current) search.current?.blur();
        setHelp(false);
        if (new URLSearchParams(location.search).has('proof')) openProof(undefined);
      },
      proof: (text: string) => openProof(parsePlace(text)),
      copied: () => setNotice(`Copied ${location.pathname}`),
    }),
    [navigate, openProof],
  );
  useKeys(keys);
  useEffect(() => {
    if (notice === '') return;
    const timer = setTimeout(() => setNotice(''), 2_000);
    return () => clearTimeout(timer);
  }, [notice]);

  const closed = system.state === 'fail-closed' || system.state === 'unreachable';
  return (
    <div
      className={css['frame']}
      data-closed={closed || undefined}
      data-drawer={place !== undefined || undefined}
    >
      <a className={css['skip']} href="#page">
        Skip to the page
      </a>
      <nav className={css['rail']} aria-label="Surfaces">
        <Link to="/" className={css['brand']} aria-label="Licet, start">
          <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
            <path d="M4 3v18h16" fill="none" stroke="currentColor" strokeWidth="2.4" />
            <rect x="11" y="7" width="6" height="6" className={css['seal']} />
          </svg>
          <span>Licet</span>
        </Link>
        <ul>
          {SURFACES.map(([to, name, key]) => (
            <li key={to}>
              <Link to={to} className={css['item']} activeProps={{ 'aria-current': 'page' }}>
                <span>{name}</span>
                <kbd aria-hidden="true">g {key}</kbd>
              </Link>
            </li>
          ))}
        </ul>
        <div className={css['foot']}>
          <ThemeButton />
          <button type="button" className={css['tool']} onClick={() => setHelp(true)}>
            Keys <kbd aria-hidden="true">?</kbd>
          </button>
          {session.kind === 'person' && (
            <button type="button" className={css['tool']} onClick={() => void signOut()}>
              Sign out
            </button>
          )}
        </div>
      </nav>
      <header className={css['bar']}>
        <span
          className={css['mode']}
          title={
            isPublic
              ? 'Redacted, read-only'
              : session.kind === 'person'
                ? `Signed in by ${session.method}`
                : 'The control listener'
          }
        >
          {isPublic ? 'Public' : session.kind === 'person' ? 'Operator' : 'Signed out'}
        </span>
        <StateSummary system={system} />
        <LogSummary system={system} />
        <Search ref={search} />
      </header>
      <div className={css['bands']}>
        <StateFrame system={system} />
      </div>
      <main id="page" className={css['main']} data-stale={system.stale || undefined} tabIndex={-1}>
        <Suspense fallback={<Loading what="the page" />}>
          <Outlet />
        </Suspense>
      </main>
      {place !== undefined && (
        <Suspense fallback={null}>
          <ProofDrawer place={place} onClose={() => openProof(undefined)} />
        </Suspense>
      )}
      {help && (
        <Suspense fallback={null}>
          <Help onClose={() => setHelp(false)} />
        </Suspense>
      )}
      <p className={css['notice']} role="status" data-shown={notice !== '' || undefined}>
        {notice}
      </p>
    </div>
  );
}

function StateSummary({ system }: { readonly system: System }) {
  return (
    <Link to="/health" className={css['state']} data-state={system.state} title={system.why}>
      <i aria-hidden="true" />
      <strong>{stateWord(system.state)}</strong>
      <span className={css['why']}>{system.why}</span>
    </Link>
  );
}

function LogSummary({ system }: { readonly system: System }) {
  const { data } = useHead();
  const now = useNow(5_000);
  const checked = data?.checked;
  const size = checked?.size ?? system.status?.size;
  if (size === undefined) return null;
  const state = checked?.state ?? 'claimed';
  const age = checked === undefined ? '' : ageText(now - checked.atMs);
  return (
    <Link
      to="/proof/checkpoint/$size"
      params={{ size: String(size) }}
      className={css['log']}
      title={checked?.why ?? 'Not checked yet'}
    >
      <span className="mono">{size.toLocaleString('en')}</span>
      <span className={css['unit']}>entries</span>
      <Ticks state={state} />
      {checked !== undefined && (
        <span className={css['age']}>
          <span className="sr">
            checked at <Time ms={checked.atMs} />
          </span>
          <span aria-hidden="true" title="Since the newest checkpoint was checked here">
            {age}
          </span>
        </span>
      )}
    </Link>
  );
}

/** Whole seconds under a minute: a figure that changes by itself must not flicker. */
const ageText = (ms: number): string =>
  ms < 60_000 ? `${Math.max(0, Math.floor(ms / 1_000))} s` : spanText(ms);

function ThemeButton() {
  const [theme, next] = useTheme();
  return (
    <button type="button" className={css['tool']} onClick={next}>
      <span>
        {theme === 'system' ? 'Auto' : theme === 'dark' ? 'Dark' : 'Light'}
        <span className="sr"> colours; change</span>
      </span>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" />
        <path d="M6 1.5a4.5 4.5 0 0 1 0 9Z" fill="currentColor" />
      </svg>
    </button>
  );
}
