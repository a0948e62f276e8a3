// The face of @licet/gateway: doors as programs. Names are listed by hand.

export { GATEWAY_ERRORS, GatewayError, type GatewayErrorCode } from './errors.ts';
export {
  CONFINEMENT_LIMITS,
  detectConfinement,
  type Confinement,
  type HostConfinement,
} from './runner/confinement.ts';
export { measureExecutable, type Measured, type MeasureOptions } from './runner/measure.ts';
export { run, type RunHandle, type RunOptions, type RunResult } from './runner/run.ts';
export type { RunSpec } from './runner/spec.ts';
