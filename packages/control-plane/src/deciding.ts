// Deciding: what an agent asks for becomes a permit, a hold or a refusal. Prepare, whole, around one commit (DESIGN §3).
import {
  base64url,
  canonicalize,
  idemDigest,
  instanceDigest,
  sha256,
  utf8,
  type Json,
} from '@licet/evidence';
import { answered, conflict, disclosuresOf, refusedUnrecorded } from './answers.ts';
import { chainOf, type Chain } from './chain.ts';
import { attempt, commitOn } from './commits.ts';
import type { PlaneContext } from './context.ts';
import { isOpenHold } from './core/approvals.ts';
import type { Caller, DecideCommand, Door } from './core/commands.ts';
import { SELF } from './core/rows.ts';
import { ControlPlaneError } from './errors.ts';
import type { Answered, DecideRequest, Plane } from './face.ts';
import { executionOf } from './look-up.ts';
import { consequencesOf, judge, resolveArguments, type Judged, type Question } from './prepare.ts';
import { recall } from './recall.ts';
import { commitRecord, recordOf } from './records.ts';
import { isIdempotencyKey, recognition, requestDigest } from './request-ids.ts';
import { touchedScopes } from './scopes.ts';
import { coveringGrants } from './standing.ts';
import { Snapshot } from './snapshot.ts';
import { uuidv7 } from './uuid.ts';

const MAX_REQUEST_BYTES = 1_048_576;
const ACTION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._/-]{0,95}$/;

/** A request under way: who asks for what, and the identifiers it had before anything was decided. */
interface Asked {
  readonly caller: Caller;
  readonly request: DecideRequest;
  /** Digest of the request, its instance left out (RULE 6). */
  readonly digest: string;
  readonly idem: string;
  readonly bound: readonly string[];
}

/** Decides a request; the same key and the same request get the decision that is there. Throws ERR_PLANE_REQUEST. */
export async function decide(
  context: PlaneContext,
  caller: Caller,
  request: DecideRequest,
): Promise<Answered> {
  checkRequest(request);
  const bound = [...(request.door.bound ?? ['resource', 'input'])].sort();
  const digest = requestDigest({
    action: request.action,
    arguments: request.arguments,
    parent: request.parent ?? null,
    start: request.start === true,
    audience: request.audience ?? context.audience,
    child: request.child === undefined ? null : { ...request.child },
    door: { grade: request.door.grade, confine: request.door.confine, bound },
  });
  const once = (idempotencyKey: string): Promise<Answered> => {
    const idem = idemDigest(caller.jkt, idempotencyKey);
    return attempt(context, { idem, digest }, { caller, instance: request.instance }, async () =>
      decideOnce(context, { caller, request, digest, idem, bound }),
    );
  };
  const answer = await once(request.idempotencyKey);
  // Lifted by standing approvals: its caller is here, so it is asked again at once, as whoever comes back would (RULE 23).
  const lifted = answer.reply.kind === 'refused' && answer.reply.lifted === true;
  return lifted ? once(againKey(request.idempotencyKey)) : answer;
}

/** The key of the second asking: the same each time, so that a repeat of the first finds what it came to (RULE 6). */
const againKey = (key: string): string => base64url(sha256(utf8('licet/again/v1\n'), utf8(key)));

/** Decides a held execution again, from its record: its caller is there again (RULE 23). */
export async function resume(
  context: PlaneContext,
  caller: Caller,
  exec: string,
  body: Parameters<Plane['resume']>[2],
): Promise<Answered> {
  const row = await executionOf(context.store, exec);
  if (row === undefined || row.jkt !== caller.jkt) return conflict('unknown_execution', exec);
  // What people or time have ended is answered so: only a new request asks again.
  if (row.state === 'denied') return recall(context, exec, true, { caller, instance: body.instance });
  const opened = await recordOf(context.store, row);
  if (opened === undefined) return conflict('erased', exec);
  return decide(context, caller, {
    action: row.action,
    arguments: opened.body.arguments,
    ...(row.parent === undefined ? {} : { parent: row.parent.exec }),
    idempotencyKey: body.idempotencyKey,
    instance: body.instance,
    ...(body.start === undefined ? {} : { start: body.start }),
    audience: row.aud,
    ...(opened.body.child === undefined ? {} : { child: opened.body.child }),
    door: { grade: row.grade, confine: row.confine, bound: opened.body.input?.door.bound ?? [] },
    ...(body.seen === undefined ? {} : { seen: body.seen }),
  });
}

async function decideOnce(context: PlaneContext, asked: Asked): Promise<Answered | 'stale'> {
  const { store, clock, random, evaluator, resolver, tenantKey, keeper, emergency } = context;
  const { caller, request } = asked;
  const nowMs = clock.nowMs();
  const asker = { caller, instance: request.instance };
  const snapshot = new Snapshot(store);
  await snapshot.load([
    { kind: 'plane', id: SELF },
    { kind: 'containment', id: SELF },
    { kind: 'policy', id: SELF },
    { kind: 'idem', id: asked.idem },
  ]);
  const known = snapshot.get('idem', asked.idem);
  if (known !== undefined) return recall(context, known.exec, known.request === asked.digest, asker);
  // What is decided already was answered, however many wait.
  evaluator.admit(false);
  await keeper.ensure(snapshot.get('policy', SELF));

  const fresh = uuidv7(nowMs, random.bytes(10));
  const chain = await chainOf(snapshot, caller, request.parent, fresh, nowMs);
  const custody = snapshot.get('plane', SELF)?.custody ?? 'same-user';
  const door: Door = { grade: request.door.grade, confine: request.door.confine, custody };
  const refuse = (deny: string, failedLink?: number): Promise<Answered | 'stale'> =>
    refuseOnce(
      context,
      asked,
      { exec: fresh, chain: 'deny' in chain ? undefined : chain, door, deny, failedLink },
      snapshot,
    );
  // RULE 38: before an identity is established nothing is appended.
  if ('deny' in chain)
    return chain.deny === 'unidentified'
      ? refusedUnrecorded(fresh, chain.deny)
      : refuse(chain.deny, chain.failedLink);
  const { loaded } = keeper;
  if (loaded === undefined || keeper.tooOld(loaded, nowMs))
    return refuse(loaded === undefined ? 'no_bundle' : 'bundle_expired');
  const plan = loaded.actions.get(request.action);
  if (plan === undefined) return refuse('unknown_action');
  const pin = loaded.pins[request.action];
  // A pinned tool is only called by a door that has seen the pinned definition.
  if (pin !== undefined && !asked.bound.includes(`tool:${pin}`)) return refuse('unpinned');
  const resolved = await resolveArguments(resolver, plan, request.arguments);
  if ('deny' in resolved) return refuse(resolved.deny);
  const parent = chain.parent === undefined ? {} : { parent: chain.parent };
  const { action } = request;
  const subject = { exec: fresh, run: chain.run, action, chain: chain.links, ...parent };
  const resources = touchedScopes(tenantKey, resolved.resources);
  if (await emergency.covers(context, subject, resources)) return refuse('contained');

  const aud = request.audience ?? context.audience;
  const child = request.child === undefined ? {} : { child: request.child };
  const recognised = recognition(tenantKey, {
    jkt: caller.jkt,
    run: chain.parent === undefined ? 'root' : chain.run,
    chain: chain.links.map(({ id }) => id),
    action,
    aud,
    args: resolved.args,
    ...child,
  });
  await snapshot.load([{ kind: 'hold', id: recognised }]);
  const waiting = snapshot.get('hold', recognised)?.exec;
  if (waiting !== undefined) await snapshot.load([{ kind: 'execution', id: waiting }]);
  const candidate = waiting === undefined ? undefined : snapshot.get('execution', waiting);
  const held = candidate !== undefined && isOpenHold(candidate, nowMs) ? candidate : undefined;
  const exec = held?.exec ?? fresh;
  const question: Question = {
    action,
    ...resolved,
    chain,
    door: { ...door, bound: asked.bound },
    exec,
    ...(held === undefined ? {} : { execution: held }),
  };
  const judged = await judge(evaluator, snapshot, loaded, question, nowMs);
  if ('deny' in judged) return refuse(judged.deny, judged.failedLink);
  const { inputs } = judged.evaluation;
  if (inputs === undefined) return refuse(judged.verdict.code ?? 'policy_error');

  // One key per execution: the hold and the permit of the same call commit to the same arguments alike.
  const before = held === undefined ? undefined : await recordOf(store, held);
  const key = before?.key ?? random.bytes(32);
  const { commitments, body } = commitRecord(
    key,
    question,
    { inputs: inputs as unknown as Json, input: judged.input, ...child },
    before?.body,
  );
  const command: DecideCommand = {
    kind: 'decide',
    exec: fresh,
    ...(held === undefined ? {} : { continues: held.exec }),
    caller,
    chain: chain.links,
    run: chain.run,
    ...parent,
    depth: chain.depth,
    action,
    aud,
    commitments,
    resources,
    request: asked.digest,
    idem: asked.idem,
    recognition: recognised,
    instance: instanceDigest(request.instance),
    start: request.start === true,
    spend: request.start === true ? 'started' : 'plane',
    ...child,
    door,
    bound: asked.bound,
    bundles: loaded.refs,
    verdict: judged.verdict,
    reservations: judged.reservations,
    approvals: judged.approvals,
    standing: await coveringGrants(context, question, judged.verdict.holds, nowMs),
    consequences: judged.consequences,
  };
  const record = { id: exec, key, body: body as unknown as Json };
  const { seen } = request;
  const result = await commitOn(context, command, snapshot, { seen, record, evaluatedAtMs: nowMs });
  if (result === 'stale') return 'stale';
  if (result.reply.kind === 'decided')
    return recall(context, result.reply.exec, result.reply.sameRequest, asker);
  return { ...answered(result), ...explained(judged), disclosures: disclosuresOf(body) };
}

/** Records a denial that was met before the policy was asked. */
async function refuseOnce(
  context: PlaneContext,
  { caller, request, idem, digest }: Asked,
  what: {
    readonly exec: string;
    readonly chain: Chain | undefined;
    readonly door: Door;
    readonly deny: string;
    readonly failedLink: number | undefined;
  },
  snapshot: Snapshot,
): Promise<Answered | 'stale'> {
  const { chain } = what;
  const result = await commitOn(
    context,
    {
      kind: 'refuse',
      exec: what.exec,
      caller,
      chain: chain?.links ?? [],
      run: chain?.run ?? what.exec,
      ...(chain?.parent === undefined ? {} : { parent: chain.parent }),
      depth: chain?.depth ?? 0,
      // A name that is not of the form of actions cannot stand in an entry.
      action: ACTION.test(request.action) ? request.action : 'unknown/unknown',
      aud: request.audience ?? context.audience,
      code: what.deny,
      ...(what.failedLink === undefined ? {} : { failedLink: what.failedLink }),
      idem,
      request: digest,
      door: what.door,
      consequences: consequencesOf(context.keeper.loaded),
    },
    snapshot,
    { seen: request.seen },
  );
  if (result === 'stale') return 'stale';
  if (result.reply.kind === 'decided')
    return recall(context, result.reply.exec, result.reply.sameRequest, {
      caller,
      instance: request.instance,
    });
  return answered(result);
}

function explained(judged: Judged): Pick<Answered, 'explain'> {
  const notes = judged.evaluation.explain;
  if (judged.evaluation.verdict === 'allow' || notes.length === 0) return {};
  const advice = notes.find((note) => note.explain === 'full' && note.advice !== undefined)?.advice;
  // RULE 45: one policy that shows only its code keeps the whole answer to codes.
  const show = notes.every(({ explain }) => explain === 'full') ? 'full' : 'code';
  return { explain: { show, ...(advice === undefined ? {} : { advice }) } };
}

function checkRequest(request: DecideRequest): void {
  if (!isIdempotencyKey(request.idempotencyKey))
    throw new ControlPlaneError('ERR_PLANE_REQUEST', 'idempotencyKey: expected 16 to 64 bytes in base64url');
  if (request.instance.length !== 16)
    throw new ControlPlaneError('ERR_PLANE_REQUEST', 'instance: expected 16 bytes');
  if (canonicalize(request.arguments).length > MAX_REQUEST_BYTES)
    throw new ControlPlaneError('ERR_PLANE_REQUEST', 'arguments: too large');
}
