/**
 * Goal: an approval is for one execution and nothing near it. Method: one approved execution; random changes of what is
 * asked, by whom, where, and of what is approved. None is let through; then the real one is, once (RULE 22, 23).
 * LICET_APPROVED sets how many; the soak runs 10,000.
 */
import { describe, expect, test } from 'vitest';
import {
  aBundle,
  anIdentity,
  as,
  aWorld,
  PEOPLE,
  publishing,
  seeded,
  word,
  type Ask,
  type World,
} from './support.ts';

const MUTATIONS = Number(process.env['LICET_APPROVED'] ?? 120);
/** Milliseconds. */
const PATIENCE = 30_000 + MUTATIONS * 200;
const MOVE = { action: 'files/move_file', arguments: { path: '/workspace/a/b.txt' } };
const EVERYBODY = [
  ...PEOPLE,
  anIdentity('finance-2', { roles: ['approver'], groups: ['finance'] }),
  anIdentity('user-2'),
  anIdentity('agent-3', { for: 'user-1', root: { perDay: 100_000, concurrent: 100_000 } }),
  anIdentity('agent-4', { for: 'user-2', root: { perDay: 100_000, concurrent: 100_000 } }),
];

/** Numbers below `n`, the same ones each time. */
const drawing = (seed: string): ((n: number) => number) => {
  const random = seeded(seed);
  return (n) => {
    const [a, b, c, d] = random.bytes(4) as unknown as readonly [number, number, number, number];
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % n;
  };
};

function changed(text: string, draw: (n: number) => number): string {
  const at = '/workspace/'.length + draw(text.length - '/workspace/'.length + 1);
  const letter = 'abcxyz0189-_'[draw(12)]!;
  const other =
    draw(2) === 0
      ? text.slice(0, at) + letter + text.slice(at)
      : text.slice(0, at) + letter + text.slice(at + 1);
  return other === text || other.includes('//') || other.endsWith('/') ? `${text}${letter}` : other;
}

type Mutation = (world: World, draw: (n: number) => number) => Promise<string>;
const asking = (ask: (draw: (n: number) => number) => Ask, by?: string): Mutation => {
  return async (world, draw) =>
    word(
      await world.decide(
        { ...MOVE, start: draw(2) === 0, ...ask(draw) },
        by === undefined ? undefined : as(by),
      ),
    );
};

/** What is changed, by name. Each returns the word that it came to. */
const MUTATIONS_OF: Readonly<Record<string, Mutation>> = {
  argument: asking((draw) => ({ arguments: { path: changed(MOVE.arguments.path, draw) } })),
  resource: asking((draw) => ({ arguments: { path: `/workspace/${'abc'[draw(3)]}/b.txt/${draw(1_000)}` } })),
  action: asking(() => ({ action: 'files/copy_file' })),
  audience: asking((draw) => ({ audience: `elsewhere-${draw(1_000)}` })),
  'another agent of the same person': asking(() => ({}), 'agent-3'),
  'an agent of another person': asking(() => ({}), 'agent-4'),
  'a key that is not theirs': async (world) => word(await world.decide(MOVE, as('agent-1', 'agent-3'))),
  'a child that would run below it': asking((draw) => ({
    child: { agent: 'agent-2', jkt: as(`agent-${2 + draw(3)}`).jkt },
  })),
  'a parent': async (world) => {
    const parent = await world.started({ arguments: { path: '/workspace/parent.txt' } });
    const asked = word(await world.decide({ ...MOVE, parent: parent.exec }));
    await world.report(parent);
    return asked;
  },
};

const POLICY = `
@id("all") permit (principal, action in Action::"licet/governed", resource);
@id("ask") @hold("finance:2") forbid (principal, action, resource)
when { action == Action::"files/move_file" || action == Action::"files/copy_file" }
unless { context.approvals.contains("finance") };`;
const { 'files/move_file': spec } = aBundle().actions;
const bundle = (version = 1) =>
  aBundle({
    version,
    policies: [{ name: 'p.cedar', text: POLICY }],
    actions: { ...aBundle().actions, 'files/copy_file': spec! },
  });

async function approved(): Promise<{ readonly w: World; readonly exec: string; readonly hold: string }> {
  const w = await aWorld({ identities: EVERYBODY, bundle: bundle() });
  const { exec, hold } = await w.held(MOVE);
  await w.approve(exec, hold, 'finance', 'finance-1');
  await w.approve(exec, hold, 'finance', 'finance-2');
  expect((await w.row(exec)).state).toBe('approved');
  return { w, exec, hold };
}

describe('a change of an approved execution', () => {
  test(
    `${MUTATIONS} random ones are refused, and then the execution itself runs, once`,
    async () => {
      const { w, exec } = await approved();
      const draw = drawing('mutations');
      const names = Object.keys(MUTATIONS_OF);
      for (let at = 0; at < MUTATIONS; at += 1) {
        const name = names[at % names.length]!;
        const said = await MUTATIONS_OF[name]!(w, draw);
        expect(said, `mutation ${at}: ${name}`).toMatch(/^(hold|deny):/);
        expect((await w.row(exec)).state, `mutation ${at}: ${name}`).toBe('approved');
      }
      expect((await w.all('permit')).filter((permit) => permit.approvals !== undefined)).toEqual([]);
      const permit = await w.permitted(MOVE);
      expect(permit.exec).toBe(exec);
      expect(word(await w.redeem(permit))).toBe('started');
      expect(word(await w.decide(MOVE))).toBe('hold:policy');
    },
    PATIENCE,
  );
  test('another bundle, also one that says the same, is another question', async () => {
    const { w } = await approved();
    await w.plane.operate(as('author-1'), publishing(bundle(2)));
    expect(word(await w.decide(MOVE))).toBe('hold:policy');
  });
});

describe('an approval', () => {
  const word64 = (draw: (n: number) => number): string =>
    Array.from({ length: 42 }, () => 'abcdefXYZ0123456789_-'[draw(21)]).join('') + 'A';
  test(
    `${MUTATIONS} random ones that name another hold, group or person are refused`,
    async () => {
      const w = await aWorld({ identities: EVERYBODY, bundle: bundle() });
      const { exec, hold } = await w.held(MOVE);
      const other = await w.held({ ...MOVE, arguments: { path: '/workspace/other.txt' } });
      const foreign = await (await aWorld({ identities: EVERYBODY, bundle: bundle() })).held(MOVE);
      const draw = drawing('approvals');
      for (let at = 0; at < MUTATIONS; at += 1) {
        const [leaf, group, by] = [
          // Another hold of this log, one of another log, none at all.
          () => [[other.hold, foreign.hold, word64(draw)][draw(3)]!, 'finance', 'finance-1'],
          () => [hold, ['legal', 'second-person', 'operators'][draw(3)]!, 'finance-1'],
          () => [
            hold,
            'finance',
            ['user-1', 'agent-1', 'legal-1', 'operator-1', 'author-1', 'nobody'][draw(6)]!,
          ],
        ][at % 3]!() as [string, string, string];
        expect(word(await w.approve(exec, leaf, group, by)), `approval ${at}`).toMatch(/^conflict:/);
      }
      expect((await w.row(exec)).state).toBe('held');
      expect(await w.all('approval')).toEqual([]);
    },
    PATIENCE,
  );
  test('repeated, it is not counted twice; expired, revoked or of a lost role, not at all', async () => {
    const { w, exec, hold } = await approved();
    await w.approve(exec, hold, 'finance', 'finance-1');
    expect((await w.row(exec)).approvals).toHaveLength(2);
    await w.plane.operate(as('operator-1'), anIdentity('finance-2', { change: 'revoke' }));
    expect(word(await w.decide(MOVE))).toBe('hold:policy');
    const late = await approved();
    late.w.later(900_000);
    expect(word(await late.w.decide(MOVE))).toBe('hold:policy');
    const demoted = await approved();
    await demoted.w.plane.operate(
      as('operator-1'),
      anIdentity('finance-1', { change: 'update', groups: ['finance'] }),
    );
    expect(word(await demoted.w.decide(MOVE))).toBe('hold:policy');
  });
  test('survives a lost reply, and is spent once', async () => {
    const { w, exec } = await approved();
    const permit = await w.permitted({ ...MOVE, start: true });
    // The reply was lost: the same request again finds the same permit and start.
    expect((await w.plane.decide(permit.caller, permit.request)).reply).toMatchObject({
      kind: 'permitted',
      exec,
    });
    expect((await w.all('start')).filter((start) => start.exec === exec)).toHaveLength(1);
    expect(word(await w.decide({ ...MOVE, start: true }))).toBe('hold:policy');
    await w.reopen();
    expect(word(await w.decide({ ...MOVE, start: true }))).toBe('hold:policy');
  });
});
