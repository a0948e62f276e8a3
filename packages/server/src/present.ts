/**
 * From what the plane committed to what a caller is told (DESIGN §10; RULE 45): words for codes, the next step, and of
 * the policies only what their authors let out.
 */
import { base64, base64url, fromUtf8, parseEntry, type Entry } from '@licet/evidence';
import { DENY_CODES } from '@licet/policy';
import type { Answered, Committed, LimitHit, Reply } from '@licet/control-plane';
import {
  PlaneError,
  ROUTES,
  type Answer,
  type AttestAnswer,
  type AttestationKind,
  type Denial,
  type Held,
  type LimitExceeded,
  type OperatorAnswer,
  type ProvenEntry,
  type RedeemAnswer,
  type RenewAnswer,
  type ReportAnswer,
} from '@licet/api';

/** Codes of the core that are about standing and operators, beside those of `policy`. */
const MORE_CODES: Readonly<Record<string, { readonly meaning: string; readonly next: string }>> = {
  revoked: { meaning: 'An identity on the chain was revoked.', next: 'Stop and tell the operator.' },
  key_retired: { meaning: 'This key no longer belongs to its identity.', next: 'Use the current key.' },
  role: { meaning: 'This identity does not have the role for that.', next: 'Ask an operator who has it.' },
  held: {
    meaning: 'This waits for a person.',
    next: 'Wait for the approval, then call again with the same arguments.',
  },
};
const UNKNOWN = {
  meaning: 'The plane refused.',
  next: 'Stop and tell the operator; repeating the call will not help.',
};
/** Where AuthZEN's access requests are made, below the plane's address. */
export const ACCESS_REQUESTS = ROUTES.accessRequest.path;
const WAIT = 'Wait for the approval, then call again with the same arguments.';

/** Conflicts that are problems of their own; every other is `conflict`. */
const CONFLICTS: Readonly<Record<string, 'not_found' | 'idempotency_conflict'>> = {
  unknown_execution: 'not_found',
  unknown_identity: 'not_found',
  not_contained: 'not_found',
  idempotency_conflict: 'idempotency_conflict',
};

type Refused = Reply & { readonly kind: 'refused' };

/** Returns an entry as it travels. */
export const proven = ({ bytes, proof }: Committed): ProvenEntry => ({ entry: fromUtf8(bytes), proof });

/** Returns the answer to a request or to a held caller who is there again. */
export function presentDecision(answered: Answered): Answer {
  const { reply, disclosures } = answered;
  if (reply.kind === 'refused') return refusal(answered, reply);
  if (reply.kind !== 'permitted') throw unexpected(reply);
  // Without its disclosures a door could not check what it is to run: that is no permission.
  if (disclosures === undefined)
    throw new PlaneError('conflict', 'conflict: the record of this permit is gone');
  const start = reply.start === undefined ? {} : { start: proven(at(answered, reply.start)) };
  return {
    verdict: 'allow',
    executionId: reply.exec,
    permit: proven(at(answered, reply.permit)),
    ...start,
    disclosures,
    ...linked(answered),
  };
}

/** Returns the answer to a redemption. */
export function presentRedeem(answered: Answered): RedeemAnswer {
  const { reply } = answered;
  if (reply.kind === 'refused') return denial(answered, reply);
  if (reply.kind !== 'started') throw unexpected(reply);
  return {
    verdict: 'started',
    executionId: reply.exec,
    start: proven(at(answered, reply.start)),
    ...linked(answered),
  };
}

/** Returns the answer to a renewal. Without a signed note there is none (RULE 5). */
export function presentRenew(answered: Answered): RenewAnswer {
  const { reply, notes } = answered;
  if (reply.kind === 'refused') return denial(answered, reply);
  const note = notes[0];
  if (reply.kind !== 'renewed' || note === undefined) throw unexpected(reply);
  return { verdict: 'renewed', note };
}

/** Returns the answer to a report. */
export function presentReport(answered: Answered, status: string): ReportAnswer {
  const { reply } = answered;
  // The claim is on record, as a refusal: nothing failed inside.
  if (reply.kind === 'refused')
    throw new PlaneError('conflict', `conflict: ${reply.code}: this execution never started`);
  if (reply.kind !== 'done') throw unexpected(reply);
  const outcome = find(answered, 'outcome') ?? answered.entries[0];
  if (outcome === undefined) throw unexpected(reply);
  return {
    executionId: reply.exec,
    status: reply.status ?? status,
    late: reply.late ?? false,
    outcome: proven(outcome),
    ...linked(answered),
  };
}

/** Returns the answer to evidence that was presented. */
export function presentAttested(answered: Answered, kind: AttestationKind): AttestAnswer {
  const { reply } = answered;
  if (reply.kind !== 'attested') throw unexpected(reply);
  const { status, measured, expMs, why } = reply;
  return {
    kind,
    status,
    measured,
    expires: expMs,
    ...(why === undefined ? {} : { why }),
    attestation: proven(at(answered, reply.position)),
    ...linked(answered),
  };
}

/** Returns the answer to an operator's action. */
export function presentOperated(answered: Answered): OperatorAnswer {
  const { reply } = answered;
  if (reply.kind === 'refused') return refusal(answered, reply);
  if (reply.kind !== 'operated') throw unexpected(reply);
  return {
    verdict: 'done',
    executionId: reply.exec,
    ...(reply.epoch === undefined ? {} : { epoch: reply.epoch }),
    ...(reply.leaf === undefined ? {} : { leaf: reply.leaf }),
    entries: answered.entries.map(proven),
    ...linked(answered),
  };
}

/** Returns the problem for a reply that is no answer here: a conflict by its code, anything else a failure. */
export function unexpected(reply: Reply): PlaneError {
  if (reply.kind !== 'conflict')
    return new PlaneError('internal', `internal: unexpected reply ${reply.kind}`);
  return new PlaneError(
    CONFLICTS[reply.code] ?? 'conflict',
    `${reply.code}: ${reply.detail ?? 'the execution or object does not allow this now'}`,
  );
}

function refusal(answered: Answered, reply: Refused): Denial | Held {
  return reply.verdict === 'deny' ? denial(answered, reply) : held(answered, reply);
}

function denial(answered: Answered, reply: Refused): Denial {
  const words = wordsOf(reply.code);
  const open = answered.explain?.show === 'full';
  return {
    verdict: 'deny',
    code: reply.code,
    executionId: reply.exec,
    reason: answered.explain?.advice ?? words.meaning,
    // RULE 45: which policy, and whose link it was, only where the policies' authors let it out.
    policies: open ? reply.reasons : [],
    ...(open && reply.failedLink !== undefined ? { failedLink: reply.failedLink } : {}),
    next: reply.limit === undefined ? words.next : limitWords(reply.limit),
    ...(reply.limit === undefined ? {} : { limit: limitShown(reply.limit, open) }),
    ...(reply.retryAfterMs === undefined ? {} : { retryAfterMs: reply.retryAfterMs }),
    ...recorded(answered),
  };
}

/** RULE 45: whom it counts and when it is there again is for an agent to plan by; how much it is, only where policies are shown. */
function limitShown({ name, per, max, currency, resetsAtMs }: LimitHit, open: boolean): LimitExceeded {
  return {
    name,
    per,
    ...(open ? { max: currency === undefined ? max : `${max} ${currency}` } : {}),
    ...(resetsAtMs === undefined ? {} : { resetsAt: resetsAtMs }),
  };
}

function limitWords({ name, per, resetsAtMs }: LimitHit): string {
  const which = `The limit ${name} (${per === 'tenant' ? 'all together' : `per ${per}`}) is used up`;
  return resetsAtMs === undefined
    ? `${which}; it is there again when what holds it ends, or when its policy is changed.`
    : `${which}; ask again after ${new Date(resetsAtMs).toISOString()}.`;
}

function held(answered: Answered, reply: Refused): Held {
  const groups = reply.holds.map(({ group, need }) => (need === 1 ? group : `${group} (${need})`));
  return {
    verdict: 'hold',
    code: reply.code,
    executionId: reply.exec,
    reason: answered.explain?.advice ?? `This waits for approval by ${groups.join(', ')}.`,
    policies: answered.explain?.show === 'full' ? reply.reasons : [],
    holds: reply.holds.map(({ untilMs, ...ask }) => ({ ...ask, until: untilMs })),
    next: WAIT,
    ...recorded(answered),
    ...accessRequest(answered, reply),
  };
}

/** AuthZEN, Access Request: what a PEP that speaks it follows instead of our words. */
function accessRequest(answered: Answered, reply: Refused): Pick<Held, 'context'> {
  const entry = find(answered, 'refusal');
  if (entry === undefined || reply.holds.length === 0) return {};
  const expires = Math.min(...reply.holds.map(({ untilMs }) => untilMs));
  return {
    context: {
      evaluation_id: base64url(entry.leaf),
      access_request: { endpoint: ACCESS_REQUESTS, expires_at: new Date(expires).toISOString() },
    },
  };
}

function recorded(answered: Answered): {
  readonly decisionId: string;
  readonly refusal?: ProvenEntry;
  readonly consistency?: readonly string[];
} {
  const entry = find(answered, 'refusal');
  // What was counted and not appended (RULE 38) has no leaf to name it.
  if (entry === undefined) return { decisionId: 'unrecorded', ...linked(answered) };
  return { decisionId: base64url(entry.leaf), refusal: proven(entry), ...linked(answered) };
}

/** Returns what a code means and what to do next. */
export const wordsOf = (code: string): { readonly meaning: string; readonly next: string } =>
  Object.hasOwn(DENY_CODES, code)
    ? DENY_CODES[code as keyof typeof DENY_CODES]
    : (MORE_CODES[code] ?? UNKNOWN);

const linked = ({ consistency }: Answered): { readonly consistency?: readonly string[] } =>
  consistency === undefined ? {} : { consistency: consistency.map(base64) };

const find = (answered: Answered, type: Entry['type']): Committed | undefined =>
  answered.entries.find(({ bytes }) => parseEntry(bytes).type === type);

function at(answered: Answered, position: number): Committed {
  const entry = answered.entries[position];
  if (entry === undefined)
    throw new PlaneError('internal', 'internal: the answer names an entry that is not there');
  return entry;
}
