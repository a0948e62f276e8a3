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
