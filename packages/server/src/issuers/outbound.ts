/**
 * Calls to an issuer: the only ones that the plane makes, and only to addresses of its settings (RULE 47). No redirect is
 * followed, no proxy of the environment is asked, and neither size nor time is the issuer's to choose.
 */
import { parseJson, type Json } from '@licet/evidence';

/** Milliseconds for one call, and bytes of an answer. */
export const OUTBOUND = { timeoutMs: 3_000, maxBytes: 262_144 } as const;

/** Returns whether the plane may call this address. */
export function isCallable(address: string): boolean {
  const url = URL.parse(address);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return false;
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && loopback);
}

/** Performs a call and returns its answer, read whole. Rejects on anything but an answer within the limits. */
export async function callOut(address: string, init: RequestInit = {}): Promise<Response> {
  if (!isCallable(address)) throw new Error('this address is not one that the plane calls');
  const response = await fetch(address, {
    ...init,
    redirect: 'error',
    credentials: 'omit',
    signal: AbortSignal.timeout(OUTBOUND.timeoutMs),
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > OUTBOUND.maxBytes) throw new Error(`the answer is longer than ${OUTBOUND.maxBytes} bytes`);
    chunks.push(chunk);
  }
  const { status, headers } = response;
  return new Response(length === 0 ? null : Buffer.concat(chunks), { status, headers });
}

/** Returns the JSON at an address. Rejects on anything else. */
export async function readJsonFrom(address: string): Promise<Json> {
  const response = await callOut(address, { headers: { accept: 'application/json' } });
  if (response.status !== 200) throw new Error(`answered with status ${response.status}`);
  return parseJson(new Uint8Array(await response.arrayBuffer()), { maxBytes: OUTBOUND.maxBytes });
}
