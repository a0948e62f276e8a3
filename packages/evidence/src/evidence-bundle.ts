/**
 * The evidence bundle (docs/formats/evidence-bundle.md): one JSON file that proves one execution or one run to
 * whoever has a trust file. It holds no trust of its own (RULE 43): what is believed comes from outside it.
 */
import { base64url } from './bytes.ts';
import { canonicalBytes, canonicalize } from './canonical.ts';
import { assertionShape } from './approvals.ts';
import { disclosureShape, MAX_DISCLOSURES } from './disclosures.ts';
import { digest, executionId, MAX_ENTRY_BYTES, origin } from './entries.ts';
import { EvidenceError } from './errors.ts';
import { parseJson, type Json } from './json.ts';
import { sha256 } from './sha256.ts';
import * as s from './shape.ts';

/** Largest file, bytes. */
export const MAX_EVIDENCE_BYTES = 64 * 1_024 * 1_024;
const MAX_EVIDENCE_DEPTH = 96;
const MAX_ENTRIES = 50_000;
const MAX_CHECKPOINTS = 1_024;
const MAX_PROOF = 63;

const boundedText = (max: number, describe: string): s.Shape<string> => ({
  describe,
  check: (value, path, fail) =>
    typeof value === 'string' && value.length > 0 && value.length <= max
      ? value
      : fail(path, describe, value),
});

const hash = s.text(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, '32 bytes in base64');
const note = boundedText(131_072, 'a signed note');
const proof = s.list(hash, MAX_PROOF);
const part = s.object({
  disclosed: s.list(disclosureShape, MAX_DISCLOSURES),
  /** Digests of what is not shown, so that the commitment can still be recomputed. */
  withheld: s.list(digest, MAX_DISCLOSURES),
});
const record = s.object(
  { arguments: part, resources: part, inputs: part, renewals: s.list(note, 100_000) },
  {
    result: part,
    /** Exact inputs of earlier decisions about the same execution: a hold, before the permit that approvals lifted. */
    earlier: s.list(part, 64),
    /** WebAuthn assertions behind `approval` entries, found by their digest. */
    assertions: s.list(assertionShape, 64),
    /** What opens the `evidence` of `attestation` entries, by leaf. */
    attestations: s.list(s.object({ leaf: digest, evidence: part }), 256),
  },
);

const contents = {
  v: s.literal(1),
  type: s.literal('licet/evidence'),
  kind: s.oneOf('execution', 'run'),
  origin,
  /** The execution's id, or the run's. */
  subject: executionId,
  /** In rising order of index; every proof is against the last checkpoint. */
  entries: s.list(
    s.object({ index: s.integer(), entry: boundedText(MAX_ENTRY_BYTES, 'the text of an entry'), proof }),
    MAX_ENTRIES,
  ),
  /** In rising order of size; each with the consistency proof from the one before. */
  checkpoints: s.list(s.object({ note, consistency: proof }), MAX_CHECKPOINTS),
  /** What the log only commits to, by execution. */
  executions: s.dictionary(record, MAX_ENTRIES),
  /** The policy bundles that decided, with their authors' signatures. */
  bundles: s.list(
    s.object({
      bundle: s.anything,
      sigs: s.list(
        s.object({
          by: s.text(/^[\x21-\x7e]{1,96}$/, 'an id'),
          sig: s.text(/^[A-Za-z0-9_-]{86}$/, 'an Ed25519 signature'),
        }),
        8,
      ),
    }),
    256,
  ),
};
const optional = {
  /** What opens the mandates that the file's chains name, by the leaf of their entries. */
  mandates: s.list(s.object({ leaf: digest, body: part }), 4_096),
  /** What opens the standing approvals that approvals cite, by the leaf of their entries. */
  standing: s.list(s.object({ leaf: digest, scope: part }, { assertion: assertionShape }), 4_096),
};
const partsShape = s.object(contents, optional);
const fileShape = s.object({ ...contents, digest }, optional);

/** An evidence bundle without its digest: what {@link formatEvidence} takes. */
export type EvidenceParts = s.Of<typeof partsShape>;
/** An evidence bundle. */
export type EvidenceFile = s.Of<typeof fileShape>;
/** What the file discloses about one execution. */
export type ExecutionRecord = s.Of<typeof record>;
/** One committed part of it: what is shown, and the digests of what is not. */
export type DisclosedPart = s.Of<typeof part>;
/** A policy bundle with its authors' signatures. */
export type SignedBundle = EvidenceFile['bundles'][number];

/** Something that is wrong with a file that can still be read. */
export interface FileFlaw {
  readonly code: 'ERR_EVIDENCE_NOT_CANONICAL' | 'ERR_EVIDENCE_DIGEST' | 'ERR_EVIDENCE_ORDER';
  readonly what: string;
  readonly computed?: string;
  readonly expected?: string;
}

/** Returns `digest`: base64url(SHA-256(JCS(the file without `digest`))) (RULE 43). */
export function evidenceDigest(parts: EvidenceParts): string {
  return base64url(sha256(canonicalBytes(parts as unknown as Json)));
}

/**
 * Returns the bytes of an evidence bundle: JCS, ending in its digest's member order.
 * @throws EvidenceError `ERR_EVIDENCE_SHAPE`, `ERR_EVIDENCE_ORDER`, `ERR_EVIDENCE_TOO_LARGE`
 */
export function formatEvidence(parts: EvidenceParts): Uint8Array {
  partsShape.check(parts as unknown as Json, 'evidence', refuse);
  refuseFlaws(orderFlaws(parts));
  const bytes = canonicalBytes({ ...parts, digest: evidenceDigest(parts) } as unknown as Json);
  if (bytes.length > MAX_EVIDENCE_BYTES) throw tooLarge(bytes.length);
  return bytes;
}

/**
 * Returns the evidence bundle that these bytes are.
 * @throws EvidenceError `ERR_EVIDENCE_SHAPE`, `ERR_EVIDENCE_NEWER`, `ERR_EVIDENCE_TOO_LARGE`,
 * `ERR_EVIDENCE_NOT_CANONICAL`, `ERR_EVIDENCE_DIGEST`, `ERR_EVIDENCE_ORDER`, `ERR_JSON_…`
 */
export function parseEvidence(bytes: Uint8Array): EvidenceFile {
  const { file, flaws } = readEvidence(bytes);
  refuseFlaws(flaws);
  return file;
}

/**
 * Returns the file as far as it can be read, with its flaws: for the verifier, which runs every other rung on a
 * file whose digest is wrong (RULE 43). Anything else that reads evidence uses {@link parseEvidence}.
 * @throws EvidenceError `ERR_EVIDENCE_SHAPE`, `ERR_EVIDENCE_NEWER`, `ERR_EVIDENCE_TOO_LARGE`, `ERR_JSON_…`
 */
export function readEvidence(bytes: Uint8Array): {
  readonly file: EvidenceFile;
  readonly flaws: readonly FileFlaw[];
} {
  if (bytes.length > MAX_EVIDENCE_BYTES) throw tooLarge(bytes.length);
  const value = parseJson(bytes, { maxBytes: MAX_EVIDENCE_BYTES, maxDepth: MAX_EVIDENCE_DEPTH });
  const version = s.isObject(value) ? value['v'] : undefined;
  if (typeof version === 'number' && version !== 1) {
    throw new EvidenceError('ERR_EVIDENCE_NEWER', `version ${version} is newer than this verifier`);
  }
  const file = fileShape.check(value, 'evidence', refuse);
  const { digest: claimed, ...parts } = file;
  const flaws: FileFlaw[] = [];
  if (canonicalize(value) !== new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)) {
    flaws.push({
      code: 'ERR_EVIDENCE_NOT_CANONICAL',
      what: 'the file is not the canonical form of its value',
    });
  }
  const computed = evidenceDigest(parts);
  if (computed !== claimed) {
    flaws.push({
      code: 'ERR_EVIDENCE_DIGEST',
      what: 'the digest is not that of the file',
      computed,
      expected: claimed,
    });
  }
  return { file, flaws: [...flaws, ...orderFlaws(parts)] };
}

function orderFlaws(parts: EvidenceParts): readonly FileFlaw[] {
  const flaw = (what: string): FileFlaw => ({ code: 'ERR_EVIDENCE_ORDER', what });
  const flaws: FileFlaw[] = [];
  if (parts.entries.length === 0) flaws.push(flaw('there is no entry'));
  if (parts.checkpoints.length === 0) flaws.push(flaw('there is no checkpoint'));
  if (parts.entries.some((entry, i) => i > 0 && entry.index <= parts.entries[i - 1]!.index)) {
    flaws.push(flaw('entries do not rise by index'));
  }
  if ((parts.checkpoints[0]?.consistency.length ?? 0) > 0) {
    flaws.push(flaw('the first checkpoint has a consistency proof from nowhere'));
  }
  return flaws;
}

function refuseFlaws(flaws: readonly FileFlaw[]): void {
  const first = flaws[0];
  if (first !== undefined) throw new EvidenceError(first.code, first.what);
}

const tooLarge = (length: number): EvidenceError =>
  new EvidenceError('ERR_EVIDENCE_TOO_LARGE', `${length} bytes, at most ${MAX_EVIDENCE_BYTES}`);

const refuse: s.Fail = (path, expected, found) => {
  throw new EvidenceError(
    'ERR_EVIDENCE_SHAPE',
    `${path}: expected ${expected}, found ${found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 80)}`,
  );
};
