/** The world on both sides of the door, as read from disk, the HTTP target and the process list. */
import { Panel } from '../../components/panel.tsx';
import { Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import type { FileView, SideView, WorldView } from './view.ts';
import css from './demo.module.css';

interface Props {
  /** What is shown: the world after the run, or as it is. */
  readonly now: WorldView;
  readonly before: WorldView | undefined;
  readonly live: boolean;
  readonly current: WorldView;
  readonly folder: string;
}

export function World({ now, before, live, current, folder }: Props) {
  const shown = live ? current : now;
  return (
    <div className={css['world']}>
      <Side
        title="The world, governed"
        side={shown.governed}
        before={before?.governed}
        processes={current.governed.processes.length}
      />
      <Side
        title="The world, without"
        side={shown.free}
        before={before?.free}
        processes={current.free.processes.length}
      />
      <p className={css['folder']}>
        All of it lies in <code>{folder}</code>: look yourself.
      </p>
    </div>
  );
}

function Side({
  title,
  side,
  before,
  processes,
}: {
  readonly title: string;
  readonly side: SideView;
  readonly before: SideView | undefined;
  readonly processes: number;
}) {
  const fresh = side.arrivals.length - (before?.arrivals.length ?? side.arrivals.length);
  return (
    <Panel title={title}>
      <div className={css['side']}>
        <h3>Workspace</h3>
        <Files files={side.files} before={before?.files} />
        <h3>Outside it</h3>
        <Files files={side.outside} before={before?.outside} />
        <h3>
          HTTP target: {side.arrivals.length} {side.arrivals.length === 1 ? 'order' : 'orders'}
        </h3>
        {side.arrivals.length === 0 ? (
          <p className="muted">nothing arrived</p>
        ) : (
          <ul>
            {side.arrivals.slice(-4).map(({ atMs, body }, at, list) => (
              <li key={`${atMs} ${at}`} data-new={list.length - at <= fresh || undefined}>
                <span>
                  <Untrusted>{body}</Untrusted>
                </span>
                <Time ms={atMs} short />
              </li>
            ))}
          </ul>
        )}
        <h3>Processes: {processes}</h3>
        {before !== undefined && before.processes.length > processes && (
          <p className="muted">{before.processes.length} before it was contained</p>
        )}
      </div>
    </Panel>
  );
}

function Files({
  files,
  before,
}: {
  readonly files: readonly FileView[];
  readonly before: readonly FileView[] | undefined;
}) {
  const old = new Map((before ?? files).map(({ name, text }) => [name, text]));
  const gone = before?.filter(({ name }) => !files.some((file) => file.name === name)) ?? [];
  return (
    <ul>
      {files.map(({ name, text }) => {
        const change = !old.has(name) ? 'new' : old.get(name) !== text ? 'changed' : undefined;
        return (
          <li key={name} data-new={change !== undefined || undefined}>
            <span>
              <b>
                <Untrusted>{name}</Untrusted>
              </b>
              {change !== undefined && <em> {change}</em>}
              <small>
                <Untrusted>{text.trimEnd()}</Untrusted>
              </small>
            </span>
          </li>
        );
      })}
      {gone.map(({ name }) => (
        <li key={name} data-new="">
          <span>
            <b>
              <s>
                <Untrusted>{name}</Untrusted>
              </s>
            </b>
            <em> gone</em>
          </span>
        </li>
      ))}
    </ul>
  );
}
