// Each example is run as a reader would run it; it exits non-zero when its claim fails.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, '..', 'examples');

test.each(readdirSync(folder).filter((name) => name.endsWith('.ts')))('%s does what it says', (name) => {
  const ran = spawnSync(process.execPath, [join(folder, name)], { encoding: 'utf8', timeout: 60_000 });
  expect(ran.stderr + ran.stdout).not.toBe('');
  expect(ran.status, ran.stderr).toBe(0);
});
