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
  ERR_ENTRY_SHAPE: {
    meaning: 'An entry does not have the fields of its type.',
    next: 'Use a verifier of the version that wrote the log; otherwise treat the entry as tampered with.',
  },
  ERR_ENTRY_TOO_LARGE: {
    meaning: 'An entry is longer than 4,096 bytes.',
    next: 'Shorten the chain or the lists; denials say `too_large`.',
  },
  ERR_ENTRY_NOT_CANONICAL: {
    meaning: 'The bytes of an entry are not the canonical form of their value.',
    next: 'Ask for the bytes that were hashed, unchanged.',
  },
  ERR_ENTRY_TYPE: {
    meaning: 'An entry is of a type this verifier does not know.',
    next: 'Update the verifier; do not act on the entry.',
  },
  ERR_ENTRY_VERSION: {
    meaning: 'An entry is of a version newer than this verifier.',
    next: 'Update the verifier; do not act on the entry.',
  },
  ERR_COMMITMENT_KEY: {
    meaning: 'A record key is not 32 bytes.',
    next: 'Draw 32 random bytes.',
  },
  ERR_COMMITMENT_DISCLOSURE: {
    meaning: 'A disclosure or a withheld digest is malformed or stands twice.',
    next: 'Ask the plane for the disclosures again.',
  },
  ERR_COMMITMENT_NAME: {
    meaning: 'Two disclosures have one name, or `$` is not alone.',
    next: 'Ask the plane for the disclosures again.',
  },
  ERR_COMMITMENT_MISMATCH: {
    meaning: 'The disclosures and withheld digests do not add up to the commitment.',
    next: 'Do not run what was disclosed; it is not what was decided.',
  },
  ERR_TRUST_SHAPE: {
    meaning: 'A trust file does not have the fields of its format, or names an origin twice.',
    next: 'Correct the named field; see docs/formats/trust-file.md.',
  },
  ERR_TRUST_KEY: {
    meaning: 'A key of a trust file is malformed, named for another origin or purpose, or used twice.',
    next: 'Copy the key again from its owner; one key has one use.',
  },
  ERR_TRUST_POLICY: {
    meaning: "A log's tlog-policy is missing, malformed, or names other logs.",
    next: 'Correct the policy text; it lists the keys of this one origin.',
  },
  ERR_TRUST_ORIGIN: {
    meaning: 'The trust file does not name this origin.',
    next: 'Add the log with `licet trust add` once you have its keys from a source you believe.',
  },
  ERR_CHECKPOINT_FORK: {
    meaning: 'A log signed two trees that are not one history.',
    next: 'Stop. Keep both signed checkpoints: together they prove it.',
  },
  ERR_CHECKPOINT_UNLINKED: {
    meaning: 'A checkpoint comes without a proof that links it to the remembered one.',
    next: 'Ask again with the size you have seen; without the proof, refuse.',
  },
  ERR_PERMIT_BYTES: {
    meaning: 'The bytes of a permit are not a canonical entry.',
    next: 'Refuse; ask for the permit again.',
  },
  ERR_PERMIT_TYPE: {
    meaning: 'The entry is not a permit, or of an unknown version.',
    next: 'Refuse; only a permit is authority.',
  },
  ERR_PERMIT_ORIGIN: {
    meaning: "The permit's log is not trusted, or entry and checkpoint name different logs.",
    next: 'Refuse; add the log to the trust file only from a source you believe.',
  },
  ERR_PERMIT_TENANT: {
    meaning: "The permit's tenant is not the one mapped to its log.",
    next: 'Refuse.',
  },
  ERR_PERMIT_PROOF: {
    meaning: "The permit's proof is not a tlog-proof.",
    next: 'Refuse; ask for the permit again.',
  },
  ERR_PERMIT_SIGNER: {
    meaning: "The permit's checkpoint is not signed by a trusted key of its log.",
    next: 'Refuse; check which keys the trust file names.',
  },
  ERR_PERMIT_INCLUSION: {
    meaning: 'The permit is not in the signed tree.',
    next: 'Refuse; it was not recorded.',
  },
  ERR_PERMIT_AUDIENCE: {
    meaning: 'The permit is for another audience, or for one not mapped to its log.',
    next: 'Refuse; ask for a permit for this audience.',
  },
  ERR_PERMIT_KEY: {
    meaning: "The permit is bound to another key than the caller's.",
    next: "Refuse; the caller proves possession of the permit's key.",
  },
  ERR_PERMIT_ACTION: {
    meaning: 'The permit is for another action.',
    next: 'Refuse; ask for a permit for this action.',
  },
  ERR_PERMIT_ARGS: {
    meaning: 'The arguments are not those that were permitted, or cannot be compared.',
    next: 'Refuse; ask for a permit for these arguments.',
  },
  ERR_PERMIT_SPEND: {
    meaning: 'The permit is spent at another place.',
    next: 'Refuse; take it to the place it names.',
  },
  ERR_PERMIT_WINDOW: {
    meaning: "The permit's window is longer than 60 s or empty, or the clock gives no usable time.",
    next: 'Refuse; check the clock, then ask for a new permit.',
  },
  ERR_PERMIT_NOT_YET: {
    meaning: 'The permit is not valid yet.',
    next: 'Check the clock.',
  },
  ERR_PERMIT_EXPIRED: {
    meaning: 'The permit was not started in time.',
    next: 'Ask for a new permit.',
  },
  ERR_PERMIT_QUORUM: {
    meaning: "The checkpoint lacks the witnesses that the permit's assurance asks for.",
    next: 'Wait for the cosigned checkpoint; refuse meanwhile.',
  },
  ERR_START_BYTES: {
    meaning: 'The bytes of a start are not a canonical entry.',
    next: 'Do not run; redeem again with the same key and instance.',
  },
  ERR_START_TYPE: {
    meaning: 'The entry is not a start, or of an unknown version.',
    next: 'Do not run.',
  },
  ERR_START_ORIGIN: {
    meaning: "The start's log is not trusted, or entry and checkpoint name different logs.",
    next: 'Do not run.',
  },
  ERR_START_TENANT: {
    meaning: "The start's tenant is not the one mapped to its log.",
    next: 'Do not run.',
  },
  ERR_START_PROOF: {
    meaning: "The start's proof is not a tlog-proof.",
    next: 'Do not run; redeem again with the same key and instance.',
  },
  ERR_START_SIGNER: {
    meaning: "The start's checkpoint is not signed by a trusted key of its log.",
    next: 'Do not run.',
  },
  ERR_START_INCLUSION: {
    meaning: 'The start is not in the signed tree.',
    next: 'Do not run; it was not recorded.',
  },
  ERR_START_PERMIT: {
    meaning: 'The start is of another permit, before it, or spent another way.',
    next: 'Do not run.',
  },
  ERR_START_INSTANCE: {
    meaning: 'Another process got the go, or the instance is not 16 bytes.',
    next: 'Do not run; the permit is spent.',
  },
  ERR_START_KEY: {
    meaning: "The start was made by another key than the permit's.",
    next: 'Do not run.',
  },
  ERR_START_EPOCH: {
    meaning: "The start's containment epoch is before the permit's.",
    next: 'Do not run.',
  },
  ERR_START_ASSURANCE: {
    meaning: 'The start names no witnessed head over its permit, though its assurance asks for one.',
    next: 'Do not run.',
  },
  ERR_START_TIME: {
    meaning: "The start is outside the permit's window, or its lease is too long or over.",
    next: 'Do not run; ask for a new permit.',
  },
  ERR_RENEWAL_FORMAT: {
    meaning: 'A note is not a renewal.',
    next: 'Treat it as no answer; stop at the end of the lease.',
  },
  ERR_RENEWAL_SIGNER: {
    meaning: 'A renewal is not signed by a trusted lease key.',
    next: 'Treat it as no answer; stop at the end of the lease.',
  },
  ERR_RENEWAL_LEASE: {
    meaning: 'A renewal is for another lease or another instance.',
    next: 'Treat it as no answer; stop at the end of the lease.',
  },
  ERR_RENEWAL_COUNTER: {
    meaning: 'A renewal answers an earlier or a later request.',
    next: 'Treat it as no answer; stop at the end of the lease.',
  },
  ERR_RENEWAL_NONCE: {
    meaning: 'A renewal answers another nonce.',
    next: 'Treat it as no answer; stop at the end of the lease.',
  },
  ERR_RENEWAL_TIME: {
    meaning: 'A renewal gives more time than its permit allows, or is older than its start.',
    next: 'Treat it as no answer; stop at the end of the lease.',
  },
  ERR_STATUS_FORMAT: {
    meaning: 'A note is not a status note of this log.',
    next: 'Refuse permits until a fresh status note is there.',
  },
  ERR_STATUS_SIGNER: {
    meaning: 'A status note is not signed by a trusted status key.',
    next: 'Refuse permits until a fresh status note is there.',
  },
  ERR_STATUS_AGE: {
    meaning: 'A status note is older than five seconds, or from the future.',
    next: 'Fetch the status again; check the clock.',
  },
  ERR_STATUS_ORIGIN: {
    meaning: 'A status note is of another log than the permit.',
    next: "Fetch the status of the permit's log.",
  },
  ERR_STATUS_EPOCH: {
    meaning: 'Something was contained after the permit was decided.',
    next: 'Refuse; ask for a new permit.',
  },
  ERR_STATUS_REVOKED: {
    meaning: 'The permit was revoked.',
    next: 'Refuse.',
  },
  ERR_STATUS_BUNDLE: {
    meaning: 'The permit was decided by a bundle no longer in force.',
    next: 'Refuse; ask for a new permit.',
  },
  ERR_ORDER_FORMAT: {
    meaning: 'A note is not a containment order of this log.',
    next: 'Write the order again with the command line.',
  },
  ERR_ORDER_SIGNER: {
    meaning: 'A containment order is not signed by a pinned contain key.',
    next: 'Sign it with a key that the trust file names.',
  },
  ERR_ORDER_EXPIRED: {
    meaning: 'A containment order has run out.',
    next: 'Issue a new one with a later time.',
  },
  ERR_ORDER_LIFTED: {
    meaning: 'A containment order was lifted; its serial never acts again.',
    next: 'Issue a new one with a higher serial.',
  },
  ERR_SESSION_FORMAT: {
    meaning: 'A note is not a session share of this log.',
    next: 'Open the session again.',
  },
  ERR_SESSION_SIGNER: {
    meaning: 'A session share is not signed by a pinned session key.',
    next: 'Do not use the session: something stands between you and the plane.',
  },
  ERR_SESSION_KEY: {
    meaning: 'A session share is bound to another key.',
    next: 'Open the session again.',
  },
  ERR_SESSION_EXPIRED: {
    meaning: 'A session has ended.',
    next: 'Open a new one.',
  },
  ERR_STANDING_SCOPE: {
    meaning: 'What a standing approval is to cover does not have the fields of its format.',
    next: 'Name the action, an agent or a group of agents, and bounds as documented.',
  },
  ERR_APPROVAL_FORMAT: {
    meaning: 'An approval or assertion does not have the fields of its format.',
    next: 'Approve again.',
  },
  ERR_APPROVAL_CHALLENGE: {
    meaning: 'A passkey signed something other than this approval.',
    next: 'Do not count it; look at what was shown.',
  },
  ERR_APPROVAL_ORIGIN: {
    meaning: 'A passkey was used at another site or relying party.',
    next: 'Do not count it; check the relying party of the trust file.',
  },
  ERR_APPROVAL_FLAGS: {
    meaning: 'The authenticator did not verify the person.',
    next: 'Approve again with user verification.',
  },
  ERR_APPROVAL_CREDENTIAL: {
    meaning: 'The passkey is none of the person’s, as their identity stood.',
    next: 'Do not count it; use a passkey that is registered for this person.',
  },
  ERR_APPROVAL_SIGNATURE: {
    meaning:
      'The approver’s passkey did not make the signature, or the assertion is not the one that was recorded.',
    next: 'Do not count it.',
  },
  ERR_EVIDENCE_SHAPE: {
    meaning: 'A file is not an evidence bundle.',
    next: 'Export the evidence again.',
  },
  ERR_EVIDENCE_NEWER: {
    meaning: 'An evidence bundle is newer than this verifier.',
    next: 'Update the verifier.',
  },
  ERR_EVIDENCE_TOO_LARGE: {
    meaning: 'An evidence bundle is larger than the limit.',
    next: 'Export executions instead of the whole run.',
  },
  ERR_EVIDENCE_NOT_CANONICAL: {
    meaning: 'An evidence bundle is not the canonical form of its value.',
    next: 'Use the file as it was exported.',
  },
  ERR_EVIDENCE_DIGEST: {
    meaning: 'The digest of an evidence bundle is not that of its contents.',
    next: 'Treat the file as tampered with.',
  },
  ERR_STATEMENT_FORMAT: {
    meaning: 'A text is not a statement: a compact JWS by EdDSA or ES256 that names no key of its own.',
    next: 'Let the attester make it again.',
  },
  ERR_STATEMENT_SIGNATURE: {
    meaning: 'No key of the attester signed the statement.',
    next: 'Do not count it.',
  },
  ERR_EVIDENCE_ORDER: {
    meaning: "An evidence bundle's entries or checkpoints are missing or out of order.",
    next: 'Export the evidence again.',
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
