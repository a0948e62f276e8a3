// Attesting: a challenge is given out, evidence made for it is appraised, and what it shows becomes a fact (DESIGN §7).
// A challenge needs no memory: the plane recognises its own, and the log remembers those that were spent.
import {
  base64url,
  canonicalBytes,
  commitAttestation,
  digestOfEvidence,
  equalBytes,
  hmacSha256,
  jwkThumbprint,
  utf8,
  type Json,
} from '@licet/evidence';
import {
  attestRequired,
  BOUND_BY,
  type AttestationFact,
  type AttestationFacts,
  type AttestationKind,
  type AttestRequirement,
} from '@licet/policy';
import { answered, conflict, refusedUnrecorded } from './answers.ts';
import { commitOn, MAX_TRIES } from './commits.ts';
import type { PlaneContext } from './context.ts';
import { CHALLENGE_TTL_MS, itemsOf } from './core/attest.ts';
import type { AttestCommand, Caller } from './core/commands.ts';
import type { AttestationRow, AttestedItem } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import type { Answered, AttestBody, Challenge } from './face.ts';
import { executionOf, policyOf } from './look-up.ts';
import type { Appraisal, AppraisalRequest, Attester } from './ports.ts';
import { recordOf } from './records.ts';
import { Snapshot } from './snapshot.ts';

const MAX_EVIDENCE_BYTES = 262_144;
const MAX_LISTED = 1_000;

/** Gives out a challenge: 128 random bits, and a ticket by which the plane knows them again. */
export async function challenge(
  context: PlaneContext,
  caller: Caller,
  about: { readonly exec?: string; readonly action?: string },
): Promise<Challenge | 'unknown_execution'> {
  const { store, random, clock, keeper } = context;
  const row = about.exec === undefined ? undefined : await executionOf(store, about.exec);
  if (about.exec !== undefined && row?.jkt !== caller.jkt) return 'unknown_execution';
  await keeper.ensure(await policyOf(store));
  const plan = keeper.loaded?.actions.get(row?.action ?? about.action ?? '');
  const required = plan === undefined ? [] : attestRequired(keeper.loaded!, plan);
  const nonce = base64url(random.bytes(16));
  const sinceMs = clock.nowMs();
  return {
    challenge: nonce,
    ticket: ticketOf(context, caller, { nonce, sinceMs, exec: about.exec }),
    expiresMs: sinceMs + CHALLENGE_TTL_MS,
    // RULE 45: what has to be attested, never what would be accepted.
    requires: required.map(({ kind, maxAgeMs }) => ({ kind, maxAgeMs })),
  };
}

/** Appraises evidence and records what it shows. What cannot be verified is recorded as `none`: it vouches for nothing. */
export async function attest(context: PlaneContext, caller: Caller, body: AttestBody): Promise<Answered> {
  const { store, random, clock, origin } = context;
  const { exec, kind, evidence, challenge: nonce } = body;
  const sinceMs = openTicket(context, caller, body);
  if (sinceMs === undefined) return conflict('unknown_challenge', exec ?? '');
  if (canonicalBytes(evidence).length > MAX_EVIDENCE_BYTES) return conflict('too_large', exec ?? '');
  const bound = exec === undefined ? undefined : await boundOf(context, exec);
  const key = random.bytes(32);
  const committed = commitAttestation(key, evidence);
  const record = {
    id: `attestation/${nonce}`,
    key,
    body: { commitment: committed.commitment, disclosures: committed.disclosures as unknown as Json },
  };
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const snapshot = new Snapshot(store);
    await snapshot.load([
      { kind: 'plane', id: SELF },
      { kind: 'identity', id: caller.subject },
    ]);
    const { why, expMs, ...found } = await appraised(context, caller, {
      kind,
      evidence,
      origin,
      subject: caller.subject,
      jkt: caller.jkt,
      nonce,
      sinceMs,
      nowMs: clock.nowMs(),
      ...(bound === undefined ? {} : { bound }),
      attester: (by) => attesterOf(snapshot, caller, by),
    });
    const command: AttestCommand = {
      kind: 'attest',
      caller,
      ...(exec === undefined ? {} : { exec }),
      attested: kind,
      status: found.status,
      measured: found.measured,
      evidence: committed.commitment,
      challenge: nonce,
      sinceMs,
      ...(expMs === undefined ? {} : { expMs }),
      by: found.by,
      ...(why === undefined ? {} : { why }),
    };
    const result = await commitOn(context, command, snapshot, {
      lane: exec === undefined ? 'normal' : 'safety',
      record,
    });
    if (result !== 'stale') return answered(result);
  }
  return refusedUnrecorded(exec ?? '', 'contended');
}

/** What was attested, newest first. */
export async function attestations(
  { store }: PlaneContext,
  about: string | undefined,
): Promise<readonly AttestationRow[]> {
  if (about === undefined)
    return (await store.list({ kind: 'attestation', limit: MAX_LISTED })).map(
      ({ value }) => value as AttestationRow,
    );
  const [row] = await store.read([{ kind: 'attestation', id: about }]);
  return row === undefined ? [] : [row.value as AttestationRow];
}

/** P6: a verifier that throws has verified nothing. */
async function appraised(
  { attestation }: PlaneContext,
  caller: Caller,
  asked: AppraisalRequest,
): Promise<Appraisal> {
  const nothing = (why: string): Appraisal => ({
    status: 'none',
    measured: digestOfEvidence(asked.evidence),
    by: caller.subject,
    why,
  });
  if (attestation === undefined) return nothing('this plane verifies no attestations');
  try {
    return await attestation.appraise(asked);
  } catch (error) {
    return nothing(error instanceof Error ? error.message : 'the verifier failed');
  }
}

/** Read through the snapshot, so that a key that is revoked meanwhile makes the appraisal stale. */
async function attesterOf(
  snapshot: Snapshot,
  caller: Caller,
  by: { readonly jkt: string } | { readonly id: string },
): Promise<Attester | undefined> {
  let id: string | undefined;
  if ('id' in by) id = by.id;
  else {
    await snapshot.load([{ kind: 'key', id: by.jkt }]);
    id = snapshot.get('key', by.jkt)?.subject;
  }
  if (id === undefined) return undefined;
  await snapshot.load([{ kind: 'identity', id }]);
  const row = snapshot.get('identity', id);
  if (row === undefined || row.revoked) return undefined;
  const keys = row.keys.filter((key) => !('jkt' in by) || jwkThumbprint({ ...key }) === by.jkt);
  // The key by which the caller speaks is its own, also when an issuer vouches for it and no entry holds it.
  if (id === caller.subject)
    return 'jkt' in by
      ? { id, role: 'self', keys, ...(by.jkt === caller.jkt ? { jkt: by.jkt } : {}) }
      : undefined;
  if (row.kind === 'verifier') return { id, role: 'verifier', keys };
  return row.kind === 'door' && 'jkt' in by ? { id, role: 'door', keys } : undefined;
}

/** What the door bound when the execution was decided; nothing, when that is not known any more. */
async function boundOf({ store }: PlaneContext, exec: string): Promise<readonly string[]> {
  const row = await executionOf(store, exec);
  const record = row === undefined ? undefined : await recordOf(store, row);
  return record?.body.input?.door.bound ?? [];
}

interface Ticket {
  readonly nonce: string;
  readonly sinceMs: number;
  readonly exec: string | undefined;
}

/** HMAC under the tenant's key: of this plane, for this caller, about this execution, since then. */
function ticketOf({ tenantKey }: PlaneContext, caller: Caller, { nonce, sinceMs, exec }: Ticket): string {
  const said = [nonce, sinceMs, caller.subject, caller.jkt, exec ?? null];
  const mac = hmacSha256(tenantKey, utf8('licet/challenge/v1\n'), canonicalBytes(said));
  return `${sinceMs}.${base64url(mac)}`;
}

/** When the challenge was given out; undefined when it is none of ours, or somebody else's. */
function openTicket(
  context: PlaneContext,
  caller: Caller,
  { challenge: nonce, ticket, exec }: AttestBody,
): number | undefined {
  const sinceMs = Number(ticket.slice(0, Math.max(0, ticket.indexOf('.'))));
  if (!Number.isSafeInteger(sinceMs)) return undefined;
  const expected = ticketOf(context, caller, { nonce, sinceMs, exec });
  return equalBytes(utf8(expected), utf8(ticket)) ? sinceMs : undefined;
}

/**
 * Returns what policies see, by kind: of a running execution what was attested about it, else what was attested of its
 * subject; of a program or tool only the one that the door binds. Whatever has run out is `none`.
 */
export async function attestedFacts(
  snapshot: Snapshot,
  {
    subject,
    exec,
    bound,
  }: { readonly subject: string; readonly exec: string; readonly bound: readonly string[] },
  nowMs: number,
): Promise<AttestationFacts> {
  const own = snapshot.get('attestation', exec);
  const general = itemsOf(snapshot.get('attestation', subject)).filter(({ kind, measured }) => {
    const prefix = BOUND_BY[kind];
    return prefix === undefined || bound.includes(`${prefix}${measured}`);
  });
  const found = new Map<AttestationKind, AttestedItem>();
  for (const item of general)
    if ((found.get(item.kind)?.index ?? -1) < item.index) found.set(item.kind, item);
  for (const item of itemsOf(own)) {
    const other = found.get(item.kind);
    // About a program that runs, only what was seen of it while it runs counts.
    if (other === undefined || BOUND_BY[item.kind] !== undefined || other.index < item.index)
      found.set(item.kind, item);
  }
  await snapshot.load(
    [...found.values()].map(({ attester }) => ({ kind: 'identity', id: attester }) as const),
  );
  return Object.fromEntries(
    [...found.values()].flatMap((item): [AttestationKind, AttestationFact][] => {
      // Whose word it was must still be somebody's.
      if (snapshot.get('identity', item.attester)?.revoked !== false) return [];
      const { kind, measured, by, sinceMs, expMs, leaf, index } = item;
      const leftMs = expMs - nowMs;
      const status = leftMs > 0 ? item.status : 'none';
      return [[kind, { status, measured, ageMs: nowMs - sinceMs, leftMs, by, cite: { index, leaf } }]];
    }),
  );
}

/** When what these facts say ends: by itself, or by being too old for what is asked. */
export function attestationEnds(
  facts: AttestationFacts,
  required: readonly AttestRequirement[],
  nowMs: number,
): readonly number[] {
  const ends = Object.values(facts).map(({ leftMs }) => nowMs + leftMs);
  for (const { kind, maxAgeMs } of required) {
    const fact = facts[kind];
    if (fact !== undefined) ends.push(nowMs - fact.ageMs + maxAgeMs + 1);
  }
  return ends.filter((endMs) => endMs > nowMs);
}
