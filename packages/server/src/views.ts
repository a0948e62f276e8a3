/** Executions as pages show them: the operator's view, and the redacted one of the public listener (RULE 42). */
import type { ExecutionRow, IdentityRow, Plane, Store } from '@licet/control-plane';
import type { ExecutionView } from '@licet/api';
import type { Entry } from '@licet/evidence';

/** Names of identities, read once for a page. */
export async function namesOf(
  store: Pick<Store, 'read'>,
  rows: readonly ExecutionRow[],
): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(rows.flatMap(({ chain }) => chain.map(({ id }) => id)))];
  const found = await store.read(ids.map((id) => ({ kind: 'identity', id }) as const));
  return new Map(
    found.flatMap((row, index) => {
      const name = (row?.value as IdentityRow | undefined)?.name;
      return name === undefined ? [] : [[ids[index]!, name] as const];
    }),
  );
}

/** Returns the view of a row; `opened` only for callers who may read arguments. */
export function viewOf(
  row: ExecutionRow,
  names: ReadonlyMap<string, string>,
  opened?: Awaited<ReturnType<Plane['opened']>>,
  forPeople = false,
): ExecutionView {
  const { permit, start, lease, outcome, hold } = row;
  return {
    executionId: row.exec,
    run: row.run,
    ...(row.parent === undefined ? {} : { parent: row.parent.exec }),
    state: row.state,
    verdict: row.verdict,
    ...(row.code === undefined ? {} : { code: row.code }),
    reasons: row.reasons,
    action: row.action,
    chain: row.chain.map((link) => {
      const name = names.get(link.id);
      return name === undefined ? link : { ...link, name };
    }),
    grade: row.grade,
    custody: row.custody,
    confine: row.confine,
    atMs: row.atMs,
    depth: row.depth,
    decision: row.decision,
    ...(permit === undefined
      ? {}
      : { permit: { leaf: permit.leaf, index: permit.index, exp: permit.exp, assurance: permit.assurance } }),
    ...(start === undefined ? {} : { start: { leaf: start.leaf, index: start.index, atMs: start.atMs } }),
    ...(lease === undefined ? {} : { lease: { untilMs: lease.untilMs, counter: lease.counter } }),
    ...(outcome === undefined
      ? {}
      : {
          outcome: {
            leaf: outcome.leaf,
            index: outcome.index,
            status: outcome.status,
            ...(outcome.reason === undefined ? {} : { reason: outcome.reason }),
            atMs: outcome.atMs,
          },
        }),
    ...(hold === undefined
      ? {}
      : {
          hold: {
            leaf: hold.leaf,
            index: hold.index,
            untilMs: hold.untilMs,
            groups: hold.groups,
            approvals: (row.approvals ?? []).map(
              ({ group, by, verdict, atMs, expiresAtMs, reason, note, standing }) => ({
                group,
                by,
                verdict,
                atMs,
                expires: expiresAtMs,
                ...(reason === undefined ? {} : { reason }),
                // Words of people for people: the caller hears them as far as policies let it (RULE 45).
                ...(note === undefined || !forPeople ? {} : { note }),
                ...(standing === undefined ? {} : { standing }),
              }),
            ),
          },
        }),
    ...(opened === undefined ? {} : opened === 'erased' ? { arguments: 'erased' as const } : opened),
  };
}

/** RULE 42: opaque ids, verdicts and codes; no action, resource, argument, principal or name. */
export function publicViewOf(row: ExecutionRow) {
  const { permit, start, outcome } = row;
  return {
    executionId: row.exec,
    run: row.run,
    ...(row.parent === undefined ? {} : { parent: row.parent.exec }),
    state: row.state,
    verdict: row.verdict,
    ...(row.code === undefined ? {} : { code: row.code }),
    grade: row.grade,
    custody: row.custody,
    confine: row.confine,
    atMs: row.atMs,
    depth: row.depth,
    decision: { leaf: row.decision.leaf, index: row.decision.index },
    ...(permit === undefined ? {} : { permit: { leaf: permit.leaf, index: permit.index } }),
    ...(start === undefined ? {} : { start: { leaf: start.leaf, index: start.index, atMs: start.atMs } }),
    ...(outcome === undefined
      ? {}
      : {
          outcome: { leaf: outcome.leaf, index: outcome.index, status: outcome.status, atMs: outcome.atMs },
        }),
  };
}

/** RULE 42: one entry of the public feed. */
export function publicEntryOf(index: number, leaf: string, entry: Entry) {
  const { type, at } = entry;
  return {
    index,
    leaf,
    type,
    at,
    ...('exec' in entry && entry.exec !== undefined ? { executionId: entry.exec } : {}),
    ...(type === 'permit' ? { verdict: 'allow' } : {}),
    ...(type === 'refusal' ? { verdict: entry.verdict, code: entry.code } : {}),
    ...(type === 'outcome' ? { status: entry.status } : {}),
  };
}
