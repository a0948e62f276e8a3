// Goal: sessions end when they should, and their rows call nothing by themselves. Method: the real store port in memory,
// a clock moved by hand; and the table of errors against the source.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseNote, parseSessionShare, utf8, type Json } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { callMac, newShare, PlaneError, PROBLEMS, SESSION_MS, sessionSecret } from '@licet/api';
import { SERVER_ERRORS } from '../src/index.ts';
import { planeErrorOf, problemOf, warnOfFailure } from '../src/problems.ts';
import { openSessions } from '../src/sessions.ts';

const origin = 'licet.local/0000000000000000';
const JKT = 'A'.repeat(43);
function aSetting() {
  const rows = new Map<string, Json>();
  const clock = { now: 1_800_000_000_000, nowMs: () => clock.now };
  const store = {
    sessions: {
      put: async (id: string, value: Json) => void rows.set(id, value),
      get: async (id: string) => rows.get(id),
      async take(id: string) {
        const value = rows.get(id);
        rows.delete(id);
        return value;
      },
      async delete({ id, subject }: { readonly id?: string; readonly subject?: string }) {
        for (const [key, value] of rows)
          if (key === id || (value as { readonly subject?: string }).subject === subject) rows.delete(key);
      },
    },
  };
  const seed = new Uint8Array(32).fill(3);
  const signer = ed25519NoteSigner(`${origin}/session`, seed);
  const replica = () => openSessions({ store, signer, seed, origin, clock });
  return { rows, clock, replica };
}
async function opened(sessions: ReturnType<ReturnType<typeof aSetting>['replica']>) {
  const mine = await newShare();
  const answer = (await sessions.open(JKT, 'a-1', mine.share))!;
  const { share } = parseSessionShare(parseNote(answer.note).text);
  const secret = sessionSecret(await mine.agree(share), {
    origin,
    session: answer.session,
    jkt: JKT,
    agentShare: mine.share,
    planeShare: share,
  });
  const check = (which: typeof sessions, counter: number) => {
    const input = { method: 'GET', target: '/', body: utf8(''), counter };
    return which.check(answer.session, input, callMac(secret, input));
  };
  return { ...answer, secret, check };
}

test('another replica reads the row and takes the call; each keeps its own window', async () => {
  const { replica } = aSetting();
  const [one, two] = [replica(), replica()];
  const session = await opened(one);
  expect(await session.check(one, 1)).toEqual({ jkt: JKT });
  expect(await session.check(two, 1)).toEqual({ jkt: JKT });
  expect([await session.check(one, 1), await session.check(two, 1)]).toEqual(['ended', 'ended']);
});

test('two calls that load a session together share one window', async () => {
  const { replica } = aSetting();
  const session = await opened(replica());
  const other = replica();
  const results = await Promise.all([session.check(other, 9), session.check(other, 9)]);
  expect(results.filter((result) => result === 'ended')).toHaveLength(1);
});

test('it ends by time, by name and with its subject', async () => {
  for (const end of ['time', 'name', 'subject'] as const) {
    const { clock, replica } = aSetting();
    const sessions = replica();
    const session = await opened(sessions);
    if (end === 'time') clock.now += SESSION_MS;
    if (end === 'name') await sessions.end(session.session);
    if (end === 'subject') await sessions.endOf('a-1');
    expect(await session.check(sessions, 1), end).toBe('ended');
  }
});

test('the rows hold no secret, no cookie and no token in the clear', async () => {
  const { rows, replica } = aSetting();
  const sessions = replica();
  const { secret } = await opened(sessions);
  const { cookie } = await sessions.login(JKT, 'u-1', 'passkey');
  const text = JSON.stringify([...rows]);
  expect([text.includes(Buffer.from(secret).toString('base64url')), text.includes(cookie)]).toEqual([
    false,
    false,
  ]);
  expect(await sessions.findLogin(cookie)).toMatchObject({ jkt: JKT, method: 'passkey' });
  expect(await sessions.findLogin(`${cookie.slice(0, -1)}x`)).toBeUndefined();
});

test('every error of the table is thrown somewhere, and every one thrown is in the table', () => {
  const folder = new URL('../src/', import.meta.url);
  const source = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== 'errors.ts')
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n');
  const used = new Set(source.match(/ERR_SERVER_[A-Z]+/g));
  expect([...used].toSorted()).toEqual(Object.keys(SERVER_ERRORS).toSorted());
});

test('whatever is thrown inside becomes a problem of the contract that tells nothing of the inside', () => {
  const problem = problemOf(planeErrorOf(new Error('secret path /var/lib')));
  expect([problem.code, problem.status, JSON.stringify(problem).includes('secret')]).toEqual([
    'internal',
    500,
    false,
  ]);
  for (const thrown of [undefined, null, 'text', 7, {}])
    expect(problemOf(planeErrorOf(thrown)).code).toBe('internal');
  for (const [code, [status]] of Object.entries(PROBLEMS))
    expect(status >= 400 && status < 600, code).toBe(true);
});

test('what failed inside is told to whoever runs the plane, by request id, and what was refused is not', async () => {
  const heard: (Error & { readonly code?: string; readonly detail?: string })[] = [];
  const listen = (warning: Error): number => heard.push(warning);
  process.on('warning', listen);
  try {
    warnOfFailure(planeErrorOf(new PlaneError('forbidden', 'forbidden: no')), 'req-1');
    warnOfFailure(planeErrorOf(new Error('the disk is on fire')), 'req-2');
    await new Promise((done) => setImmediate(done));
  } finally {
    process.off('warning', listen);
  }
  expect(heard.map(({ name, code, message }) => [name, code, message])).toEqual([
    ['LicetFailure', 'internal', 'req-2: the disk is on fire'],
  ]);
  expect(heard[0]?.detail).toContain('sessions.test.ts');
});
