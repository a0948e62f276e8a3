// The face of @licet/sdk.
export {
  guard,
  boundedResult,
  type CallSettings,
  type Guarded,
  type GuardContext,
  type GuardOptions,
} from './guard.ts';
export type { Measure, Measurement } from './attesting.ts';
export { openExecution, type OpenedExecution, type OpenRequest, type Outcome } from './door.ts';
export {
  createDoor,
  doorOf,
  type Door,
  type DoorSettings,
  type PlaneTrust,
  type TrustedPlane,
} from './plane.ts';
export { Denied, DOOR_CODES, Halted, type DenialParts, type HaltReason } from './denied.ts';
export { currentExecution, runAs, type CurrentExecution } from './current.ts';
export {
  fileMemory,
  processMemory,
  type CheckpointStore,
  type ForkEvidence,
  type RememberedNote,
} from './memory.ts';
export { systemClock, type DoorClock, type Reading } from './clock.ts';
export { SDK_ERRORS, SdkError, type SdkErrorCode } from './errors.ts';
export { snapshot, snapshotArguments } from './snapshot.ts';
export type { Resource } from './believe.ts';
