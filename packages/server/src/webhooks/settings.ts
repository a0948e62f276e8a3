/**
 * Where webhooks go, and the key that signs them, in the data folder: `webhooks.json` and `keys/webhook`, a key of its
 * own purpose. Without the file nothing ever leaves (RULE 47).
 */
import { createPrivateKey, createPublicKey, randomBytes, sign, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base64, hex } from '@licet/evidence';
import { PlaneError, type Webhook } from '@licet/api';
import { writePrivate } from '../files.ts';
import { readSeed } from '../state-folder.ts';

/** At most this many: each one gets every event. */
const MAX_HOOKS = 16;
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Returns the hooks that are configured; none when there is no file. */
export async function readHooks(data: string): Promise<readonly Webhook[]> {
  let text: string;
  try {
    text = await readFile(join(data, 'webhooks.json'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return (JSON.parse(text) as { readonly hooks: readonly Webhook[] }).hooks;
}

/** Writes them. */
export const writeHooks = (data: string, hooks: readonly Webhook[]): Promise<void> =>
  writePrivate(join(data, 'webhooks.json'), `${JSON.stringify({ v: 1, hooks })}\n`);

/** Returns a new hook. @throws PlaneError `schema`: not https, or not loopback; credentials or a fragment in it */
export function newHook(hooks: readonly Webhook[], url: string, withArguments: boolean): Webhook {
  const fault = urlFault(url);
  if (fault !== undefined) throw new PlaneError('schema', `schema: url: ${fault}`);
  if (hooks.length >= MAX_HOOKS) throw new PlaneError('conflict', `conflict: there are ${MAX_HOOKS} already`);
  return { id: `w-${hex(randomBytes(6))}`, url, arguments: withArguments };
}

function urlFault(text: string): string | undefined {
  if (!URL.canParse(text)) return 'expected an address';
  const { protocol, hostname, username, password, hash } = new URL(text);
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && loopback))
    return 'expected https, or http on loopback';
  return username + password + hash === '' ? undefined : 'expected no credentials and no fragment in it';
}

/** Signs what webhooks carry. */
export interface WebhookKey {
  /** `whpk_` and the Ed25519 public key in base64, as Standard Webhooks writes it. */
  readonly publicKey: string;
  /** Returns the headers of Standard Webhooks for a body: id, time in seconds, signature over `id.time.body`. */
  headers(id: string, atMs: number, body: string): Readonly<Record<string, string>>;
}

/** Returns the key, made at its first use. */
export async function webhookKey(data: string): Promise<WebhookKey> {
  const path = join(data, 'keys', 'webhook');
  let seed: Uint8Array;
  try {
    await readFile(path);
    seed = await readSeed(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    seed = randomBytes(32);
    await writePrivate(path, `${hex(seed)}\n`);
  }
  return keyOf(createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' }));
}

function keyOf(key: KeyObject): WebhookKey {
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  return {
    publicKey: `whpk_${base64(raw)}`,
    headers(id, atMs, body) {
      const time = String(Math.floor(atMs / 1_000));
      const signature = sign(null, Buffer.from(`${id}.${time}.${body}`), key);
      return { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': `v1a,${base64(signature)}` };
    },
  };
}
