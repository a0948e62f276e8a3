/**
 * The rungs about policy: the bundles that decided are signed by trusted authors, in force and not below the floor
 * (RULE 20), and the recorded decisions are what those bundles decide (RULE 19).
 */
import { base64url, unbase64url } from '../bytes.ts';
import type { BundleRef, PermitEntry, RefusalEntry } from '../entries.ts';
import type { SignedBundle } from '../evidence-bundle.ts';
import { jwkPublicKey } from '../jwk.ts';
import type { Json } from '../json.ts';
import { isObject } from '../shape.ts';
import { authorKeys } from '../authors.ts';
import type { KeyChange } from '../key-changes.ts';
import { organisationKeys } from '../organisation.ts';
import { bundleDigest, bundleHash } from '../signing.ts';
import { trustedKeys } from '../trust.ts';
import { parseVkey } from '../vkey.ts';
import {
  attempt,
  check,
  isOperation,
  messageOf,
  ofType,
  recordOfDecision,
  sum,
  type Case,
  type Finding,
  type Placed,
  type RungItem,
} from './case.ts';
import { openedMandates } from './principals.ts';

type Decision = Placed<'permit'> | Placed<'refusal'>;

/** The bundles that each decision names are in the file, signed by authors one trusts, and were in force. */
export async function bundleSignatureRung(c: Case): Promise<Finding> {
  const items: RungItem[] = [];
  const refs = new Map<string, BundleRef>();
  for (const decision of decisions(c)) {
    for (const ref of decision.entry.bundles ?? [])
      refs.set(`${ref.layer} ${ref.digest} ${ref.version}`, ref);
    items.push(...inForce(c, decision));
  }
  const known = new Map(c.file.bundles.map((signed) => [attempt(() => bundleDigest(signed.bundle)), signed]));
  for (const ref of refs.values()) items.push(await checkBundle(c, ref, known.get(ref.digest)));
  const named = new Set([...refs.values()].map(({ digest }) => digest));
  for (const digest of known.keys()) {
    if (digest === undefined || !named.has(digest))
      items.push({ status: 'fail', what: `bundle ${digest}: no decision in this file names it` });
  }
  return sum(items, 'no decision in this file names a bundle');
}

/** Every recorded decision is decided again from its disclosed inputs and must agree (RULE 19). */
export async function redecisionRung(c: Case): Promise<Finding> {
  const { redecide } = c;
  if (redecide === undefined)
    return { status: 'not checked', why: 'this verifier was given no policy engine' };
  const items: RungItem[] = [];
  for (const { index, entry } of decisions(c)) {
    if (entry.inputs === undefined) continue;
    const execution = recordOfDecision(c, entry);
    if (execution === undefined) {
      items.push({ status: 'not checked', what: `decision ${index}: ${withheldOrErased(c, entry.exec)}` });
      continue;
    }
    const hidden = (['arguments', 'resources', 'inputs'] as const).filter(
      (part) => execution[part].withheld.length > 0,
    );
    // RULE 19: a withheld input is never guessed.
    if (hidden.length > 0 || execution.inputs.disclosed.length === 0) {
      items.push({
        status: 'not checked',
        what: `decision ${index}: withheld: ${hidden.join(', ') || 'inputs'}`,
      });
      continue;
    }
    items.push(await redecideOne(c, index, entry));
  }
  return sum(items, 'no decision in this file has inputs');
}

/** Returns `erased` only with the redaction entry proven, else `withheld` (RULE 44). */
export function withheldOrErased(c: Case, exec: string | undefined): string {
  const own = new Set(
    c.entries.flatMap(({ id, entry }) =>
      entry !== undefined && 'exec' in entry && entry.exec === exec ? [id] : [],
    ),
  );
  const erased = ofType(c, 'redaction').some(({ entry }) => own.has(entry.target));
  return erased ? 'erased' : 'withheld: the record is not in this file';
}

async function redecideOne(c: Case, index: number, entry: PermitEntry | RefusalEntry): Promise<RungItem> {
  try {
    const result = await c.redecide!({
      entry,
      execution: recordOfDecision(c, entry)!,
      bundles: c.file.bundles as unknown as readonly Json[],
      mandates: openedMandates(c, entry.chain ?? []),
    });
    // Closed: an engine that answers anything else has not agreed.
    const status = result.status === 'pass' || result.status === 'not checked' ? result.status : 'fail';
    return {
      status,
      what: `decision ${index}: ${result.why ?? (status === 'pass' ? 'decided again, the same' : status)}`,
    };
  } catch (error) {
    return { status: 'fail', what: `decision ${index}: the policy engine failed: ${messageOf(error)}` };
  }
}

/** RULE 20, 35: the heads name the newest policy entry, versions are not below the floor, no layer went missing. */
function inForce(c: Case, { index, entry }: Decision): readonly RungItem[] {
  const items: RungItem[] = [];
  const before = ofType(c, 'policy').filter((policy) => policy.index < index);
  const newest = before.at(-1);
  if (newest !== undefined && entry.heads !== undefined) {
    items.push(
      check(
        entry.heads.policy === newest.id,
        `decision ${index} names the policy head`,
        `decision ${index} does not name policy entry ${newest.index}, the newest before it`,
      ),
    );
    const gap = missingPolicy(c, entry.heads.policy);
    // RULE 20, 44: what was left out may be the organisation's bundle; without it nobody can say that there was none.
    if (gap !== undefined)
      items.push({
        status: 'not checked',
        what: `decision ${index}: policy entry ${gap} is withheld, and what it published`,
      });
  }
  // RULE 34: the built-in operator policy decides these, never a bundle.
  if (entry.bundles === undefined || isOperation(entry)) return items;
  for (const layer of ['org', 'team'] as const) {
    const ref = entry.bundles.find((candidate) => candidate.layer === layer);
    const last = before.findLast((policy) => policy.entry.layer === layer);
    const published = before.findLast(
      (policy) => policy.entry.layer === layer && policy.entry.op === 'publish',
    );
    if (last !== undefined && ref === undefined && layer === 'org') {
      items.push({ status: 'fail', what: `decision ${index}: the organisation's bundle is absent` });
    }
    if (ref === undefined) continue;
    if (last !== undefined && ref.version < last.entry.floor) {
      items.push({
        status: 'fail',
        what: `decision ${index}: ${layer} version ${ref.version} is below the floor ${last.entry.floor}`,
      });
    }
    if (published !== undefined) {
      const same = published.entry.digest === ref.digest && published.entry.version === ref.version;
      items.push(
        check(
          same,
          `decision ${index}: ${layer} bundle in force`,
          `decision ${index}: ${layer} bundle ${ref.digest} was not the one in force`,
        ),
      );
    }
  }
  return items;
}

/** The first policy entry that the chain from this head names and the file does not hold. */
function missingPolicy(c: Case, head: string | null): string | undefined {
  const known = new Map(ofType(c, 'policy').map(({ id, entry }) => [id, entry]));
  for (let next = head; next !== null; next = known.get(next)!.prev) if (!known.has(next)) return next;
  return undefined;
}

async function checkBundle(c: Case, ref: BundleRef, signed: SignedBundle | undefined): Promise<RungItem> {
  const name = `${ref.layer} bundle ${ref.digest}`;
  if (signed === undefined) return { status: 'not checked', what: `${name} is withheld` };
  const { bundle } = signed;
  const fits =
    isObject(bundle) &&
    bundle['layer'] === ref.layer &&
    bundle['version'] === ref.version &&
    (ref.layer === 'org'
      ? isOwnOrganisation(c, bundle['org'])
      : bundle['origin'] === c.file.origin && bundle['tenant'] === c.entries[0]?.entry?.tenant);
  if (!fits)
    return {
      status: 'fail',
      what: `${name}: layer, version, origin, tenant or organisation differ from what the decision names`,
    };
  const changes = changesBefore(c, ref);
  const { trusted, asserted } =
    ref.layer === 'org' ? await orgKeysOf(c, changes, String(bundle['org'])) : await authorKeysOf(c, changes);
  if (await signedByAny(c, signed, trusted))
    return { status: 'pass', what: `${name} is signed by a trusted author` };
  if (await signedByAny(c, signed, asserted))
    return { status: 'asserted', what: `${name} is signed by an author whom only the log names` };
  if (c.log === undefined) return { status: 'not checked', what: `${name}: no trust file names its authors` };
  return { status: 'fail', what: `${name}: no author whom the trust file names has signed it` };
}

interface Keys {
  readonly trusted: readonly Uint8Array[];
  readonly asserted: readonly Uint8Array[];
}

/**
 * How the keys of a layer had changed when this bundle was published; where the file does not hold that entry, when it
 * first decided. What changed after says nothing about who might sign it.
 */
function changesBefore(c: Case, { layer, digest }: BundleRef): readonly KeyChange[] {
  const purpose = layer === 'org' ? 'org' : 'author';
  const published = ofType(c, 'policy').find(
    ({ entry }) => entry.op === 'publish' && entry.digest === digest,
  );
  const until =
    published?.index ??
    decisions(c).find(({ entry }) => entry.bundles?.some((one) => one.digest === digest) === true)?.index ??
    Infinity;
  return ofType(c, 'key')
    .filter(({ index, entry }) => entry.purpose === purpose && index < until)
    .map(({ entry }) => entry);
}

/** The keys that the log alone names, but for those that it says were retired. */
function namedKeys(founding: readonly Uint8Array[], changes: readonly KeyChange[]): readonly Uint8Array[] {
  const keys = new Map(founding.map((key) => [base64url(key), key]));
  for (const { op, key } of changes) {
    const publicKey = attempt(() => parseVkey(key).publicKey);
    if (publicKey === undefined) continue;
    if (op === 'retire') keys.delete(base64url(publicKey));
    else keys.set(base64url(publicKey), publicKey);
  }
  return [...keys.values()];
}

/** RULE 20: pinned keys, and those that they let in by their signature before the bundle was published. */
async function authorKeysOf(c: Case, changes: readonly KeyChange[]): Promise<Keys> {
  const pinned = c.log === undefined ? [] : trustedKeys(c.log, 'author');
  const counting = await authorKeys(c.file.origin, pinned, changes, c.crypto);
  return {
    trusted: [...counting.values()].map(({ publicKey }) => publicKey),
    asserted: namedKeys([], changes),
  };
}

/** RULE 20: the organisation is the one that genesis names; a log without one has no organisation's bundle. */
function isOwnOrganisation(c: Case, org: Json | undefined): boolean {
  const genesis = ofType(c, 'genesis')[0];
  return typeof org === 'string' && (genesis === undefined || genesis.entry.org?.id === org);
}

async function orgKeysOf(c: Case, changes: readonly KeyChange[], org: string): Promise<Keys> {
  const founding = (ofType(c, 'genesis')[0]?.entry.org?.keys ?? []).flatMap(
    (key) => attempt(() => jwkPublicKey(key).bytes) ?? [],
  );
  const pinned = c.log === undefined ? [] : trustedKeys(c.log, 'org').map(({ publicKey }) => publicKey);
  return {
    trusted: await organisationKeys(org, pinned, changes, c.crypto),
    asserted: namedKeys(founding, changes),
  };
}

async function signedByAny(c: Case, signed: SignedBundle, keys: readonly Uint8Array[]): Promise<boolean> {
  const message = bundleHash(signed.bundle);
  for (const { sig } of signed.sigs) {
    const signature = attempt(() => unbase64url(sig));
    if (signature === undefined) continue;
    for (const key of keys) if (await c.crypto.verifyEd25519(key, message, signature)) return true;
  }
  return false;
}

const decisions = (c: Case): readonly Decision[] =>
  [...ofType(c, 'permit'), ...ofType(c, 'refusal')].toSorted((a, b) => a.index - b.index);
