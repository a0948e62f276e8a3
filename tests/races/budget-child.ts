/**
 * One of several processes that spend from one budget over the owner's socket. Usage: budget-child.ts JSON of `Job`.
 * Prints one line of JSON at the end: what it was answered. It may be killed at any moment.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { openPlane } from '@licet/server';
import type { PrivateJwk } from '@licet/api';

export interface Job {
  readonly data: string;
  readonly stateDir: string;
  readonly key: PrivateJwk;
  readonly calls: number;
}

const AT_ONCE = 8;
const { data, stateDir, key, calls } = JSON.parse(process.argv[2] ?? '') as Job;
const opened = await openPlane({ data, stateDir, init: false, deadlineMs: 60_000 });
const client = await opened.as({ key });
const counts: Record<string, number> = {};
let left = calls;

/** An exact decimal of up to four places. */
const amount = (below: number): string => `${randomInt(below)}.${String(randomInt(10_000)).padStart(4, '0')}`;
const random = (): string => randomBytes(16).toString('base64url');

async function spend(): Promise<void> {
  while (left > 0) {
    left -= 1;
    const instance = random();
    const answer = await client.request({
      action: 'bank/pay',
      arguments: { amount: amount(9) },
      idempotencyKey: random(),
      instance,
      start: true,
      door: { grade: 'gateway', confine: 'none' },
    });
    const word = answer.verdict === 'allow' ? 'allow' : answer.code;
    counts[word] = (counts[word] ?? 0) + 1;
    if (answer.verdict !== 'allow') continue;
    // Some settle lower, some in full, some say nothing and end in doubt.
    const ends = randomInt(8);
    if (ends === 0) continue;
    await client.report(answer.executionId, {
      instance,
      status: 'completed',
      ...(ends < 5 ? { settled: [{ name: 'budget', amount: amount(3) }] } : {}),
    });
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, spend));
process.stdout.write(`${JSON.stringify(counts)}\n`);
await client.close();
await opened.close();
