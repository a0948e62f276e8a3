// What the guardian says to the runner, one JSON object a line. It comes from a process that the governed command could
// interfere with, so it is parsed like any foreign input; the codes in it are the only ones a refusal can carry.

import { GATEWAY_ERRORS, type GatewayErrorCode } from '../errors.ts';

/** `refused`: nothing runs. `started`: the command's program executes. `ended`: its first process is over. */
export type Report =
  | { readonly is: 'refused'; readonly code: GatewayErrorCode; readonly message: string }
  | { readonly is: 'started'; readonly pid: number }
  | { readonly is: 'ended'; readonly exit: number | null; readonly signal: string | null };

/** Returns the report in one line, or undefined for anything else. */
export function parseReport(line: string): Report | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { is, code, message, pid, exit, signal } = value as Record<string, unknown>;
  switch (is) {
    case 'refused':
      return typeof message === 'string' && isCode(code) ? { is, code, message } : undefined;
    case 'started':
      return isInteger(pid) && pid > 0 ? { is, pid } : undefined;
    case 'ended':
      if (exit !== null && !isInteger(exit)) return undefined;
      if (signal !== null && typeof signal !== 'string') return undefined;
      return { is, exit, signal };
    default:
      return undefined;
  }
}

function isCode(value: unknown): value is GatewayErrorCode {
  return typeof value === 'string' && Object.hasOwn(GATEWAY_ERRORS, value);
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}
