// Operating: what people do to the plane takes the road of every execution, decided by the built-in operator policy
// (RULE 34).
import {
  assertionDigest,
  base64url,
  idemDigest,
  instanceDigest,
  relyingPartyDigest,
  type Json,
} from '@licet/evidence';
import { answered, refusedUnrecorded } from './answers.ts';
import { checkGrant } from './approving.ts';
import { checkAuthorKeys } from './authors.ts';
import { commitOn, MAX_TRIES } from './commits.ts';
import type { PlaneContext } from './context.ts';
import type { Caller, Effect } from './core/commands.ts';
import { heldBefore } from './core/operation.ts';
import { SELF } from './core/rows.ts';
import { ControlPlaneError } from './errors.ts';
import type { Answered } from './face.ts';
import { settingsDigest } from './entering.ts';
import { checkedFact } from './facts.ts';
import { policyOf } from './look-up.ts';
import { checkedMandate } from './mandates.ts';
import { checkOrgKey } from './organisation.ts';
import { checkPublication } from './publication.ts';
import { recallOperation } from './recall.ts';
import { commitRecord, recordOf, type RecordBody } from './records.ts';
import { testsDigest } from './rehearsal.ts';
import { isIdempotencyKey, recognition, requestDigest } from './request-ids.ts';
import { loggedScope } from './scopes.ts';
import { Snapshot } from './snapshot.ts';
import { endSegment } from './ticking.ts';
import { uuidv7 } from './uuid.ts';

/** Does something to the plane, or holds it for a second person (RULE 34). */
export async function operate(
  context: PlaneContext,
  caller: Caller,
  asked: Effect,
  options: { readonly idempotencyKey?: string; readonly seen?: number },
): Promise<Answered> {
  const { store, random, clock, tenantKey } = context;
  const effect = await asLogged(context, asked);
  if (options.idempotencyKey !== undefined && !isIdempotencyKey(options.idempotencyKey))
    throw new ControlPlaneError('ERR_PLANE_REQUEST', 'idempotencyKey: expected 16 to 64 bytes in base64url');
  const key = options.idempotencyKey ?? base64url(random.bytes(16));
  const exec = uuidv7(clock.nowMs(), random.bytes(10));
  const args = operatorArguments(effect);
  const recordKey = random.bytes(32);
  const question = {
    kind: 'operate' as const,
    exec,
    caller,
    effect,
    request: requestDigest({ op: effect.op, args }),
    idem: idemDigest(caller.jkt, key),
    recognition: recognition(tenantKey, {
      jkt: caller.jkt,
      run: 'operator',
      chain: [caller.subject],
      action: `licet/${effect.op}`,
      aud: 'licet',
      args,
    }),
    instance: instanceDigest(random.bytes(16)),
  };
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const snapshot = new Snapshot(store);
    const seen = await examine(context, caller, effect, snapshot);
    if ('refused' in seen) return seen.refused;
    const inputs = { effect: args, ...seen.inputs };
    const before = await continued(context, question, snapshot);
    const key = before?.key ?? recordKey;
    const { commitments, body } = commitRecord(key, { args, resources: [] }, { inputs }, before?.body);
    const record = { id: before?.exec ?? exec, key, body: body as unknown as Json };
    const found = {
      ...(before === undefined ? {} : { continues: before.exec }),
      ...(seen.observing === true ? { observing: true as const } : {}),
    };
    const committed = await commitOn(context, { ...question, ...found, commitments }, snapshot, {
      lane: 'safety',
      seen: options.seen,
      record,
    });
    if (committed === 'stale') continue;
    const answer =
      committed.reply.kind === 'decided'
        ? await recallOperation(context, committed.reply)
        : answered(committed);
    if (answer.reply.kind === 'operated') await follow(context, effect);
    return answer;
  }
  return refusedUnrecorded(exec, 'contended');
}

/** The held operation that this caller has come back for, with its record. */
async function continued(
  { store }: PlaneContext,
  question: Parameters<typeof heldBefore>[1],
  snapshot: Snapshot,
): Promise<{ readonly exec: string; readonly key: Uint8Array; readonly body: RecordBody } | undefined> {
  await snapshot.load([
    { kind: 'hold', id: question.recognition },
    { kind: 'clock', id: SELF },
  ]);
  const hold = snapshot.get('hold', question.recognition);
  if (hold !== undefined) await snapshot.load([{ kind: 'execution', id: hold.exec }]);
  const row = heldBefore(snapshot, question);
  const record = row === undefined ? undefined : await recordOf(store, row);
  return row === undefined || record === undefined ? undefined : { exec: row.exec, ...record };
}

/** What Prepare looks at for an effect, held fast until the commit: why it cannot be, or what else its inputs say. */
async function examine(
  context: PlaneContext,
  caller: Caller,
  effect: Effect,
  snapshot: Snapshot,
): Promise<
  | { readonly refused: Answered }
  | { readonly inputs: { readonly [name: string]: Json }; readonly observing?: boolean }
> {
  if (effect.op === 'org-key') {
    const refused = await checkOrgKey(context, effect, snapshot);
    return refused === undefined ? { inputs: {} } : { refused };
  }
  if (effect.op === 'author-key') {
    const refused = await checkAuthorKeys(context, effect, snapshot);
    return refused === undefined ? { inputs: {} } : { refused };
  }
  if (effect.op === 'standing' && effect.change === 'grant')
    await checkGrant(context, caller, effect, snapshot);
  if (effect.op !== 'publish') return { inputs: {} };
  const checked = await checkPublication(context, effect, snapshot);
  if ('refused' in checked) return checked;
  const { signed, tests } = effect;
  return {
    inputs: { signed: signed as Json, tests, rehearsal: checked.rehearsal as unknown as Json },
    observing: checked.observing,
  };
}

/** The effect as it is logged: scopes by their names in the log, facts with what is wrong with them. */
async function asLogged(context: PlaneContext, effect: Effect): Promise<Effect> {
  if (effect.op === 'contain') return { ...effect, scope: loggedScope(context.tenantKey, effect.scope) };
  if (effect.op === 'mandate') return checkedMandate(context, effect);
  if (effect.op === 'identity' && effect.settings?.value !== undefined) {
    const { value } = effect.settings;
    return { ...effect, settings: { digest: settingsDigest(context.tenantKey, value), value } };
  }
  if (effect.op === 'standing' && effect.change === 'grant' && effect.opened.assertion !== undefined)
    return { ...effect, assertion: assertionDigest(effect.opened.assertion) };
  if (effect.op === 'relying-party') return { ...effect, digest: relyingPartyDigest(context.origin, effect) };
  return effect.op === 'fact' ? checkedFact(context, effect) : effect;
}

/** What follows an action that was carried out. */
async function follow(context: PlaneContext, effect: Effect): Promise<void> {
  if (effect.op === 'publish') await context.keeper.ensure(await policyOf(context.store));
  if (effect.op === 'clock') await endSegment(context);
}

/** What an operator's action says, as arguments of its execution; a bundle and its tests are named by their digests, a mandate's body by its commitment. */
function operatorArguments(effect: Effect): { readonly [name: string]: Json } {
  const {
    op: _,
    signed: __,
    opened: ___,
    ...rest
  } = effect as unknown as Readonly<Record<string, Json | undefined>>;
  // What is approved is that bundle with those tests; the report of the rehearsal is made anew each time.
  const args = effect.op === 'publish' ? { ...rest, tests: testsDigest(effect.tests) } : rest;
  return Object.fromEntries(
    Object.entries(args).filter((pair): pair is [string, Json] => pair[1] !== undefined),
  );
}
