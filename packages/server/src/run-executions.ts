/**
 * The executions of a run, however many: places, verdicts and causes, as the rows hold them. Read a few hundred at a
 * time with room for others between, so that nobody's permit waits for somebody's picture.
 */
import type { ExecutionRow, Store } from '@licet/control-plane';
import type { RunExecution, RunExecutions } from '@licet/api';

/** Rows that are read and turned without a pause: a few milliseconds. */
const CHUNK = 250;

/** Calls `each` with every execution of a run, in the order of their rows' last change. */
export async function forEachOfRun(
  store: Pick<Store, 'list'>,
  run: string,
  each: (row: ExecutionRow) => void,
): Promise<void> {
  let after: number | undefined;
  for (;;) {
    const found = await store.list({
      kind: 'execution',
      where: { run },
      ascending: true,
      limit: CHUNK,
      ...(after === undefined ? {} : { after }),
    });
    for (const { value } of found) each(value as ExecutionRow);
    if (found.length < CHUNK) return;
    after = found.at(-1)!.order;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Returns them all in the order in which they were asked for. Chains are named once: a run has few. */
export async function runExecutionsOf(store: Pick<Store, 'list'>, run: string): Promise<RunExecutions> {
  const chains = new Map<string, number>();
  // A row that changed while this was read comes a second time, with what is newer.
  const items = new Map<string, RunExecution>();
  await forEachOfRun(store, run, (row) => {
    const chain = JSON.stringify(row.chain);
    if (!chains.has(chain)) chains.set(chain, chains.size);
    items.set(row.exec, itemOf(row, chains.get(chain)!));
  });
  return {
    run,
    chains: [...chains.keys()].map((chain) => JSON.parse(chain) as ExecutionRow['chain']),
    items: [...items.values()].sort((a, b) => a.decision.index - b.decision.index),
  };
}

function itemOf(row: ExecutionRow, chain: number): RunExecution {
  const { permit, start, outcome, code } = row;
  return {
    executionId: row.exec,
    ...(row.parent === undefined ? {} : { parent: row.parent.exec }),
    chain,
    action: row.action,
    verdict: row.verdict,
    ...(code === undefined ? {} : { code }),
    atMs: row.atMs,
    decision: { index: row.decision.index, leaf: row.decision.leaf },
    ...(permit === undefined || permit.index === row.decision.index
      ? {}
      : { permit: { index: permit.index, leaf: permit.leaf } }),
    ...(start === undefined ? {} : { start: { index: start.index, leaf: start.leaf } }),
    ...(outcome === undefined
      ? {}
      : {
          outcome: {
            index: outcome.index,
            leaf: outcome.leaf,
            status: outcome.status,
            atMs: outcome.atMs,
          },
        }),
    renewals: row.lease?.counter ?? 0,
  };
}
