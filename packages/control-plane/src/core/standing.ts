// Standing: whether those on a chain may still act, now. Asked when deciding, redeeming and renewing alike, under the
// same fence (RULE 4): identity, mandate, containment, parent, root grant.
import type { ChainLink } from '@licet/evidence';
import type { Caller } from './commands.ts';
import { isContraindicated } from './attest.ts';
import { barred, covering, MAX_DEPTH, subjectOf } from './containment.ts';
import { bindings } from './mandates.ts';
import type { ExecutionRow, RowReader } from './rows.ts';
import { SELF } from './rows.ts';
import { speaks, stands } from './vouching.ts';

/** Why something may not go on: a code of the deny table, and the link of the chain that failed. */
export interface Objection {
  readonly code: string;
  readonly failedLink?: number;
  readonly retryAfterMs?: number;
}

/** What is asking to go on. */
export interface Claim {
  readonly exec: string;
  readonly run: string;
  readonly parent?: { readonly exec: string; readonly start: string } | undefined;
  readonly depth: number;
  readonly action: string;
  readonly chain: readonly ChainLink[];
  readonly caller: Caller;
  /** Scope ids of what it touches. */
  readonly resources: readonly string[];
}

/** The first objection to the claim, or undefined. */
export function objection(
  rows: RowReader,
  tenant: string,
  claim: Claim,
  nowMs: number,
): Objection | undefined {
  return (
    identities(rows, claim, nowMs) ??
    mandates(rows, claim, nowMs) ??
    (covering(rows, subjectOf(tenant, claim)) === undefined ? undefined : { code: 'contained' }) ??
    (isContraindicated(rows, claim.exec) ? { code: 'attestation_contraindicated' } : undefined) ??
    parentage(rows, claim, nowMs)
  );
}

function identities(rows: RowReader, { chain, caller }: Claim, nowMs: number): Objection | undefined {
  if (chain.length === 0) return { code: 'unidentified' };
  for (const [failedLink, link] of chain.entries()) {
    const row = rows.get('identity', link.id);
    if (row === undefined || !stands(rows, row) || row.leaf !== link.identity)
      return { code: 'revoked', failedLink };
  }
  const actor = chain.at(-1)!;
  const row = rows.get('identity', caller.subject);
  // The key that speaks must belong to the acting identity today, not only when it opened its session.
  if (row === undefined || row.revoked || caller.subject !== actor.id) return { code: 'unidentified' };
  if (speaks(rows, row, caller.jkt, nowMs)) return undefined;
  const vouched = rows.get('key', caller.jkt)?.vouched !== undefined;
  return { code: vouched ? 'token_ended' : 'key_retired', failedLink: chain.length - 1 };
}

/** RULE 17: what binds the chain now is what the chain says binds it, and is in force. */
function mandates(rows: RowReader, { chain }: Claim, nowMs: number): Objection | undefined {
  const bound = bindings(
    rows,
    chain.map(({ id }) => id),
    nowMs,
  );
  for (const [failedLink, link] of chain.entries()) {
    const binding = bound[failedLink];
    if (binding === 'broken' || binding?.leaf !== link.mandate) return { code: 'mandate', failedLink };
  }
  return undefined;
}

function parentage(rows: RowReader, claim: Claim, nowMs: number): Objection | undefined {
  if (claim.parent === undefined) return undefined;
  if (claim.depth > MAX_DEPTH) return { code: 'chain' };
  let parent = rows.get('execution', claim.parent.exec);
  // RULE 18: only the key that runs the parent, or the one its spawn permit names, may act below it.
  const child = parent?.permit?.child;
  const mayName =
    parent !== undefined && (parent.jkt === claim.caller.jkt || child?.jkt === claim.caller.jkt);
  if (
    parent === undefined ||
    !mayName ||
    parent.start?.leaf !== claim.parent.start ||
    parent.run !== claim.run
  ) {
    return { code: 'parent' };
  }
  for (let depth = 0; parent !== undefined && depth <= MAX_DEPTH; depth += 1) {
    const actor = rows.get('identity', parent.chain.at(-1)?.id ?? '');
    // Whoever runs the parent must still be let: what its issuer no longer vouches for ends with all below it.
    const led = actor !== undefined && speaks(rows, actor, parent.jkt, nowMs);
    // And what is not what was permitted, not only once its own door has noticed.
    if (!led || !isRunning(rows, parent, nowMs) || isContraindicated(rows, parent.exec))
      return { code: 'parent_ended' };
    if (parent.parent === undefined) return undefined;
    parent = rows.get('execution', parent.parent.exec);
  }
  return { code: 'parent_ended' };
}

/** The objection to opening a new root, or undefined (RULE 18). */
export function rootObjection(rows: RowReader, caller: Caller, nowMs: number): Objection | undefined {
  const grant = rows.get('identity', caller.subject)?.root;
  if (grant === undefined) return { code: 'root_grant' };
  if (barred(rows, caller.jkt)) return { code: 'contained' };
  const used = rows.get('roots', caller.subject);
  const day = Math.floor(nowMs / 86_400_000);
  const untilTomorrow = (day + 1) * 86_400_000 - nowMs;
  // A grant of none is none, also for who has opened nothing yet.
  const today = used?.day === day ? used.today : 0;
  if ((used?.open ?? 0) >= grant.concurrent) return { code: 'limit', retryAfterMs: 1_000 };
  if (today >= grant.perDay) {
    return { code: 'limit', retryAfterMs: untilTomorrow };
  }
  return undefined;
}

/** True while the lease lives; a lease from before the clock was set back is over (RULE 39). */
const isRunning = (rows: RowReader, row: ExecutionRow, nowMs: number): boolean =>
  row.state === 'running' &&
  row.lease !== undefined &&
  nowMs <= row.lease.untilMs &&
  row.decision.index >= (rows.get('clock', SELF)?.segmentStart ?? 0);
