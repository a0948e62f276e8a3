// The face of @licet/control-plane.
export { createPlane } from './plane.ts';
export { openStatement, statementVerifiers, type Verifier } from './verifiers.ts';
export type { PlaneOptions } from './context.ts';
export { inThreadEvaluator } from './evaluator.ts';
export { CONTROL_PLANE_ERRORS, ControlPlaneError, type ControlPlaneErrorCode } from './errors.ts';
export { MAX_EVALUATION_AGE_MS } from './core/apply.ts';
export { OPERATOR_POLICY } from './core/operator-policy.ts';
export { machine, type Machine } from './core/machine.ts';
export type { ApplyContext, EntryDetail, NewEntry, Put, Transition } from './core/transition.ts';
export type * from './core/commands.ts';
export { executionIndex, SELF } from './core/rows.ts';
export type * from './core/rows.ts';
export type * from './ports.ts';
export type * from './face.ts';
