/** Handlers of the routes that doors use: ask, redeem, renew, report, look (DESIGN §10). */
import { parseTlogProof, unbase64url, utf8 } from '@licet/evidence';
import { type DoorClaim, type ExecutionRequest, type ProvenEntry, type Report } from '@licet/api';
import type { ExecutionRow } from '@licet/control-plane';
import {
  gated,
  isPerson,
  known,
  notFound,
  readsArguments,
  visible,
  type Context,
  type Handlers,
  type Parts,
} from './handlers.ts';
import { presentDecision, presentRedeem, presentRenew, presentReport, unexpected } from './present.ts';
import { runExecutionsOf } from './run-executions.ts';
import { namesOf, viewOf } from './views.ts';

interface Resume {
  readonly idempotencyKey: string;
  readonly instance: string;
  readonly start?: boolean;
}

const PAGE = 50;
const FINAL: ReadonlySet<string> = new Set(['refused', 'denied', 'expired', 'completed', 'failed', 'halted']);

/** Returns the handlers. */
export function doorHandlers(parts: Parts): Handlers {
  const { plane, store, hub } = parts;
  const seenOf = ({ seen }: Context): { readonly seen?: number } => (seen === undefined ? {} : { seen });
  const caller = (context: Context): { readonly subject: string; readonly jkt: string } => {
    const { subject, jkt } = known(context);
    return { subject, jkt };
  };
  return {
    async request(context) {
      const { instance, ...body } = context.body as ExecutionRequest;
      const request = { ...body, instance: unbase64url(instance), ...seenOf(context) };
      return presentDecision(await gated(parts, () => plane.decide(caller(context), request)));
    },
    async decide(context) {
      const { instance, ...body } = context.body as Resume;
      const request = { ...body, instance: unbase64url(instance), ...seenOf(context) };
      return presentDecision(await gated(parts, () => plane.resume(caller(context), context.id, request)));
    },
    async redeem(context) {
      const { permit, instance, door } = context.body as {
        readonly permit: ProvenEntry;
        readonly instance: string;
        readonly door: DoorClaim;
      };
      const body = {
        permit: { entry: utf8(permit.entry), index: parseTlogProof(permit.proof).index },
        instance: unbase64url(instance),
        door: { grade: door.grade, confine: door.confine },
        ...seenOf(context),
      };
      return presentRedeem(await gated(parts, () => plane.redeem(caller(context), context.id, body)));
    },
    async renew(context) {
      const { instance, ...body } = context.body as {
        readonly instance: string;
        readonly counter: number;
        readonly nonce: string;
      };
      const request = { ...body, instance: unbase64url(instance) };
      return presentRenew(await gated(parts, () => plane.renew(caller(context), context.id, request)));
    },
    async report(context) {
      const { instance, ...body } = context.body as Report;
      const answered = await plane.report(caller(context), context.id, {
        ...body,
        instance: unbase64url(instance),
        ...seenOf(context),
      });
      return presentReport(answered, body.status);
    },
    async cancel(context) {
      await visible(parts, context);
      const { reply } = await plane.cancel(caller(context), context.id);
      if (reply.kind === 'conflict') throw unexpected(reply);
      return { executionId: context.id, state: (await plane.execution(context.id))?.state ?? 'unknown' };
    },
    async execution(context) {
      const { query, signal } = context;
      let row = await visible(parts, context);
      const since = query['since'] ?? row.state;
      const untilMs = parts.clock.nowMs() + Number(query['wait'] ?? 0);
      // The listener is set before the row is read again, so that no change falls between the two.
      while (row.state === since && !FINAL.has(row.state) && signal?.aborted !== true && !hub.closed) {
        const leftMs = untilMs - parts.clock.nowMs();
        if (!(leftMs > 0)) break;
        const changed = hub.change(context.id, Math.min(leftMs, 45_000), signal);
        row = await visible(parts, context);
        if (row.state !== since) break;
        await changed;
        row = await visible(parts, context);
      }
      const principal = known(context);
      const opened = readsArguments(principal, row) ? await plane.opened(row.exec) : undefined;
      return viewOf(row, await namesOf(store, [row]), opened, isPerson(principal));
    },
    async executions(context) {
      const principal = known(context);
      const { query } = context;
      const limit = Number(query['limit'] ?? PAGE);
      const where: Record<string, string> = {};
      for (const field of ['state', 'verdict', 'agent', 'action', 'run']) {
        const value = query[field];
        if (value !== undefined) where[field] = String(value);
      }
      // Who is no person sees what it did itself, whatever it asks for.
      if (!isPerson(principal)) where['agent'] = principal.subject;
      const after = query['after'];
      const found = await store.list({
        kind: 'execution',
        where,
        limit,
        ...(after === undefined ? {} : { after: Number(after) }),
      });
      const rows = found.map(({ value }) => value as ExecutionRow);
      const names = await namesOf(store, rows);
      const last = found.at(-1);
      return {
        items: rows.map((row) => viewOf(row, names, undefined, isPerson(principal))),
        ...(last === undefined || found.length < limit ? {} : { next: last.order }),
      };
    },
    async runExecutions(context) {
      await visible(parts, context);
      return runExecutionsOf(store, context.id);
    },
    async lineage(context) {
      await visible(parts, context);
      const graph = await plane.lineage(context.id);
      if (graph === undefined) throw notFound();
      return graph;
    },
    async me(context) {
      const { subject, kind, roles } = known(context);
      return { subject, kind, roles };
    },
  };
}
