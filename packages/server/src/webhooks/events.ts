/**
 * What webhooks say of holds: CloudEvents 1.0 in their JSON form (`application/cloudevents+json`). Ids, groups, times and
 * a link to the console; arguments only where a hook was told to carry them.
 */
import { base64url, NAME, type Entry, type Json } from '@licet/evidence';
import type { ExecutionRow, Plane } from '@licet/control-plane';

/** What happened to a hold. */
export type HoldEvent = 'opened' | 'escalated' | 'ended';

export interface CloudEvent {
  readonly specversion: '1.0';
  /** The same each time that it is told: receivers drop what they know. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: { readonly [name: string]: Json };
}

/** Refusals that end a hold without a person. */
const ENDS: Readonly<Record<string, string>> = {
  hold_expired: 'expired',
  approval_expired: 'expired',
  cancelled: 'cancelled',
};

/** What an entry means for a hold; undefined for most. `how` of an end: permitted, rejected, expired, cancelled. */
export function heldBy(
  entry: Entry,
): { readonly exec: string; readonly event: HoldEvent; readonly how?: string } | undefined {
  if (entry.type === 'refusal' && entry.exec !== undefined) {
    if (entry.verdict === 'hold') return { exec: entry.exec, event: 'opened' };
    const how = entry.of === undefined ? undefined : ENDS[entry.code];
    return how === undefined ? undefined : { exec: entry.exec, event: 'ended', how };
  }
  if (entry.type === 'approval' && entry.verdict === 'reject')
    return { exec: entry.exec, event: 'ended', how: 'rejected' };
  if (entry.type === 'permit' && entry.prior !== undefined)
    return { exec: entry.exec, event: 'ended', how: 'permitted' };
  return undefined;
}

/** Returns the event about a held execution. */
export function eventOf(of: {
  readonly origin: string;
  /** Address of the console, where there is one. */
  readonly url: string | undefined;
  readonly id: string;
  readonly event: HoldEvent;
  readonly atMs: number;
  readonly row: ExecutionRow;
  readonly how?: string;
  readonly opened?: Awaited<ReturnType<Plane['opened']>>;
}): CloudEvent {
  const { origin, url, id, event, atMs, row, how, opened } = of;
  const groups = (row.hold?.groups ?? []).map(({ group, need, until, also = [] }) => ({
    group,
    need,
    given: new Set(
      (row.approvals ?? [])
        .filter((one) => one.group === group && one.verdict === 'approve')
        .map(({ by }) => by),
    ).size,
    until: new Date(until).toISOString(),
    escalates: also.map((step) => ({ to: step.group, at: new Date(step.at).toISOString() })),
  }));
  return {
    specversion: '1.0',
    id,
    source: `//${origin}`,
    type: `local.${NAME}.hold.${event}.v1`,
    subject: row.exec,
    time: new Date(atMs).toISOString(),
    datacontenttype: 'application/json',
    data: {
      executionId: row.exec,
      run: row.run,
      action: row.action,
      agent: row.chain.at(-1)?.id ?? '',
      hold: row.hold?.leaf ?? '',
      groups,
      ...(how === undefined ? {} : { how }),
      ...(url === undefined ? {} : { link: `${url}/approvals/${row.exec}` }),
      ...(opened === undefined || opened === 'erased' ? {} : { arguments: opened.arguments }),
    },
  };
}

/** Id of what an entry tells. */
export const idOf = (leaf: Uint8Array): string => base64url(leaf);
