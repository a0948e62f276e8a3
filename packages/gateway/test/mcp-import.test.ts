// Goal: an import changes `command` and `args` and no other byte; undoing it restores every byte.
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { backupOf, importClientConfig } from '../src/mcp/import.ts';

const folders: string[] = [];
function aFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'licet-import-'));
  folders.push(folder);
  const file = join(folder, 'config.json');
  writeFileSync(file, text);
  return file;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
const read = (file: string): string => readFileSync(file, 'utf8');

const VSCODE = `\ufeff{
  // my servers
  "servers": {
    "files": { "type": "stdio", "command": "npx", /* words */ "args": ["-y", "server-filesystem", "/work space"], "env": { "A": "1.50" } },
    "bare": { "command": "bare-server", },
    "far": { "type": "http", "url": "https://example.org/mcp" }, // remote
  },
  "other": [1.0, 1e3, null],
}\r\n`;

describe('importing a client configuration', () => {
  it('puts the gateway in front of each server it starts, and lists every server', async () => {
    const file = aFile(VSCODE);
    const report = await importClientConfig(file, { observe: true, flags: ['--data', '/d'] });
    expect(report.servers.map(({ name, state }) => [name, state])).toEqual([
      ['files', 'governed'],
      ['bare', 'governed'],
      ['far', 'skipped'],
    ]);
    expect(read(file)).toBe(
      VSCODE.replace('"npx"', '"licet"')
        .replace(
          '["-y", "server-filesystem", "/work space"]',
          '["mcp","--server","files","--first-use","--data","/d","--","npx","-y","server-filesystem","/work space"]',
        )
        .replace(
          '"bare-server"',
          '"licet", "args": ["mcp","--server","bare","--first-use","--data","/d","--","bare-server"]',
        ),
    );
  });

  it('undoing restores every byte and leaves no backup', async () => {
    const file = aFile(VSCODE);
    await importClientConfig(file);
    const report = await importClientConfig(file, { undo: true });
    expect(read(file)).toBe(VSCODE);
    expect(report.servers.map(({ state }) => state)).toEqual(['restored', 'restored', 'skipped']);
    expect(readdirSync(join(file, '..'))).toEqual(['config.json']);
  });

  it('importing twice changes nothing the second time; new servers are added, and each step is undone by itself', async () => {
    const file = aFile('{"mcpServers":{"a":{"command":"x"}}}');
    await importClientConfig(file);
    const once = read(file);
    expect(await importClientConfig(file)).toMatchObject({ changed: false, servers: [{ state: 'already' }] });
    expect(read(file)).toBe(once);
    const extended = once.replace(/\}\}$/, ',"b":{"command":"y","args":[]}}}');
    writeFileSync(file, extended);
    await importClientConfig(file);
    await importClientConfig(file, { undo: true });
    expect(read(file)).toBe(extended);
    await expect(importClientConfig(file, { undo: true })).rejects.toMatchObject({ code: 'ERR_MCP_CONFIG' });
    writeFileSync(file, once);
    await importClientConfig(file, { undo: true });
    expect(read(file)).toBe('{"mcpServers":{"a":{"command":"x"}}}');
  });

  it('a file that was edited after the import is not overwritten by undoing', async () => {
    const file = aFile('{"mcpServers":{"a":{"command":"x"}}}');
    await importClientConfig(file);
    writeFileSync(file, `${read(file)} `);
    await expect(importClientConfig(file, { undo: true })).rejects.toMatchObject({ code: 'ERR_MCP_CONFIG' });
  });

  it('servers of projects are found, names are made fit for actions, links stay links', async () => {
    const file = aFile(
      '{"projects":{"/p":{"mcpServers":{"my tool":{"command":"x"}}},"/q":{"mcpServers":{"my/tool":{"command":"y"}}}}}',
    );
    const link = `${file}.link`;
    symlinkSync(file, link);
    const report = await importClientConfig(link);
    expect(report.servers.map(({ server }) => server)).toEqual(['my-tool', 'my-tool-2']);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it('what cannot be read is refused and left as it is', async () => {
    for (const text of [
      '',
      '{',
      '{"mcpServers":{"a":{"command":"x"},"a":{"command":"y"}}}',
      '{"mcpServers":{}} x',
      "{'a':1}",
    ]) {
      const file = aFile(text);
      await expect(importClientConfig(file)).rejects.toMatchObject({ code: 'ERR_MCP_CONFIG' });
      expect(read(file)).toBe(text);
    }
    await expect(importClientConfig('/nonexistent/config.json')).rejects.toMatchObject({
      code: 'ERR_MCP_CONFIG',
    });
  });

  it('any configuration comes back as it was', async () => {
    const server = fc.record(
      {
        command: fc.string(),
        args: fc.array(fc.string(), { maxLength: 4 }),
        env: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), server, { maxKeys: 4 }),
        fc.json(),
        fc.constantFrom(0, 2, '\t'),
        async (servers, other, indent) => {
          const text = JSON.stringify(
            { other: JSON.parse(other) as unknown, mcpServers: servers },
            null,
            indent,
          );
          const file = aFile(text);
          const { changed } = await importClientConfig(file);
          const governed = JSON.parse(read(file)) as {
            readonly mcpServers: Record<string, { command?: string; args?: string[] }>;
          };
          for (const [name, before] of Object.entries(servers)) {
            if (before.command === undefined) continue;
            const now = governed.mcpServers[name]!;
            expect([now.command, ...now.args!.slice(now.args!.indexOf('--') + 1)]).toEqual([
              'licet',
              before.command,
              ...(before.args ?? []),
            ]);
          }
          if (!changed) return;
          await importClientConfig(file, { undo: true });
          expect(read(file)).toBe(text);
        },
      ),
      { numRuns: 80 },
    );
    expect(backupOf('/a/b')).toBe('/a/b.licet-backup.json');
  });
});
