/**
 * The verifier: an evidence bundle against a trust file, as a ladder of rungs (docs/formats/evidence-bundle.md;
 * RULE 43, 44). Trust comes only from outside the file. It never throws for what the file says: garbage fails the
 * first rung, every other rung runs as far as it can, and each failing one is named.
 */
import { nobleCrypto, type Crypto } from './crypto.ts';
import { readEvidence } from './evidence-bundle.ts';
import { approvalsRung } from './rungs/approvals.ts';
import {
  messageOf,
  openCase,
  RUNG_NAMES,
  type Case,
  type Finding,
  type Redecide,
  type RungName,
} from './rungs/case.ts';
import { attestationRung } from './rungs/attestation.ts';
import { containmentRung } from './rungs/containment.ts';
import { bundleSignatureRung, redecisionRung } from './rungs/policy.ts';
import { principalChainRung } from './rungs/principals.ts';
import { argumentsRung, outcomeRung } from './rungs/records.ts';
import { leaseRung, oneStartRung, orderAndTimingRung } from './rungs/running.ts';
import {
  checkpointSignatureRung,
  consistencyRung,
  entryHashesRung,
  formatRung,
  inclusionRung,
  witnessQuorumRung,
} from './rungs/tree.ts';
import type { Trust } from './trust.ts';

/** One rung of the ladder, with what it found. */
export interface RungReport extends Finding {
  readonly name: RungName;
}

/** What the verifier says about a file. */
export interface VerifyReport {
  /** Absent when the file cannot be read. */
  readonly kind?: 'execution' | 'run';
  readonly origin?: string;
  readonly subject?: string;
  readonly digest?: string;
  /** All rungs, in their order. */
  readonly rungs: readonly RungReport[];
  /** Whom one believes in believing this report: keys, and what only the operator asserts. */
  readonly trusting: readonly string[];
  /** 0 verified under the named trust; 4 failed; 5 consistent with itself, signer unknown. */
  readonly exit: 0 | 4 | 5;
  /** One sentence. */
  readonly summary: string;
}

/** Options of {@link verifyBundle}. */
export interface VerifyOptions {
  /** Default: pure JavaScript. */
  readonly crypto?: Crypto;
  /** Decides recorded decisions again; without it that rung is `not checked`. */
  readonly redecide?: Redecide;
  /** Rungs that must pass; an unchecked or asserted one, or a name that is none, gives exit 4 (RULE 44). */
  readonly require?: readonly RungName[];
  /** Milliseconds since the epoch: cosignatures from the future do not count. Default: they are not compared. */
  readonly nowMs?: number;
}

const RUNGS: Readonly<Record<RungName, (c: Case) => Finding | Promise<Finding>>> = {
  format: formatRung,
  'entry-hashes': entryHashesRung,
  inclusion: inclusionRung,
  'checkpoint-signature': checkpointSignatureRung,
  consistency: consistencyRung,
  'witness-quorum': witnessQuorumRung,
  'bundle-signature': bundleSignatureRung,
  arguments: argumentsRung,
  'principal-chain': principalChainRung,
  approvals: approvalsRung,
  attestation: attestationRung,
  're-decision': redecisionRung,
  'one-start': oneStartRung,
  'order-and-timing': orderAndTimingRung,
  lease: leaseRung,
  outcome: outcomeRung,
  containment: containmentRung,
};

/** RULE 44: exit 0 needs each of these to pass; the rest is counted aloud. */
const FOUNDATION: readonly RungName[] = [
  'format',
  'entry-hashes',
  'inclusion',
  'checkpoint-signature',
  'consistency',
];

/** Returns what a file proves under a trust file, or by itself when there is none. Resolves for every input. */
export async function verifyBundle(
  bytes: Uint8Array,
  trust: Trust | undefined,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  let c: Case;
  try {
    // A copy, so that the caller cannot change what is being verified between two awaits.
    const { file, flaws } = readEvidence(bytes.slice());
    const { crypto = nobleCrypto, redecide, nowMs } = options;
    c = openCase(file, flaws, {
      crypto,
      ...(trust === undefined ? {} : { trust }),
      ...(redecide === undefined ? {} : { redecide }),
      ...(nowMs === undefined ? {} : { nowMs }),
    });
  } catch (error) {
    return unreadable(messageOf(error));
  }
  const rungs: RungReport[] = [];
  for (const name of RUNG_NAMES) rungs.push({ name, ...(await climb(name, c)) });
  const exit = exitOf(rungs, trust !== undefined, options.require ?? []);
  const { kind, origin, subject, digest } = c.file;
  return {
    kind,
    origin,
    subject,
    digest,
    rungs,
    trusting: trustingOf(c, rungs),
    exit,
    summary: summaryOf(rungs, exit, origin, options.require ?? []),
  };
}

/** A rung that breaks has not passed. */
async function climb(name: RungName, c: Case): Promise<Finding> {
  try {
    return await RUNGS[name](c);
  } catch (error) {
    return { status: 'fail', why: `the check could not be made: ${messageOf(error)}` };
  }
}

function exitOf(rungs: readonly RungReport[], named: boolean, require: readonly RungName[]): 0 | 4 | 5 {
  const passes = (name: RungName): boolean =>
    rungs.some((rung) => rung.name === name && rung.status === 'pass');
  if (rungs.some(({ status }) => status === 'fail')) return 4;
  if (!require.every(passes)) return 4;
  // RULE 43: without trust from outside the file nothing is more than consistent with itself.
  if (!named) return 5;
  return FOUNDATION.every(passes) ? 0 : 4;
}

function summaryOf(
  rungs: readonly RungReport[],
  exit: 0 | 4 | 5,
  origin: string,
  require: readonly RungName[],
): string {
  const count = (status: Finding['status']): number => rungs.filter((rung) => rung.status === status).length;
  const counted = `${count('pass')} of ${rungs.length} passed, ${count('asserted')} asserted by the operator, ${count('not checked')} not checked`;
  const failed = rungs.filter(({ status }) => status === 'fail').map(({ name }) => name);
  if (failed.length > 0) return `failed: ${failed.join(', ')} (${counted})`;
  if (exit === 4) {
    const missing = require.filter(
      (name) => !rungs.some((rung) => rung.name === name && rung.status === 'pass'),
    );
    return `not verified: ${missing.length > 0 ? `required and not passed: ${missing.join(', ')}` : 'its foundation did not pass'} (${counted})`;
  }
  return exit === 5
    ? `consistent with itself; signer unknown (${counted})`
    : `verified under the trust named for ${origin}: ${counted}`;
}

/** RULE 44: what one file cannot prove is called so. */
function trustingOf(c: Case, rungs: readonly RungReport[]): readonly string[] {
  const { log } = c;
  const keys =
    log === undefined
      ? ['nobody outside this file: no trust file names its log']
      : [
          ...log.policy.split('\n').filter((line) => /^(log|witness|group|quorum)\b/.test(line)),
          `tenant ${log.tenant}`,
        ];
  const asserted = rungs
    .filter(({ status }) => status === 'asserted')
    .map(({ name, why }) => `the operator, for ${name}: ${why ?? 'asserted'}`);
  return [
    ...keys,
    ...asserted,
    'the operator, for meters and for what this file does not hold: a second start, a revocation, a later containment or policy',
  ];
}

function unreadable(why: string): VerifyReport {
  const rungs = RUNG_NAMES.map((name): RungReport =>
    name === 'format'
      ? { name, status: 'fail', why }
      : { name, status: 'not checked', why: 'the file cannot be read' },
  );
  return { rungs, trusting: [], exit: 4, summary: `failed: format (${why})` };
}
