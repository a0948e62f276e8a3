/**
 * Goal: a drill shows that failures deny and is recorded; the offline viewer is told from another by its digest in the
 * log. Method: real processes against one plane; what they print is compared with what the log holds.
 */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { base64url } from '@licet/evidence';
import { openPlane } from '@licet/server';
import { drillDigest } from '../src/commands/drill.ts';
import { aPlace, type Place } from './process.ts';

let place: Place;
beforeAll(async () => {
  place = await aPlace();
  expect((await place.run('init', '--solo', '--json')).code).toBe(0);
}, 60_000);

const lastNotice = async () => {
  const plane = await openPlane({ data: place.data, stateDir: join(place.folder, 'state'), init: false });
  try {
    const path = join(place.folder, 'state', 'planes', plane.origin.replaceAll('/', '_'), 'operator.token');
    return (await (await plane.as({ token: (await readFile(path, 'utf8')).trim() })).notices())[0];
  } finally {
    await plane.close();
  }
};

describe('licet drill', () => {
  it('stops every attempt, writes the report and records its digest', async () => {
    const report = join(place.folder, 'drill.json');
    const ran = await place.run('drill', '--json', '-o', report);
    expect(ran.stderr).toBe('');
    const { ok, digest, checks } = ran.json<{
      ok: boolean;
      digest: string;
      checks: readonly { readonly name: string; readonly held: boolean }[];
    }>();
    expect([ran.code, ok]).toEqual([0, true]);
    expect(checks.map(({ name, held }) => [name, held])).toEqual([
      ['forbidden', true],
      ['forged permit', true],
      ['silent plane', true],
      ['garbled answer', true],
      ['plane gone', true],
      ['no permit', true],
    ]);
    expect(drillDigest(new Uint8Array(await readFile(report)))).toBe(digest);
    expect(await lastNotice()).toMatchObject({ kind: 'drill', digest });
  });

  it('needs the data folder, for its door is one of this plane', async () => {
    expect((await place.run('drill', '--json', '--url', 'http://localhost:1')).error().code).toBe(
      'ERR_CLI_USAGE',
    );
  });
});

describe('licet viewer', () => {
  it('writes the offline viewer and records its SHA-256; nothing is overwritten', async () => {
    const built = spawnSync(process.execPath, [
      fileURLToPath(new URL('../../console/bin/build.mjs', import.meta.url)),
    ]);
    expect(built.status).toBe(0);
    const file = join(place.folder, 'licet-proof.html');
    const ran = await place.run('viewer', '--json', '-o', file);
    expect(ran.stderr).toBe('');
    const hash = createHash('sha256')
      .update(await readFile(file))
      .digest();
    expect(ran.json()).toMatchObject({ ok: true, sha256: hash.toString('hex') });
    expect(await lastNotice()).toMatchObject({ kind: 'viewer_digest', digest: base64url(hash) });
    expect((await place.run('viewer', '--json', '--no-log', '-o', file)).error().code).toBe('ERR_CLI_EXISTS');
  });
});
