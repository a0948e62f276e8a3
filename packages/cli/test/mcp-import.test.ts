/** Goal: a stranger's configuration is governed in one command, its calls go on working, and each is in the log. */
import { readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { expect, it } from 'vitest';
import { aPlace, type Place } from './process.ts';

const SERVER = fileURLToPath(
  new URL('../../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js', import.meta.url),
);

/** A configuration with a server under a name of its owner's choosing, and one that does not start. */
async function configOf(place: Place): Promise<string> {
  const file = join(place.folder, 'mcp.json');
  const mcpServers = {
    'my notes': { command: process.execPath, args: [SERVER, place.folder] },
    broken: { command: '/nonexistent/server' },
  };
  await writeFile(file, JSON.stringify({ mcpServers }, null, 2));
  return file;
}

async function callThrough(place: Place, file: string): Promise<{ isError?: boolean; text: string }> {
  const { mcpServers } = JSON.parse(await readFile(file, 'utf8')) as {
    mcpServers: Record<string, { command: string; args: string[] }>;
  };
  const { command, args } = mcpServers['my notes']!;
  const client = new Client({ name: 'stranger', version: '1' });
  await client.connect(
    new StdioClientTransport({ command, args, env: place.env as Record<string, string>, stderr: 'ignore' }),
  );
  try {
    const path = join(place.folder, 'note.txt');
    const answer = await client.callTool({ name: 'write_file', arguments: { path, content: 'hello' } });
    const [{ text }] = answer.content as [{ text: string }];
    return { ...(answer.isError === true ? { isError: true } : {}), text };
  } finally {
    await client.close();
  }
}

it('import makes a plane that observes and describes the tools, whatever their server is called', async () => {
  const place = await aPlace();
  const file = await configOf(place);
  const before = await readFile(file, 'utf8');
  const imported = await place.run('mcp', 'import', file, '--json');
  expect(imported.json()).toMatchObject({
    ok: true,
    policy: 'made',
    servers: [
      { name: 'my notes', server: 'my-notes', state: 'governed' },
      { name: 'broken', state: 'skipped' },
    ],
  });
  expect(await callThrough(place, file)).not.toHaveProperty('isError');
  expect(await readFile(join(place.folder, 'note.txt'), 'utf8')).toBe('hello');
  const { items } = (await place.run('runs', 'list', '--json')).json<{ items: { action: string }[] }>();
  expect(items.map(({ action }) => action)).toContain('my-notes/write_file');
  expect((await place.run('mcp', 'import', file, '--undo')).code).toBe(0);
  expect(await readFile(file, 'utf8')).toBe(before);
  // A second time there is nothing left to say.
  expect((await place.run('mcp', 'import', file, '--json')).json()).toMatchObject({ policy: 'known' });
});

it('a server whose tools are called as the starter calls its own is imported too', async () => {
  const place = await aPlace();
  const file = join(place.folder, 'mcp.json');
  const mcpServers = { files: { command: process.execPath, args: [SERVER, place.folder] } };
  await writeFile(file, JSON.stringify({ mcpServers }));
  const imported = await place.run('mcp', 'import', file, '--json');
  expect(imported.json()).toMatchObject({ ok: true, policy: 'made', servers: [{ state: 'governed' }] });
});

it('a running plane that observes gets a new version of its policy', async () => {
  const place = await aPlace();
  const file = await configOf(place);
  const up = place.start('up', '--observe', '--port', '0', '--public-port', '0', '--json');
  try {
    await once(up.stdout!, 'data');
    expect((await place.run('mcp', 'import', file, '--json')).json()).toMatchObject({ policy: 'published' });
    expect(await callThrough(place, file)).not.toHaveProperty('isError');
  } finally {
    up.kill();
    await once(up, 'exit');
  }
});

it('a plane that stops things keeps its policy, and the configuration stays as it was', async () => {
  const place = await aPlace();
  const file = await configOf(place);
  const before = await readFile(file, 'utf8');
  expect((await place.run('init')).code).toBe(0);
  const refused = await place.run('mcp', 'import', file, '--json');
  expect(refused.code).toBe(1);
  expect(refused.error()).toMatchObject({ code: 'ERR_CLI_POLICY', still: 'Nothing was changed.' });
  expect(await readFile(file, 'utf8')).toBe(before);
});

it('policy tools describes them in a folder, and a policy about them can be tested', async () => {
  const place = await aPlace();
  await place.run('policy', 'init', 'policy');
  const command = [
    'policy',
    'tools',
    'policy',
    '--server',
    'notes',
    '--json',
    '--',
    process.execPath,
    SERVER,
  ];
  const added = await place.run(...command, place.folder);
  expect(added.json<{ added: string[] }>().added).toContain('notes/write_file');
  const cedar = join(place.folder, 'policy', 'policy.cedar');
  const more = '@id("notes") permit (principal, action in Action::"notes", resource);\n';
  await writeFile(cedar, `${await readFile(cedar, 'utf8')}\n${more}`);
  const test = {
    name: 'notes are written',
    given: { agent: 'a', user: 'u', action: 'notes/write_file', args: { path: 'a', content: 'b' } },
    expect: { verdict: 'allow' },
  };
  await writeFile(join(place.folder, 'policy', 'notes.test.json'), JSON.stringify({ tests: [test] }));
  expect((await place.run('policy', 'test', 'policy')).code).toBe(0);
  // Said again, nothing is added, and what stands there is not touched.
  expect((await place.run(...command, place.folder)).json()).toMatchObject({ added: [] });
});
