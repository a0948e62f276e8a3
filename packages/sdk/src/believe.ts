// From the plane's answer to a permit that is believed: the entry and its proof are checked offline, and everything
// the entry says is compared with what this door asked. What is not signed is read for nothing but display.
import {
  canonicalize,
  idemDigest,
  parseEntry,
  utf8,
  verifyCommitment,
  verifyPermit,
  verifyStart,
  WHOLE,
  type EntryWithProof,
  type Json,
  type VerifiedPermit,
  type VerifiedStart,
} from '@licet/evidence';
import type { DoorClaim, Permitted, ProvenEntry } from '@licet/api';
import type { VerifiedHead } from './linker.ts';
import type { Door } from './plane.ts';
import { deepFreeze } from './snapshot.ts';

/** What the door asked; the permit must answer this and nothing else. */
export interface Asked {
  readonly action: string;
  readonly arguments: { readonly [name: string]: Json };
  readonly parent?: string;
  readonly claim: DoorClaim;
  readonly child?: { readonly agent: string; readonly jkt: string };
  /** Every idempotency key of this call: one for the request, one for each time it came back (RULE 23). */
  readonly keys: readonly string[];
}

/** A thing the execution touches, as the permit committed to it. */
export interface Resource {
  /** The argument it came from; `$` for the tool itself. */
  readonly name: string;
  readonly type: string;
  readonly id: string;
}

/** A permit that holds for this call, with what may be run. */
export interface BelievedPermit {
  readonly permit: VerifiedPermit;
  /** Run these, no others. Frozen. */
  readonly args: { readonly [name: string]: Json };
  readonly resources: readonly Resource[];
}

/**
 * Returns the permit of an answer when it is for exactly this call.
 * @throws EvidenceError, SdkError or Error: whatever it throws, nothing was permitted
 */
export async function believePermit(
  door: Door,
  answer: Permitted,
  asked: Asked,
  basis: VerifiedHead | undefined,
): Promise<BelievedPermit> {
  const proven = received(answer.permit);
  const spend = spendOf(proven.entry);
  const permit = await verifyPermit(proven, {
    trust: door.trust,
    crypto: door.crypto,
    nowMs: door.clock.now().wallMs,
    skewMs: door.skewMs,
    expect: {
      aud: door.audience,
      jkt: door.jkt,
      action: asked.action,
      spend,
      disclosures: answer.disclosures.arguments,
    },
  });
  const { entry } = permit;
  requireEqual('origin', entry.origin, door.origin);
  requireEqual('execution', entry.exec, answer.executionId);
  // RULE 18: the place in the run is part of what was asked.
  requireEqual('parent', entry.parent?.exec, asked.parent);
  // RULE 27: a permit for a stronger door is not for this one.
  requireEqual('grade', entry.grade, asked.claim.grade);
  requireEqual('confinement', entry.confine, asked.claim.confine);
  // RULE 26: what this door binds is what the decision was told.
  requireEqual('bound', entry.bound.toSorted().join(), (asked.claim.bound ?? []).toSorted().join());
  requireEqual('child', entry.child?.agent, asked.child?.agent);
  requireEqual('child key', entry.child?.jkt, asked.child?.jkt);
  // RULE 6: an answer to another request, however genuine, is not for this one.
  if (!asked.keys.some((key) => idemDigest(door.jkt, key) === entry.idem))
    throw new Error('the permit answers another request');
  // RULE 8
  await door.linker.link(permit, { basis, consistency: answer.consistency });
  const resources = believeResources(entry.resource, answer);
  return { permit, args: deepFreeze(compareArguments(permit.args, asked, resources)), resources };
}

/**
 * Returns the start that gives this instance the go (RULES 5, 6).
 * @throws EvidenceError, SdkError: whatever it throws, nothing was started here
 */
export async function believeStart(
  door: Door,
  answer: ProvenEntry,
  context: {
    readonly permit: VerifiedPermit;
    readonly instance: Uint8Array;
    readonly claim: DoorClaim;
    readonly basis: VerifiedHead | undefined;
    readonly consistency: readonly string[] | undefined;
  },
): Promise<VerifiedStart> {
  const start = await verifyStart(received(answer), {
    trust: door.trust,
    crypto: door.crypto,
    nowMs: door.clock.now().wallMs,
    skewMs: door.skewMs,
    permit: context.permit,
    instance: context.instance,
  });
  requireEqual('grade', start.entry.grade, context.claim.grade);
  requireEqual('confinement', start.entry.confine, context.claim.confine);
  await door.linker.link(start, { basis: context.basis, consistency: context.consistency });
  return start;
}

const received = ({ entry, proof }: ProvenEntry): EntryWithProof => ({ entry: utf8(entry), proof });

/** RULE 2: a door at the plane spends `plane` permits; one that was started in the same commit is `started`. */
function spendOf(bytes: Uint8Array): 'plane' | 'started' {
  const entry = parseEntry(bytes);
  return entry.type === 'permit' && entry.spend === 'started' ? 'started' : 'plane';
}

function believeResources(commitment: string, answer: Permitted): readonly Resource[] {
  const opened = verifyCommitment('resource', commitment, answer.disclosures.resources);
  return Object.entries(opened).map(([name, value]) => {
    const { type, id } = value as { readonly type?: unknown; readonly id?: unknown };
    if (typeof type !== 'string' || typeof id !== 'string')
      throw new Error(`the resource ${name} has no type and id`);
    return { name, type, id };
  });
}

/**
 * RULE 13, 26: what was permitted is what was asked, but for mapped arguments, which the plane resolves. Returns the
 * committed arguments; any other difference ends the call, because a permit for other arguments is another call's.
 */
function compareArguments(
  committed: Json | undefined,
  asked: Asked,
  resources: readonly Resource[],
): { readonly [name: string]: Json } {
  if (typeof committed !== 'object' || committed === null || Array.isArray(committed))
    throw new Error('the permit commits to no arguments');
  const args = committed as { readonly [name: string]: Json };
  const names = new Set([...Object.keys(args), ...Object.keys(asked.arguments)]);
  for (const name of names) {
    if (!Object.hasOwn(args, name) || !Object.hasOwn(asked.arguments, name))
      throw new Error(`the argument ${name} was not both asked and permitted`);
    if (!isResolved(asked.arguments[name]!, args[name]!, resources))
      throw new Error(`the permit is for another ${name}`);
  }
  return args;
}

/** Whether `given` is `asked`, or the canonical form that names the same thing and was itself decided. */
function isResolved(asked: Json, given: Json, resources: readonly Resource[]): boolean {
  if (canonicalize(asked) === canonicalize(given)) return true;
  if (Array.isArray(asked) && Array.isArray(given)) {
    return (
      asked.length === given.length &&
      asked.every((item, index) => isResolved(item as Json, given[index] as Json, resources))
    );
  }
  if (typeof asked !== 'string' || typeof given !== 'string') return false;
  if (!resources.some(({ name, id }) => name !== WHOLE && id === given)) return false;
  // One trailing slash names the folder itself; a relative path is meant from a folder the bundle names.
  const path = asked.length > 1 && asked.endsWith('/') ? asked.slice(0, -1) : asked;
  if (given.startsWith('/')) return given === path || (!path.startsWith('/') && given.endsWith(`/${path}`));
  return URL.canParse(asked) && new URL(asked).href === given;
}

function requireEqual(what: string, found: string | undefined, expected: string | undefined): void {
  if (found !== expected)
    throw new Error(`the permit's ${what} is ${found ?? 'absent'}, expected ${expected ?? 'none'}`);
}
