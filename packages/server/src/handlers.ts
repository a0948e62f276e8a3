/** What handlers of routes are given. */
import type { SyncNoteSigner } from '@licet/log';
import type { Clock, ExecutionRow, Plane, Random, Store } from '@licet/control-plane';
import { PlaneError, type RouteName } from '@licet/api';
import type { FeedHub } from './feed-hub.ts';
import type { Passkeys } from './passkeys.ts';
import type { Principal } from './principals.ts';
import type { TrustedIssuers } from './issuers/trusted.ts';
import type { Vitals } from './vitals.ts';
import type { Webhooks } from './webhooks/dispatch.ts';

/** What a plane is made of, as far as handlers need it. */
export interface Parts {
  readonly plane: Plane;
  readonly store: Store;
  readonly hub: FeedHub;
  readonly clock: Clock;
  readonly random: Random;
  readonly statusSigner: SyncNoteSigner;
  /** Whether genesis declares the entries public (RULE 42). */
  readonly isPublic: boolean;
  readonly issuers: TrustedIssuers;
  readonly vitals: Vitals;
  readonly webhooks: Webhooks;
  readonly passkeys: Passkeys;
  /** What evaluates, and how much it has to do. */
  evaluator(): { readonly engine: string; readonly inFlight: number; readonly workers: number };
  /** Why something outside the log bars new work (`DATA/STOP`), if anything does. */
  barred(): string | undefined;
}

/** One call, checked. */
export interface Context {
  readonly principal: Principal | undefined;
  readonly id: string;
  /** What a final `*` of the path matched. */
  readonly rest: string;
  readonly query: Readonly<Record<string, string | number | undefined>>;
  /** Fits the route's body schema. */
  readonly body: never;
  readonly seen?: number;
  /** The `Idempotency-Key` header, where a route asks for it. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export type Handler = (context: Context) => Promise<unknown>;
export type Handlers = Readonly<Partial<Record<RouteName, Handler>>>;

/** Roles that see executions which are not their own. */
const PEOPLE = ['viewer', 'approver', 'operator', 'author', 'auditor'] as const;
/** Roles that read arguments: whoever has to judge them. */
const READERS = ['approver', 'operator', 'auditor'] as const;

export const isPerson = (principal: Principal): boolean =>
  PEOPLE.some((role) => principal.roles.includes(role));
export const readsArguments = (principal: Principal, row: ExecutionRow): boolean =>
  isOwn(principal, row) || READERS.some((role) => principal.roles.includes(role));
/** Whether this caller asked for it, or acts in its chain. */
export const isOwn = (principal: Principal, row: ExecutionRow): boolean =>
  row.jkt === principal.jkt || row.chain.at(-1)?.id === principal.subject;

/**
 * Does `work` unless new work is barred, before or when it is done: what waited in a queue while somebody dropped the
 * stop file is not answered any more, and a repeat with the same key finds what was decided.
 *
 * @throws PlaneError `unavailable`: nothing is let decide, start or go on (RULE 34)
 */
export async function gated<T>(parts: Parts, work: () => Promise<T>): Promise<T> {
  gate(parts);
  const done = await work();
  gate(parts);
  return done;
}

function gate({ barred }: Parts): void {
  const why = barred();
  if (why !== undefined) throw new PlaneError('unavailable', `unavailable: ${why}`);
}

/** Returns the caller; routes that handlers serve for identified callers have one. */
export function known({ principal }: Context): Principal {
  if (principal === undefined)
    throw new PlaneError('unidentified', 'unidentified: no credential came with this call');
  return principal;
}

/** Returns an execution that the caller may see. What is not theirs does not exist for them. */
export async function visible(parts: Parts, context: Context): Promise<ExecutionRow> {
  const principal = known(context);
  const row = await parts.plane.execution(context.id);
  if (row === undefined || !(isOwn(principal, row) || isPerson(principal))) throw notFound();
  return row;
}

export const notFound = (): PlaneError =>
  new PlaneError('not_found', 'not_found: there is no such thing here, or it is not yours to see');
