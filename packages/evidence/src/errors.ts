/**
 * The errors of this package: one class, a closed union of codes, one table. Whoever adds a code adds the row
 * here; a test asserts that every code used is in the table and every row is used.
 */

interface ErrorRow {
  /** What was expected and not found. */
  readonly meaning: string;
  /** What the reader does next. */
  readonly next: string;
}

/** Every code this package throws, with its meaning and the reader's next step. */
export const EVIDENCE_ERRORS = {
  ERR_BYTES_ENCODING: {
    meaning: 'A hex, base64, base64url or UTF-8 text is not the one strict encoding of some bytes.',
    next: 'Send the canonical encoding: exact alphabet, exact padding, no white space.',
  },
  ERR_HASH_SELF_TEST: {
    meaning: 'A SHA-256 implementation offered to this package gives wrong answers.',
    next: 'Do not use this runtime; nothing verified by it can be believed.',
  },
  ERR_JSON_LIMIT: {
    meaning: 'A JSON text is longer or nests deeper than the limit.',
    next: 'Send a smaller document.',
  },
  ERR_JSON_UTF8: {
    meaning: 'A JSON text is not well-formed UTF-8, or begins with a byte order mark.',
    next: 'Send UTF-8 without a byte order mark.',
  },
  ERR_JSON_SYNTAX: {
    meaning: 'A text is not one JSON value (RFC 8259).',
    next: 'Correct the syntax; nothing may follow the value.',
  },
  ERR_JSON_DUPLICATE: {
    meaning: 'An object has two members of the same name, possibly written with different escapes.',
    next: 'Send each name once.',
  },
  ERR_JSON_SURROGATE: {
    meaning: 'A string holds a surrogate without its partner.',
    next: 'Send well-formed Unicode.',
  },
  ERR_JSON_NUMBER: {
    meaning: 'A number is not finite, is minus zero, or exceeds 2^53 - 1 in magnitude.',
    next: 'Send a decimal string where exactness matters.',
  },
  ERR_CANONICAL_VALUE: {
    meaning: 'A value has no canonical JSON form (RFC 8785).',
    next: 'Pass plain objects, arrays, strings, finite numbers, booleans and null, without cycles.',
  },
  ERR_PROOF_RANGE: {
    meaning: 'An index or a size does not name a leaf or a tree that exists.',
    next: 'Ask for an index below the size, and an old size not above the new one.',
  },
  ERR_PROOF_FORMAT: {
    meaning: 'A text is not a c2sp.org/tlog-proof@v1.',
    next: 'Ask the issuer for the proof again.',
  },
  ERR_FRONTIER_FORMAT: {
    meaning: 'Bytes are not a serialized frontier: size and number of hashes disagree.',
    next: 'Recompute the frontier from the tiles.',
  },
  ERR_TILE_FORMAT: {
    meaning: 'A tile path, tile or entry bundle does not follow c2sp.org/tlog-tiles.',
    next: 'Check the path and the width; an entry is at most 65,535 bytes.',
  },
  ERR_KEY_FORMAT: {
    meaning: 'A key, key name or vkey is malformed, or its key ID does not match.',
    next: 'Copy the key again from its owner.',
  },
  ERR_NOTE_FORMAT: {
    meaning: 'A text is not a c2sp.org/signed-note.',
    next: 'Ask the signer for the note again.',
  },
  ERR_NOTE_LIMIT: {
    meaning: 'A note is larger, or has more signature lines, than the limit.',
    next: 'Remove signature lines nobody needs.',
  },
  ERR_NOTE_SIGNATURE: {
    meaning: 'A signature by a known key does not verify, so the whole note is refused.',
    next: 'Treat the note as tampered with; keep it.',
  },
  ERR_NOTE_UNVERIFIED: {
    meaning: 'A note carries no signature by any of the keys given.',
    next: 'Check which keys you trust for this name.',
  },
  ERR_CHECKPOINT_FORMAT: {
    meaning: 'A note text is not a c2sp.org/tlog-checkpoint.',
    next: 'Ask the log for its checkpoint again.',
  },
  ERR_CHECKPOINT_ORIGIN: {
    meaning: 'No log key of the policy is named like the checkpoint origin.',
    next: 'Use the policy that names this log.',
  },
  ERR_COSIGNATURE_FORMAT: {
    meaning: 'A cosignature cannot be made or read: timestamp, names or range are out of bounds.',
    next: 'Check timestamp (seconds, at most 2^63 - 1), key name and range.',
  },
  ERR_POLICY_FORMAT: {
    meaning: 'A text is not a c2sp.org/tlog-policy.',
    next: 'Correct the named line.',
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** The closed union of codes. */
export type EvidenceErrorCode = keyof typeof EVIDENCE_ERRORS;

/** What this package throws when input is not what it must be. Never thrown for an honest negative answer. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';
  readonly code: EvidenceErrorCode;

  constructor(code: EvidenceErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }
}
