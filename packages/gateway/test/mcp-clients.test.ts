// Goal: the official clients, of both revisions of the protocol, work with a real tool server through the gateway.
// Method: @modelcontextprotocol/sdk 1.x and @modelcontextprotocol/client 2.x start a small program that runs the
// proxy in front of @modelcontextprotocol/server-filesystem.
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio';

const PROXY = new URL('./fixtures/proxy-program.ts', import.meta.url).pathname;
const SERVER = new URL(
  '../../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js',
  import.meta.url,
).pathname;
let folder = '';
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'licet-clients-')));
  writeFileSync(join(folder, 'a.txt'), 'hello');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const command = () => ({
  command: process.execPath,
  args: [PROXY, 'files', join(folder, 'pins.json'), process.execPath, SERVER, folder],
  stderr: 'ignore' as const,
});
const clients = [
  ['sdk 1.x', () => new ClientV1({ name: 't', version: '1' }), () => new StdioV1(command())],
  [
    'client 2.x',
    () => new ClientV2({ name: 't', version: '1' }, { versionNegotiation: { mode: 'auto' } } as never),
    () => new StdioV2(command()),
  ],
] as const;

describe.each(clients)('%s through the gateway', (_name, makeClient, makeTransport) => {
  it('lists, reads, writes, and reads why it was denied', async () => {
    const client = makeClient() as ClientV1;
    await client.connect(makeTransport() as never);
    try {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toContain('write_file');
      const read = (await client.callTool({
        name: 'read_text_file',
        arguments: { path: join(folder, 'a.txt') },
      })) as { content: { text: string }[] };
      expect(read.content[0]!.text).toContain('hello');
      await client.callTool({
        name: 'write_file',
        arguments: { path: join(folder, 'b.txt'), content: 'written' },
      });
      expect(readFileSync(join(folder, 'b.txt'), 'utf8')).toBe('written');
      const denied = (await client.callTool({
        name: 'move_file',
        arguments: { source: join(folder, 'b.txt'), destination: join(folder, 'c.txt') },
      })) as { isError?: boolean; content: { text: string }[] };
      expect(denied.isError).toBe(true);
      expect(denied.content[0]!.text).toMatch(/^Denied files\/move_file: .* decision .*Next: /s);
    } finally {
      await client.close();
    }
  });
});
