// Claims about people: who comes in by passkey, and what their signature on a hold is worth to a stranger.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDoor, guard } from '@licet/sdk';
import type { ExecutionView, SigningSubject } from '@licet/api';
import { approvalDigest, verifyCommitment } from '@licet/evidence';
import { softAuthenticator, type SoftAuthenticator } from './authenticator.ts';
import { see, until } from './claim.ts';
import type { Scenario } from './scenario.ts';
import { there, type World } from './world.ts';

interface Ladder {
  readonly rungs: readonly { readonly name: string; readonly status: string; readonly why?: string }[];
}

export const people: Scenario = async ({ world, claim }) => {
  const at = (name: string): string => join(world.workspace, name);

  await claim('an approval by passkey is verified offline inside the bundle', async () => {
    const person = await enrol(world);
    const agent = await world.agent('Mover');
    const [source, destination] = [at('draft-report.txt'), at('report.txt')];
    await writeFile(source, 'quarterly\n');
    const move = guard(
      createDoor(agent.plane, agent.plane.pinned),
      'files/move_file',
      (args: { source: string; destination: string }) => rename(args.source, args.destination),
    );
    const moving = move({ source, destination });
    // Whatever comes of it is looked at below, by its effect.
    moving.catch(() => undefined);
    const held = await heldMove(person, agent.subject);
    see(!there(destination), 'the file was moved before anybody approved');

    const about = { hold: held.hold!.leaf, group: 'operators', verdict: 'approve' } as const;
    const signing = await person.post<SigningSubject>(`/v1/approvals/${held.executionId}/subject`, about);
    const read = verifyCommitment('argument', signing.subject.args, signing.disclosures ?? [], []);
    see(read['destination'] === destination, `what would be signed is about ${JSON.stringify(read)}`);
    const assertion = person.authenticator.get(approvalDigest(signing.subject));
    const approval = { ...about, expires: signing.subject.expires, assertion };
    const elsewhere = person.authenticator.get(approvalDigest(signing.subject), {
      origin: 'http://localhost:1',
    });
    const forged = await person.send(`/v1/approvals/${held.executionId}`, {
      ...approval,
      assertion: elsewhere,
    });
    see(forged.status === 403, `a signature made at another place was answered with ${forged.status}`);
    see((await person.send(`/v1/approvals/${held.executionId}`, approval)).ok, 'the signature was not taken');
    await moving;
    see(there(destination) && !there(source), 'after the approval the file was not moved');

    const file = join(world.folder, 'approved.json');
    const exported = await world.cli(['evidence', held.executionId, '-o', file, '--data', world.data]);
    see(exported.code === 0, `exporting ended with ${exported.code}: ${exported.stderr}`);
    const good = await verify(world, file);
    const rung = good.ladder.rungs.find(({ name }) => name === 'approvals');
    see(
      good.code === 0 && rung?.status === 'pass',
      `exit ${good.code}, approvals ${rung?.status}: ${rung?.why}`,
    );
    const bent = join(world.folder, 'approved-bent.json');
    await writeFile(
      bent,
      (await readFile(file, 'utf8')).replace(assertion.signature, turned(assertion.signature)),
    );
    const bad = await verify(world, bent);
    see(bad.code === 4, `with one byte of the signature changed it verified with ${bad.code}`);
    return `${person.subject} read the arguments, signed them, and the file moved; a stranger's verifier says approvals: pass, and exit 4 with one byte of the signature changed`;
  });
};

/** A person at their own browser. */
interface Person {
  readonly subject: string;
  readonly authenticator: SoftAuthenticator;
  send(path: string, body?: unknown): Promise<Response>;
  post<T>(path: string, body: unknown): Promise<T>;
  get<T>(path: string): Promise<T>;
}

/** Invites a person, who makes a passkey and signs in with it, over HTTP as a browser would. */
async function enrol(world: World): Promise<Person> {
  const operator = await world.operator();
  const made = await operator.register({
    kind: 'user',
    name: 'Ada',
    roles: ['approver'],
    groups: ['operators'],
  });
  see(made.verdict === 'done' && made.subject !== undefined, `registering Ada: ${JSON.stringify(made)}`);
  const { invitation } = await operator.invite(made.subject);
  await operator.close();
  const { url } = world.plane;
  const authenticator = softAuthenticator({ rpId: 'localhost', origin: url });
  const credentials: Record<string, string> = {};
  const send = (path: string, body?: unknown): Promise<Response> =>
    fetch(
      url + path,
      body === undefined
        ? { headers: credentials }
        : {
            method: 'POST',
            headers: { ...credentials, 'content-type': 'application/json' },
            body: JSON.stringify(body),
          },
    );
  const json = async <T>(answer: Response): Promise<T> => {
    const text = await answer.text();
    see(answer.ok, `${answer.url} was answered with ${answer.status}: ${text}`);
    return JSON.parse(text) as T;
  };
  const post = async <T>(path: string, body: unknown): Promise<T> => json<T>(await send(path, body));

  const options = await post<{ readonly challenge: string }>('/v1/passkeys/options', { invitation });
  const added = await post<{ readonly verdict: string }>('/v1/passkeys', {
    ...authenticator.create(options.challenge),
    invitation,
  });
  see(added.verdict === 'done', `the passkey was not registered: ${JSON.stringify(added)}`);
  const { challenge } = await post<{ readonly challenge: string }>('/v1/login/challenge', {});
  const entered = await send('/v1/login/passkey', { assertion: authenticator.get(challenge) });
  const me = await json<{ readonly csrf: string; readonly method: string }>(entered);
  see(me.method === 'passkey', `signed in by ${me.method}`);
  credentials['cookie'] = entered.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  credentials['licet-csrf'] = me.csrf;
  return {
    subject: made.subject,
    authenticator,
    send,
    post,
    get: async <T>(path: string): Promise<T> => json<T>(await send(path)),
  };
}

async function heldMove(person: Person, agent: string): Promise<ExecutionView> {
  let found: ExecutionView | undefined;
  const asked = await until(async () => {
    const { items } = await person.get<{ readonly items: readonly ExecutionView[] }>('/v1/approvals');
    found = items.find(({ chain }) => chain.at(-1)?.id === agent);
    return found !== undefined;
  }, 10_000);
  see(asked && found !== undefined, 'nothing was held for a person');
  return found;
}

/** The verifier in a process of its own, which knows only the file and the trust. */
async function verify(
  world: World,
  file: string,
): Promise<{ readonly code: number | null; readonly ladder: Ladder }> {
  const stranger = { LICET_STATE: join(world.folder, 'stranger'), LICET_DATA: join(world.folder, 'nowhere') };
  const words = ['verify', file, '--trust', world.trustPath, '--require', 'approvals', '--json'];
  const ran = await world.cli(words, stranger);
  return { code: ran.code, ladder: JSON.parse(ran.stdout) as Ladder };
}

/** The same text with one character in its middle changed. */
function turned(text: string): string {
  const middle = Math.floor(text.length / 2);
  return text.slice(0, middle) + (text[middle] === 'A' ? 'B' : 'A') + text.slice(middle + 1);
}
