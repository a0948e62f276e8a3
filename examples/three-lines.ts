// Three lines of code, and a denial that an agent can use. Exits non-zero when its claim fails.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Denied, guard } from '@licet/sdk';
import { openPlane } from '@licet/server';

const folder = await realpath(await mkdtemp(join(tmpdir(), 'licet-example-')));
const workspace = join(folder, 'workspace');
await mkdir(workspace);

const plane = await openPlane({ data: join(folder, 'plane'), stateDir: join(folder, 'state'), workspace });
const writeNote = guard(plane, 'files/write_file', ({ path, content }: { path: string; content: string }) =>
  writeFile(path, content),
);
await writeNote({ path: join(workspace, 'a.txt'), content: 'hi' });
assert(existsSync(join(workspace, 'a.txt')), 'what is permitted happens');

const outside = join(folder, 'b.txt');
const denied = await writeNote({ path: outside, content: 'hi' }).catch((error: unknown) => error);
assert(denied instanceof Denied && !existsSync(outside), 'what is denied does not');
console.log(String(denied));
await plane.close();
