// The face of @licet/api.
export type * from './client.ts';
export type * from './execution.ts';
export type * from './execution-views.ts';
export type * from './approval-views.ts';
export type * from './people-views.ts';
export type * from './limit-views.ts';
export type * from './health-report.ts';
export type * from './attestation-views.ts';
export { PROBLEMS, PlaneError, type Problem, type ProblemCode } from './problems.ts';
export { ROUTES, ROUTE_NAMES, type Listener, type Route, type RouteName, type Who } from './routes.ts';
export { misfit, readQuery } from './validation.ts';
export { clientOver, type AnswerOf, type Call, type CallInput, type ClientParts } from './client-over.ts';
export {
  connect,
  dial,
  targetOf,
  type ConnectOptions,
  type Pinned,
  type PinnedPlane,
} from './http-client.ts';
export { readEvents } from './event-stream.ts';
export {
  checkProof,
  makeProof,
  PROOF_WINDOW_MS,
  publicHalf,
  type CheckedProof,
  type PrivateJwk,
  type ProofClaims,
} from './proof.ts';
export {
  callMac,
  checkMac,
  newShare,
  REPLAY_WINDOW,
  replayWindow,
  SESSION_HEADERS,
  SESSION_MS,
  sessionSecret,
  type MacInput,
  type Share,
  type Transcript,
} from './session.ts';
export {
  IssuerSettings,
  TOKEN_ALGORITHMS,
  type AgentRule,
  type PersonRule,
  type SignIn,
} from './issuer-settings.ts';
export { SESSION_TOKEN_TYPE, TOKEN_EXCHANGE } from './bodies.ts';
export { readTrustStore, stateFolder, TRUST_FILE } from './trust-store.ts';
export { signMandate, type MandateTerms, type SignedMandate } from './mandate.ts';
export { makeStatement, signEvidence, type SignedStatement, type StatementClaims } from './statement.ts';
export { newPrivateJwk, tokenKey } from './token.ts';
export { ProvenanceSettings, type ProvenancePackage } from './provenance.ts';
