/** The face of @licet/evidence: formats and verification, pure, for servers and browsers alike. */
export { CLI, DATA_DIR, domainTag, ENV_PREFIX, MEDIA_TYPES, NAME, ORIGIN_PREFIX, SCOPE } from './name.ts';
export { EVIDENCE_ERRORS, EvidenceError, type EvidenceErrorCode } from './errors.ts';
export {
  base64,
  base64url,
  concat,
  equalBytes,
  fromUtf8,
  hex,
  unbase64,
  unbase64url,
  unhex,
  utf8,
} from './bytes.ts';
export { parseJson, type Json, type JsonLimits } from './json.ts';
export { canonicalBytes, canonicalize } from './canonical.ts';
export {
  appraiseStatement,
  digestOfEvidence,
  programDigest,
  STATEMENT_KINDS,
  statementFault,
  workloadDigest,
  type AppraisalContext,
  type Appraised,
  type AttestationStatus,
  type StatementKind,
} from './appraisal.ts';
export {
  MAX_STATEMENT,
  parseStatement,
  STATEMENT_TYPE,
  verifyStatement,
  type Statement,
} from './statement.ts';
export { hmacSha256, sha256, useSha256, type Sha256 } from './sha256.ts';
export {
  consistencyProof,
  emptyRoot,
  HASH_LENGTH,
  inclusionProof,
  leafHash,
  nodeHash,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
  type ConsistencyClaim,
  type HashReader,
  type InclusionClaim,
} from './merkle.ts';
export {
  appendLeaf,
  appendLeaves,
  batchProofs,
  emptyFrontier,
  frontierRoot,
  parseFrontier,
  serializeFrontier,
  type Batch,
  type Frontier,
} from './frontier.ts';
export { nobleCrypto, type Crypto } from './crypto.ts';
export {
  formatVkey,
  isKeyName,
  keyId,
  parseVkey,
  TYPE_COSIGNATURE,
  TYPE_ED25519,
  TYPE_ML_DSA_44,
  verifierKey,
  type KeyType,
  type VerifierKey,
} from './vkey.ts';
export { authorId, authorKeys, authorKeySigningBytes } from './authors.ts';
export type { CountingKey, KeyChange } from './key-changes.ts';
export { organisationKeys, orgKeyId, orgKeySigningBytes } from './organisation.ts';
export { jwkPublicKey, jwkThumbprint, publicKeyJwk, type PublicJwk, type PublicKey } from './jwk.ts';
export {
  formatNote,
  MAX_NOTE_BYTES,
  MAX_NOTE_SIGNATURES,
  parseNote,
  parseSignatureLine,
  signatureLine,
  verifyNote,
  type Note,
  type NoteSignature,
  type NoteSigner,
  type VerifiedNote,
  type VerifiedSignature,
} from './note.ts';
export { formatCheckpoint, parseCheckpoint, type Checkpoint } from './checkpoint.ts';
export {
  cosignatureBlob,
  cosignatureMessage,
  subtreeMessage,
  verifyCosignature,
  type Subtree,
} from './cosignature.ts';
export { formatTlogProof, parseTlogProof, type TlogProof } from './tlog-proof.ts';
export {
  formatTlogPolicy,
  parseTlogPolicy,
  quorumMet,
  verifyCheckpoint,
  type PolicyGroup,
  type PolicyLog,
  type PolicyWitness,
  type TlogPolicy,
  type VerifiedCheckpoint,
} from './tlog-policy.ts';
export {
  decodeEntryBundle,
  decodeTile,
  encodeEntryBundle,
  encodeTile,
  MAX_BUNDLED_ENTRY_BYTES,
  parseTilePath,
  TILE_HEIGHT,
  TILE_WIDTH,
  tilePath,
  tileWidth,
  type TileRef,
} from './tiles.ts';
export {
  ENTRY_TYPES,
  entryBytes,
  MAX_CHAIN,
  MAX_ENTRY_BYTES,
  parseEntry,
  permitId,
  type Assurance,
  type BundleRef,
  type ChainLink,
  type Confine,
  type ContainmentEntry,
  type Custody,
  type Entry,
  type EntryOf,
  type EntryType,
  type Grade,
  type Heads,
  type IdentityEntry,
  type Meter,
  type OutcomeEntry,
  type OutcomeStatus,
  type Passkey,
  type PermitEntry,
  type HoldGroup,
  type RefusalEntry,
  type ScopeKind,
  type StartEntry,
} from './entries.ts';
export { disclosureDigest, encodeDisclosure, MAX_DISCLOSURES, type Disclosure } from './disclosures.ts';
export {
  commitArguments,
  commitAttestation,
  commitInputs,
  commitMandateBody,
  commitNote,
  commitStandingScope,
  commitmentOf,
  commitResources,
  commitResult,
  recordSalts,
  unwrapWhole,
  verifyCommitment,
  WHOLE,
  wrapWhole,
  type Commitment,
  type CommitmentKind,
  type ResourceRef,
} from './commitments.ts';
export {
  formatTrust,
  KEY_PURPOSES,
  parseTrust,
  trustedKeys,
  trustedLog,
  trustedPolicy,
  type KeyPurpose,
  type Trust,
  type TrustedLog,
} from './trust.ts';
export { ForkError, linkCheckpoint, type CheckpointLink, type LogHead } from './memory.ts';
export {
  hasAssurance,
  MAX_SKEW_MS,
  type EntryWithProof,
  type ProofContext,
  type ProvenEntry,
} from './proven-entry.ts';
export {
  MAX_START_MS,
  verifyPermit,
  type PermitContext,
  type PermitExpectation,
  type VerifiedPermit,
} from './permit.ts';
export {
  formatRenewal,
  idemDigest,
  instanceDigest,
  longestGapMs,
  parseRenewal,
  verifyRenewal,
  verifyStart,
  VIA_OF_SPEND,
  type Renewal,
  type RenewalContext,
  type VerifiedStart,
} from './lease.ts';
export {
  checkPermitStatus,
  formatStatus,
  MAX_STATUS_AGE_MS,
  parseStatus,
  verifyStatus,
  type Status,
} from './status.ts';
export {
  containOrderDigest,
  formatContainOrder,
  formatSessionShare,
  parseContainOrder,
  parseSessionShare,
  verifyContainOrder,
  verifySessionShare,
  type ContainOrder,
  type SessionShare,
} from './orders.ts';
export {
  approvalBatchDigest,
  approvalChallenge,
  approvalDigest,
  relyingPartyDigest,
  assertionDigest,
  credentialDigest,
  verifyApproval,
  verifyAssertion,
  type ApprovalSubject,
  type Assertion,
  type RelyingParty,
} from './approvals.ts';
export { activeDigest, bundleDigest, bundleHash, mandateSigningBytes } from './signing.ts';
export {
  evidenceDigest,
  formatEvidence,
  MAX_EVIDENCE_BYTES,
  parseEvidence,
  type DisclosedPart,
  type EvidenceFile,
  type EvidenceParts,
  type ExecutionRecord,
  type SignedBundle,
} from './evidence-bundle.ts';
export {
  covers as coversCall,
  parseStandingScope,
  standingDigest,
  type CoveredCall,
  type StandingScope,
  type StandingSubject,
} from './standing.ts';
export { quorumOf, type Approver } from './quorum.ts';
export { verifyBundle, type RungReport, type VerifyOptions, type VerifyReport } from './verify-bundle.ts';
export {
  RUNG_NAMES,
  type Finding,
  type Redecide,
  type RungItem,
  type RungName,
  type RungStatus,
} from './rungs/case.ts';
export {
  foldLineage,
  type Gap,
  type Lineage,
  type LineageDisclosures,
  type LineageEdge,
  type LineageEntry,
  type LineageNode,
  type ProofRef,
} from './lineage.ts';
