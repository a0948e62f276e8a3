// Goal: a client speaks to its tool server through the gateway as it did before, but for what is decided; and nothing
// reaches the server that was not committed to. Method: a real child process behind the proxy, raw lines in front of
// it, and a plane with a real log whose answers a test can bend.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { Denial, Held } from '@licet/api';
import { bundleDigest } from '@licet/evidence';
import { createDoor, processMemory } from '@licet/sdk';
import { definitionDigest } from '../src/mcp/definition.ts';
import { anAdversary, type Adversary } from '../../sdk/test/adversary.ts';
import { runMcpProxy, type McpProxyEnd, type McpProxyOptions } from '../src/mcp/proxy.ts';

const SERVER = new URL('./fixtures/tool-server.mjs', import.meta.url).pathname;
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

// oxlint-disable-next-line typescript/no-explicit-any -- what a wire says, looked into by hand
type Loose = Record<string, any>;

interface Line {
  readonly raw: string;
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Loose;
  readonly error?: { readonly code: number; readonly message: string };
}

function aProxy(plane: Adversary = anAdversary({ ttlMs: 5_000 }), options: Partial<McpProxyOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'licet-mcp-'));
  const journal = join(folder, 'journal');
  const toolsFile = join(folder, 'tools.json');
  const pinFile = join(folder, 'pins.json');
  writeFileSync(journal, '');
  const input = new PassThrough();
  const output = new PassThrough();
  const lines: Line[] = [];
  const waiting: (() => void)[] = [];
  let rest = '';
  output.on('data', (chunk: Buffer) => {
    rest += chunk.toString();
    const parts = rest.split('\n');
    rest = parts.pop()!;
    for (const raw of parts) lines.push({ raw, ...(JSON.parse(raw) as object) });
    for (const wake of waiting.splice(0)) wake();
  });
  const door = createDoor(
    plane.client,
    { trust: plane.trust, jkt: plane.jkt, memory: processMemory() },
    { deadlineMs: 2_000, onWarning: () => undefined },
  );
  const notes: string[] = [];
  const end: Promise<McpProxyEnd> = runMcpProxy({
    plane: door,
    server: 'fixture',
    upstream: {
      command: [process.execPath, SERVER, journal, toolsFile],
      env: { ...process.env, LICET_TOKEN: 'secret' },
    },
    input,
    output,
    pins: { file: pinFile, firstUse: true },
    note: (text) => notes.push(text),
    ...options,
  });
  const leave = async (): Promise<McpProxyEnd> => {
    input.end();
    return end;
  };
  cleanups.push(async () => {
    await leave();
    rmSync(folder, { recursive: true, force: true });
  });
  const send = (line: string | object): void =>
    void input.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
  const until = async (test: (line: Line) => boolean): Promise<Line> => {
    for (;;) {
      const found = lines.find(test);
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`waited in vain; got ${JSON.stringify(lines)} ${notes.join('\n')}`)),
          8_000,
        );
        waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  };
  let serial = 100;
  const ask = async (method: string, params: object = {}, id: unknown = ++serial): Promise<Line> => {
    send({ jsonrpc: '2.0', id, method, params });
    return until((line) => line.id === id && line.method === undefined);
  };
  const received = (): Loose[] =>
    readFileSync(journal, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Loose);
  const receivedCalls = () => received().filter(({ method }) => method === 'tools/call');
  return {
    plane,
    send,
    ask,
    until,
    lines,
    notes,
    received,
    receivedCalls,
    leave,
    end,
    toolsFile,
    pinFile,
    journal,
  };
}
type Proxy = ReturnType<typeof aProxy>;
const initialize = (proxy: Proxy) =>
  proxy.ask('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 't', version: '1' },
  });
const modern = (more: object = {}) => ({
  _meta: {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    ...more,
  },
});
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const deny = (executionId: string): Denial => ({
  verdict: 'deny',
  code: 'policy',
  decisionId: 'd-1',
  executionId,
  reason: 'No policy permits this.',
  policies: ['p1'],
  next: 'Use another tool.',
});

describe('what is passed on', () => {
  it("keeps ids as they were written, unknown fields, and the server's bytes", async () => {
    const proxy = aProxy();
    proxy.send(
      '{ "id" : "a/é" , "method":"initialize","jsonrpc":"2.0","params":{"protocolVersion":"2025-11-25","x":[1.50]}}',
    );
    const answer = await proxy.until((line) => line.id === 'a/é');
    expect(answer.result).toMatchObject({ capabilities: { 'x/extension': { deep: true } } });
    expect(readFileSync(proxy.journal, 'utf8')).toContain('"x":[1.50]');
    proxy.send('{"jsonrpc":"2.0","id":7.0,"method":"tools/call","params":{"name":"odd","arguments":{}}}');
    const odd = await proxy.until((line) => line.id === 7);
    expect(odd.raw).toBe(
      '{"jsonrpc" : "2.0","result":{"content":[],"n":1.0,"big":12345678901234567890,"_meta":{"x":1}},"id":7.0 }',
    );
  });

  it('keeps progress, notifications and their order', async () => {
    const proxy = aProxy();
    await initialize(proxy);
    proxy.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    await proxy.ask('tools/call', { name: 'echo', arguments: {}, _meta: { progressToken: 'p' } }, 5);
    const order = proxy.lines.slice(-2).map((line) => line.method ?? 'answer');
    expect(order).toEqual(['notifications/progress', 'answer']);
    expect(proxy.received().map(({ method }) => method)).toContain('notifications/initialized');
  });

  it('a list keeps order and unknown fields when every tool is pinned', async () => {
    const proxy = aProxy();
    await initialize(proxy);
    const { result } = await proxy.ask('tools/list');
    expect(result!['tools'].map(({ name }: { name: string }) => name)).toEqual([
      'echo',
      'fail',
      'slow',
      'twice',
      'ask',
      'odd',
      'environment',
    ]);
    expect(result).toMatchObject({ 'x-page': { kept: [1.5, null] } });
    expect(result!['tools'][0]['x-unknown']).toEqual([1, 2]);
  });

  it('unknown methods, batches, duplicate names and garbage never reach the server', async () => {
    const proxy = aProxy();
    await initialize(proxy);
    const before = proxy.received().length;
    expect((await proxy.ask('tasks/cancel', {})).error?.code).toBe(-32601);
    expect((await proxy.ask('completion/complete', {})).error?.code).toBe(-32601);
    proxy.send('[{"jsonrpc":"2.0","id":1,"method":"ping"}]');
    proxy.send('{"jsonrpc":"2.0","id":2,"method":"ping","method":"tools/call","params":{"name":"echo"}}');
    proxy.send('{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","name":"fail"}}');
    proxy.send('not json');
    await proxy.until(() => proxy.lines.filter((line) => line.error !== undefined).length >= 6);
    expect(proxy.received().length).toBe(before);
  });

  it('a request of the server to the client is refused unless it was allowed', async () => {
    const proxy = aProxy();
    await initialize(proxy);
    await proxy.ask('tools/call', { name: 'ask', arguments: {} });
    await sleep(50);
    expect(proxy.lines.some((line) => line.method === 'sampling/createMessage')).toBe(false);
    expect(proxy.received().find(({ id, error }) => id === 77 && error !== undefined)).toMatchObject({
      error: { code: -32601 },
    });
    const open = aProxy(undefined, { serverRequests: ['sampling/createMessage'] });
    await initialize(open);
    await open.ask('tools/call', { name: 'ask', arguments: {} });
    expect(await open.until((line) => line.method === 'sampling/createMessage')).toMatchObject({ id: 77 });
  });

  it("rule 28: the server sees none of the plane's secrets", async () => {
    const proxy = aProxy();
    await initialize(proxy);
    const { result } = await proxy.ask('tools/call', { name: 'environment', arguments: {} });
    const names = JSON.parse(result!['content'][0].text) as string[];
    expect(names).toContain('PATH');
    expect(names.filter((name) => name.toUpperCase().startsWith('LICET'))).toEqual([]);
  });
});

describe('what is decided', () => {
  it('rule 26: a permitted call is made anew with exactly the committed arguments', async () => {
    const proxy = aProxy();
    await initialize(proxy);
    const params = {
      name: 'echo',
      arguments: { b: [1, { c: 'x' }], a: null },
      _meta: { progressToken: 1, traceparent: '00-1', 'evil/effect': true },
      task: { ttl: 1 },
      extra: 'smuggled',
    };
    const { result } = await proxy.ask('tools/call', params);
    const [call] = proxy.receivedCalls();
    expect(call!['params']).toEqual({
      name: 'echo',
      arguments: { a: null, b: [1, { c: 'x' }] },
      _meta: { progressToken: 1, traceparent: '00-1' },
    });
    expect(call!['id']).toMatch(/^gw-/);
    expect(result!['content']).toHaveLength(1);
  });

  it('rule 18: one session for the client, its calls are children, its end is reported', async () => {
    const proxy = aProxy();
    await initialize(proxy);
    await proxy.ask('tools/call', { name: 'echo', arguments: {} });
    await proxy.ask('tools/call', { name: 'fail', arguments: {} });
    expect(await proxy.leave()).toMatchObject({ why: 'client_left' });
    const [session, first, second] = proxy.plane.requests;
    expect([session!.action, first!.action, second!.action]).toEqual([
      'licet/session',
      'fixture/echo',
      'fixture/fail',
    ]);
    expect(session!.parent).toBeUndefined();
    expect(first!.parent).toBe(second!.parent);
    expect(first!.parent).toBeDefined();
    expect(first!.door).toMatchObject({ grade: 'gateway', confine: 'group-only' });
    expect(proxy.plane.reports.map(({ status, reason }) => [status, reason])).toEqual([
      ['completed', undefined],
      ['failed', 'tool_error'],
      ['completed', 'client_left'],
    ]);
  });

  it('rule 45: a denied call is a result that the model reads: reason, decision, what to do', async () => {
    const plane = anAdversary({ ttlMs: 5_000 });
    plane.bends.answer = (answer, request) =>
      request.action === 'fixture/echo' ? deny(answer.executionId) : answer;
    const proxy = aProxy(plane);
    await initialize(proxy);
    const { result, error } = await proxy.ask('tools/call', { name: 'echo', arguments: {} });
    expect(error).toBeUndefined();
    expect(result!['isError']).toBe(true);
    expect(result!['resultType']).toBeUndefined();
    expect(result!['content'][0].text).toMatch(
      /No policy permits this\..*decision d-1.*Next: Use another tool\./,
    );
    expect(proxy.receivedCalls()).toEqual([]);
    const second = await proxy.ask('tools/call', { name: 'echo', arguments: {}, ...modern() });
    expect(second.result).toMatchObject({ isError: true, resultType: 'complete' });
  });

  it('without a session nothing is started: no server, no call', async () => {
    const plane = anAdversary();
    plane.bends.answer = (answer) => deny(answer.executionId);
    const proxy = aProxy(plane);
    expect((await initialize(proxy)).error).toMatchObject({ code: -32001 });
    expect((await proxy.ask('tools/call', { name: 'echo', arguments: {} })).result).toMatchObject({
      isError: true,
    });
    expect(proxy.received()).toEqual([]);
  });

  it('a plane that is gone denies; the call never reaches the server', async () => {
    const plane = anAdversary({ ttlMs: 5_000 });
    const proxy = aProxy(plane);
    await initialize(proxy);
    plane.bends.answer = () => {
      throw new Error('gone');
    };
    const { result } = await proxy.ask('tools/call', { name: 'echo', arguments: {} });
    expect(result!['content'][0].text).toContain('plane_unreachable');
    expect(proxy.receivedCalls()).toEqual([]);
  });

  it('reads and prompts are decided under names of their own', async () => {
    const plane = anAdversary({ ttlMs: 5_000 });
    plane.bends.answer = (answer, request) =>
      request.action === 'fixture/prompts.get' ? deny(answer.executionId) : answer;
    const proxy = aProxy(plane);
    await initialize(proxy);
    expect((await proxy.ask('resources/read', { uri: 'file:///a' })).result).toEqual({
      method: 'resources/read',
    });
    expect((await proxy.ask('prompts/get', { name: 'p' })).error).toMatchObject({ code: -32001 });
    expect(plane.requests.map(({ action }) => action)).toEqual([
      'licet/session',
      'fixture/resources.read',
      'fixture/prompts.get',
    ]);
  });

  it('rule 26: a retry with input responses is a new execution whose permit covers them', async () => {
    const proxy = aProxy();
    const first = await proxy.ask('tools/call', { name: 'twice', arguments: { x: 1 }, ...modern() });
    expect(first.result).toMatchObject({ resultType: 'input_required', requestState: 'opaque=/+é' });
    const second = await proxy.ask('tools/call', {
      name: 'twice',
      arguments: { x: 1 },
      inputResponses: { name: 'n' },
      requestState: 'opaque=/+é',
      ...modern(),
    });
    expect(JSON.parse(second.result!['content'][0].text)).toMatchObject({
      inputResponses: { name: 'n' },
      requestState: 'opaque=/+é',
    });
    const bound = proxy.plane.requests
      .slice(1)
      .map(({ door }) => door.bound!.filter((part) => part.startsWith('retry:')).length);
    expect(bound).toEqual([0, 1]);
  });

  it('rule 23: a hold is waited for with progress, then the model reads whom it waits for', async () => {
    const plane = anAdversary({
      ttlMs: 5_000,
      execution: async () => {
        await sleep(50);
        return { state: 'held' } as never;
      },
    });
    const hold = (executionId: string): Held => ({
      verdict: 'hold',
      executionId,
      decisionId: 'd',
      code: 'held',
      reason: 'r',
      policies: [],
      next: 'n',
      holds: [{ group: 'operators', need: 1, until: 2_000_000_000_000 }],
    });
    plane.bends.answer = (answer, request) =>
      request.action === 'fixture/echo' ? hold(answer.executionId) : answer;
    const proxy = aProxy(plane, { holdWaitMs: 200 });
    await initialize(proxy);
    const { result } = await proxy.ask('tools/call', {
      name: 'echo',
      arguments: {},
      _meta: { progressToken: 9 },
    });
    expect(result!['content'][0].text).toMatch(
      /held: [0-9a-f-]{36}, by operators, until .*call again with the same arguments/s,
    );
    expect(proxy.lines.find((line) => line.method === 'notifications/progress')?.params).toMatchObject({
      progressToken: 9,
      message: 'waiting for approval by operators',
    });
  });

  it('a call that is halted is cancelled at the server and answered at once', async () => {
    const plane = anAdversary({ ttlMs: 5_000 });
    const proxy = aProxy(plane);
    await initialize(proxy);
    const answer = proxy.ask('tools/call', { name: 'slow', arguments: {} }, 'call-1');
    while (proxy.receivedCalls().length === 0) await sleep(10);
    const exec = plane.executions[1]!;
    plane.bends.renew = (renewed, executionId) =>
      executionId === exec ? { ...deny(exec), code: 'contained' } : renewed;
    plane.emit({ type: 'containment' } as never);
    expect((await answer).result!['content'][0].text).toContain('contained');
    while (!proxy.received().some(({ method }) => method === 'notifications/cancelled')) await sleep(10);
    expect(
      proxy.received().find(({ method }) => method === 'notifications/cancelled')!['params'].requestId,
    ).toBe(proxy.receivedCalls()[0]!['id']);
  });

  it('a client that cancels stops its call, and the server hears of it', async () => {
    const proxy = aProxy();
    await initialize(proxy);
    const answer = proxy.ask('tools/call', { name: 'slow', arguments: {} }, 41);
    while (proxy.receivedCalls().length === 0) await sleep(10);
    proxy.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 41 } });
    expect((await answer).result).toMatchObject({ isError: true });
    expect(
      proxy.received().filter(({ method }) => method === 'notifications/cancelled').length,
    ).toBeLessThanOrEqual(1);
  });

  it('containment of the session kills the server, and every waiting call hears of it', async () => {
    const plane = anAdversary({ ttlMs: 5_000 });
    const proxy = aProxy(plane);
    await initialize(proxy);
    const answer = proxy.ask('tools/call', { name: 'slow', arguments: {} });
    while (proxy.receivedCalls().length === 0) await sleep(10);
    const { pid } = proxy.received()[0] as { pid: number };
    plane.bends.renew = () => ({ ...deny('x'), code: 'contained' });
    plane.emit({ type: 'containment' } as never);
    expect((await answer).result).toMatchObject({ isError: true });
    expect(await proxy.end).toMatchObject({ why: 'halted', code: 'contained' });
    expect(() => process.kill(pid, 0)).toThrow();
    expect(
      (
        await proxy
          .ask('tools/call', { name: 'echo', arguments: {} })
          .catch(() => ({ result: { isError: true } }))
      ).result,
    ).toMatchObject({ isError: true });
  });
});

describe('pins', () => {
  const tool = (description: string) => [{ name: 'echo', description, inputSchema: { type: 'object' } }];

  it('a tool whose description changed by one code point is not shown and not called, until it is pinned again', async () => {
    const proxy = aProxy();
    writeFileSync(proxy.toolsFile, JSON.stringify(tool('Returns its arguments')));
    await initialize(proxy);
    expect((await proxy.ask('tools/list')).result!['tools']).toHaveLength(1);
    writeFileSync(proxy.toolsFile, JSON.stringify(tool('Returns its arguments\u200b')));
    expect((await proxy.ask('tools/list')).result!['tools']).toEqual([]);
    const { result } = await proxy.ask('tools/call', { name: 'echo', arguments: {} });
    expect(result!['content'][0].text).toContain('tool_changed');
    expect(proxy.receivedCalls()).toEqual([]);
    expect(proxy.notes.join('\n')).toContain('arguments\\u{200B}');
    // The same definition in another order of members is no change.
    writeFileSync(
      proxy.toolsFile,
      '[{"inputSchema":{"type":"object"},"description":"Returns its arguments","name":"echo"}]',
    );
    expect((await proxy.ask('tools/list')).result!['tools']).toHaveLength(1);
  });

  it('a new tool is not pinned by itself, and names that look alike are refused together', async () => {
    const proxy = aProxy();
    writeFileSync(proxy.toolsFile, JSON.stringify(tool('a')));
    await initialize(proxy);
    await proxy.ask('tools/list');
    const more = [...tool('a'), { name: 'other', inputSchema: {} }, { name: 'Echo', inputSchema: {} }];
    writeFileSync(proxy.toolsFile, JSON.stringify(more));
    expect((await proxy.ask('tools/list')).result!['tools']).toEqual([]);
    for (const [name, code] of [
      ['other', 'unpinned'],
      ['echo', 'name_collision'],
      ['nothing', 'unknown_tool'],
    ]) {
      expect((await proxy.ask('tools/call', { name, arguments: {} })).result!['content'][0].text).toContain(
        code,
      );
    }
    expect(proxy.receivedCalls()).toEqual([]);
  });

  it('without pins and without a bundle that is readable nothing is called', async () => {
    const proxy = aProxy(undefined, { pins: { file: '/nonexistent/licet/pins.json' } });
    await initialize(proxy);
    expect((await proxy.ask('tools/list')).result!['tools']).toEqual([]);
    expect(
      (await proxy.ask('tools/call', { name: 'echo', arguments: {} })).result!['content'][0].text,
    ).toContain('unpinned');
  });

  it('the pins of the bundle that the permit names win over the file, and only tools it describes are shown', async () => {
    const spec = { name: 'echo', description: 'a', inputSchema: { type: 'object' } };
    const tools = [spec, { ...spec, name: 'stale' }, { ...spec, name: 'undescribed' }];
    const bundle = {
      actions: { 'fixture/echo': {}, 'fixture/stale': {} },
      pins: { 'fixture/echo': definitionDigest(spec), 'fixture/stale': definitionDigest(spec) },
    };
    const digest = bundleDigest(bundle);
    const plane = anAdversary({
      ttlMs: 5_000,
      permit: (entry) => ({ ...entry, bundles: [{ layer: 'team', digest, version: 1 }] }),
      bundles: () => [{ layer: 'team', digest, version: 1, active: true, signed: { bundle, sigs: [] } }],
    });
    const proxy = aProxy(plane);
    writeFileSync(proxy.toolsFile, JSON.stringify(tools));
    await initialize(proxy);
    expect((await proxy.ask('tools/list')).result!['tools']).toEqual([spec]);
    expect(
      (await proxy.ask('tools/call', { name: 'echo', arguments: {} })).result!['isError'],
    ).toBeUndefined();
    expect(
      (await proxy.ask('tools/call', { name: 'stale', arguments: {} })).result!['content'][0].text,
    ).toContain('tool_changed');
    expect(
      (await proxy.ask('tools/call', { name: 'undescribed', arguments: {} })).result!['content'][0].text,
    ).toContain('unknown_tool');
  });

  it('a bundle that is not the one in the permit, or cannot be read, leaves every tool refused', async () => {
    for (const bundles of [
      () => [],
      () => {
        throw new Error('gone');
      },
    ]) {
      const proxy = aProxy(anAdversary({ ttlMs: 5_000, bundles }));
      await initialize(proxy);
      expect((await proxy.ask('tools/list')).result!['tools']).toEqual([]);
      expect(
        (await proxy.ask('tools/call', { name: 'echo', arguments: {} })).result!['content'][0].text,
      ).toContain('unpinned');
    }
  });

  it('the permit names the definition that was called', async () => {
    const proxy = aProxy();
    await initialize(proxy);
    await proxy.ask('tools/call', { name: 'echo', arguments: {} });
    expect(proxy.plane.requests[1]!.door.bound).toEqual([
      'input',
      'resource',
      expect.stringMatching(/^tool:[A-Za-z0-9_-]{43}$/),
    ]);
  });
});
