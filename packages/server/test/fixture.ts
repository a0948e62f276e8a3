// A plane in a folder of its own, on free ports, and raw calls to it: what a careless or hostile client would send.
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  base64url,
  jwkThumbprint,
  parseCheckpoint,
  parseNote,
  parseSessionShare,
  utf8,
  type Json,
} from '@licet/evidence';
import {
  callMac,
  makeProof,
  newPrivateJwk,
  newShare,
  publicHalf,
  SESSION_HEADERS,
  sessionSecret,
  type ExecutionRequest,
  type PinnedPlane,
  type PrivateJwk,
  type PlaneClient,
} from '@licet/api';
import { keptBy } from '../../store/test/under-test.ts';
import { openPlane, type OpenedPlane, type OpenPlaneOptions } from '../src/index.ts';

export const random = (length = 16): string => base64url(crypto.getRandomValues(new Uint8Array(length)));

/** A folder that goes away with `remove`, and the database that keeps its plane where the run is on one. */
export function aFolder(): {
  readonly store?: string;
  readonly path: string;
  readonly data: string;
  readonly stateDir: string;
  readonly workspace: string;
  remove(): void;
} {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'plane-')));
  const workspace = join(path, 'workspace');
  mkdirSync(workspace);
  const data = join(path, 'data');
  return {
    ...keptBy(data),
    path,
    data,
    stateDir: join(path, 'state'),
    workspace,
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export interface Fixture {
  readonly plane: OpenedPlane;
  readonly operator: PinnedPlane;
  readonly folder: ReturnType<typeof aFolder>;
  readonly url: string;
  readonly publicUrl: string;
  readonly token: string;
  close(): Promise<void>;
}

/** A fresh plane with both listeners. */
export async function aPlane(options: Partial<OpenPlaneOptions> = {}): Promise<Fixture> {
  const folder = aFolder();
  const plane = await openPlane({
    ...folder,
    controlPort: 0,
    publicPort: 0,
    solo: true,
    deadlineMs: 10_000,
    ...options,
  });
  const token = plane.operatorToken!;
  return {
    plane,
    folder,
    token,
    operator: await plane.as({ token }),
    url: plane.url!,
    publicUrl: plane.publicUrl!,
    async close() {
      await plane.close();
      folder.remove();
    },
  };
}

/** A request that the starter policy allows. */
export const aRequest = (
  fixture: Pick<Fixture, 'folder'>,
  more: Partial<ExecutionRequest> = {},
): ExecutionRequest => ({
  action: 'files/write_file',
  arguments: { path: join(fixture.folder.workspace, 'a.txt'), content: 'hi' },
  idempotencyKey: random(),
  instance: random(),
  start: true,
  door: { grade: 'in-process', confine: 'none' },
  ...more,
});

/** Registers an identity with a fresh key. */
export async function anIdentity(
  fixture: Pick<Fixture, 'operator'>,
  kind: 'user' | 'agent' | 'door',
  roles: readonly string[] = [],
): Promise<{ readonly subject: string; readonly key: PrivateJwk }> {
  const key = await newPrivateJwk();
  const agent =
    kind === 'agent' ? { for: 'u-owner', groups: ['assistants'], root: { perDay: 100, concurrent: 10 } } : {};
  const answer = await fixture.operator.register({
    kind,
    name: 'One',
    roles,
    keys: [publicHalf(key)],
    ...agent,
  });
  if (answer.verdict !== 'done') throw new Error(answer.code);
  return { subject: answer.subject!, key };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  readonly json: { readonly [name: string]: Json };
}

/** Sends exactly this; no header is added but Host, unless given, and Content-Length. */
export function raw(
  base: string,
  method: string,
  target: string,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Uint8Array } = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const length =
      options.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(options.body)) };
    const sent = httpRequest(
      {
        host: hostname,
        port,
        method,
        path: target,
        headers: { ...length, ...options.headers },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          let json: RawAnswer['json'] = {};
          try {
            json = JSON.parse(text) as RawAnswer['json'];
          } catch {
            // Not JSON; `text` has it.
          }
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}

/** The headers of a call that proves `key` for itself. */
export async function proved(
  key: PrivateJwk,
  base: string,
  method: string,
  target: string,
  nowMs = Date.now(),
): Promise<Readonly<Record<string, string>>> {
  return { dpop: await makeProof(key, { method, url: `${base}${target}` }, nowMs) };
}

/** Opens a session, and returns the headers of each call in it. */
export async function aSession(base: string, key: PrivateJwk, origin: string, nowMs: number) {
  const mine = await newShare();
  const target = '/v1/sessions';
  const proof = { method: 'POST', url: `${base}${target}`, origin, share: mine.share };
  const { json } = await raw(base, 'POST', target, {
    headers: { dpop: await makeProof(key, proof, nowMs), 'content-type': 'application/json' },
    body: '{}',
  });
  const { session, note } = json as { readonly session: string; readonly note: string };
  const { share } = parseSessionShare(parseNote(note).text);
  const transcript = { origin, session, jkt: jwkThumbprint({ ...publicHalf(key) }) };
  const secret = sessionSecret(await mine.agree(share), {
    ...transcript,
    agentShare: mine.share,
    planeShare: share,
  });
  let counter = 0;
  return (method: string, path: string, body: string): Readonly<Record<string, string>> => {
    counter += 1;
    const mac = callMac(secret, { method, target: path, body: utf8(body), counter });
    return {
      [SESSION_HEADERS.session]: session,
      [SESSION_HEADERS.counter]: String(counter),
      [SESSION_HEADERS.mac]: mac,
    };
  };
}

/** Number of entries in the log now. The status says it too, but up to a second late. */
export const sizeOf = async (client: Pick<PlaneClient, 'checkpoint'>): Promise<number> =>
  parseCheckpoint(parseNote((await client.checkpoint()).note).text).size;
