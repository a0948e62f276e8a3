/** Appends as fast as it can and prints each acknowledged entry; its parent kills it. Argument: the data folder. */
import { writeSync } from 'node:fs';
import { base64url } from '@licet/evidence';
import { openSqliteStore } from '../src/index.ts';
import { anExecution, boot, KEYS } from './builders.ts';

const path = process.argv[2]!;
const store = await openSqliteStore({
  path,
  keys: KEYS,
  machine: new URL('./tiny-machine.ts', import.meta.url).href,
  reserveBytes: 65_536,
});
await store.commit(boot);
let n = (await store.health()).size * 1_000;
const key = new Uint8Array(32).fill(6);

async function worker(): Promise<never> {
  for (;;) {
    const i = n++;
    const answer = await store.commit(
      anExecution(i, i % 3 === 0 ? { record: { id: `r${i}`, key, body: { i } } } : { behaviour: 'two' }),
    );
    if (answer === 'stale') throw new Error('stale');
    // One write per acknowledgment: what was printed was acknowledged, whenever the kill comes.
    for (const { index, leaf } of answer.entries) writeSync(1, `${index} ${base64url(leaf)}\n`);
  }
}
await Promise.all(Array.from({ length: 16 }, worker));
