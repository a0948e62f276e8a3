/**
 * Goal: a script attests from the command line alone: it takes a challenge, signs, presents, and its exit code says
 * whether that vouches for anything; settings of provenance that do not fit change nothing.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { aPlace, type Place } from './process.ts';

let place: Place;
beforeAll(async () => {
  place = await aPlace();
  expect((await place.run('init', '--solo')).code).toBe(0);
}, 60_000);

const kept = (name: string, text: string): string => {
  const path = join(place.folder, name);
  writeFileSync(path, text);
  return path;
};

it('challenge, sign and submit: a verifier vouches for an image', async () => {
  const key = join(place.folder, 'verifier.jwk');
  expect((await place.run('attest', 'verifier', 'Admission', '--key', key)).code).toBe(0);
  const challenge = kept('challenge.json', (await place.run('attest', 'challenge')).stdout);
  const measured = JSON.stringify({ container: { digest: `sha256:${'ab'.repeat(32)}` } });
  const signed = await place.run(
    ...['attest', 'sign', '--key', key, '--challenge', challenge, '--measured', measured],
  );
  const evidence = kept('evidence.json', signed.stdout);
  const submitted = await place.run(
    ...[
      'attest',
      'submit',
      '--kind',
      'container',
      '--challenge',
      challenge,
      '--evidence',
      evidence,
      '--json',
    ],
  );
  expect(submitted.json()).toMatchObject({ kind: 'container', status: 'affirming' });
  expect(submitted.code).toBe(0);
}, 60_000);

it('provenance: what one package is listed by; settings that do not fit are refused', async () => {
  const integrity = `sha512-${Buffer.alloc(64).toString('base64')}`;
  const listed = await place.run('attest', 'package', '@acme/agent@1.2.3', integrity, '--json');
  expect(listed.json()).toMatchObject({ name: '@acme/agent', version: '1.2.3', integrity });
  const refused = await place.run('attest', 'provenance', kept('settings.json', '{"v": 1}'), '--json');
  expect(refused.code).not.toBe(0);
  expect(refused.error().code).toBe('ERR_SERVER_PROVENANCE');
}, 60_000);
