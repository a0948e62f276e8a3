/**
 * Goal: under more load than can be done, those who are let in are decided in time and the others are refused before any
 * work: there is always progress, and never a pass. Method: turns over a clock that the test holds, and work that takes
 * as long as it says.
 */
import { describe, expect, test } from 'vitest';
import { inThreadEvaluator } from '@licet/control-plane';
import { aWorld, engine, word } from '../../control-plane/test/support.ts';
import { createTurns, MAY_WAIT_MS } from '../src/turns.ts';

/** One worker that needs `eachMs` for each; the clock moves only while it works. */
function aSlowWorker(eachMs: number, atOnce = 1, most = 1_024) {
  const clock = { now: 1_000_000, nowMs: () => clock.now };
  const turns = createTurns({ clock, atOnce, most });
  const waiting: (() => void)[] = [];
  const begun: string[] = [];
  const worker = {
    /** What one takes from now on. */
    eachMs,
    clock,
    turns,
    begun,
    ask(name = '', running = false, sinceMs = clock.now) {
      return turns.take({ sinceMs, running }, async () => {
        begun.push(name);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return { name, ageMs: clock.now - sinceMs };
      });
    },
    /** Works until nobody waits. */
    async work() {
      for (let idle = 0; idle < 5; idle += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        const done = waiting.shift();
        if (done === undefined) continue;
        idle = 0;
        clock.now += worker.eachMs;
        done();
      }
    },
  };
  return worker;
}
/** What became of all that was asked, once the worker has nothing more to do. */
const outcomes = async <T>(worker: { work(): Promise<void> }, asked: readonly Promise<T>[]) => {
  const [settled] = await Promise.all([Promise.allSettled(asked), worker.work()]);
  return {
    done: settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    refused: settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as { code?: string }] : [])),
  };
};

describe('rule 4: turns at Cedar', () => {
  test('what takes little is all done, whatever comes together', async () => {
    const worker = aSlowWorker(1);
    const asked = Array.from({ length: 256 }, () => worker.ask());
    expect((await outcomes(worker, asked)).done).toHaveLength(256);
    expect(worker.turns.inFlight).toBe(0);
  });

  test('256 callers of what takes 10 ms: each that is done is fresh, the others are refused, round after round', async () => {
    const worker = aSlowWorker(10);
    let refusedAtTheDoor = 0;
    for (let round = 0; round < 20; round += 1) {
      const before = worker.begun.length;
      const asked = Array.from({ length: 256 }, () => worker.ask());
      const { done, refused } = await outcomes(worker, asked);
      // Progress: as many as there is time for, not one that is too old for the log, and no work for nothing.
      expect(done.length).toBeGreaterThanOrEqual(Math.floor(MAY_WAIT_MS / 10 / 2));
      expect(Math.max(...done.map(({ ageMs }) => ageMs))).toBeLessThanOrEqual(MAY_WAIT_MS + 10);
      expect(worker.begun.length - before).toBe(done.length);
      expect(done.length + refused.length).toBe(256);
      for (const { code } of refused) expect(code).toBe('ERR_PLANE_OVERLOADED');
      refusedAtTheDoor = refused.length;
    }
    expect(refusedAtTheDoor).toBeGreaterThan(150);
  });

  test('once it is quick again everybody is done again', async () => {
    const worker = aSlowWorker(400);
    expect((await outcomes(worker, [worker.ask(), worker.ask(), worker.ask()])).refused).toHaveLength(1);
    // Slow work never shuts the door for good: whoever finds nobody before it is let in.
    for (let n = 0; n < 100; n += 1) expect((await outcomes(worker, [worker.ask()])).done).toHaveLength(1);
    expect((await outcomes(worker, [worker.ask(), worker.ask()])).refused).toHaveLength(1);
    worker.eachMs = 1;
    for (let n = 0; n < 300; n += 1) await outcomes(worker, [worker.ask()]);
    const burst = Array.from({ length: 100 }, () => worker.ask());
    expect((await outcomes(worker, burst)).refused).toHaveLength(0);
  });

  test('one pause of the machine turns no crowd away', async () => {
    const worker = aSlowWorker(1);
    const before = Array.from({ length: 64 }, () => worker.ask());
    worker.clock.now += 300;
    expect((await outcomes(worker, before)).refused).toHaveLength(0);
    const after = Array.from({ length: 64 }, () => worker.ask());
    expect((await outcomes(worker, after)).refused).toHaveLength(0);
  });

  test('a renewal goes before what is new', async () => {
    const worker = aSlowWorker(1);
    const asked = [worker.ask('a'), worker.ask('b'), worker.ask('c'), worker.ask('renewal', true)];
    await worker.work();
    await Promise.all(asked);
    expect(worker.begun).toEqual(['a', 'renewal', 'b', 'c']);
  });

  test('what has become too old while it waited is refused without being done', async () => {
    const worker = aSlowWorker(MAY_WAIT_MS);
    const asked = [worker.ask('first'), worker.ask('second')];
    const { done, refused } = await outcomes(worker, asked);
    expect(done.map(({ name }) => name)).toEqual(['first']);
    expect(refused).toMatchObject([{ code: 'ERR_PLANE_OVERLOADED' }]);
    expect(worker.begun).toEqual(['first']);
  });

  test('work that fails gives its turn on', async () => {
    const worker = aSlowWorker(1);
    const failing = worker.turns.take({ sinceMs: worker.clock.now, running: false }, () => {
      throw new Error('gone');
    });
    const next = worker.ask('next');
    await expect(failing).rejects.toThrow('gone');
    await worker.work();
    expect((await next).name).toBe('next');
    expect(worker.turns.inFlight).toBe(0);
  });

  test('no more than the most, however quick', async () => {
    const worker = aSlowWorker(0, 1, 4);
    const asked = Array.from({ length: 10 }, () => worker.ask());
    const { done, refused } = await outcomes(worker, asked);
    expect([done.length, refused.length]).toEqual([4, 6]);
  });

  test('whoever would be refused is not admitted either', async () => {
    const worker = aSlowWorker(10);
    for (let round = 0; round < 5; round += 1)
      await outcomes(
        worker,
        Array.from({ length: 256 }, () => worker.ask()),
      );
    const waiting = Array.from({ length: 60 }, () => worker.ask());
    expect(() => worker.turns.admit({ running: false })).toThrow(/evaluations are before it/);
    // What runs waits for what runs only.
    expect(() => worker.turns.admit({ running: true })).not.toThrow();
    await outcomes(worker, waiting);
    expect(() => worker.turns.admit({ running: false })).not.toThrow();
  });
});

test('rule 4: a plane whose Cedar is slow permits as many as there is time for, in time, and turns the others away unwritten', async () => {
  const inner = inThreadEvaluator(engine);
  const EACH_MS = 10;
  let now = (): number => 0;
  const turns = createTurns({ clock: { nowMs: () => now() }, atOnce: 1, most: 1_024 });
  let evaluated = 0;
  const world = await aWorld({
    evaluator: {
      ...inner,
      admit: (running) => turns.admit({ running }),
      evaluate: (loaded, input, mandates, running = false) =>
        turns.take({ sinceMs: input.nowMs, running }, async () => {
          evaluated += 1;
          world.later(EACH_MS);
          return inner.evaluate(loaded, input, mandates);
        }),
    },
  });
  now = () => world.clock.now;
  const running = await world.started();
  const size = (await world.entries()).length;
  evaluated = 0;
  const crowds = 6;
  const words: string[] = [];
  for (let crowd = 0; crowd < crowds; crowd += 1) {
    const asked = Array.from({ length: 256 }, () =>
      world.decide().then(word, ({ code }: { code?: string }) => `${code}`),
    );
    words.push(...(await Promise.all(asked)));
  }
  const permitted = words.filter((one) => one === 'permitted').length;
  const refused = words.filter((one) => one === 'ERR_PLANE_OVERLOADED').length;
  // Nothing in between: nobody is denied for having come with many, and no evaluation was too old when it was ready.
  expect(permitted + refused).toBe(words.length);
  expect(evaluated).toBe(permitted);
  expect(permitted).toBeGreaterThanOrEqual((crowds * MAY_WAIT_MS) / EACH_MS / 2);
  expect(refused).toBeGreaterThan(permitted);
  expect((await world.entries()).length).toBe(size + permitted);
  expect(word(await world.renew(running))).toBe('renewed');
});
