/**
 * Standing approvals (docs/formats/standing.md): a person's word given in advance, for calls that are like one another.
 * What such a grant covers is said here once, for the plane that uses it and the verifier that judges its use.
 */
import { base64url, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import type { ResourceRef } from './commitments.ts';
import { actionName, decimal, id } from './entries.ts';
import { EvidenceError } from './errors.ts';
import type { Json } from './json.ts';
import { domainTag } from './name.ts';
import { sha256 } from './sha256.ts';
import * as s from './shape.ts';

const words = (max: number, describe: string): s.Shape<string> =>
  s.text(new RegExp(`^[^\\u0000-\\u001f]{1,${max}}$`, 'u'), describe);

const scopeShape = s.object(
  { v: s.literal(1), action: actionName },
  {
    /** The acting agent. */
    agent: id,
    /** A group that the acting agent is a member of. */
    agents: id,
    /** Every resource of the call is one of these, or lies in one of these folders or on one of these hosts. */
    within: s.list(s.object({ type: words(64, 'an entity type'), id: words(4_096, 'a resource') }), 16),
    /** Arguments that must be exact decimals from nothing up to this. */
    max: s.dictionary(decimal, 8),
  },
);

/** What a standing approval covers. Everything that is named must hold. */
export type StandingScope = s.Of<typeof scopeShape>;

/** A call that asks to be covered. */
export interface CoveredCall {
  readonly action: string;
  /** The acting agent and the groups it is a member of. */
  readonly agent: string;
  readonly agents: readonly string[];
  readonly resources: readonly ResourceRef[];
  readonly args: { readonly [name: string]: Json };
}

/**
 * Returns the scope that a value is. It names an agent or a group of them: a word given in advance for whoever may come
 * is none.
 * @throws EvidenceError `ERR_STANDING_SCOPE`
 */
export function parseStandingScope(value: Json): StandingScope {
  const scope = scopeShape.check(value, 'scope', (path, expected) => {
    throw new EvidenceError('ERR_STANDING_SCOPE', `${path}: expected ${expected}`);
  });
  if (scope.agent === undefined && scope.agents === undefined)
    throw new EvidenceError('ERR_STANDING_SCOPE', 'scope: expected agent or agents');
  return scope;
}

/** What a passkey signs to give a word in advance. */
export interface StandingSubject {
  readonly origin: string;
  readonly group: string;
  /** Commitment to what it covers. */
  readonly scope: string;
  readonly count: number;
  readonly exp: number;
}

/**
 * Returns what a grant signs, base64url, as a WebAuthn challenge: SHA-256("licet/standing-grant/v1\n" ‖ JCS{origin, group,
 * scope, count, exp}).
 */
export const standingDigest = ({ origin, group, scope, count, exp }: StandingSubject): string =>
  base64url(sha256(utf8(domainTag('standing-grant')), canonicalBytes({ origin, group, scope, count, exp })));

/** True when the scope covers the call. */
export function covers(scope: StandingScope, call: CoveredCall): boolean {
  const { action, agent, agents, within, max } = scope;
  return (
    action === call.action &&
    (agent === undefined || agent === call.agent) &&
    (agents === undefined || call.agents.includes(agents)) &&
    (within === undefined || call.resources.every((one) => within.some((outer) => lies(one, outer)))) &&
    Object.entries(max ?? {}).every(
      ([name, most]) => Object.hasOwn(call.args, name) && upTo(call.args[name]!, most),
    )
  );
}

/** Ids are canonical, so that what lies in a folder begins with it (RULE 13). */
function lies(one: ResourceRef, outer: ResourceRef): boolean {
  if (one.type === outer.type && one.id === outer.id) return true;
  if (outer.type === 'Host') return one.type === 'Url' && hostOf(one.id) === outer.id;
  if (outer.type !== 'Folder' || (one.type !== 'Folder' && one.type !== 'File')) return false;
  return outer.id === one.id || one.id.startsWith(outer.id === '/' ? '/' : `${outer.id}/`);
}

function hostOf(url: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#@:]+)(?::[0-9]+)?(?:[/?#]|$)/.exec(url)?.[1];
}

/** RULE 21: exact decimals; anything else, and a negative amount, is not covered. */
function upTo(value: Json, most: string): boolean {
  const amount = exact(typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value);
  const limit = exact(most);
  return amount !== undefined && limit !== undefined && amount >= 0n && amount <= limit;
}

function exact(text: Json): bigint | undefined {
  const match = typeof text === 'string' ? /^(-?)([0-9]{1,18})(?:\.([0-9]{1,4}))?$/.exec(text) : null;
  if (match === null) return undefined;
  const magnitude = BigInt(match[2]!) * 10_000n + BigInt((match[3] ?? '').padEnd(4, '0'));
  return match[1] === '-' ? -magnitude : magnitude;
}
