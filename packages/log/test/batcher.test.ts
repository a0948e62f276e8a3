/** Goal: natural group commit with two lanes. Method: a committer that the test lets go by hand. */
import { describe, expect, test } from 'vitest';
import { createBatcher, type BatchItem, type Settled } from '../src/index.ts';

function aBatcher(options: { maxBatch?: number; maxNormal?: number; maxSafety?: number } = {}) {
  const batches: { items: readonly BatchItem<number>[]; go(): void; fail(error: Error): void }[] = [];
  const batcher = createBatcher<number, string>({
    commit: (items) =>
      new Promise<readonly Settled<string>[]>((resolve, reject) => {
        const answers = items.map(({ item }) => ({ ok: true, answer: `did ${item}` }) as const);
        batches.push({ items, go: () => resolve(answers), fail: reject });
      }),
    busy: (lane) => new Error(`busy ${lane}`),
    ...options,
  });
  return { batcher, batches };
}
const turn = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

describe('the batcher', () => {
  test('what is submitted together commits together, what comes meanwhile is the next batch', async () => {
    const { batcher, batches } = aBatcher();
    const first = [batcher.submit(1, 'normal'), batcher.submit(2, 'normal')];
    await turn();
    const later = batcher.submit(3, 'normal');
    await turn();
    expect(batches.map((b) => b.items.map((i) => i.item))).toEqual([[1, 2]]);
    batches[0]!.go();
    expect(await Promise.all(first)).toEqual(['did 1', 'did 2']);
    await turn();
    batches[1]!.go();
    expect(await later).toBe('did 3');
    expect(batcher.outstanding).toBe(0);
  });

  test('rule 38: safety goes first and has its own space when the normal lane is full', async () => {
    const { batcher, batches } = aBatcher({ maxBatch: 2, maxNormal: 4, maxSafety: 2 });
    const normal = [1, 2, 3, 4].map((i) => batcher.submit(i, 'normal'));
    await expect(batcher.submit(5, 'normal')).rejects.toThrow('busy normal');
    await turn();
    const safety = [6, 7].map((i) => batcher.submit(i, 'safety'));
    await expect(batcher.submit(8, 'safety')).rejects.toThrow('busy safety');
    for (let i = 0; i < 3; i++) {
      batches[i]!.go();
      await turn();
    }
    await Promise.all([...normal, ...safety]);
    expect(batches.map((b) => b.items.map((i) => i.item))).toEqual([
      [1, 2],
      [6, 7],
      [3, 4],
    ]);
  });

  test('a batch that fails rejects each of its items, and the next one goes on', async () => {
    const { batcher, batches } = aBatcher();
    const bad = [batcher.submit(1, 'normal'), batcher.submit(2, 'safety')];
    await turn();
    const good = batcher.submit(3, 'normal');
    batches[0]!.fail(new Error('disk'));
    for (const item of bad) await expect(item).rejects.toThrow('disk');
    await turn();
    batches[1]!.go();
    expect(await good).toBe('did 3');
  });

  test('a committer that answers too few items rejects the rest: silence is no success', async () => {
    const batcher = createBatcher<number, string>({
      commit: async () => [{ ok: true, answer: 'one' }],
      busy: () => new Error('busy'),
    });
    const items = [batcher.submit(1, 'normal'), batcher.submit(2, 'normal')];
    expect(await items[0]).toBe('one');
    await expect(items[1]).rejects.toThrow(/ERR_LOG_CORRUPT/);
  });

  test('what waits can be rejected without touching the batch in flight', async () => {
    const { batcher, batches } = aBatcher({ maxBatch: 1 });
    const [flying, waiting] = [batcher.submit(1, 'normal'), batcher.submit(2, 'normal')];
    await turn();
    batcher.rejectWaiting(new Error('poisoned'));
    await expect(waiting).rejects.toThrow('poisoned');
    batches[0]!.go();
    expect(await flying).toBe('did 1');
  });

  test('closing waits for what is queued and takes nothing more', async () => {
    const { batcher, batches } = aBatcher();
    const last = batcher.submit(1, 'normal');
    await turn();
    const closing = batcher.close();
    await expect(batcher.submit(2, 'safety')).rejects.toThrow(/ERR_LOG_CLOSED/);
    batches[0]!.go();
    await closing;
    expect(await last).toBe('did 1');
  });
});
