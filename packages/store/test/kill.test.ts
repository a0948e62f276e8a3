/**
 * Goal: what was acknowledged survives a kill at any moment. Method: a child appends as fast as it can and prints
 * what it was promised; it gets SIGKILL at a random moment; then the check, and every printed line. LICET_KILLS
 * sets how often (default 10).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { base64url, leafHash } from '@licet/evidence';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../src/index.ts';
import { boot, codeOf, KEYS } from './builders.ts';

const kills = Number(process.env['LICET_KILLS'] ?? 5);

test(
  `every acknowledged entry is there, with the same bytes, after ${kills} kills at random moments`,
  async () => {
    const path = mkdtempSync(join(tmpdir(), 'licet-kill-'));
    const acknowledged = new Map<number, string>();
    for (let round = 0; round < kills; round++) {
      const lines = await runAndKill(path, 20 + Math.random() * 400);
      for (const line of lines) {
        const [index, leaf] = line.split(' ');
        // A second leaf at one acknowledged index would be a fork.
        expect(acknowledged.has(Number(index))).toBe(false);
        acknowledged.set(Number(index), leaf!);
      }
      const store = await openSqliteStore({
        path,
        keys: KEYS,
        machine: new URL('./tiny-machine.ts', import.meta.url).href,
        reserveBytes: 65_536,
      });
      const { size } = await store.check();
      const entries = await store.log.entries(0, size);
      for (const [index, leaf] of acknowledged) expect(base64url(leafHash(entries[index]!))).toBe(leaf);
      await store.commit(boot);
      await store.rebuild();
      expect(await codeOf(store.check())).toBe('no error');
      await store.close();
    }
    expect(acknowledged.size).toBeGreaterThan(0);
    rmSync(path, { recursive: true, force: true });
  },
  60_000 + kills * 10_000,
);

/** Resolves to the complete lines of a child that was killed `delayMs` after its first. */
async function runAndKill(path: string, delayMs: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./kill-child.ts', import.meta.url)), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  reader.on('line', (line) => {
    if (lines.length === 0) setTimeout(() => child.kill('SIGKILL'), delayMs);
    lines.push(line);
  });
  await exited;
  // The last line may have been cut.
  return lines.filter((line) => /^\d+ [A-Za-z0-9_-]{43}$/.test(line));
}
