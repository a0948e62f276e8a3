// Publication: a bundle that is not in force yet: its problems, what it would have decided, and whether it may be
// published over the one that is (RULE 20).
import { canonicalize, type Json } from '@licet/evidence';
import {
  bundleDigest,
  parseBundle,
  PolicyError,
  replay as replayDecisions,
  type LoadedBundle,
  type RecordedDecision,
  type SignedBundle,
} from '@licet/policy';
import { conflict } from './answers.ts';
import { standingAuthors } from './authors.ts';
import type { BundleKeeper } from './bundle-keeper.ts';
import type { PlaneContext } from './context.ts';
import type { Effect } from './core/commands.ts';
import type { ExecutionRow, PolicyRow } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import type { Answered, Plane } from './face.ts';
import { policyOf } from './look-up.ts';
import { recordOf } from './records.ts';
import { rehearse, type Rehearsal } from './rehearsal.ts';
import type { Snapshot } from './snapshot.ts';

/** Why this bundle may not be published over the one in force, which the snapshot holds fast until the commit. */
export async function checkPublication(
  context: PlaneContext,
  effect: Effect & { readonly op: 'publish' },
  snapshot: Snapshot,
): Promise<{ readonly refused: Answered } | { readonly rehearsal: Rehearsal; readonly observing: boolean }> {
  const { keeper, origin, tenant } = context;
  const refused = (code: string, detail?: string) => ({ refused: conflict(code, '', detail) });
  await snapshot.load([
    { kind: 'policy', id: SELF },
    { kind: 'plane', id: SELF },
  ]);
  const inForce = snapshot.get('policy', SELF);
  const signed = effect.signed as SignedBundle;
  const { bundle } = signed;
  if (bundle.layer === 'team' && (bundle.origin !== origin || bundle.tenant !== tenant))
    return refused('bundle_of_another_plane');
  // RULE 20: the organisation's names the organisation that genesis pinned, whoever hands it in.
  if (bundle.layer === 'org' && bundle.org !== snapshot.get('plane', SELF)?.org?.id)
    return refused('bundle_of_another_organisation');
  if (bundleDigest(bundle) !== effect.digest) return refused('bundle_digest');
  // RULE 20: what the log will say is what the authors signed; an old bundle under a new number is a rollback.
  const { layer, version, sigs } = effect;
  const same = layer === bundle.layer && version === bundle.version;
  if (!same || canonicalize(sigs as unknown as Json) !== canonicalize(signed.sigs as unknown as Json))
    return refused('bundle_digest');
  const plane = snapshot.get('plane', SELF);
  await keeper.verifyAuthors(signed, plane, { stands: await standingAuthors(plane, snapshot) });
  const loaded = await keeper.trial(parseBundle(bundle), inForce);
  const tried = await rehearse(context, effect, loaded);
  return 'code' in tried
    ? refused(tried.code, tried.detail)
    : { rehearsal: tried, observing: await stopsNothing(keeper, inForce) };
}

/** Whether the bundle in force, all of it, is one that stops nothing. One that cannot be loaded stops everything. */
async function stopsNothing(keeper: BundleKeeper, inForce: PolicyRow | undefined): Promise<boolean> {
  await keeper.ensure(inForce);
  const { loaded } = keeper;
  return (
    loaded?.observing === true &&
    loaded.refs.every(({ layer, digest }) => inForce?.[layer]?.digest === digest)
  );
}

/** Problems of a bundle, without publishing it. */
export async function checkBundle({ store, keeper }: PlaneContext, value: Json): ReturnType<Plane['check']> {
  try {
    const bundle = parseBundle(value);
    await keeper.trial(bundle, await policyOf(store));
    return { ok: true, digest: bundleDigest(bundle), problems: [] };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { ok: false, problems: problemsOf(error) };
  }
}

/** Decides recorded decisions again under another bundle: at most `limit`, the newest ones. */
export async function replayBundle(
  context: PlaneContext,
  value: Json,
  limit: number,
): ReturnType<Plane['replay']> {
  const { store, keeper } = context;
  return replayOn(context, await keeper.trial(parseBundle(value), await policyOf(store)), limit);
}

/** The same under a bundle that is loaded already. */
export async function replayOn(
  { store, engine }: PlaneContext,
  loaded: LoadedBundle,
  limit: number,
): ReturnType<Plane['replay']> {
  const rows = await store.list({ kind: 'execution', limit });
  const decisions: RecordedDecision[] = [];
  for (const { value: row } of rows) {
    const execution = row as ExecutionRow;
    const record = await recordOf(store, execution);
    if (record?.body.input === undefined) continue;
    const { exec, verdict, reasons } = execution;
    const code = execution.code as RecordedDecision['code'];
    decisions.push({
      id: exec,
      input: record.body.input,
      verdict,
      reasons,
      ...(verdict === 'allow' || code === undefined ? {} : { code }),
    });
  }
  const report = replayDecisions(engine, loaded, decisions);
  return {
    decided: report.total,
    changed: report.changed.map(({ id, before, after }) => ({
      executionId: id,
      from: before.verdict,
      to: after.verdict,
      reasons: after.reasons,
    })),
  };
}

function problemsOf(error: PolicyError): Awaited<ReturnType<Plane['check']>>['problems'] {
  const { problems } = error as {
    readonly problems?: readonly {
      readonly kind: string;
      readonly message: string;
      readonly file?: string;
      readonly line?: number;
      readonly next?: string;
    }[];
  };
  if (problems === undefined || problems.length === 0)
    return [{ code: error.code, message: error.message, next: 'Correct the bundle and check it again.' }];
  return problems.map(({ kind, message, file, line, next }) => ({
    code: kind,
    message,
    ...(file === undefined ? {} : { where: line === undefined ? file : `${file}:${line}` }),
    next: next ?? 'Correct the bundle and check it again.',
  }));
}
