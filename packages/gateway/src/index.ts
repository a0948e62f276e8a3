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
export { measureProgram, type MeasuredProgram } from './exec/measuring.ts';
export { EXEC_ACTION, execGoverned, type ExecEnd, type ExecOptions } from './exec/door.ts';
export { PASSED_REQUESTS, runMcpProxy, type McpProxyEnd, type McpProxyOptions } from './mcp/proxy.ts';
export type { UpstreamSpec } from './mcp/upstream.ts';
export type { PinSettings } from './mcp/catalog.ts';
export { actionOf, definitionDigest, inspectTools, type InspectedTool } from './mcp/definition.ts';
export {
  comparePins,
  makePins,
  readPins,
  writePins,
  type Pin,
  type PinChange,
  type PinFile,
} from './mcp/pins.ts';
export { visible } from './mcp/pin-diff.ts';
export {
  backupOf,
  clientServers,
  importClientConfig,
  type ClientServer,
  type ImportedServer,
  type ImportOptions,
  type ImportReport,
} from './mcp/import.ts';
