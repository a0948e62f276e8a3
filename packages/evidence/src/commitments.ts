/**
 * Commitments to arguments, resources, inputs and results (docs/formats/commitments.md; RULE 40). The log holds
 * the commitment, the record holds the disclosures; destroying the record key K destroys the salts, and with
 * them any hope of guessing what a commitment hides.
 */
import { base64url, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import { disclosureDigest, MAX_DISCLOSURES, type Disclosure } from './disclosures.ts';
import { digest } from './entries.ts';
import { EvidenceError } from './errors.ts';
import type { Json } from './json.ts';
import { domainTag } from './name.ts';
import { sha256 } from './sha256.ts';
import { isObject } from './shape.ts';

/** What a set of disclosures is about; each has its own tag, so that one can never pass for another. */
export type CommitmentKind =
  'argument' | 'resource' | 'input' | 'result' | 'mandate' | 'attestation' | 'standing' | 'note';

/** A commitment and what opens it. */
export interface Commitment {
  /** 32 bytes, base64url. */
  readonly commitment: string;
  readonly disclosures: readonly Disclosure[];
}

/** A thing that an execution touches, as Cedar names it. */
export interface ResourceRef {
  readonly type: string;
  readonly id: string;
}

/** The name under which a value that is not an object, or has such a name itself, is committed to whole. */
export const WHOLE = '$';

const TAGS: Readonly<Record<CommitmentKind, Uint8Array>> = {
  argument: utf8(domainTag('args')),
  resource: utf8(domainTag('resource')),
  input: utf8(domainTag('inputs')),
  result: utf8(domainTag('result')),
  mandate: utf8(domainTag('mandate-body')),
  attestation: utf8(domainTag('attestation')),
  standing: utf8(domainTag('standing-scope')),
  note: utf8(domainTag('approval-note')),
};
const SALT_TAG = utf8(domainTag('salt'));
const KEY_LENGTH = 32;
const SALT_LENGTH = 16;

/**
 * Returns the salts of one record, derived from its key K (32 bytes, which never leaves the plane):
 *
 *     salt = SHA-256( "licet/salt/v1\n" ‖ K ‖ JCS([kind, name]) )[0..16], base64url
 *
 * @throws EvidenceError `ERR_COMMITMENT_KEY`
 */
export function recordSalts(recordKey: Uint8Array): (kind: CommitmentKind, name: string) => string {
  if (recordKey.length !== KEY_LENGTH) {
    throw new EvidenceError(
      'ERR_COMMITMENT_KEY',
      `a record key is ${KEY_LENGTH} bytes, not ${recordKey.length}`,
    );
  }
  return (kind, name) =>
    base64url(sha256(SALT_TAG, recordKey, canonicalBytes([kind, name])).subarray(0, SALT_LENGTH));
}

/** Returns the commitment to an action's arguments: one disclosure for each top-level argument. */
export function commitArguments(recordKey: Uint8Array, args: Json): Commitment {
  return commit('argument', recordKey, wrapWhole(args));
}

/** Returns the commitment to the resolved resources: argument name (`$` for the tool itself) → Cedar type and id. */
export function commitResources(
  recordKey: Uint8Array,
  resources: Readonly<Record<string, ResourceRef>>,
): Commitment {
  return commit('resource', recordKey, resources as unknown as Readonly<Record<string, Json>>);
}

/** Returns the commitment to the exact inputs of a decision: exactly one disclosure, named `inputs` (RULE 19). */
export function commitInputs(recordKey: Uint8Array, inputs: Json): Commitment {
  return commit('input', recordKey, { inputs });
}

/** Returns the commitment to a result: one disclosure for each top-level field. */
export function commitResult(recordKey: Uint8Array, result: Json): Commitment {
  return commit('result', recordKey, wrapWhole(result));
}

/** Returns the commitment to the body of a mandate: one disclosure named `body`. */
export function commitMandateBody(recordKey: Uint8Array, body: Json): Commitment {
  return commit('mandate', recordKey, { body });
}

/** Returns the commitment to what a standing approval covers: one disclosure named `scope`. */
export function commitStandingScope(recordKey: Uint8Array, scope: Json): Commitment {
  return commit('standing', recordKey, { scope });
}

/** Returns the commitment to what a person wrote beside their rejection: one disclosure named `text`. */
export function commitNote(recordKey: Uint8Array, text: string): Commitment {
  return commit('note', recordKey, { text });
}

/** Returns the commitment to the evidence behind an attestation: one disclosure named `evidence`. */
export function commitAttestation(recordKey: Uint8Array, evidence: Json): Commitment {
  return commit('attestation', recordKey, { evidence });
}

/**
 * Returns the commitment to a set of digests:
 *
 *     base64url( SHA-256( tag ‖ JCS( digests, sorted ) ) )
 */
export function commitmentOf(kind: CommitmentKind, digests: readonly string[]): string {
  return base64url(sha256(TAGS[kind], canonicalBytes(digests.toSorted(byCodeUnit))));
}

/**
 * Returns the fields that were disclosed, once the commitment is proven to be exactly theirs and the withheld
 * ones': every digest is one disclosure's or one withheld one's, names are unique (RULE 40).
 * With something withheld the record is partial: compare `withheld.length` before you rely on an absent name.
 * @throws EvidenceError `ERR_COMMITMENT_DISCLOSURE`, `ERR_COMMITMENT_NAME`, `ERR_COMMITMENT_MISMATCH`
 */
export function verifyCommitment(
  kind: CommitmentKind,
  commitment: string,
  disclosures: readonly Disclosure[],
  withheld: readonly string[] = [],
): Readonly<Record<string, Json>> {
  const computed = commitmentOf(kind, openableDigests(kind, disclosures, withheld));
  if (computed !== commitment) {
    throw new EvidenceError(
      'ERR_COMMITMENT_MISMATCH',
      `${kind}: the disclosures commit to ${computed}, not ${commitment}`,
    );
  }
  // fromEntries defines own members, so a field named __proto__ is only a field.
  return Object.fromEntries(disclosures.map(([, name, value]) => [name, value]));
}

/**
 * Returns the value as a record of fields: itself, or `{"$": value}` when it is not an object, has a field named
 * `$`, or has too many fields. So a record with a `$` is always a wrapped value, and two values never share one.
 */
export function wrapWhole(value: Json): Readonly<Record<string, Json>> {
  const plain =
    isObject(value) && !Object.hasOwn(value, WHOLE) && Object.keys(value).length <= MAX_DISCLOSURES;
  return plain ? value : { [WHOLE]: value };
}

/** Returns the value that {@link wrapWhole} made a record of. */
export function unwrapWhole(record: Readonly<Record<string, Json>>): Json {
  return Object.hasOwn(record, WHOLE) ? record[WHOLE]! : record;
}

/** The digests of a commitment that can be opened: each counted once, names unique, the whole value alone. */
function openableDigests(
  kind: CommitmentKind,
  disclosures: readonly Disclosure[],
  withheld: readonly string[],
): readonly string[] {
  if (disclosures.length + withheld.length > MAX_DISCLOSURES) {
    throw new EvidenceError('ERR_COMMITMENT_DISCLOSURE', `more than ${MAX_DISCLOSURES} disclosures`);
  }
  const digests = [...disclosures.map(disclosureDigest), ...withheld.map(checkDigest)];
  if (new Set(digests).size !== digests.length) {
    throw new EvidenceError('ERR_COMMITMENT_DISCLOSURE', 'one digest stands twice');
  }
  const names = new Set(disclosures.map(([, name]) => name));
  if (names.size !== disclosures.length)
    throw new EvidenceError('ERR_COMMITMENT_NAME', 'one name stands twice');
  if (names.has(WHOLE) && kind !== 'resource' && digests.length !== 1) {
    throw new EvidenceError('ERR_COMMITMENT_NAME', `"${WHOLE}" is the whole value, yet it has company`);
  }
  return digests;
}

function commit(
  kind: CommitmentKind,
  recordKey: Uint8Array,
  record: Readonly<Record<string, Json>>,
): Commitment {
  const salt = recordSalts(recordKey);
  const disclosures = Object.keys(record)
    .toSorted(byCodeUnit)
    .map((name): Disclosure => [salt(kind, name), name, record[name]!]);
  // Checked as a receiver will check it, so that nothing is recorded that nobody can open; hashed once.
  return { commitment: commitmentOf(kind, openableDigests(kind, disclosures, [])), disclosures };
}

function checkDigest(text: string): string {
  return digest.check(text, 'withheld', (path, expected) => {
    throw new EvidenceError('ERR_COMMITMENT_DISCLOSURE', `${path}: expected ${expected}`);
  });
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
