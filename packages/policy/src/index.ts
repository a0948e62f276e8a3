/** The face of @licet/policy: bundles, schema mapping, evaluation, tests and replay. Pure; Cedar is passed in. */
export { BUILT_IN_ACTIONS, GOVERNED, SELF_TEST, type ActionPlan } from './action-plan.ts';
export {
  ATTESTATION_KINDS,
  BOUND_BY,
  type AttestationFact,
  type AttestationFacts,
  type AttestationKind,
  type AttestationStatus,
  type AttesterRole,
  type AttestRequirement,
  unmetAttestation,
} from './attestation.ts';
export { assembleBundle, testFiles, type BundleFiles } from './assemble.ts';
export {
  bundleDigest,
  bundleHash,
  bundleRef,
  parseBundle,
  verifyBundleSignatures,
  type ActionSpec,
  type ApprovalSpec,
  type Bundle,
  type BundleRef,
  type ContainmentRule,
  type FactType,
  type FloorSpec,
  type JsonSchema,
  type Layer,
  type LimitSpec,
  type MeterRef,
  type ResourceSpec,
  type SignatureVerifier,
  type SignedBundle,
} from './bundle.ts';
export type { CedarModule, CedarValue, Entity, Uid } from './cedar.ts';
export {
  isFactValue,
  requestsOf,
  type ChainLink,
  type DecisionInput,
  type Door,
  type ExactInputs,
  type Group,
  type MandateOnChain,
  type MeterFact,
  type OperatorFact,
} from './decision-input.ts';
export { DECIDABLE_CODES, DENY_CODES, type DenyCode } from './deny-codes.ts';
export { createEngine, type CedarAnswer, type CedarRequest, type Engine } from './engine.ts';
export {
  POLICY_ERRORS,
  PolicyError,
  PROBLEMS,
  type PolicyErrorCode,
  type Problem,
  type ProblemKind,
} from './errors.ts';
export { evaluateExact, type Evaluation, type PairVerdict, type PolicyNote } from './evaluate.ts';
export { denialOf, type Denial } from './explain.ts';
export type { Hold } from './holds.ts';
export {
  buildInput,
  resourceRefs,
  toolResource,
  type Arguments,
  type BuiltInput,
  type InputDenial,
  type Resource,
} from './input.ts';
export { attestRequired, loadBundle, loadMandate, type LoadedBundle, type LoadedMandate } from './load.ts';
export {
  evaluateUnder,
  loadMandates,
  mandatePolicy,
  parseMandateBody,
  type MandateAt,
  type MandateBody,
  type MandateClause,
} from './mandate.ts';
export { meterCosts, type MeterCost } from './meters.ts';
export {
  asTest,
  runPolicyTests,
  TEST_DOOR,
  testInput,
  type PolicyTest,
  type PolicyTestResult,
} from './policy-tests.ts';
export { createRedecide, MAX_REASONS, redecide, type DecidedEntry, type Redecision } from './redecide.ts';
export { replay, type RecordedDecision, type ReplayChange, type ReplayReport } from './replay.ts';
export {
  resolveResource,
  type ResolvedResource,
  type ResourceDenial,
  type ResourceKind,
} from './resources.ts';
export { selfTest } from './self-test.ts';
export type { ShadowResult } from './shadow.ts';
export { starterPolicy, type StarterOptions } from './starter.ts';
export {
  ASSURANCES,
  CONFINEMENTS,
  GRADES,
  parseDuration,
  tighten,
  type Assurance,
  type Confinement,
  type Grade,
  type Terms,
} from './terms.ts';
export { toolActions, type ListedTool, type ToolActions } from './tool-actions.ts';
