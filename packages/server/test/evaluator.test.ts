// Goal: workers say what this thread says, and a worker that fails, or a queue that is full, never lets anything pass.
// Method: the starter policy, the same inputs both ways, workers stopped under way.
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { afterAll, expect, test } from 'vitest';
import {
  assembleBundle,
  createEngine,
  loadBundle,
  mandatePolicy,
  starterPolicy,
  testFiles,
  testInput,
  type DecisionInput,
  type LoadedBundle,
  type PolicyTest,
} from '@licet/policy';
import { workerEvaluator } from '../src/index.ts';

const engine = createEngine(cedar);
const team = assembleBundle(starterPolicy({ workspace: '/workspace' }));
const reference = loadBundle(engine, { team });
const evaluators: { close(): Promise<void> }[] = [];
afterAll(() => Promise.all(evaluators.map((one) => one.close())));

const { tests } = testFiles(starterPolicy({ workspace: '/workspace' }))['policy.test.json'] as unknown as {
  readonly tests: readonly PolicyTest[];
};
const inputs: readonly DecisionInput[] = tests.map((one) => testInput(reference, one));

function anEvaluator(options: { readonly workers?: number; readonly maxQueue?: number } = {}) {
  // What is asked here is new, however long the machine takes.
  const evaluator = workerEvaluator({ engine, clock: { nowMs: () => inputs[0]!.nowMs }, ...options });
  evaluators.push(evaluator);
  return evaluator;
}

/** Waits until all workers have the newest bundle: they start with the first requests that come together. */
async function warmed(
  evaluator: ReturnType<typeof anEvaluator>,
  loaded: LoadedBundle,
  workers: number,
): Promise<void> {
  while (evaluator.ready < workers) {
    await Promise.all([
      evaluator.evaluate(loaded, inputs[0]!, []),
      evaluator.evaluate(loaded, inputs[0]!, []),
    ]);
    await new Promise((done) => setTimeout(done, 20));
  }
}

test('one at a time or many at once, in this thread or in workers, the evaluation is the same', async () => {
  const evaluator = anEvaluator({ workers: 2 });
  const loaded = await evaluator.load({ team });
  expect(inputs.length).toBeGreaterThan(4);
  const expected = inputs.map((input) => engine.evaluate(reference, input));
  for (const [at, input] of inputs.entries())
    expect(await evaluator.evaluate(loaded, input, [])).toEqual(expected[at]);
  expect(evaluator.ready).toBe(0);
  await warmed(evaluator, loaded, 2);
  const many = await Promise.all(
    Array.from({ length: 60 }, (_, at) => evaluator.evaluate(loaded, inputs[at % inputs.length]!, [])),
  );
  for (const [at, evaluation] of many.entries()) expect(evaluation).toEqual(expected[at % inputs.length]);
  expect(evaluator.inFlight).toBe(0);
});

test('a full queue is overloaded, and empties again', async () => {
  const evaluator = anEvaluator({ workers: 1, maxQueue: 4 });
  const loaded = await evaluator.load({ team });
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => evaluator.evaluate(loaded, inputs[0]!, [])),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
  for (const result of results.slice(4))
    expect(result).toMatchObject({ reason: { code: 'ERR_PLANE_OVERLOADED' } });
  expect((await evaluator.evaluate(loaded, inputs[0]!, [])).verdict).toBe('allow');
});

test('a bundle that was not loaded here, and a closed evaluator, decide nothing', async () => {
  const evaluator = anEvaluator({ workers: 1 });
  const other = loadBundle(engine, { team: { ...team, version: team.version + 1 } });
  const loaded = await evaluator.load({ team });
  await warmed(evaluator, loaded, 1);
  const [, strange] = await Promise.allSettled([
    evaluator.evaluate(loaded, inputs[0]!, []),
    evaluator.evaluate(other, inputs[0]!, []),
  ]);
  expect(strange).toMatchObject({ status: 'rejected', reason: { code: 'ERR_PLANE_BUNDLE' } });
  const underWay = Promise.allSettled(
    Array.from({ length: 8 }, () => evaluator.evaluate(loaded, inputs[0]!, [])),
  );
  await evaluator.close();
  for (const result of (await underWay).slice(1)) {
    if (result.status === 'fulfilled') expect(result.value.verdict).toBe('allow');
    else expect(result.reason).toBeInstanceOf(Error);
  }
  await expect(evaluator.evaluate(loaded, inputs[0]!, [])).rejects.toMatchObject({
    code: 'ERR_PLANE_OVERLOADED',
  });
});

test('bundles may change under load: each request is decided by the one it was prepared with', async () => {
  const evaluator = anEvaluator({ workers: 2 });
  const observing = assembleBundle(starterPolicy({ workspace: '/workspace', observe: true }));
  const [strict, lenient] = [await evaluator.load({ team }), await evaluator.load({ team: observing })];
  await warmed(evaluator, lenient, 2);
  const denied = inputs.find((input) => engine.evaluate(reference, input).verdict === 'deny')!;
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, at) => evaluator.evaluate(at % 2 === 0 ? strict : lenient, denied, [])),
  );
  for (const [at, { verdict }] of answers.entries()) expect(verdict).toBe(at % 2 === 0 ? 'deny' : 'allow');
});

test('rule 17: a mandate binds in a worker as it does in this thread, and one that does not fit allows nothing', async () => {
  const evaluator = anEvaluator({ workers: 2 });
  const loaded = await evaluator.load({ team });
  await warmed(evaluator, loaded, 2);
  const allowed = inputs.find((input) => engine.evaluate(reference, input).verdict === 'allow')!;
  const under = (action: string) => [
    {
      body: { v: 1 as const, id: action, policies: [{ name: 'm', text: mandatePolicy([{ action }]) }] },
      from: 0,
    },
  ];
  const asked = (action: string) =>
    Promise.all(Array.from({ length: 12 }, () => evaluator.evaluate(loaded, allowed, under(action))));
  for (const [action, word] of [
    ['files', 'allow'],
    ['shell', 'deny:mandate'],
    ['no/such', 'deny:mandate'],
  ] as const)
    for (const { verdict, code } of [
      ...(await asked(action)),
      await evaluator.evaluate(loaded, allowed, under(action)),
    ])
      expect(code === undefined ? verdict : `${verdict}:${code}`, action).toBe(word);
});
