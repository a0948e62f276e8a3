/** The request that is measured: a write into the workspace, 916 bytes of JSON over HTTP. */
import { randomBytes } from 'node:crypto';
import type { ExecutionRequest } from '@licet/api';

const BODY_BYTES = 916;
const nonce = (): string => randomBytes(16).toString('base64url');

/** Returns request number `n`, with fresh keys; its JSON is {@link BODY_BYTES} long. */
export function aRequest(workspace: string, n: number, start: boolean): ExecutionRequest {
  const request = (content: string): ExecutionRequest => ({
    action: 'files/write_file',
    arguments: { path: `${workspace}/f${n}.txt`, content },
    idempotencyKey: nonce(),
    instance: nonce(),
    start,
    door: { grade: 'gateway', confine: 'none' },
  });
  const bare = JSON.stringify(request('')).length;
  return request('x'.repeat(Math.max(0, BODY_BYTES - bare)));
}
