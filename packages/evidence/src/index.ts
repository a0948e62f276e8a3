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
