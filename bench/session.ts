/** A session of an agent over the measured client (DESIGN §10): what a door does, without its checks of the answers. */
import { jwkThumbprint, nobleCrypto, utf8, verifySessionShare } from '@licet/evidence';
import {
  callMac,
  makeProof,
  newShare,
  publicHalf,
  SESSION_HEADERS,
  sessionSecret,
  type PrivateJwk,
} from '@licet/api';
import type { Known } from '../tests/support/server-process.ts';
import type { HttpCaller } from './http.ts';

const SESSIONS = '/v1/sessions';

/** Opens a session; returns the headers that each of its calls carries. */
export async function openSession(
  http: HttpCaller,
  url: string,
  { trust, folder }: Known,
  key: PrivateJwk,
): Promise<(target: string, body: Uint8Array) => Record<string, string>> {
  const { origin } = folder;
  const mine = await newShare();
  const jkt = jwkThumbprint({ ...publicHalf(key) });
  const body = utf8('{}');
  const claims = { method: 'POST', url: `${url}${SESSIONS}`, origin, share: mine.share, body };
  const dpop = await makeProof(key, claims, Date.now());
  const answer = JSON.parse((await http.post(SESSIONS, { dpop }, body)).toString()) as {
    readonly session: string;
    readonly note: string;
  };
  const context = { trust, crypto: nobleCrypto, origin, nowMs: Date.now(), jkt };
  const { share } = await verifySessionShare(answer.note, context);
  const { session } = answer;
  const transcript = { origin, session, jkt, agentShare: mine.share, planeShare: share };
  const secret = sessionSecret(await mine.agree(share), transcript);
  let counter = 0;
  return (target, sent) => {
    counter += 1;
    return {
      [SESSION_HEADERS.session]: session,
      [SESSION_HEADERS.counter]: String(counter),
      [SESSION_HEADERS.mac]: callMac(secret, { method: 'POST', target, body: sent, counter }),
    };
  };
}
