// Evidence of one execution, verified under a trust that comes from outside it: and what one flipped byte does.
// Exits non-zero when its claim fails.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { parseTrust, verifyBundle } from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { createEngine, createRedecide } from '@licet/policy';
import { guard } from '@licet/sdk';
import { openPlane } from '@licet/server';

const folder = await realpath(await mkdtemp(join(tmpdir(), 'licet-example-')));
const workspace = join(folder, 'workspace');
await mkdir(workspace);
const plane = await openPlane({ data: join(folder, 'plane'), stateDir: join(folder, 'state'), workspace });
let execution = '';
const writeNote = guard(
  plane,
  'files/write_file',
  ({ path, content }: { path: string; content: string }, { executionId }) => {
    execution = executionId;
    return writeFile(path, content);
  },
);
await writeNote({ path: join(workspace, 'a.txt'), content: 'hi' });
const file = await plane.evidence(execution);
const trust = parseTrust(await readFile(plane.trustPath));
await plane.close();

// From here on nothing of the plane is needed: only the file, the trust, and Cedar itself.
const options = { crypto: nodeCrypto, redecide: createRedecide(createEngine(cedar)) };
const good = await verifyBundle(file, trust, options);
assert.equal(good.exit, 0, good.summary);
assert.equal(good.rungs.find(({ name }) => name === 're-decision')?.status, 'pass');

const flipped = new Uint8Array(file);
const at = Math.floor(flipped.length / 2);
flipped[at] = flipped[at]! ^ 1;
const bad = await verifyBundle(flipped, trust, options);
assert.equal(bad.exit, 4, bad.summary);
assert.equal((await verifyBundle(file, undefined, options)).exit, 5, 'without a trust nobody is believed');
console.log(good.summary);
console.log(bad.summary);
