/**
 * The Go program against a running server, with a log of some size, and against a copy of it: `node
 * tests/c2sp/live.ts [requests]`. Prints one line; ends with 1 when anything is refused, or Go is not there to ask.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goIsMissing, record } from './record.ts';

const missing = goIsMissing();
if (missing !== undefined) throw new Error(missing);
const folder = mkdtempSync(join(tmpdir(), 'licet-c2sp-'));
try {
  const { size, live, exported } = await record(folder, Number(process.argv[2] ?? 300));
  if (live !== exported) throw new Error('the running server and the copy were judged differently');
  const counts: Record<string, number> = {};
  for (const line of live.trimEnd().split('\n')) {
    const { check } = JSON.parse(line) as { readonly check: string };
    counts[check] = (counts[check] ?? 0) + 1;
  }
  console.log(JSON.stringify({ entries: size, statements: counts }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
