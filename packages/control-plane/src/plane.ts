// The plane: Prepare and Apply joined over the ports (DESIGN §3). Each method prepares, commits, and answers with what
// was committed; nothing it says is ahead of the log. What each does is in the file of its noun.
import { base64url } from '@licet/evidence';
import { commit } from './commits.ts';
import { condition } from './condition.ts';
import { attest, attestations, challenge } from './attesting.ts';
import { planeContext, type PlaneContext, type PlaneOptions } from './context.ts';
import { operatorPolicyDigest } from './core/operator-policy.ts';
import type { PlaneRow, PolicyRow, RowValues } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import { decide, resume } from './deciding.ts';
import { enter, issuers } from './entering.ts';
import { ControlPlaneError } from './errors.ts';
import type { Plane } from './face.ts';
import { limits } from './limits.ts';
import { executionOf } from './look-up.ts';
import { approvalSubject, approve } from './approving.ts';
import { operate } from './operating.ts';
import { order } from './orders.ts';
import { declaredFacts } from './facts.ts';
import { authors } from './authors.ts';
import { organisation } from './organisation.ts';
import { checkBundle, replayBundle } from './publication.ts';
import {
  containments,
  evidence,
  identify,
  lineage,
  mandateEntry,
  mandates,
  disclosed,
  opened,
  passkey,
  previewContainment,
  standing,
} from './reading.ts';
import { proposals } from './rehearsal.ts';
import { cancel, redeem, renew, report } from './running.ts';
import { endSegment, tick } from './ticking.ts';

/**
 * Opens the plane: appends `boot` (and `genesis` on a new log), loads the bundle and proves a known denial (DESIGN §6).
 * Without a bundle it opens and denies.
 */
export async function createPlane(options: PlaneOptions): Promise<Plane> {
  const context = planeContext(options);
  const { store, origin, tenant, audience } = context;
  await open(context);
  return {
    origin,
    tenant,
    audience,
    decide: (caller, request) => decide(context, caller, request),
    resume: (caller, exec, body) => resume(context, caller, exec, body),
    redeem: (caller, exec, body) => redeem(context, caller, exec, body),
    renew: (caller, exec, body) => renew(context, caller, exec, body),
    report: (caller, exec, body) => report(context, caller, exec, body),
    cancel: (caller, exec) => cancel(context, caller, exec),
    challenge: (caller, about) => challenge(context, caller, about),
    attest: (caller, body) => attest(context, caller, body),
    attestations: (about) => attestations(context, about),
    approve: (caller, exec, body) => approve(context, caller, exec, body),
    approvalSubject: (exec, body) => approvalSubject(context, exec, body),
    operate: (caller, effect, settings = {}) => operate(context, caller, effect, settings),
    enter: (jkt, token, claimed) => enter(context, jkt, token, claimed),
    issuers: () => issuers(context),
    order: (note) => order(context, note),
    boot: () => boot(context),
    tick: () => tick(context),
    identify: (jkt) => identify(context, jkt),
    passkey: (id) => passkey(context, id),
    execution: (exec) => executionOf(store, exec),
    opened: (exec) => opened(context, exec),
    disclosed: (exec) => disclosed(context, exec),
    containments: () => containments(context),
    previewContainment: (scope) => previewContainment(context, scope),
    evidence: (kind, id) => evidence(context, kind, id),
    lineage: (run) => lineage(context, run),
    check: (bundle) => checkBundle(context, bundle),
    mandates: () => mandates(context),
    standing: () => standing(context),
    mandateEntry: (index) => mandateEntry(context, index),
    organisation: () => organisation(context),
    authors: () => authors(context),
    declaredFacts: () => declaredFacts(context),
    limits: () => limits(context),
    proposals: () => proposals(context),
    replay: (bundle, limit) => replayBundle(context, bundle, limit),
    state: () => condition(context),
    close: async () => store.close(),
  };
}

async function open(context: PlaneContext): Promise<void> {
  const { store, keeper } = context;
  await boot(context, true);
  const [policy, clock] = await store.read([
    { kind: 'policy', id: SELF },
    { kind: 'clock', id: SELF },
  ]);
  await keeper.ensure(policy?.value as PolicyRow | undefined);
  // The process may have ended between setting the clock back and ending what came before.
  if ((clock?.value as RowValues['clock'] | undefined)?.segment) await endSegment(context);
}

/**
 * Says in the log that the store is open (RULE 7), unless it is an opening that is shared and says so already. `first`:
 * this process has just opened it.
 */
async function boot(context: PlaneContext, first = false): Promise<void> {
  const { store, random } = context;
  const shared = store.opening?.();
  if (shared === undefined ? !first : shared.booted && !(await differs(context))) return;
  const incarnation = shared?.incarnation ?? `i-${base64url(random.bytes(16)).replace(/[_-]/g, '0')}`;
  const { reply } = await commit(context, {
    kind: 'boot',
    ...context.boot,
    incarnation,
    operatorPolicy: operatorPolicyDigest(),
  });
  if (reply.kind !== 'booted')
    throw new ControlPlaneError('ERR_PLANE_REQUEST', 'this log has no genesis; run `licet init`');
}

/** Whether this process has another custody or operator policy than the one that the log names. */
async function differs({ store, boot: { custody } }: PlaneContext): Promise<boolean> {
  const [row] = await store.read([{ kind: 'plane', id: SELF }]);
  const plane = row?.value as PlaneRow | undefined;
  return plane?.custody !== custody || plane.operatorPolicy !== operatorPolicyDigest();
}
