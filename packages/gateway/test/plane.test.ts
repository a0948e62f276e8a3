// Goal: the doors with the real plane: the filesystem server behind the gateway, for the official clients of both
// revisions, and commands. Method: this process owns a plane with the starter policy; the gateway attaches to it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio';
import { createDoor, Denied, fileMemory } from '@licet/sdk';
import { aPlane, type Fixture } from '../../server/test/fixture.ts';
import { execGoverned } from '../src/index.ts';

const PROXY = new URL('./fixtures/plane-proxy.ts', import.meta.url).pathname;
const SERVER = new URL(
  '../../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js',
  import.meta.url,
).pathname;
let fixture: Fixture;
beforeAll(async () => {
  fixture = await aPlane();
});
afterAll(async () => fixture.close());

const inside = (name: string): string => join(fixture.folder.workspace, name);
const command = () => ({
  command: process.execPath,
  args: [
    PROXY,
    fixture.folder.data,
    fixture.folder.stateDir,
    join(fixture.folder.path, 'pins.json'),
    process.execPath,
    SERVER,
    fixture.folder.path,
  ],
  stderr: 'inherit' as const,
});
type Result = { readonly isError?: boolean; readonly content: readonly { readonly text: string }[] };
const clients = [
  ['sdk 1.x', () => new ClientV1({ name: 't', version: '1' }), () => new StdioV1(command())],
  [
    'client 2.x',
    () => new ClientV2({ name: 't', version: '1' }, { versionNegotiation: { mode: 'auto' } } as never),
    () => new StdioV2(command()),
  ],
] as const;

let round = 0;
describe.each(clients)('%s, gateway, plane, filesystem server', (_name, makeClient, makeTransport) => {
  it('permits, denies, waits for a person, and stops when contained', async () => {
    const [a, b] = [`a-${++round}.txt`, `b-${round}.txt`];
    const client = makeClient() as ClientV1;
    await client.connect(makeTransport() as never);
    const call = (name: string, args: object): Promise<Result> =>
      client.callTool({ name, arguments: args as Record<string, unknown> }) as Promise<Result>;
    try {
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('write_file');
      await call('write_file', { path: inside(a), content: 'hi' });
      expect(readFileSync(inside(a), 'utf8')).toBe('hi');

      const outside = join(fixture.folder.path, 'outside.txt');
      const denied = await call('write_file', { path: outside, content: 'x' });
      expect(denied.isError).toBe(true);
      expect(denied.content[0]!.text).toMatch(/code policy, decision .*Next: /s);
      expect(existsSync(outside)).toBe(false);

      const moving = call('move_file', { source: inside(a), destination: inside(b) });
      const held = await waitForHold();
      expect(existsSync(inside(b))).toBe(false);
      await fixture.operator.approve(held.executionId, {
        hold: held.hold!.leaf,
        group: 'operators',
        verdict: 'approve',
      });
      expect((await moving).isError).not.toBe(true);
      expect(existsSync(inside(b))).toBe(true);

      await fixture.operator.contain({ kind: 'everything', id: '*' });
      expect(
        (
          await call('read_text_file', { path: inside(b) }).catch((): Result => ({
            isError: true,
            content: [],
          }))
        ).isError,
      ).toBe(true);
    } finally {
      await client.close();
      for (const { leaf } of (await fixture.operator.containments()).active)
        await fixture.operator.lift(leaf);
    }
  });
});

describe('commands with a real plane', () => {
  const run = (argv: readonly string[], cwd = fixture.folder.workspace) =>
    execGoverned({
      plane: createDoor(
        fixture.plane,
        { ...fixture.plane.pinned, memory: fileMemory(fixture.folder.stateDir) },
        { deadlineMs: 5_000 },
      ),
      argv,
      cwd,
    });

  it('a listed program runs in the workspace, another does not, and neither does it elsewhere', async () => {
    const end = await run(['echo', 'hi']);
    expect([end.exit, new TextDecoder().decode(end.stdout)]).toEqual([0, 'hi\n']);
    const view = await fixture.operator.execution(end.executionId);
    expect(view).toMatchObject({ state: 'completed', action: 'shell/exec', confine: end.confinement });
    writeFileSync(inside('victim'), 'x');
    const error: unknown = await run(['rm', inside('victim')]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Denied);
    expect(existsSync(inside('victim'))).toBe(true);
    await expect(run(['echo', 'hi'], '/')).rejects.toBeInstanceOf(Denied);
  });
});

async function waitForHold() {
  for (;;) {
    const [held] = await fixture.operator.approvals();
    if (held !== undefined) return held;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
