/**
 * What one thread does, without HTTP and mostly without a plane, in a process of its own. Prints one line of JSON; its
 * argument is how many milliseconds each part is measured.
 *
 *     plain-gate       canonicalize, decide by a function, sign each receipt (Ed25519), append it to a file, no fsync
 *     cedar-call       one bare call of Cedar: two policies, a path in five folders, request validated
 *     permit-verify    what a door checks before it runs something
 *     audit-tree       an entry hashed, and the root of all of them compared with the signed one
 *     audit-entries    the same, each entry parsed strictly as well
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { newPrivateJwk, publicHalf, readTrustStore } from '@licet/api';
import {
  appendLeaves,
  canonicalBytes,
  emptyFrontier,
  equalBytes,
  frontierRoot,
  jwkThumbprint,
  leafHash,
  parseCheckpoint,
  parseEntry,
  parseNote,
  parseTlogProof,
  utf8,
  verifyPermit,
  type Json,
} from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { openPlane, OWNER } from '@licet/server';
import { load, ownCpu, type Stretch } from './load.ts';
import { aRequest } from './request.ts';

const forMs = Number(process.argv[2]);
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'licet-single-')));
const workspace = join(folder, 'workspace');
mkdirSync(workspace);
const result: Record<string, Stretch> = {};

/** Measures a part that takes no turn of the event loop; `each` operations a call. */
async function part(name: string, once: (n: number) => unknown, each = 1): Promise<void> {
  const several = async (n: number): Promise<void> => void (await once(n));
  await load(several, { inFlight: 1, forMs: forMs / 2, cpuUs: ownCpu });
  const found = await load(several, { inFlight: 1, forMs, cpuUs: ownCpu });
  result[name] = {
    perSecond: found.perSecond * each,
    p50Ms: found.p50Ms / each,
    p99Ms: found.p99Ms / each,
    cpuUsPerRequest: found.cpuUsPerRequest / each,
  };
}

try {
  await plainGate();
  await cedarCall();
  await verification();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${JSON.stringify(result)}\n`);

async function plainGate(): Promise<void> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const file = openSync(join(folder, 'receipts'), 'a');
  await part('plain-gate', (n) => {
    const { action, arguments: args } = aRequest(workspace, n, true);
    const path = String((args as { readonly path: Json }).path);
    const verdict = action === 'files/write_file' && path.startsWith(`${workspace}/`) ? 'allow' : 'deny';
    const receipt = canonicalBytes({ action, args, verdict, at: n } as Json);
    writeSync(file, Buffer.concat([receipt, sign(null, receipt, privateKey)]));
  });
  closeSync(file);
}

async function cedarCall(): Promise<void> {
  const group = (name: string): object => ({
    shape: { type: 'Record', attributes: {} },
    memberOfTypes: [name],
  });
  const accepted = [
    cedar.preparseSchema('bench', {
      '': {
        entityTypes: { Agent: group('AgentGroup'), AgentGroup: group('AgentGroup'), Folder: group('Folder') },
        actions: {
          write: {
            appliesTo: {
              principalTypes: ['Agent'],
              resourceTypes: ['Folder'],
              context: {
                type: 'Record',
                attributes: { content: { type: 'String' }, freeze: { type: 'Boolean' } },
              },
            },
          },
        },
      },
    } as unknown as Parameters<typeof cedar.preparseSchema>[1]),
    cedar.preparsePolicySet('bench', {
      staticPolicies: {
        write:
          'permit (principal in AgentGroup::"assistants", action == Action::"write", resource in Folder::"/w");',
        freeze: 'forbid (principal, action, resource) when { context.freeze };',
      },
    }),
  ];
  if (accepted.some(({ type }) => type !== 'success')) throw new Error(JSON.stringify(accepted));
  const uid = (type: string, id: string): { readonly type: string; readonly id: string } => ({ type, id });
  const chain = ['/w/a/b/f', '/w/a/b', '/w/a', '/w', '/'];
  const entities = [
    { uid: uid('Agent', 'a'), attrs: {}, parents: [uid('AgentGroup', 'assistants')] },
    { uid: uid('AgentGroup', 'assistants'), attrs: {}, parents: [] },
    ...chain.map((id, at) => ({
      uid: uid('Folder', id),
      attrs: {},
      parents: chain.slice(at + 1, at + 2).map((parent) => uid('Folder', parent)),
    })),
  ];
  const content = 'x'.repeat(600);
  await part('cedar-call', () => {
    const answer = cedar.statefulIsAuthorized({
      principal: uid('Agent', 'a'),
      action: uid('Action', 'write'),
      resource: uid('Folder', chain[0]!),
      context: { content, freeze: false },
      entities,
      preparsedSchemaName: 'bench',
      preparsedPolicySetId: 'bench',
      validateRequest: true,
    });
    if (answer.type !== 'success' || answer.response.decision !== 'allow')
      throw new Error(JSON.stringify(answer));
  });
}

async function verification(): Promise<void> {
  const [data, stateDir] = [join(folder, 'data'), join(folder, 'state')];
  const plane = await openPlane({ data, stateDir, workspace, solo: true, socket: false, deadlineMs: 60_000 });
  const operator = await plane.as({ token: plane.operatorToken! });
  const key = await newPrivateJwk();
  await operator.register({
    subject: 'a-bench',
    kind: 'agent',
    name: 'bench',
    groups: ['assistants'],
    for: OWNER,
    keys: [publicHalf(key)],
    root: { perDay: 1_000, concurrent: 1_000 },
  });
  const agent = await plane.as({ key });
  // A tree with some entries, so that its proofs have some length.
  let last = await agent.request(aRequest(workspace, 0, false));
  for (let n = 1; n < 500; n += 1) last = await agent.request(aRequest(workspace, n, false));
  if (last.verdict !== 'allow') throw new Error(last.code);
  const trust = await readTrustStore(stateDir);
  const jkt = jwkThumbprint({ ...publicHalf(key) });
  const permit = { entry: utf8(last.permit.entry), proof: last.permit.proof };
  const aud = (parseEntry(permit.entry) as { readonly aud: string }).aud;
  const disclosures = last.disclosures.arguments as never;
  const expect = { aud, jkt, action: 'files/write_file', disclosures };
  const nowMs = Date.now();
  await part('permit-verify', () => verifyPermit(permit, { trust, crypto: nodeCrypto, nowMs, expect }));

  const { size, root } = parseCheckpoint(parseNote(parseTlogProof(last.permit.proof).checkpoint).text);
  await plane.close();
  const db = new DatabaseSync(join(data, 'store-1.db'), { readOnly: true });
  const entries = db
    .prepare('SELECT bytes FROM entry WHERE idx < ? ORDER BY idx')
    .all(size)
    .map(({ bytes }) => bytes as Uint8Array);
  db.close();
  const audit = (parse: boolean): void => {
    if (parse) for (const bytes of entries) parseEntry(bytes);
    const whole = frontierRoot(appendLeaves(emptyFrontier(), entries.map(leafHash)));
    if (!equalBytes(whole, root)) throw new Error('another root');
  };
  await part('audit-tree', () => audit(false), entries.length);
  await part('audit-entries', () => audit(true), entries.length);
}
