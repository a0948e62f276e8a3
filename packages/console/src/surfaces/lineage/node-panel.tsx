/** One execution of the run: what was decided, what it touched, under whose authority, and the entries that prove it. */
import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import type { ProofRef } from '@licet/evidence';
import { Button } from '../../components/button.tsx';
import { Hash, shortId } from '../../components/hash.tsx';
import { Facts, Panel } from '../../components/panel.tsx';
import { Note } from '../../components/states.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { spanText, Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { isPublic } from '../../data/listener.ts';
import { executionQuery } from '../../data/queries.ts';
import { useSession } from '../../data/session.ts';
import { formatPlace } from '../../frame/proof-link.ts';
import { Authority } from './authority.tsx';
import { ContainHere } from './contain-here.tsx';
import { KindMark } from './glyph.tsx';
import type { RunTree } from './run-tree.ts';
import { outcomeOf } from './tree-view.tsx';
import css from './lineage.module.css';

interface Props {
  readonly tree: RunTree;
  readonly item: number;
  /** Executions that share its mark; empty when it stands alone. */
  readonly group: readonly number[];
  readonly nameOf: (agent: string) => string;
  readonly onSelect: (item: number) => void;
  readonly onFocus: () => void;
  /** Whether resources are known. */
  readonly folded: boolean;
}

export function NodePanel({ tree, item, group, folded, nameOf, onSelect, onFocus }: Props) {
  const one = tree.items[item]!;
  const { node } = one;
  const session = useSession();
  const { data: view } = useQuery({
    ...executionQuery(node.exec),
    enabled: !isPublic && session.kind === 'person',
    retry: false,
  });
  const proofs: readonly (readonly [string, ProofRef])[] = [
    ...node.refusals.map((ref) => ['refusal', ref] as const),
    ...node.approvals.map((ref) => ['approval', ref] as const),
    ...(node.permit === undefined ? [] : [['permit', node.permit] as const]),
    ...(node.start === undefined ? [] : [['start', node.start] as const]),
    ...(node.outcome === undefined ? [] : [['outcome', node.outcome] as const]),
  ].toSorted(([, a], [, b]) => a.index - b.index);
  const resources = Object.entries(node.resources ?? {});
  return (
    <Panel title="Execution" aside={<KindMark kind={one.kind} />}>
      <div className={css['node']}>
        <div className={css['nodeHead']}>
          <strong>
            {node.action === undefined ? 'Action not shown here' : <Untrusted>{node.action}</Untrusted>}
          </strong>
          <Hash value={node.exec} label="execution id" />
        </div>
        <div className={css['nodeActs']}>
          <Button onPress={onFocus}>Focus</Button>
          <Button
            because={one.parent === undefined ? 'Nothing caused it: a root.' : undefined}
            onPress={() => one.parent !== undefined && onSelect(one.parent)}
          >
            Up to its cause
          </Button>
          <Link to="/decisions/$id" params={{ id: node.exec }}>
            Decision
          </Link>
        </div>
        {node.gaps.map((gap) => (
          <Note key={gap}>
            {PENDING.has(gap) ? (
              <span className="muted">Not ended: {GAP_WORDS[gap]}.</span>
            ) : (
              <span className={css['gapNote']}>Gap: {GAP_WORDS[gap] ?? gap}.</span>
            )}
          </Note>
        ))}
        {group.length > 1 && (
          <details className={css['more']}>
            <summary>{group.length.toLocaleString('en')} executions share this mark</summary>
            <ul>
              {group.slice(0, 60).map((at) => (
                <li key={at}>
                  <button type="button" aria-current={at === item || undefined} onClick={() => onSelect(at)}>
                    <KindMark kind={tree.items[at]!.kind} />{' '}
                    <Untrusted>{tree.items[at]!.node.action ?? shortId(tree.items[at]!.node.exec)}</Untrusted>
                  </button>
                </li>
              ))}
            </ul>
            {group.length > 60 && <p className="muted">and {group.length - 60} more: zoom in</p>}
          </details>
        )}
        <Facts
          items={[
            outcomeOf(one) !== node.code && ['Ended', outcomeOf(one)],
            node.code !== undefined && ['Code', <code key="c">{node.code}</code>],
            view !== undefined &&
              view.reasons.length > 0 && [
                'Policies',
                view.reasons.map((id) => (
                  <code key={id} className={css['policy']}>
                    {id}
                  </code>
                )),
              ],
            ['Began', <Time key="t" ms={node.atMs} />],
            node.endMs !== undefined && [
              'Took',
              `${spanText(node.endMs - node.atMs)}${node.renewals > 0 ? `, ${node.renewals} renewals` : ''}`,
            ],
            [
              'Caused',
              one.children.length === 0
                ? 'nothing'
                : `${one.children.length.toLocaleString('en')} directly, ${one.below.toLocaleString('en')} in all`,
            ],
          ]}
        />
        <h3>Proof</h3>
        {proofs.length === 0 ? (
          <p className={css['gapNote']}>No entry of the log proves this execution.</p>
        ) : (
          <ul className={css['proofs']}>
            {proofs.map(([name, ref]) => (
              <li key={ref.leaf} data-proof={formatPlace(ref)}>
                <span>{name}</span>
                <span className="mono">{ref.index.toLocaleString('en')}</span>
                <Hash value={ref.leaf} label={`leaf of the ${name}`} />
                <LeafTicks place={ref} />
              </li>
            ))}
          </ul>
        )}
        <h3>Touched</h3>
        {resources.length === 0 ? (
          <p className="muted">
            {isPublic
              ? 'Resources are withheld from the public view; their commitments are in the log.'
              : folded
                ? 'No resource is disclosed.'
                : 'Its resources are being opened …'}
          </p>
        ) : (
          <ul className={css['resources']}>
            {resources.map(([name, { type, id }]) => (
              <li key={name}>
                <span className="muted">{type}</span> <Untrusted>{id}</Untrusted>
              </li>
            ))}
          </ul>
        )}
        <h3>Authority</h3>
        <Authority tree={tree} item={item} nameOf={nameOf} />
        <ContainHere exec={node.exec} />
      </div>
    </Panel>
  );
}

/** Missing only because it has not happened yet. */
const PENDING: ReadonlySet<string> = new Set([
  'permit without a start or an end',
  'start without an outcome',
]);

/** What is missing, as a sentence. */
const GAP_WORDS: Readonly<Record<string, string>> = {
  'outcome without a start': 'an outcome was reported and the log holds no start',
  'start without a permit': 'it was started and the log holds no permit',
  'no decision': 'something was reported and the log holds no decision',
  'parent unknown': 'it names a cause that this run does not hold',
  'started more than once': 'one permit was started more than once',
  'ended more than once': 'it ended more than once',
  'permit without a start or an end': 'it was permitted; neither start nor expiry is in the log yet',
  'start without an outcome': 'it was started; no outcome is in the log yet',
};
