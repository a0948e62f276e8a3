/**
 * Clients of a server that is about to be killed: they ask, start, redeem and report as fast as they can and write
 * down what they were promised, and what they asked without getting an answer.
 */
import { randomBytes } from 'node:crypto';
import { parseTlogProof } from '@licet/evidence';
import type { Answer, ExecutionRequest, Permitted, PinnedPlane, ProvenEntry } from '@licet/api';

/** A request that got no answer: whether it was decided is not known. */
export interface Unanswered {
  readonly request: ExecutionRequest;
}

/** A redemption that got no answer. */
export interface UnansweredRedeem {
  readonly permitted: Permitted;
  readonly instance: string;
}

/** What all clients of all rounds were told. */
export interface Ledger {
  /** Entry text by log index: acknowledged, therefore to be found there for ever. */
  readonly acknowledged: Map<number, string>;
  /** Executions whose start was acknowledged, with the instance that got it. */
  readonly started: Map<string, string>;
  unanswered: Unanswered[];
  unansweredRedeems: UnansweredRedeem[];
  /** Refusals by code: expected ones are few. */
  readonly refused: Map<string, number>;
  readonly violations: string[];
}

export const newLedger = (): Ledger => ({
  acknowledged: new Map(),
  started: new Map(),
  unanswered: [],
  unansweredRedeems: [],
  refused: new Map(),
  violations: [],
});

const nonce = (): string => randomBytes(16).toString('base64url');
const DOOR = { grade: 'gateway', confine: 'none' } as const;

/** Notes an entry that came with an answer. Two different entries at one index are a fork. */
export function acknowledge(ledger: Ledger, { entry, proof }: ProvenEntry): number {
  const { index } = parseTlogProof(proof);
  const before = ledger.acknowledged.get(index);
  if (before !== undefined && before !== entry)
    ledger.violations.push(`two entries were acknowledged at index ${index}`);
  ledger.acknowledged.set(index, entry);
  return index;
}

function noteStart(ledger: Ledger, executionId: string, instance: string): void {
  const other = ledger.started.get(executionId);
  if (other !== undefined && other !== instance)
    ledger.violations.push(`${executionId} was started for two instances`);
  ledger.started.set(executionId, instance);
}

/** Notes an answer to a request of this instance. */
export function noteAnswer(ledger: Ledger, answer: Answer, instance: string): void {
  if (answer.verdict === 'allow') {
    acknowledge(ledger, answer.permit);
    if (answer.start !== undefined) {
      acknowledge(ledger, answer.start);
      noteStart(ledger, answer.executionId, instance);
    }
    return;
  }
  ledger.refused.set(answer.code, (ledger.refused.get(answer.code) ?? 0) + 1);
  if (answer.refusal !== undefined) acknowledge(ledger, answer.refusal);
}

/** Returns a request to write a file of the workspace, or now and then one outside it, which is refused. */
export function aRequest(workspace: string, n: number): ExecutionRequest {
  const path = n % 17 === 0 ? '/etc/passwd' : `${workspace}/f${n}.txt`;
  return {
    action: 'files/write_file',
    arguments: { path, content: `content ${n}` },
    idempotencyKey: nonce(),
    instance: nonce(),
    // Half start in the same commit, half take the permit first and redeem it.
    start: n % 2 === 0,
    door: DOOR,
  };
}

/** Redeems; undefined when no answer came. */
export async function redeem(
  ledger: Ledger,
  client: PinnedPlane,
  permitted: Permitted,
  instance: string,
): Promise<boolean | undefined> {
  const { executionId, permit } = permitted;
  try {
    const answer = await client.redeem(executionId, { permit, instance, door: DOOR });
    if (answer.verdict === 'started') {
      acknowledge(ledger, answer.start);
      noteStart(ledger, executionId, instance);
      return true;
    }
    ledger.refused.set(answer.code, (ledger.refused.get(answer.code) ?? 0) + 1);
    if (answer.refusal !== undefined) acknowledge(ledger, answer.refusal);
    return false;
  } catch {
    return undefined;
  }
}

/** One client, until `signal`. Every question is written down before it is asked. */
export async function client(
  ledger: Ledger,
  plane: PinnedPlane,
  workspace: string,
  next: () => number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const n = next();
    const request = aRequest(workspace, n);
    let answer: Answer;
    try {
      answer = await plane.request(request);
    } catch {
      ledger.unanswered.push({ request });
      return;
    }
    noteAnswer(ledger, answer, request.instance);
    if (answer.verdict !== 'allow') continue;
    let instance = request.instance;
    if (answer.start === undefined) {
      instance = nonce();
      const outcome = await redeem(ledger, plane, answer, instance);
      if (outcome === undefined) ledger.unansweredRedeems.push({ permitted: answer, instance });
      if (outcome !== true) continue;
    }
    if (n % 3 !== 0) continue;
    try {
      const done = await plane.report(answer.executionId, { instance, status: 'completed', result: { n } });
      acknowledge(ledger, done.outcome);
    } catch {
      return;
    }
  }
}

/**
 * Two processes take the same permit: at most one may start. By consequence the policy bars their key afterwards
 * (RULE 33, 18), so this is a client of its own in every round. The second one may ask `elsewhere`: at another replica.
 */
export async function rivals(
  ledger: Ledger,
  plane: PinnedPlane,
  workspace: string,
  elsewhere = plane,
): Promise<void> {
  try {
    const permitted = await plane.request({ ...aRequest(workspace, 1), start: false });
    if (permitted.verdict !== 'allow') return;
    acknowledge(ledger, permitted.permit);
    const outcomes = await Promise.all(
      [plane, elsewhere].map((at) => redeem(ledger, at, permitted, nonce())),
    );
    if (outcomes.filter((outcome) => outcome === true).length > 1)
      ledger.violations.push(`${permitted.executionId} was redeemed twice`);
  } catch {
    // Killed meanwhile; what was acknowledged is noted.
  }
}
