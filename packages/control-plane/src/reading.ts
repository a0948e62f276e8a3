// Reading: what the plane can tell of identities, executions, runs and containments. Nothing here writes.
import {
  foldLineage,
  parseEntry,
  permitId,
  type EntryOf,
  type Json,
  type LineageDisclosures,
  type LineageEntry,
  type ScopeKind,
} from '@licet/evidence';
import type { PlaneContext } from './context.ts';
import { containmentOf, covers, subjectOf } from './core/containment.ts';
import type { ExecutionRow, IdentityRow, MandateRow, RowValues, StandingRow } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import { isPresent } from './core/vouching.ts';
import type { Plane } from './face.ts';
import { gather, subjects } from './gather.ts';
import { executionOf } from './look-up.ts';
import { recordOf } from './records.ts';
import { loggedScope, touchedScopes } from './scopes.ts';
import { Snapshot } from './snapshot.ts';
import { loadSpeaker } from './speakers.ts';

/** The identity that holds this key today; undefined when none does. */
export async function identify({ store, clock }: PlaneContext, jkt: string): ReturnType<Plane['identify']> {
  const snapshot = new Snapshot(store);
  const owner = await loadSpeaker(snapshot, jkt);
  const identity = owner === undefined ? undefined : snapshot.get('identity', owner);
  if (identity === undefined || !isPresent(snapshot, identity, jkt, clock.nowMs())) return undefined;
  const { subject, roles, kind } = identity;
  const passkey = snapshot.get('key', jkt)?.passkey;
  return passkey === true ? { subject, roles, kind, passkey } : { subject, roles, kind };
}

/** Whose passkey has this id today (`credentialDigest`); undefined when nobody's. */
export async function passkey({ store }: PlaneContext, id: string): ReturnType<Plane['passkey']> {
  const [key] = await store.read([{ kind: 'key', id }]);
  if (key === undefined) return undefined;
  const [row] = await store.read([{ kind: 'identity', id: (key.value as RowValues['key']).subject }]);
  const identity = row?.value as IdentityRow | undefined;
  const found = identity?.passkeys?.find((one) => one.id === id);
  if (identity === undefined || identity.revoked || found === undefined) return undefined;
  return { subject: identity.subject, passkey: { id, key: found.key }, jkt: found.jkt };
}

/** Opened arguments and resources of an execution, from its record. */
export async function opened({ store }: PlaneContext, exec: string): ReturnType<Plane['opened']> {
  const row = await executionOf(store, exec);
  if (row === undefined) return undefined;
  const record = await recordOf(store, row);
  if (record === undefined) return (await store.records.get(exec)) === 'erased' ? 'erased' : undefined;
  const { body } = record;
  return {
    arguments: body.arguments,
    resources: body.resources.map(({ uid }) => ({ type: uid.type, id: uid.id })),
  };
}

/** What opens the commitment to an execution's arguments. */
export async function disclosed({ store }: PlaneContext, exec: string): ReturnType<Plane['disclosed']> {
  const row = await executionOf(store, exec);
  return row === undefined ? undefined : (await recordOf(store, row))?.body.disclosures.arguments;
}

/** The containments in force, and their epoch. */
export async function containments({ store }: PlaneContext): ReturnType<Plane['containments']> {
  const snapshot = new Snapshot(store);
  await snapshot.load([{ kind: 'containment', id: SELF }]);
  const { epoch, active } = containmentOf(snapshot);
  return { epoch, active };
}

const MAX_MANDATES = 1_000;

/** Mandates that were granted, newest first. */
export async function mandates({ store }: PlaneContext): Promise<readonly MandateRow[]> {
  const rows = await store.list({ kind: 'mandate', limit: 2 * MAX_MANDATES });
  // Each is there twice: by its id, and by who gave it to whom.
  return rows.flatMap(({ id, value }) => {
    const row = value as MandateRow;
    return id === row.id ? [row] : [];
  });
}

/** Standing approvals, newest first. */
export async function standing({ store }: PlaneContext): Promise<readonly StandingRow[]> {
  const rows = await store.list({ kind: 'standing', limit: MAX_MANDATES });
  return rows.map(({ value }) => value as StandingRow);
}

/** The entry at this index, when it is one that grants a mandate. */
export async function mandateEntry(
  { store }: PlaneContext,
  index: number,
): Promise<EntryOf<'mandate'> | undefined> {
  const [bytes] = await store.log.entries(index, index + 1);
  const entry = bytes === undefined ? undefined : parseEntry(bytes);
  return entry?.type === 'mandate' && entry.op === 'grant' ? entry : undefined;
}

/** Open executions that a containment of this scope would cover. */
export async function previewContainment(
  { store, tenant, tenantKey }: PlaneContext,
  asked: { readonly kind: ScopeKind; readonly id: string },
): Promise<readonly ExecutionRow[]> {
  const scope = loggedScope(tenantKey, asked);
  const open = await Promise.all(
    (['running', 'permitted', 'held', 'approved'] as const).map((state) =>
      store.list({ kind: 'execution', where: { state }, limit: 10_000 }),
    ),
  );
  const rows = open.flat().map(({ value }) => value as ExecutionRow);
  const parents = new Map(rows.map((row) => [row.exec, row.parent?.exec]));
  const touched = new Map<string, readonly string[]>();
  if (scope.kind === 'resource')
    for (const row of rows)
      touched.set(row.exec, touchedScopes(tenantKey, (await recordOf(store, row))?.body.resources ?? []));
  const parentOf = async (exec: string): Promise<string | undefined> => {
    // A parent that has ended is no open row, and what is below it is covered all the same.
    if (!parents.has(exec)) parents.set(exec, (await executionOf(store, exec))?.parent?.exec);
    return parents.get(exec);
  };
  const covered: ExecutionRow[] = [];
  for (const row of rows) {
    const resources = touched.get(row.exec) ?? [];
    const ancestors = new Set([row.exec]);
    for (let next = row.parent?.exec; next !== undefined && !ancestors.has(next); next = await parentOf(next))
      ancestors.add(next);
    if (covers(scope, subjectOf(tenant, { ...row, resources }), ancestors)) covered.push(row);
  }
  return covered;
}

/** The parts of an evidence bundle; undefined when there is nothing of this id. */
export async function evidence(
  { store, origin }: PlaneContext,
  kind: 'execution' | 'run',
  id: string,
): ReturnType<Plane['evidence']> {
  const executions = await subjects(store, kind, id);
  return executions.length === 0 ? undefined : gather(store, { kind, id, origin }, executions);
}

/** What is read of a run at a time, so that decisions go on between. */
const CHUNK = 250;

/** Places in the log as ranges without holes, each at most a chunk long. */
function rangesOf(indexes: readonly number[]): readonly (readonly [start: number, end: number])[] {
  const ranges: [number, number][] = [];
  for (const index of [...new Set(indexes)].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === index && index - last[0] < CHUNK) last[1] = index + 1;
    else ranges.push([index, index + 1]);
  }
  return ranges;
}

/**
 * A run folded into a graph in which each node names its entries; undefined when there is no such run. `pause` lets
 * others go on: a long run takes seconds.
 */
export async function lineage(
  { store, pause = async () => undefined }: PlaneContext,
  run: string,
): Promise<Json | undefined> {
  const executions: ExecutionRow[] = [];
  for (let after: number | undefined, more = true; more;) {
    const found = await store.list({
      kind: 'execution',
      where: { run },
      ascending: true,
      limit: CHUNK,
      ...(after === undefined ? {} : { after }),
    });
    executions.push(...found.map(({ value }) => value as ExecutionRow));
    after = found.at(-1)?.order;
    more = found.length === CHUNK;
    await pause();
  }
  if (executions.length === 0) return undefined;
  const entries: LineageEntry[] = [];
  for (const [start, end] of rangesOf(executions.flatMap((execution) => execution.entries))) {
    for (const [at, bytes] of (await store.log.entries(start, end)).entries())
      entries.push({ index: start + at, entry: parseEntry(bytes), leaf: permitId(bytes) });
    await pause();
  }
  const disclosures: Record<string, LineageDisclosures[string]> = {};
  for (let at = 0; at < executions.length; at += CHUNK) {
    await Promise.all(
      executions.slice(at, at + CHUNK).map(async (execution) => {
        const resources = (await recordOf(store, execution))?.body.disclosures.resources;
        disclosures[execution.exec] = {
          renewals: execution.lease?.counter ?? 0,
          ...(resources === undefined ? {} : { resources }),
        };
      }),
    );
    await pause();
  }
  return foldLineage(entries, disclosures) as unknown as Json;
}
