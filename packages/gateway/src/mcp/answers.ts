// What the gateway says in its own name. A denied tool call is a result with `isError`, because that is what a model
// gets to read; a protocol error stays with the client. The sentence says why, which decision, and what to do next.
import type { Denied, Halted } from '@licet/sdk';
import { ORIGIN_PREFIX } from '@licet/evidence';

/** Which revision of the protocol a request speaks: 2025-11-25 and before, or 2026-07-28 and after. */
export type Era = 'legacy' | 'modern';

/** Key of the machine-readable part of an answer, in its `_meta`. */
const DECISION_META = `${ORIGIN_PREFIX}decision`;
/** Where a modern request says its revision. */
export const VERSION_META = 'io.modelcontextprotocol/protocolVersion';

/** JSON-RPC codes. The denial's is outside the range that 2026-07-28 keeps for itself; older clients know -32001. */
export const RPC = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  denied: { legacy: -32001, modern: -31001 },
} as const;

/** Returns the line of an error answer. */
export function errorLine(rawId: string | undefined, code: number, message: string, data?: object): string {
  const error = JSON.stringify({ code, message, ...(data === undefined ? {} : { data }) });
  return `{"jsonrpc":"2.0","id":${rawId ?? 'null'},"error":${error}}`;
}

/** Returns the line that denies a tool call, or says that it was halted. */
export function toolErrorLine(rawId: string, era: Era, text: string, meta?: object): string {
  const result = {
    // SPEC: 2026-07-28 "All results need resultType"; 2025-11-25 does not know the word.
    ...(era === 'modern' ? { resultType: 'complete' } : {}),
    content: [{ type: 'text', text }],
    isError: true,
    ...(meta === undefined ? {} : { _meta: { [DECISION_META]: meta } }),
  };
  return `{"jsonrpc":"2.0","id":${rawId},"result":${JSON.stringify(result)}}`;
}

/** Returns the line that denies a method that is no tool call. */
export function methodDeniedLine(rawId: string, era: Era, denied: Denied | Halted): string {
  return errorLine(rawId, RPC.denied[era], String(denied), decisionMeta(denied));
}

/** Returns the machine-readable part. */
export function decisionMeta(error: Denied | Halted): object {
  return error.name === 'Denied'
    ? {
        verdict: error.code === 'held' ? 'hold' : 'deny',
        code: error.code,
        decisionId: (error as Denied).decisionId,
        executionId: error.executionId,
      }
    : { verdict: 'halted', code: error.code, executionId: error.executionId };
}
