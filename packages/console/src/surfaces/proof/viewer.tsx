/**
 * The proof viewer, the same on the page that a plane serves and in the offline file: it takes bytes and a trust text,
 * and asks nobody anything. Everything it says was computed here.
 */
import { useCallback, useEffect, useMemo, useRef, useState, type DragEvent } from 'react';
import type { RungName } from '@licet/evidence';
import { Button } from '../../components/button.tsx';
import { Hash } from '../../components/hash.tsx';
import { Panel } from '../../components/panel.tsx';
import { Note } from '../../components/states.tsx';
import { Banner } from './banner.tsx';
import { Bind } from './bind.tsx';
import { checkEvidence, firstFailure, fragmentOf, textBytes, type Checked } from './check.ts';
import { Forgeries } from './forgeries.tsx';
import { Intake } from './intake.tsx';
import { Ladder } from './ladder.tsx';
import type { Redecider } from './redecide/redecider.ts';
import { RungView } from './rung-view.tsx';
import { Tamper } from './tamper.tsx';
import { tamper } from './tampering.ts';
import { TrustRoots } from './trust-roots.tsx';
import { FORGED, GOOD, type Sample } from './vectors.ts';
import css from './proof.module.css';

/** What is being looked at. */
export interface Subject {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The trust that a sample brings; the visitor's own files never bring any. */
  readonly sample?: { readonly trust: string | undefined };
}

export type View = 'evidence' | 'forgeries';

export interface ViewerProps {
  /** The visitor's trust file, as text. */
  readonly trust: string | undefined;
  /** @throws EvidenceError when the text is no trust file */
  onTrust(text: string): Promise<void>;
  onForget(): void;
  /** Cedar: coming, there, or why not. */
  readonly engine: Redecider | 'loading' | Error;
  readonly view: View;
  onView(view: View): void;
  readonly initial?: Subject | undefined;
  /** A link with the evidence in its fragment; absent where links make no sense. */
  readonly linkBase?: string;
}

export const sampleSubject = (sample: Sample): Subject => ({
  name: `sample: ${sample.name}`,
  bytes: textBytes(sample.file),
  sample: { trust: sample.trust },
});

export function Viewer(props: ViewerProps) {
  const { engine, view, onView, initial } = props;
  const [subject, setSubject] = useState<Subject | undefined>(initial);
  useEffect(() => setSubject((now) => now ?? initial), [initial]);
  const redecide = typeof engine === 'object' && 'redecide' in engine ? engine.redecide : undefined;
  const open = useCallback(
    (next: Subject) => {
      setSubject(next);
      onView('evidence');
    },
    [onView],
  );
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    const file = event.dataTransfer.files[0];
    const text = event.dataTransfer.getData('text/plain');
    if (file !== undefined)
      void file.arrayBuffer().then((bytes) => open({ name: file.name, bytes: new Uint8Array(bytes) }));
    else if (text !== '') open({ name: 'dropped text', bytes: textBytes(text) });
  };
  return (
    <div className={css['viewer']} onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <div className={css['tabs']} role="group" aria-label="Views">
        <Button kind="quiet" pressed={view === 'evidence'} onPress={() => onView('evidence')}>
          Your evidence
        </Button>
        <Button kind="quiet" pressed={view === 'forgeries'} onPress={() => onView('forgeries')}>
          Prove us wrong
        </Button>
        <EngineState engine={engine} />
      </div>
      {view === 'forgeries' ? (
        <Forgeries samples={FORGED} onOpen={(sample) => open(sampleSubject(sample))} />
      ) : subject === undefined ? (
        <div className={css['start']}>
          <Intake
            onOpen={open}
            onSample={() => open(sampleSubject(GOOD))}
            onForged={() => onView('forgeries')}
          />
          <TrustRoots
            text={props.trust}
            sample={false}
            origin={undefined}
            onTrust={props.onTrust}
            onForget={props.onForget}
          />
        </div>
      ) : (
        <Judged
          key={subject.name}
          {...props}
          subject={subject}
          redecide={redecide}
          onClose={() => setSubject(undefined)}
        />
      )}
    </div>
  );
}

function EngineState({ engine }: { readonly engine: ViewerProps['engine'] }) {
  return (
    <span className={css['engine']} role="status">
      {engine === 'loading'
        ? 'Loading Cedar …'
        : engine instanceof Error
          ? `Cedar did not load (${engine.message}): decisions are not decided again here.`
          : `Verifier and ${engine.engine} are loaded. You can disconnect the network now.`}
    </span>
  );
}

interface JudgedProps extends ViewerProps {
  readonly subject: Subject;
  readonly redecide: Redecider['redecide'] | undefined;
  onClose(): void;
}

function Judged({
  subject,
  redecide,
  trust: own,
  onTrust,
  onForget,
  onClose,
  linkBase,
  engine,
}: JudgedProps) {
  // RULE 43: a sample is judged under its own published keys unless the visitor brings others; nothing else brings any.
  const [useOwn, setUseOwn] = useState(false);
  const asSample = subject.sample !== undefined && !useOwn;
  const trust = asSample ? subject.sample!.trust : own;
  const [checked, setChecked] = useState<Checked>();
  const [after, setAfter] = useState<Checked>();
  const [selected, setSelected] = useState<RungName>();
  const [tampering, setTampering] = useState(false);
  const [flipped, setFlipped] = useState<number>();
  const [repair, setRepair] = useState(false);
  const [link, setLink] = useState('');
  const waits = engine === 'loading';

  useLatest(
    waits ? undefined : () => checkEvidence(subject.bytes, trust, redecide),
    (found) => {
      setChecked(found);
      setSelected((now) => now ?? firstFailure(found.report)?.name ?? 'format');
    },
    [subject.bytes, trust, redecide, waits],
  );
  useLatest(
    waits || flipped === undefined
      ? undefined
      : () => checkEvidence(tamper(subject.bytes, flipped, repair), trust, redecide),
    setAfter,
    [subject.bytes, flipped, repair, trust, redecide, waits],
  );

  const shown = flipped === undefined ? checked : (after ?? checked);
  const step = useCallback(
    (by: 1 | -1) => {
      const names = shown?.report.rungs.map(({ name }) => name) ?? [];
      setSelected(
        (now) => names[(Math.max(0, names.indexOf(now ?? 'format')) + by + names.length) % names.length],
      );
    },
    [shown],
  );
  useViewerKeys(useMemo(() => ({ tamper: () => setTampering((on) => !on), step }), [step]));

  if (checked === undefined || shown === undefined)
    return (
      <p role="status" className={css['checking']}>
        Checking {subject.name} …
      </p>
    );
  const { report } = shown;
  const broken = new Set(
    flipped === undefined
      ? []
      : report.rungs
          .filter(({ status }, i) => status !== checked.report.rungs[i]!.status)
          .map(({ name }) => name),
  );
  const rung = report.rungs.find(({ name }) => name === selected) ?? report.rungs[0]!;
  const stop = (): void => {
    setFlipped(undefined);
    setAfter(undefined);
  };
  return (
    <>
      {flipped !== undefined && (
        <Note tone="hold">
          This is a tampered copy: byte {flipped} is flipped.{' '}
          <Button kind="quiet" onPress={stop}>
            Back to the file as it was opened
          </Button>
        </Note>
      )}
      <Banner report={report} sample={asSample} />
      <div className={css['about']}>
        <span>{subject.name}</span>
        <span className="muted">{subject.bytes.length.toLocaleString('en')} bytes</span>
        {report.kind !== undefined && (
          <span>
            {report.kind} <Hash value={report.subject ?? ''} label="subject" />
          </span>
        )}
        <span className="muted">checked here in {shown.tookMs.toFixed(0)} ms</span>
        <span className={css['grow']} />
        {linkBase !== undefined && (
          <Button
            kind="quiet"
            onPress={() =>
              void fragmentOf(subject.bytes).then(async (fragment) => {
                if (fragment === undefined)
                  return setLink('Too large for an address; send the file instead.');
                await navigator.clipboard.writeText(linkBase + fragment).then(
                  () => setLink('Copied. The evidence is in the fragment, which no server sees.'),
                  () => setLink('The browser did not let it be copied.'),
                );
              })
            }
          >
            Copy link with the evidence
          </Button>
        )}
        <Button
          pressed={tampering}
          onPress={() => {
            setTampering(!tampering);
            if (tampering) stop();
          }}
        >
          Tamper
        </Button>
        <Button kind="quiet" onPress={onClose}>
          Open another
        </Button>
      </div>
      {link !== '' && (
        <p role="status" className="muted">
          {link}
        </p>
      )}
      {tampering && (
        <Tamper
          bytes={subject.bytes}
          flipped={flipped}
          repair={repair}
          before={checked.report}
          after={flipped === undefined ? undefined : after?.report}
          onFlip={(at) => {
            setAfter(undefined);
            setFlipped(at);
          }}
          onRepair={setRepair}
        />
      )}
      <div className={css['columns']}>
        <Panel
          title="Check ladder"
          aside={
            <span>
              {report.rungs.filter(({ status }) => status === 'pass').length} of {report.rungs.length}
            </span>
          }
          flush
        >
          <Ladder report={report} selected={rung.name} onSelect={setSelected} broken={broken} />
        </Panel>
        <div className={css['centre']}>
          <RungView key={rung.name} rung={rung} checked={shown} />
          {checked.file !== undefined && <Bind file={checked.file} />}
        </div>
        <div className={css['side']}>
          <TrustRoots
            text={trust}
            sample={asSample}
            origin={report.origin}
            onTrust={async (text) => {
              await onTrust(text);
              setUseOwn(true);
            }}
            onForget={onForget}
          />
          <Panel title="On whose word">
            <ul className={css['word']}>
              {report.trusting.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          </Panel>
        </div>
      </div>
    </>
  );
}

/** Runs the newest task; an older one that ends later changes nothing. */
function useLatest<T>(
  task: (() => Promise<T>) | undefined,
  done: (value: T) => void,
  deps: readonly unknown[],
): void {
  const turn = useRef(0);
  useEffect(() => {
    const mine = ++turn.current;
    if (task === undefined) return;
    void (async () => {
      const value = await task();
      if (turn.current === mine) done(value);
    })();
  }, deps);
}

/** `t` tampers, `[` and `]` step through the rungs; not while typing. */
function useViewerKeys(actions: { readonly tamper: () => void; readonly step: (by: 1 | -1) => void }): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const at = event.target;
      const typing = at instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing) return;
      if (event.key === 't') actions.tamper();
      else if (event.key === '[') actions.step(-1);
      else if (event.key === ']') actions.step(1);
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [actions]);
}
