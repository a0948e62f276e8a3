/** Goal: people are invited from the command line, and the first token goes only when somebody can still get in. */
import { once } from 'node:events';
import { type ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { softAuthenticator } from '../src/demo/authenticator.ts';
import { aPlace, type Place } from './process.ts';

let place: Place;
let up: ChildProcess;
let url: string;
const passkey = softAuthenticator({ rpId: 'localhost', origin: 'https://localhost:7443' });
beforeAll(async () => {
  place = await aPlace();
  expect((await place.run('init', '--solo', '--rp-origin', 'https://localhost:7443')).code).toBe(0);
  up = place.start('up', '--json', '--port', '0', '--public-port', '0');
  const [line] = (await once(up.stdout!, 'data')) as [Buffer];
  ({ url } = JSON.parse(line.toString()) as { readonly url: string });
}, 60_000);
afterAll(async () => {
  up.kill();
  await once(up, 'exit');
});

const post = async (path: string, body: object): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
async function challenge(path: string, body: object = {}): Promise<string> {
  return ((await (await post(path, body)).json()) as { readonly challenge: string }).challenge;
}

it('a person who is added later signs in to the console with their own token, until another takes its place', async () => {
  const { subject, token } = (await place.run('people', 'add', 'Ada', '--role', 'viewer', '--json')).json<{
    readonly subject: string;
    readonly token: string;
  }>();
  expect(await (await post('/v1/login', { token })).json()).toMatchObject({ subject, roles: ['viewer'] });
  const next = (await place.run('people', 'token', subject, '--yes', '--json')).json<{
    readonly token: string;
  }>();
  expect((await post('/v1/login', { token })).status).toBe(401);
  expect(await (await post('/v1/login', { token: next.token })).json()).toMatchObject({ subject });
});

it('where passkeys are used is changed with the plane, and then in the trust store', async () => {
  const at = 'https://localhost:9443';
  const ran = await place.run('trust', 'rp', '--rp-origin', at, 'https://localhost:7443', '--yes', '--json');
  expect([ran.code, ran.json()]).toMatchObject([
    0,
    { rp: { id: 'localhost', origins: [at, 'https://localhost:7443'] } },
  ]);
  const wrong = await place.run('trust', 'rp', '--rp-origin', 'https://evil.example', '--yes', '--json');
  expect(wrong.error().code).toBe('ERR_SERVER_RP');
  const { logs } = (await place.run('trust', 'list', '--json')).json<{
    readonly logs: readonly { readonly rp: { readonly origins: readonly string[] } }[];
  }>();
  expect(logs[0]!.rp.origins).toEqual([at, 'https://localhost:7443']);
});

it('the token stays while it is all there is; with a passkey it is retired, and the passkey still signs in', async () => {
  const alone = await place.run('operator', 'retire-token', '--yes', '--json');
  expect([alone.code, alone.error().code]).toEqual([3, 'ERR_CLI_LAST_KEY']);

  const invited = await place.run('people', 'invite', '--subject', 'u-operator', '--json');
  const { invitation } = invited.json<{ readonly invitation: string }>();
  const made = passkey.create(await challenge('/v1/passkeys/options', { invitation }));
  expect((await post('/v1/passkeys', { ...made, invitation })).status).toBe(200);

  expect((await place.run('operator', 'retire-token', '--yes', '--json')).code).toBe(0);
  const after = await place.run('facts', '--json');
  expect([after.code, after.error().code]).toEqual([3, 'ERR_CLI_TOKEN']);
  const entered = await post('/v1/login/passkey', {
    assertion: passkey.get(await challenge('/v1/login/challenge')),
  });
  expect(await entered.json()).toMatchObject({ subject: 'u-operator', method: 'passkey' });
});
