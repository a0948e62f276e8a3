// Goal: a session's secret is known to its two ends only, and a call counts once and only as it was sent. Method: both
// ends in one process, every field of call and transcript tampered with, the window against a plain model.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64url, utf8 } from '@licet/evidence';
import {
  callMac,
  checkMac,
  checkProof,
  makeProof,
  newPrivateJwk,
  newShare,
  REPLAY_WINDOW,
  replayWindow,
  sessionSecret,
} from '../src/index.ts';

const NOW = 1_800_000_000_000;

const aKey = newPrivateJwk;

describe('the exchange', () => {
  test('gives both ends one secret, and another one when any part of the transcript differs', async () => {
    const [mine, theirs] = [await newShare(), await newShare()];
    const transcript = {
      origin: 'licet.local/1',
      session: 's',
      jkt: 'k',
      agentShare: mine.share,
      planeShare: theirs.share,
    };
    const [a, b] = [await mine.agree(theirs.share), await theirs.agree(mine.share)];
    expect(sessionSecret(a, transcript)).toEqual(sessionSecret(b, transcript));
    for (const name of Object.keys(transcript)) {
      expect(sessionSecret(b, { ...transcript, [name]: 'other' }), name).not.toEqual(
        sessionSecret(a, transcript),
      );
    }
  });
  test('refuses a share of small order, and one that is no share', async () => {
    const mine = await newShare();
    for (const bad of [
      base64url(new Uint8Array(32)),
      base64url(Uint8Array.of(1, ...new Uint8Array(31))),
      'AA',
      '',
      '!',
    ]) {
      await expect(mine.agree(bad), bad).rejects.toThrow();
    }
  });
});

describe('the MAC of a call', () => {
  const secret = new Uint8Array(32).fill(7);
  const call = { method: 'POST', target: '/v1/executions?seen=1', body: utf8('{}'), counter: 3 };
  test('covers method, target, query, body and counter', () => {
    const mac = callMac(secret, call);
    expect(checkMac(secret, call, mac)).toBe(true);
    for (const other of [
      { method: 'GET' },
      { target: '/v1/executions' },
      { body: utf8('{} ') },
      { counter: 4 },
    ]) {
      expect(checkMac(secret, { ...call, ...other }, mac)).toBe(false);
    }
    expect(checkMac(new Uint8Array(32), call, mac)).toBe(false);
    expect(checkMac(secret, call, '')).toBe(false);
  });
  test('the window accepts each counter once, in any order, and nothing that has left it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -2, max: 5 * REPLAY_WINDOW }), { maxLength: 400 }),
        (counters) => {
          const window = replayWindow();
          const accepted = new Set<number>();
          let highest = 0;
          for (const counter of counters) {
            const expected = counter >= 1 && counter > highest - REPLAY_WINDOW && !accepted.has(counter);
            expect(window.accept(counter)).toBe(expected);
            if (expected) accepted.add(counter);
            highest = Math.max(highest, expected ? counter : 0);
          }
        },
      ),
    );
    expect(replayWindow().accept(Number.NaN)).toBe(false);
    expect(replayWindow().accept(1.5)).toBe(false);
  });
});

describe('a proof of possession', () => {
  const call = {
    method: 'POST',
    url: 'http://localhost:1/v1/sessions',
    origin: 'licet.local/1',
    body: utf8('{}'),
  };
  test('counts for the call, the plane, the body and the minute it was made for', async () => {
    const key = await aKey();
    const proof = await makeProof(key, { ...call, share: 'x' }, NOW);
    expect(await checkProof(proof, call, NOW + 500)).toMatchObject({ share: 'x' });
    expect(await checkProof(proof, { ...call, url: `${call.url}?a=1` }, NOW)).toBeDefined();
    const others = [
      { ...call, method: 'GET' },
      { ...call, url: 'http://localhost:2/v1/sessions' },
      { ...call, url: 'https://localhost:1/v1/sessions' },
      { ...call, url: 'http://localhost:1/v1/executions' },
      { ...call, origin: 'licet.local/2' },
      { ...call, body: utf8('{"a":1}') },
    ];
    for (const other of others) expect(await checkProof(proof, other, NOW)).toBeUndefined();
  });
  test('a clock ten minutes off, either way, is refused', async () => {
    const proof = await makeProof(await aKey(), call, NOW);
    for (const nowMs of [NOW + 600_000, NOW - 600_000, Number.NaN])
      expect(await checkProof(proof, call, nowMs)).toBeUndefined();
  });
  test('a proof with a changed signature, no signature, or a borrowed key is refused', async () => {
    const key = await aKey();
    const proof = await makeProof(key, call, NOW);
    const [head, body, signature] = proof.split('.') as [string, string, string];
    const thief = await makeProof(await aKey(), call, NOW);
    const none = base64url(
      utf8(JSON.stringify({ typ: 'dpop+jwt', alg: 'none', jwk: { kty: 'OKP', crv: 'Ed25519', x: key.x } })),
    );
    for (const bad of [
      `${head}.${body}.`,
      `${none}.${body}.`,
      `${head}.${body}.${thief.split('.')[2]}`,
      `${thief.split('.')[0]}.${body}.${signature}`,
      '',
      'a.b.c',
      'x'.repeat(9_000),
    ]) {
      expect(await checkProof(bad, call, NOW)).toBeUndefined();
    }
  });
});
