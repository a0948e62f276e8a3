// Goal: the guarded function runs only on a permit that holds, and stops when it may no longer run. Method: a plane
// gone bad, with a real log and real keys, bends one thing at a time; in each case the function never runs, or ends.
import { base64url, parseTrust, permitId, type Json } from '@licet/evidence';
import type { Answer, Held, Permitted } from '@licet/api';
import { PlaneError } from '@licet/api';
import { describe, expect, it } from 'vitest';
import {
  createDoor,
  currentExecution,
  Denied,
  guard,
  Halted,
  processMemory,
  type Door,
  type DoorSettings,
} from '../src/index.ts';
import { anAdversary, LittleLog, uuid7, type Adversary, type Bends } from './adversary.ts';

const quiet: Error[] = [];
function aDoor(plane: Adversary, settings: DoorSettings = {}): Door {
  return createDoor(
    plane.client,
    { trust: plane.trust, jkt: plane.jkt, memory: processMemory() },
    { deadlineMs: 10_000, onWarning: (warning) => quiet.push(warning), ...settings },
  );
}

/** A guarded function that counts its runs. */
function counted(door: Door, action = 'files/write_file') {
  const runs: Json[] = [];
  const call = guard(door, action, async (args: object) => {
    runs.push(args as Json);
    return { done: true };
  });
  return { runs, call };
}

async function denial(promise: Promise<unknown>): Promise<Denied> {
  const error = await promise.then(
    () => new Error('it ran'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Denied);
  return error as Denied;
}

async function halt(promise: Promise<unknown>): Promise<Halted> {
  const error = await promise.then(
    () => new Error('it was not stopped'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Halted);
  return error as Halted;
}

/** How long a busy machine may take for what is sure to come. */
const PATIENT = { timeout: 20_000, interval: 10 };
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Runs until its signal aborts. */
const untilHalted = (_: object, { signal }: { readonly signal: AbortSignal }): Promise<never> =>
  new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true }),
  );

/** Runs it until it is halted; `begun` resolves when it runs and its door follows the feed. */
function aLongRun(plane: Adversary, settings: DoorSettings = {}) {
  let runs = false;
  const call = guard(aDoor(plane, settings), 'files/write_file', (args: object, context) => {
    runs = true;
    return untilHalted(args, context);
  });
  const running = halt(call({}));
  const begun = async (): Promise<void> => {
    await expect.poll(() => runs && plane.listeners === 1, PATIENT).toBe(true);
  };
  return { running, begun };
}

describe('a plane that keeps its word', () => {
  it('lets the function run with the committed arguments, and hears how it ended', async () => {
    const plane = anAdversary();
    const { runs, call } = counted(aDoor(plane));
    expect(await call({ path: '/workspace/a.txt', text: 'hi' })).toEqual({ done: true });
    expect(runs).toEqual([{ path: '/workspace/a.txt', text: 'hi' }]);
    expect(plane.reports).toMatchObject([{ status: 'completed', result: { done: true } }]);
  });

  it('the way over a permit that is redeemed ends the same', async () => {
    const plane = anAdversary();
    const call = guard(aDoor(plane), 'files/write_file', () => 7, { mode: 'redeem' });
    expect(await call({})).toBe(7);
    expect(plane.requests[0]!.start).toBeUndefined();
  });

  it('a function that throws is reported as failed, and its error reaches the caller', async () => {
    const plane = anAdversary();
    const call = guard(aDoor(plane), 'files/write_file', () => {
      throw new RangeError('mine');
    });
    await expect(call({})).rejects.toThrow(RangeError);
    expect(plane.reports).toMatchObject([{ status: 'failed', reason: 'threw' }]);
  });

  it('rule 18: a guarded call inside another names it as its parent', async () => {
    const plane = anAdversary();
    const door = aDoor(plane);
    const inner = guard(door, 'files/read_file', () => currentExecution()?.executionId);
    const outer = guard(door, 'files/write_file', async () => [
      currentExecution()?.executionId,
      await inner({}),
    ]);
    const [outerId] = await outer({});
    expect(plane.requests.map((request) => request.parent)).toEqual([undefined, outerId]);
    expect(currentExecution()).toBeUndefined();
  });

  it('rule 26: what the caller changes after the call never reaches the function', async () => {
    const plane = anAdversary();
    const { runs, call } = counted(aDoor(plane));
    const args = { path: '/workspace/a.txt', nested: { deep: ['x'] } };
    const running = call(args);
    args.path = '/etc/passwd';
    args.nested.deep[0] = 'y';
    await running;
    expect(runs).toEqual([{ path: '/workspace/a.txt', nested: { deep: ['x'] } }]);
    expect(Object.isFrozen(runs[0])).toBe(true);
  });

  it('rule 26: accessors, toJSON, class instances and cycles are no arguments, and nothing is asked', async () => {
    const plane = anAdversary();
    const { runs, call } = counted(aDoor(plane));
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const values: object[] = [
      Object.defineProperty({}, 'path', { enumerable: true, get: () => '/etc/passwd' }),
      { at: new Date() },
      { toJSON: () => ({ path: '/etc/passwd' }) },
      cycle,
      { n: 2 ** 60 },
      { s: '\ud800' },
      { big: 1n },
      [],
    ];
    for (const value of values) expect((await denial(call(value))).code).toBe('arguments');
    expect(plane.requests).toEqual([]);
    expect(runs).toEqual([]);
  });

  it('rule 26: a proxy is read once; what it says later does not count', async () => {
    const plane = anAdversary();
    const { runs, call } = counted(aDoor(plane));
    let reads = 0;
    const proxy = new Proxy(
      { path: '/workspace/a.txt' },
      {
        getOwnPropertyDescriptor: () => ({
          value: reads++ === 0 ? '/workspace/a.txt' : '/etc/passwd',
          enumerable: true,
          configurable: true,
        }),
      },
    );
    await call(proxy);
    expect(runs).toEqual([{ path: '/workspace/a.txt' }]);
  });

  it('rule 13: a mapped argument reaches the function in the resolved form that was decided', async () => {
    const plane = anAdversary({
      commitArguments: () => ({ path: '/nowhere/workspace/a.txt' }),
      resources: { path: { type: 'File', id: '/nowhere/workspace/a.txt' } },
    });
    const { runs, call } = counted(aDoor(plane));
    await call({ path: 'a.txt' });
    expect(runs).toEqual([{ path: '/nowhere/workspace/a.txt' }]);
  });
});

describe('a plane that bends its answer: the function never runs', () => {
  const answers = (bend: (answer: Permitted) => Answer): Bends => ({
    answer: (answer) => bend(answer as Permitted),
  });
  const other = anAdversary({}, new LittleLog('licet.local/ffffffffffffffff', 9));
  const twin = new LittleLog('licet.local/0123456789abcdef', 9);

  const cases: readonly (readonly [string, Bends])[] = [
    [
      'rule 1: a forged permit, whose bytes were changed after it was logged',
      answers((a) => ({
        ...a,
        permit: { ...a.permit, entry: a.permit.entry.replace('"epoch":0', '"epoch":1') },
      })),
    ],
    [
      'rule 3: bytes that are not canonical',
      answers((a) => ({ ...a, permit: { ...a.permit, entry: a.permit.entry.replace('{', '{ ') } })),
    ],
    ['rule 1: an entry that is no permit', answers((a) => ({ ...a, permit: a.start! }))],
    [
      'rule 3: a proof signed by a key that nobody trusts',
      {
        answer: async (a) => ({
          ...(a as Permitted),
          permit: {
            ...(a as Permitted).permit,
            proof: (a as Permitted).permit.proof.replace(/— .*\n$/, twin.checkpoint(0).split('\n\n')[1]!),
          },
        }),
      },
    ],
    ['a proof that is missing', answers((a) => ({ ...a, permit: { entry: a.permit.entry, proof: '' } }))],
    [
      'rule 40: disclosures that do not open the commitment',
      answers((a) => ({ ...a, disclosures: { ...a.disclosures, arguments: [] } })),
    ],
    [
      'rule 40: one disclosure twice',
      answers((a) => ({
        ...a,
        disclosures: {
          ...a.disclosures,
          arguments: [...a.disclosures.arguments, a.disclosures.arguments[0]!],
        },
      })),
    ],
    ['rule 26: a permit for other arguments', { commitArguments: () => ({ path: '/etc/passwd' }) }],
    [
      'rule 26: an argument that nobody asked for',
      { commitArguments: (asked) => ({ ...asked, extra: true }) },
    ],
    ['rule 26: an argument left out', { commitArguments: () => ({}) }],
    ['rule 13: a "resolved" path that was not decided', { commitArguments: () => ({ path: '/x/a.txt' }) }],
    [
      'rule 13: a "resolved" path that names something else',
      {
        commitArguments: () => ({ path: '/etc/passwd' }),
        resources: { path: { type: 'File', id: '/etc/passwd' } },
      },
    ],
    [
      'a permit bound to another key',
      { permit: (e) => ({ ...e, jkt: base64url(new Uint8Array(32).fill(7)) }) },
    ],
    ['a permit for another action', { permit: (e) => ({ ...e, action: 'files/read_file' }) }],
    ['a permit for another audience', { permit: (e) => ({ ...e, aud: 'plane.other' }) }],
    ['rule 2: a permit to be spent elsewhere', { permit: (e) => ({ ...e, spend: 'verifier:web' }) }],
    ['rule 3: a permit of another tenant', { permit: (e) => ({ ...e, tenant: 'other' }) }],
    [
      'an expired permit',
      { permit: (e) => ({ ...e, at: e.at - 40_000, nbf: e.nbf - 40_000, exp: e.exp - 40_000 }) },
    ],
    [
      'a permit from the future',
      { permit: (e) => ({ ...e, at: e.at + 20_000, nbf: e.nbf + 20_000, exp: e.exp + 20_000 }) },
    ],
    ['a permit that lives longer than 60 s', { permit: (e) => ({ ...e, exp: e.nbf + 90_000 }) }],
    [
      'rule 6: a permit that answers another request',
      { permit: (e) => ({ ...e, idem: base64url(new Uint8Array(32).fill(3)) }) },
    ],
    ['rule 27: a permit for a stronger door', { permit: (e) => ({ ...e, grade: 'verified' }) }],
    [
      'rule 18: a permit under a parent that was not named',
      { permit: (e) => ({ ...e, parent: { exec: uuid7(), start: e.inputs } }) },
    ],
    [
      'rule 10: a permit that wants witnesses, without them',
      { permit: (e) => ({ ...e, assurance: 'witnessed' }) },
    ],
    ['rule 5: no start', answers(({ start: _start, ...a }) => a)],
    ['rule 5: an unsigned start', answers((a) => ({ ...a, start: { entry: a.start!.entry, proof: '' } }))],
    [
      'rule 6: a start for another instance',
      { start: (e) => ({ ...e, instance: base64url(new Uint8Array(32).fill(5)) }) },
    ],
    ['rule 5: a start for another permit', { start: (e) => ({ ...e, permit: permitId(new Uint8Array(8)) }) }],
    ['a start by another key', { start: (e) => ({ ...e, jkt: base64url(new Uint8Array(32).fill(5)) }) }],
    [
      'a start with a longer lease than the permit gives',
      { start: (e) => ({ ...e, leaseUntil: e.leaseUntil + 60_000 }) },
    ],
    [
      'a start that is over',
      { start: (e) => ({ ...e, at: e.at - 2_000, leaseUntil: e.leaseUntil - 2_000 }) },
    ],
    ['a late start', { start: (e) => ({ ...e, late: true }) }],
    ['rule 5: a start answered for a permit', answers((a) => ({ ...a, start: a.permit }))],
    ['another execution id', answers((a) => ({ ...a, executionId: uuid7() }))],
    ['a verdict that is none', answers((a) => ({ ...a, verdict: 'allowed' }) as unknown as Answer)],
    ['no answer at all', answers(() => undefined as unknown as Answer)],
    ['garbage', answers(() => 'yes' as unknown as Answer)],
    ['an empty object', answers(() => ({}) as unknown as Answer)],
    [
      'rule 8: a checkpoint that is another history',
      { checkpoint: async () => ({ note: other.log.checkpoint() }) },
    ],
    [
      'a plane that throws',
      {
        answer: () => {
          throw new PlaneError('unreachable', 'gone');
        },
      },
    ],
    [
      'a plane in the middle of a crash',
      {
        answer: () => {
          throw new PlaneError('unavailable', 'no store');
        },
      },
    ],
    [
      'a slow plane',
      {
        answer: async (a) => {
          await sleep(700);
          return a;
        },
      },
    ],
    ['a plane that never answers', { answer: () => new Promise<Answer>(() => undefined) }],
  ];
  it.each(cases)('%s', async (_title, bends) => {
    const { runs, call } = counted(aDoor(anAdversary(bends), { deadlineMs: 300 }));
    const denied = await denial(call({ path: 'a.txt' }));
    expect(['unverifiable', 'plane_unreachable', 'log']).toContain(denied.code);
    expect(String(denied)).toMatch(/^Denied files\/write_file: .*Next: /s);
    await sleep(5);
    expect(runs).toEqual([]);
  });

  it('a genuine permit of another log is refused', async () => {
    const foreign = anAdversary({}, new LittleLog('licet.local/ffffffffffffffff', 9));
    const door = createDoor(
      foreign.client,
      { trust: anAdversary().trust, jkt: foreign.jkt, memory: processMemory() },
      { deadlineMs: 300 },
    );
    const { runs, call } = counted(door);
    await denial(call({}));
    expect(runs).toEqual([]);
  });

  it('a trust file that does not know the lease key gives no second lease', async () => {
    const plane = anAdversary({ ttlMs: 300 });
    const trust = parseTrust(
      JSON.stringify({
        v: 1,
        logs: [{ ...plane.trust.logs[0], keys: { ...plane.trust.logs[0]!.keys, lease: [] } }],
      }),
    );
    const door = createDoor(
      plane.client,
      { trust, jkt: plane.jkt, memory: processMemory() },
      { deadlineMs: 300 },
    );
    expect((await halt(guard(door, 'files/write_file', untilHalted)({}))).code).toBe('lease_ended');
  });

  it('the answers to a redemption are checked like the others', async () => {
    const bends: readonly Bends[] = [
      { redeem: (answer) => ({ ...answer, start: { entry: '{}', proof: '' } }) as typeof answer },
      { redeem: () => new Promise(() => undefined) },
      { start: (e) => ({ ...e, via: 'direct' }) },
      { permit: (e) => ({ ...e, spend: 'started' }) },
    ];
    for (const bend of bends) {
      let ran = false;
      const door = aDoor(anAdversary(bend), { deadlineMs: 300 });
      const call = guard(door, 'files/write_file', () => void (ran = true), { mode: 'redeem' });
      await denial(call({}));
      expect(ran).toBe(false);
    }
  });

  it('a permit that comes after the deadline is given back', async () => {
    const plane = anAdversary({
      answer: async (a) => {
        await sleep(400);
        return a;
      },
    });
    const { runs, call } = counted(aDoor(plane, { deadlineMs: 300 }));
    expect((await denial(call({}))).code).toBe('plane_unreachable');
    await expect
      .poll(() => plane.reports, PATIENT)
      .toMatchObject([{ status: 'halted', reason: 'plane_unreachable' }]);
    expect(runs).toEqual([]);
  });

  it('a denial reaches the agent in words it can use', async () => {
    const plane = anAdversary(
      answers((a) => ({
        verdict: 'deny',
        code: 'policy',
        decisionId: 'd-1',
        executionId: a.executionId,
        reason: 'No policy permits this.',
        policies: ['people-may-use-files'],
        next: 'Use another tool.',
      })),
    );
    const denied = await denial(counted(aDoor(plane)).call({}));
    expect(denied).toMatchObject({
      code: 'policy',
      decisionId: 'd-1',
      policies: ['people-may-use-files'],
      next: 'Use another tool.',
    });
    expect(String(denied)).toBe(
      'Denied files/write_file: No policy permits this. (code policy, decision d-1). Policies: people-may-use-files. Next: Use another tool.',
    );
  });
});

describe('the lease: what runs is stopped', () => {
  it('rule 5: it is renewed with a rising counter and fresh nonces, and runs on', async () => {
    const plane = anAdversary({ ttlMs: 1_500 });
    const call = guard(aDoor(plane), 'files/write_file', async () => {
      await expect.poll(() => plane.renewals.length, PATIENT).toBeGreaterThanOrEqual(5);
      return 'through';
    });
    const from = performance.now();
    expect(await call({})).toBe('through');
    // It ran on past the lease that it began with.
    expect(performance.now() - from).toBeGreaterThan(1_500);
    expect(plane.renewals.map((renewal) => renewal.counter)).toEqual(
      plane.renewals.map((_, index) => index + 1),
    );
    expect(new Set(plane.renewals.map((renewal) => renewal.nonce)).size).toBe(plane.renewals.length);
  });

  const stale = base64url(new Uint8Array(16));
  const deny = {
    verdict: 'deny',
    code: 'contained',
    decisionId: 'd',
    executionId: 'e',
    reason: 'r',
    policies: [],
    next: 'n',
  } as const;
  const cases: readonly (readonly [string, Bends, string])[] = [
    ['rule 5: a renewal with an old nonce', { renewal: (r) => ({ ...r, nonce: stale }) }, 'lease_ended'],
    [
      'rule 5: a renewal with an old counter',
      { renewal: (r) => ({ ...r, counter: r.counter + 1 }) },
      'lease_ended',
    ],
    [
      'rule 5: a renewal for another instance',
      { renewal: (r) => ({ ...r, instance: base64url(new Uint8Array(32)) }) },
      'lease_ended',
    ],
    ['rule 5: a renewal of another lease', { renewal: (r) => ({ ...r, exec: uuid7() }) }, 'lease_ended'],
    [
      'a renewal longer than the permit allows',
      { renewal: (r) => ({ ...r, durationMs: 86_400_000 }) },
      'lease_ended',
    ],
    ['rule 5: an unsigned renewal', { renew: () => ({ verdict: 'renewed', note: 'yes' }) }, 'lease_ended'],
    [
      'a plane that vanished',
      { renew: () => Promise.reject(new PlaneError('unreachable', 'gone')) },
      'lease_ended',
    ],
    ['a plane that hangs', { renew: () => new Promise(() => undefined) }, 'lease_ended'],
    ['a refusal to renew', { renew: () => deny }, 'contained'],
  ];
  it.each(cases)('%s ends it', async (_title, bends, code) => {
    // Long enough to be asked for a renewal where the answer to that is what ends it.
    const plane = anAdversary({ ttlMs: code === 'lease_ended' ? 600 : 3_000, ...bends });
    const halted = await halt(guard(aDoor(plane), 'files/write_file', untilHalted)({}));
    expect(halted).toMatchObject({ code, stopped: true });
    expect(plane.reports).toMatchObject([{ status: 'halted', reason: code }]);
  });

  it('rule 32: a halt event makes the door ask at once, and the refusal ends it', async () => {
    let contained = false;
    const plane = anAdversary({ ttlMs: 60_000, renew: (answer) => (contained ? deny : answer) });
    const { running, begun } = aLongRun(plane);
    await begun();
    contained = true;
    const from = performance.now();
    plane.emit({ type: 'containment' } as never);
    expect((await running).code).toBe('contained');
    // Well before the beat that would have asked anyway.
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  it('rule 32: a forged halt event costs one renewal and stops nothing', async () => {
    const plane = anAdversary({ ttlMs: 60_000 });
    const call = guard(aDoor(plane), 'files/write_file', async () => {
      await expect.poll(() => plane.listeners, PATIENT).toBe(1);
      plane.emit({ type: 'containment' } as never);
      await expect.poll(() => plane.renewals.length, PATIENT).toBe(1);
      return 'through';
    });
    expect(await call({})).toBe('through');
    expect(plane.renewals).toHaveLength(1);
  });

  it('a function that does not heed its signal is given up, and nothing is claimed about it', async () => {
    const plane = anAdversary({ ttlMs: 200, renew: () => deny });
    const call = guard(aDoor(plane), 'files/write_file', () => sleep(600), { haltGraceMs: 50 });
    expect(await halt(call({}))).toMatchObject({ stopped: false });
    expect(plane.reports).toEqual([]);
    await expect
      .poll(() => plane.reports, PATIENT)
      .toMatchObject([{ status: 'completed', reason: 'contained' }]);
  });

  it('rule 31: a lease ends by the wall clock when the machine slept', async () => {
    const { clock, skip } = twoClocks();
    const { running, begun } = aLongRun(anAdversary({ ttlMs: 5_000 }), { clock });
    await begun();
    skip({ wallMs: 60_000 });
    expect((await running).code).toBe('lease_ended');
  });

  it('rule 31: a lease ends by the monotonic clock when the wall clock was set back', async () => {
    const { clock, skip } = twoClocks();
    const { running, begun } = aLongRun(anAdversary({ ttlMs: 5_000 }), { clock });
    await begun();
    skip({ monotonicMs: 6_000 });
    expect((await running).code).toBe('lease_ended');
  });

  it('rule 31: clocks that part by more than a second end it', async () => {
    const { clock, skip } = twoClocks();
    const { running, begun } = aLongRun(anAdversary({ ttlMs: 5_000 }), { clock });
    await begun();
    skip({ wallMs: -1_500 });
    expect((await running).code).toBe('clock');
  });

  it('rule 31: the time that the decision took is part of the lease', async () => {
    const plane = anAdversary({
      ttlMs: 3_000,
      answer: async (a) => {
        await sleep(1_500);
        return a;
      },
      renew: () => new Promise(() => undefined),
    });
    const from = performance.now();
    await halt(guard(aDoor(plane), 'files/write_file', untilHalted)({}));
    expect(performance.now() - from).toBeLessThan(4_400);
  });

  it("the caller's signal stops it, and so does the end of the execution around it", async () => {
    const plane = anAdversary({ ttlMs: 5_000 });
    const door = aDoor(plane);
    const inner = guard(door, 'files/read_file', untilHalted);
    const outer = guard(door, 'files/write_file', () => inner({}));
    const stop = new AbortController();
    const running = outer({}, { signal: stop.signal });
    setTimeout(() => stop.abort(), 80);
    expect(await halt(running)).toMatchObject({ code: 'cancelled', action: 'files/write_file' });
    await sleep(20);
    expect(plane.reports.map((report) => report.status)).toEqual(['halted', 'halted']);
  });

  it('a report that is lost is sent again, and the effect is not repeated', async () => {
    let losses = 2;
    let runs = 0;
    const plane = anAdversary({
      report: () => {
        if (losses-- > 0) throw new PlaneError('unknown_result', 'lost');
      },
    });
    expect(await guard(aDoor(plane), 'files/write_file', () => ++runs)({})).toBe(1);
    expect(plane.reports).toHaveLength(3);
    expect(runs).toBe(1);
  });

  it('a plane that takes no report leaves a warning, not an error: the effect has happened', async () => {
    const plane = anAdversary({
      report: () => {
        throw new PlaneError('unavailable', 'gone');
      },
    });
    const before = quiet.length;
    expect(await guard(aDoor(plane), 'files/write_file', () => 'done')({})).toBe('done');
    expect(
      quiet
        .slice(before)
        .map((warning) => warning.message)
        .join(),
    ).toContain('ends in doubt');
  });
});

describe('people', () => {
  const held = (executionId: string): Held => ({
    verdict: 'hold',
    executionId,
    decisionId: 'd-2',
    code: 'held',
    reason: 'A person must approve.',
    policies: ['moves-need-a-person'],
    next: 'Wait.',
    holds: [{ group: 'operators', need: 1, until: Date.parse('2030-01-01T00:00:00Z') }],
  });

  it('rule 23: a hold that nobody answers is a denial that says whom it waits for and what to do', async () => {
    const plane = anAdversary({
      answer: (a) => held(a.executionId),
      execution: async () => {
        await sleep(40);
        return { state: 'held' } as never;
      },
    });
    let ran = false;
    const call = guard(aDoor(plane), 'files/move_file', () => void (ran = true), { holdWaitMs: 150 });
    const denied = await denial(call({}));
    expect(denied.code).toBe('held');
    expect(denied.reason).toMatch(/^held: [0-9a-f-]{36}, by operators, until 2030-01-01/);
    expect(denied.next).toContain('call again with the same arguments');
    expect(ran).toBe(false);
  });

  it('rule 23: once approved, the caller that still waits gets its permit', async () => {
    const plane = anAdversary({
      execution: async () => {
        await sleep(40);
        return { state: 'approved' } as never;
      },
    });
    plane.bends.answer = (a) => (plane.requests.length === 1 && !approved++ ? held(a.executionId) : a);
    let approved = 0;
    const { runs, call } = counted(aDoor(plane), 'files/move_file');
    await call({ source: '/workspace/a' });
    expect(runs).toEqual([{ source: '/workspace/a' }]);
  });

  it('an "approved" that the plane only says, without a permit, runs nothing', async () => {
    const plane = anAdversary({
      answer: (a) => held(a.executionId),
      execution: () => ({ state: 'approved' }) as never,
      decide: (id) => held(id),
    });
    const { runs, call } = counted(aDoor(plane, { holdWaitMs: 200 }), 'files/move_file');
    expect((await denial(call({}))).code).toBe('held');
    expect(runs).toEqual([]);
  });
});

/** The real clocks, with a push for each. */
function twoClocks() {
  const push = { monotonicMs: 0, wallMs: 0 };
  return {
    clock: {
      now: () => ({ monotonicMs: performance.now() + push.monotonicMs, wallMs: Date.now() + push.wallMs }),
      after(ms: number, call: () => void) {
        const timer = setTimeout(call, Math.min(Math.max(ms, 0), 100));
        return () => clearTimeout(timer);
      },
    },
    skip(by: Partial<typeof push>) {
      Object.assign(push, by);
    },
  };
}
