/** One rung, opened: what it asks, what it found, and the bytes it looked at: input, computed, expected. */
import type { RungReport } from '@licet/evidence';
import { Panel } from '../../components/panel.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import type { Checked } from './check.ts';
import { MerklePath } from './merkle-path.tsx';
import { partsOf, RUNGS, type RungPart } from './rungs.ts';
import { StatusMark } from './status-mark.tsx';
import css from './proof.module.css';

const MAX_ITEMS = 60;

export function RungView({ rung, checked }: { readonly rung: RungReport; readonly checked: Checked }) {
  const { file, bytes } = checked;
  const { title, question } = RUNGS[rung.name];
  const items = rung.detail?.items ?? [];
  const parts = file === undefined ? [] : partsOf(rung.name, file);
  return (
    <Panel title={title} aside={<StatusMark status={rung.status} />}>
      <p className={css['question']}>{question}</p>
      {rung.why !== undefined && (
        <p className={css['why']} data-status={rung.status}>
          <Untrusted>{rung.why}</Untrusted>
        </p>
      )}
      {(rung.detail?.computed !== undefined || rung.detail?.expected !== undefined) && (
        <Values computed={rung.detail.computed} expected={rung.detail.expected} />
      )}
      {rung.name === 'format' && <p className="muted">Input: {bytes.length.toLocaleString('en')} bytes.</p>}
      {rung.name === 'inclusion' && file !== undefined && file.entries.length > 0 && (
        <MerklePath file={file} />
      )}
      {items.length > 0 && (
        <>
          <h3>What was looked at</h3>
          <ul className={css['items']}>
            {items.slice(0, MAX_ITEMS).map(({ status, what }, at) => (
              <li key={at}>
                <StatusMark status={status} quiet={status === 'pass'} /> <Untrusted>{what}</Untrusted>
              </li>
            ))}
            {items.length > MAX_ITEMS && <li className="muted">and {items.length - MAX_ITEMS} more</li>}
          </ul>
        </>
      )}
      {parts.length > 0 && (
        <>
          <h3>Bytes</h3>
          {parts.map((part, at) => (
            <Part key={at} part={part} open={at === 0 && parts.length < 6} />
          ))}
        </>
      )}
    </Panel>
  );
}

function Part({ part, open }: { readonly part: RungPart; readonly open: boolean }) {
  return (
    <details className={css['part']} open={open}>
      <summary>
        <Untrusted>{part.label}</Untrusted>
      </summary>
      {part.input !== undefined && (
        <div className={css['bytes']} tabIndex={0} role="group" aria-label={`Input: ${part.label}`}>
          <Untrusted block>{part.input}</Untrusted>
        </div>
      )}
      <Values computed={part.computed} expected={part.expected} />
    </details>
  );
}

function Values({
  computed,
  expected,
}: {
  readonly computed: string | undefined;
  readonly expected: string | undefined;
}) {
  const differ = computed !== undefined && expected !== undefined && computed !== expected;
  return (
    <dl className={css['values']} data-differ={differ || undefined}>
      {computed !== undefined && (
        <div>
          <dt>computed</dt>
          <dd>
            <code>{computed}</code>
          </dd>
        </div>
      )}
      {expected !== undefined && (
        <div>
          <dt>expected</dt>
          <dd>
            <code>{expected}</code>
          </dd>
        </div>
      )}
    </dl>
  );
}
