/**
 * Goal: when a person, a key or a mandate is taken away in mid-run, everything that hangs on it ends within one beat,
 * however many start at that moment (RULE 4, 17). Method: random trees of running executions in the real plane; one is
 * struck while children are being spawned below it; then one beat passes. Seeds are the numbers of the trees.
 */
import { createPrivateKey, sign } from 'node:crypto';
import { base64url, commitMandateBody, mandateSigningBytes, sha256, utf8, type Json } from '@licet/evidence';
import { mandatePolicy, type MandateBody } from '@licet/policy';
import { expect, test } from 'vitest';
import type { Effect } from '../src/index.ts';
import {
  anIdentity,
  as,
  aWorld,
  jktOf,
  keyOf,
  ORIGIN,
  PEOPLE,
  privateKeyOf,
  T0,
  TENANT,
  word,
  type Permitted,
  type World,
} from './support.ts';

const TREES = Number(process.env['LICET_STORMS'] ?? 16);
/** A third of the lease: how often an executor asks whether it may go on. */
const BEAT_MS = 3_000;

type Blow = 'the person' | 'an agent' | 'a key' | 'a mandate';
const BLOWS: readonly Blow[] = ['the person', 'an agent', 'a key', 'a mandate'];

const diceOf = (seed: number): ((sides: number) => number) => {
  let state = (seed + 1) * 2_654_435_761;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
};

/** A mandate to do anything with files, from the person of a tree to one of its agents. */
function mandateOf(from: string, to: string): Effect & { readonly op: 'mandate' } {
  const id = `m-${from}-${to}`;
  const text = mandatePolicy([{ action: 'files', in: { type: 'Folder', id: '/workspace' } }]);
  const body: MandateBody = { v: 1, id, policies: [{ name: 'm.cedar', text }] };
  const key = sha256(utf8(id));
  const { commitment } = commitMandateBody(key, body as unknown as Json);
  const said = { id, from, to, body: commitment, nbf: T0 - 1_000, exp: T0 + 86_400_000 };
  const signed = mandateSigningBytes({ origin: ORIGIN, tenant: TENANT, op: 'grant', ...said });
  const { nbf, exp, ...rest } = said;
  return {
    op: 'mandate',
    change: 'grant',
    ...rest,
    nbfMs: nbf,
    expMs: exp,
    sig: base64url(sign(null, signed, createPrivateKey(privateKeyOf(from)))),
    opened: { key: base64url(key), body, jkt: '' },
  };
}

interface Tree {
  readonly person: string;
  readonly agents: readonly string[];
  /** Running executions with the agent that acts, parents first. */
  readonly running: { readonly permit: Permitted; readonly agent: number }[];
}

/** A tree of running executions: an agent's children act by the next agent down. */
async function grow(world: World, seed: number, dice: (sides: number) => number): Promise<Tree> {
  const person = `user-t${seed}`;
  const agents = Array.from({ length: 2 + dice(3) }, (_, at) => `agent-t${seed}-${at}`);
  const operate = async (effect: Effect): Promise<void> =>
    expect(word(await world.plane.operate(as('operator-1'), effect))).toBe('operated');
  await operate(anIdentity(person));
  for (const [at, agent] of agents.entries())
    await operate(
      anIdentity(agent, {
        groups: ['assistants'],
        for: person,
        ...(at === 0 ? { root: { perDay: 100, concurrent: 100 } } : {}),
      }),
    );
  await operate(mandateOf(person, agents[0]!));
  const running: Tree['running'] = [{ permit: await world.started({}, as(agents[0]!)), agent: 0 }];
  const size = 2 + dice(7);
  while (running.length < size) {
    const parent = running[dice(running.length)]!;
    running.push(await spawn(world, agents, parent));
  }
  return { person, agents, running };
}

/** Starts a child: by the same agent, or, one level down, by the next one through its parent's permit. */
async function spawn(
  world: World,
  agents: readonly string[],
  { permit, agent }: Tree['running'][number],
): Promise<Tree['running'][number]> {
  const next = agent + 1;
  if (next >= agents.length)
    return { permit: await world.started({ parent: permit.exec }, as(agents[agent]!)), agent };
  const child = { agent: agents[next]!, jkt: jktOf(agents[next]!) };
  const opened = await world.started({ parent: permit.exec, child }, as(agents[agent]!));
  return { permit: await world.started({ parent: opened.exec }, as(agents[next]!)), agent: next };
}

async function strike(world: World, tree: Tree, blow: Blow, at: number): Promise<void> {
  const operate = async (effect: Effect): Promise<void> =>
    expect(word(await world.plane.operate(as('operator-1'), effect)), blow).toBe('operated');
  const agent = tree.agents[at]!;
  if (blow === 'the person') return operate(anIdentity(tree.person, { change: 'revoke' }));
  if (blow === 'an agent') return operate(anIdentity(agent, { change: 'revoke', for: tree.person }));
  if (blow === 'a key')
    return operate(
      anIdentity(agent, {
        change: 'rotate',
        for: tree.person,
        keys: [keyOf(`${agent}-new`)],
        jkts: [jktOf(`${agent}-new`)],
      }),
    );
  const { opened: _, ...grant } = mandateOf(tree.person, tree.agents[0]!);
  return operate({ ...grant, change: 'revoke' });
}

test(`rule 17: in ${TREES} random trees with racing spawns, one beat after the blow nothing below it runs`, async () => {
  const world = await aWorld({ people: 1, identities: PEOPLE });
  let [struck, refusedSpawns, spared, spawns] = [0, 0, 0, 0];
  for (let seed = 0; seed < TREES; seed += 1) {
    const dice = diceOf(seed);
    const tree = await grow(world, seed, dice);
    const blow = BLOWS[dice(BLOWS.length)]!;
    // Taking away a key or an agent in the middle ends what it does and what is below; the rest goes on.
    const at = blow === 'the person' || blow === 'a mandate' ? 0 : dice(tree.agents.length);
    const racing = Array.from({ length: 6 }, async () => {
      for (let turn = dice(8); turn > 0; turn -= 1) await Promise.resolve();
      const parent = tree.running[dice(tree.running.length)]!;
      try {
        const one = await spawn(world, tree.agents, parent);
        spawns += 1;
        return one;
      } catch {
        refusedSpawns += 1;
        return undefined;
      }
    });
    // The blow falls before, among and after the spawns.
    const turns = dice(160);
    const falls = (async () => {
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await strike(world, tree, blow, at);
    })();
    const [, ...spawned] = await Promise.all([falls, ...racing]);
    const all = [...tree.running, ...spawned.flatMap((one) => (one === undefined ? [] : [one]))];
    world.later(BEAT_MS);
    for (const { permit, agent } of all) {
      const said = word(await world.renew(permit));
      const label = `tree ${seed}, ${blow} at ${at}, agent ${agent}: ${said}`;
      if (agent >= at) {
        expect(said, label).toMatch(/^deny:|^conflict:not_running$/);
        struck += 1;
      } else {
        expect(said, label).toBe('renewed');
        spared += 1;
      }
    }
    // And none begins: not below what was struck, nor at the root where the root was struck.
    for (const { permit, agent } of all.filter((one) => one.agent >= at))
      expect(
        word(await world.decide({ parent: permit.exec }, as(tree.agents[agent]!))),
        `tree ${seed}, ${blow}`,
      ).toMatch(/^deny:/);
    for (const { permit, agent } of all) if (agent < at) await world.report(permit);
  }
  console.log(JSON.stringify({ trees: TREES, struck, spared, spawns, refusedSpawns }));
  expect(struck).toBeGreaterThan(TREES);
  // A race that one side always wins is none.
  expect(Math.min(spawns, refusedSpawns)).toBeGreaterThan(TREES / 4);
});
