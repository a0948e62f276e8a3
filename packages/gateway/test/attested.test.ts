// Goal: what was permitted is what runs, as long as it runs: a file that changes on the disk, an image that is replaced
// and a tool that is redefined halt what uses them within a beat, and are not used again. Method: real processes and
// tool servers behind the doors, the real plane, and the process list.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '@licet/evidence';
import { bundleDigest, type Bundle } from '@licet/policy';
import { createDoor, Denied, processMemory, type Door } from '@licet/sdk';
import { readPlaneFolder, readSeed, signBundle, statePaths } from '@licet/server';
import { aPlane, type Fixture } from '../../server/test/fixture.ts';
import { execGoverned, measureExecutable, runMcpProxy, type ExecEnd } from '../src/index.ts';
import { definitionDigest } from '../src/mcp/definition.ts';

let fixture: Fixture;
let version = 1;
beforeAll(async () => {
  fixture = await aPlane();
});
afterAll(async () => fixture.close());

const inside = (name: string): string => join(fixture.folder.workspace, name);
const aDoor = (): Door =>
  createDoor(
    fixture.plane,
    { ...fixture.plane.pinned, memory: processMemory() },
    { deadlineMs: 10_000, onWarning: () => undefined },
  );

/** Publishes the bundle in force with changes, as its author. */
async function publish(change: (bundle: Bundle) => Bundle): Promise<void> {
  const { signed } = (await fixture.operator.bundles()).find(({ active }) => active)!;
  const { bundle } = signed as unknown as { readonly bundle: Bundle };
  version += 1;
  const { origin, vkeys } = await readPlaneFolder(fixture.folder.data);
  const seed = await readSeed(statePaths(fixture.folder.stateDir, origin).authorSeed);
  const next = { ...change(bundle), version };
  const test = {
    name: 'what no bundle describes is denied',
    given: { agent: 'a', action: 'nobody/knows', args: {} },
    expect: { verdict: 'deny', code: 'unknown_action' },
  };
  const answer = await fixture.operator.publish(signBundle(next, seed, vkeys.author) as unknown as Json, {
    'policy.test.json': { tests: [test] },
  });
  expect(answer, bundleDigest(next)).toMatchObject({ verdict: 'done' });
}

/** A bundle in which anything may be executed in the workspace, if it is one of these programs. */
const wanting =
  (allow: readonly string[]) =>
  (bundle: Bundle): Bundle => ({
    ...bundle,
    actions: {
      ...bundle.actions,
      'shell/exec': { ...bundle.actions['shell/exec']!, floor: { lease: '3s', max: '5m' } },
    },
    policies: [
      {
        name: 'policy.cedar',
        text: `@id("all") permit (principal, action in Action::"licet/governed", resource);`,
      },
    ],
    attest: { 'shell/exec': [{ kind: 'executable', maxAge: '5s', allow }] },
  });

function aScript(name: string): string {
  const file = inside(name);
  writeFileSync(file, `#!/bin/sh\nwhile :; do echo beat >> ${file}.beats; sleep 0.05; done\n`);
  chmodSync(file, 0o755);
  return file;
}
const beats = (file: string): number => (existsSync(`${file}.beats`) ? statSync(`${file}.beats`).size : 0);
const digestOf = async (file: string): Promise<string> =>
  (await measureExecutable(file, { cwd: fixture.folder.workspace })).digest;
const start = (argv: readonly string[], more: object = {}): Promise<ExecEnd> =>
  execGoverned({ plane: aDoor(), argv, cwd: fixture.folder.workspace, ...more });
const runningOf = async (executionId?: string) =>
  (await fixture.operator.executions({ state: 'running', action: 'shell/exec' })).items.filter(
    (item) => executionId === undefined || item.executionId === executionId,
  );

async function until(probe: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; n < 400; n += 1) {
    if (await probe()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it never became so');
}
/** Processes that have this file among their words. */
async function alive(file: string): Promise<number> {
  const { readdir, readFile } = await import('node:fs/promises');
  const texts = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^[0-9]+$/.test(name))
      .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return texts.filter((text) => text.split('\0').includes(file)).length;
}

describe('an executable', () => {
  it('that changes while it runs is halted and not started again; as it was, it is', async () => {
    const file = aScript('agent');
    const original = readFileSync(file);
    await publish(wanting([await digestOf(file)]));
    const ending = start([file]);
    await until(async () => beats(file) > 20 && (await runningOf()).length === 1);
    const [view] = await runningOf();
    // More than its age: it is attested again while it runs.
    await until(
      async () => (await fixture.operator.attestations(view!.executionId)).length === 1 && beats(file) > 100,
    );
    // Another file under the same name: what runs is still the old one.
    writeFileSync(`${file}.new`, Buffer.concat([original, Buffer.from('# x\n')]));
    chmodSync(`${file}.new`, 0o755);
    renameSync(`${file}.new`, file);
    const end = await ending;
    expect(end.haltCode).toBe('attestation_contraindicated');
    expect(await alive(file)).toBe(0);
    expect((await fixture.operator.execution(end.executionId)).state).toBe('halted');
    const [seen] = await fixture.operator.attestations(end.executionId);
    expect(seen).toMatchObject({ kind: 'executable', status: 'contraindicated', by: 'self' });
    expect(seen!.measured).toBe(await digestOf(file));

    const size = beats(file);
    const refused: unknown = await start([file]).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Denied);
    expect((refused as Denied).code).toBe('attestation_contraindicated');
    expect(beats(file)).toBe(size);

    writeFileSync(file, `${original.toString().replace('while :; do', 'for i in 1 2; do')}`);
    await publish(wanting([await digestOf(file)]));
    expect((await start([file])).exit).toBe(0);
  });

  it('that executes something else in its place is halted', async () => {
    const sh = (await measureExecutable('sh', { cwd: '/' })).path;
    await publish(wanting([await digestOf(sh)]));
    const end = await start([sh, '-c', 'exec sleep 300.25']);
    expect(end.haltCode).toBe('attestation_contraindicated');
    expect(await alive('300.25')).toBe(0);
  });

  it('is measured together with the files that are named with it', async () => {
    const script = inside('entry.sh');
    writeFileSync(script, 'while :; do sleep 0.05; done\n');
    const copy = inside('shell');
    copyFileSync((await measureExecutable('sh', { cwd: '/' })).path, copy);
    await publish(wanting([await digestOf(copy)]));
    const refused: unknown = await start([copy, script], { measure: ['entry.sh'] }).catch(
      (error: unknown) => error,
    );
    // The list names the program alone; with its script it is another one, and that is what the denial's record says.
    expect((refused as Denied).code).toBe('attestation_contraindicated');
    const together = (await fixture.operator.attestations('a-default')).toSorted(
      (a, b) => b.index - a.index,
    )[0]!;
    await publish(wanting([together.measured]));
    const ending = start([copy, script], { measure: ['entry.sh'] });
    await until(async () => (await runningOf()).length === 1 && (await alive(script)) > 0);
    writeFileSync(script, 'sleep 1000\n');
    expect((await ending).haltCode).toBe('attestation_contraindicated');
    expect(await alive(script)).toBe(0);
  });

  it('that cannot be measured any more is halted', async () => {
    const file = aScript('gone');
    await publish(wanting([await digestOf(file)]));
    const ending = start([file]);
    await until(async () => beats(file) > 20 && (await runningOf()).length === 1);
    renameSync(file, `${file}.elsewhere`);
    expect((await ending).haltCode).toMatch(/^attestation_(contraindicated|stale|missing)$/);
    expect(await alive(file)).toBe(0);
  });

  it('of a door without a key to sign with is not started', async () => {
    const file = aScript('unsigned');
    await publish(wanting([await digestOf(file)]));
    const { sign: _, ...pinned } = fixture.plane.pinned;
    const door = createDoor(fixture.plane, { ...pinned, memory: processMemory() }, { deadlineMs: 10_000 });
    const refused: unknown = await execGoverned({
      plane: door,
      argv: [file],
      cwd: fixture.folder.workspace,
    }).catch((error: unknown) => error);
    expect((refused as Denied).code).toBe('attestation_missing');
    expect(beats(file)).toBe(0);
  });
});

describe('a tool', () => {
  it('is attested by the gateway; redefined in mid-call it is halted', async () => {
    const SERVER = new URL('./fixtures/tool-server.mjs', import.meta.url).pathname;
    const tools = inside('tools.json');
    const slow = {
      name: 'slow',
      description: 'Never answers',
      inputSchema: { type: 'object', properties: {} },
    };
    writeFileSync(tools, JSON.stringify([slow]));
    await publish((bundle) => ({
      ...bundle,
      actions: {
        ...bundle.actions,
        'fixture/slow': {
          schema: { type: 'object', properties: {}, additionalProperties: false },
          resources: {},
          floor: { lease: '3s', max: '1m' },
        },
      },
      pins: { 'fixture/slow': definitionDigest(slow) },
      attest: { 'fixture/slow': [{ kind: 'tool_manifest', maxAge: '30s', allow: 'pinned' }] },
    }));
    const [input, output] = [new PassThrough(), new PassThrough()];
    let text = '';
    output.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const ended = runMcpProxy({
      plane: aDoor(),
      server: 'fixture',
      upstream: { command: [process.execPath, SERVER, inside('journal'), tools] },
      input,
      output,
      pins: { file: join(fixture.folder.path, 'fixture-pins.json'), firstUse: true },
    });
    const send = (id: number, method: string, params: object): void =>
      void input.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    send(1, 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    });
    await until(() => text.includes('"id":1'));
    send(2, 'tools/call', { name: 'slow', arguments: {} });
    await until(() => readFileSync(inside('journal'), 'utf8').includes('"tools/call"'));
    writeFileSync(tools, JSON.stringify([{ ...slow, description: 'Never аnswers' }]));
    await until(() => text.includes('"id":2'));
    expect(text).toContain('attestation_contraindicated');
    const { items } = await fixture.operator.executions({ action: 'fixture/slow' });
    expect((await fixture.operator.attestations(items[0]!.executionId))[0]).toMatchObject({
      kind: 'tool_manifest',
      status: 'contraindicated',
    });
    input.end();
    await ended;
  });
});
