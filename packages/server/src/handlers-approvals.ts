/**
 * Handlers of approvals beside the single word: several at once, in advance, and the shape in which AuthZEN's Access
 * Request profile asks for them (RULE 22, 30).
 */
import {
  base64url,
  commitStandingScope,
  EvidenceError,
  hex,
  parseEntry,
  parseStandingScope,
  sha256,
  unbase64url,
  utf8,
  type Assertion,
  type Json,
} from '@licet/evidence';
import type { ExecutionRow } from '@licet/control-plane';
import { PlaneError, type AccessTask, type ApprovedOne, type Rejection } from '@licet/api';
import { isOwn, known, notFound, type Context, type Handlers, type Parts } from './handlers.ts';
import { ACCESS_REQUESTS, presentOperated, proven, unexpected } from './present.ts';
import { planeErrorOf } from './problems.ts';

interface Word {
  readonly executionId: string;
  readonly hold: string;
  readonly group: string;
  readonly verdict: 'approve' | 'reject';
  readonly expires?: number;
  readonly reason?: Rejection;
}

/** Returns the handlers. */
export function approvalHandlers(parts: Parts): Handlers {
  const { plane, store, clock, random } = parts;

  async function say(
    context: Context,
    { executionId, expires, ...word }: Word,
    assertion: Assertion | undefined,
  ): Promise<ApprovedOne> {
    const { subject, jkt } = known(context);
    try {
      const said = {
        ...word,
        ...(expires === undefined ? {} : { expiresMs: expires }),
        ...(assertion === undefined ? {} : { assertion }),
      };
      const { reply, entries } = await plane.approve({ subject, jkt }, executionId, said);
      if (reply.kind !== 'approval') throw unexpected(reply);
      return { executionId, ok: true, complete: reply.complete, approval: proven(entries[0]!) };
    } catch (error) {
      const { code, message } = planeErrorOf(error);
      return { executionId, ok: false, code, message };
    }
  }

  const operate = async (context: Context, effect: Parameters<typeof plane.operate>[1], key?: string) => {
    const { subject, jkt } = known(context);
    const options = key === undefined ? {} : { idempotencyKey: key };
    return presentOperated(await plane.operate({ subject, jkt }, effect, options));
  };

  /** The caller's own held call that this evaluation was. What is not theirs does not exist for them. */
  async function heldBy(context: Context, evaluation: string): Promise<ExecutionRow> {
    const index = await store.log.find(unbase64url(evaluation));
    const [bytes] = index === undefined ? [] : await store.log.entries(index, index + 1);
    const entry = bytes === undefined ? undefined : parseEntry(bytes);
    const held = entry?.type === 'refusal' && entry.verdict === 'hold' ? entry.exec : undefined;
    const row = held === undefined ? undefined : await plane.execution(held);
    if (row?.hold === undefined || !isOwn(known(context), row)) throw notFound();
    return row;
  }

  return {
    async approveMany(context) {
      const { items, assertion } = context.body as {
        readonly items: readonly Word[];
        readonly assertion?: Assertion;
      };
      const done: ApprovedOne[] = [];
      // One after the other: each word is a commit of its own over its own hold, and one that fails says so alone.
      for (const word of items) done.push(await say(context, word, assertion));
      return { items: done };
    },
    async standing() {
      const rows = await plane.standing();
      return {
        items: rows.map(({ opened, expMs, ...row }) => ({
          ...row,
          exp: expMs,
          ...(opened === undefined ? {} : { scope: opened.scope as unknown as Json }),
        })),
      };
    },
    async grantStanding(context) {
      const { group, scope, count, forMs, signed, idempotencyKey } = context.body as {
        readonly group: string;
        readonly scope: Json;
        readonly count: number;
        readonly forMs: number;
        readonly signed?: { readonly key: string; readonly exp: number; readonly assertion: Assertion };
        readonly idempotencyKey?: string;
      };
      const read = readScope(scope);
      const key = signed === undefined ? random.bytes(32) : unbase64url(signed.key);
      const { commitment } = commitStandingScope(key, scope);
      const effect = {
        op: 'standing',
        change: 'grant',
        group,
        scope: commitment,
        count,
        expMs: signed?.exp ?? clock.nowMs() + forMs,
        opened: {
          key: base64url(key),
          scope: read,
          ...(signed === undefined ? {} : { assertion: signed.assertion }),
        },
      } as const;
      return operate(context, effect, idempotencyKey);
    },
    revokeStanding: (context) => operate(context, { op: 'standing', change: 'revoke', leaf: context.id }),
    async accessRequest(context) {
      const { denial, action } = context.body as {
        readonly denial: { readonly evaluation_id: string };
        readonly action?: { readonly name: string };
      };
      const { idempotencyKey: key } = context;
      if (key === undefined || !/^[\x21-\x7e]{1,128}$/.test(key))
        throw new PlaneError('schema', 'schema: the header Idempotency-Key is missing');
      const row = await heldBy(context, denial.evaluation_id);
      if (action !== undefined && action.name !== row.action)
        throw new PlaneError('schema', `schema: action.name: that evaluation was about ${row.action}`);
      const slot = `access:${hex(sha256(utf8(`${known(context).jkt} ${key}`)))}`;
      const before = await store.sessions.get(slot);
      if (before !== undefined && before !== row.exec)
        throw new PlaneError(
          'idempotency_conflict',
          'idempotency_conflict: this key was used for another request',
        );
      await store.sessions.put(slot, row.exec, row.hold!.untilMs);
      return taskOf(row, clock.nowMs());
    },
    async accessTask(context) {
      const row = await plane.execution(context.id);
      if (row?.hold === undefined || !isOwn(known(context), row)) throw notFound();
      return taskOf(row, clock.nowMs());
    },
  };
}

/** How a held call stands. `approved` says only that asking again is worth it: the policy is asked anew then. */
function taskOf(row: ExecutionRow, nowMs: number): AccessTask {
  const lapsed = row.code === 'hold_expired' || row.code === 'approval_expired';
  const waits = row.state === 'held' && nowMs < row.hold!.untilMs;
  const status =
    row.state === 'denied'
      ? row.code === 'cancelled'
        ? 'cancelled'
        : lapsed
          ? 'expired'
          : 'denied'
      : waits
        ? 'pending'
        : row.state === 'held'
          ? 'expired'
          : 'approved';
  return {
    task: {
      id: row.exec,
      status,
      status_endpoint: `${ACCESS_REQUESTS}/${row.exec}`,
      expires_at: new Date(row.hold!.untilMs).toISOString(),
    },
  };
}

function readScope(scope: Json): ReturnType<typeof parseStandingScope> {
  try {
    return parseStandingScope(scope);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    throw new PlaneError('schema', `schema: ${error.message}`, { cause: error });
  }
}
