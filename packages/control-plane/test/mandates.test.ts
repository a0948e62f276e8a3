/**
 * Goal: authority that is handed down only narrows, is bound to who signed it, and ends with whatever it hangs on (RULE
 * 17). Method: mandates signed by real keys against the real plane; random delegation graphs against a plain model.
 */
import { createPrivateKey, sign } from 'node:crypto';
import { base64url, commitMandateBody, mandateSigningBytes, utf8, sha256, type Json } from '@licet/evidence';
import { mandatePolicy, type MandateBody } from '@licet/policy';
import { describe, expect, test } from 'vitest';
import type { Effect } from '../src/index.ts';
import { isInMemory } from '../../store/test/under-test.ts';
import {
  aBundle,
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

type Grant = Effect & { readonly op: 'mandate' };
interface Given {
  readonly from?: string;
  readonly to?: string;
  readonly body?: Partial<MandateBody>;
  readonly forMs?: number;
  readonly nbfMs?: number;
  readonly parent?: string;
  /** Whose key signs. Default: the giver's. */
  readonly by?: string;
}

let serial = 0;

/** A mandate to write in one folder, signed by its giver. */
function aMandate({ from = 'agent-1', to = 'agent-2', by = from, ...more }: Given = {}): Grant {
  serial += 1;
  const id = `m-${serial}`;
  const body: MandateBody = {
    v: 1,
    id,
    policies: [
      {
        name: 'mandate.cedar',
        text: mandatePolicy([
          { action: 'files/write_file', in: { type: 'Folder', id: '/workspace/out' } },
          { action: 'bank' },
        ]),
      },
    ],
    ...more.body,
  };
  const key = sha256(utf8(`mandate ${serial}`));
  const said = {
    id,
    from,
    to,
    body: commitMandateBody(key, body as unknown as Json).commitment,
    ...(more.parent === undefined ? {} : { parent: more.parent }),
  };
  const [nbf, exp] = [more.nbfMs ?? T0, T0 + (more.forMs ?? 3_600_000)];
  const bytes = mandateSigningBytes({ origin: ORIGIN, tenant: TENANT, op: 'grant', ...said, nbf, exp });
  return {
    op: 'mandate',
    change: 'grant',
    ...said,
    nbfMs: nbf,
    expMs: exp,
    sig: base64url(sign(null, bytes, createPrivateKey(privateKeyOf(by)))),
    opened: { key: base64url(key), body, jkt: '' },
  };
}

const revoked = (grant: Grant): Grant => {
  const { opened: _, ...rest } = grant;
  return { ...rest, change: 'revoke' };
};
const inside = { arguments: { path: '/workspace/out/a.txt' } };
const outside = { arguments: { path: '/workspace/a.txt' } };

/** agent-1 runs a parent below which agent-2 may act. */
async function aSpawn(world: World): Promise<Permitted> {
  return world.started({ child: { agent: 'agent-2', jkt: jktOf('agent-2') } });
}
const below = (world: World, parent: Permitted, ask: object = inside) =>
  world.decide({ parent: parent.exec, ...ask }, as('agent-2'));
const grant = (world: World, effect: Grant, by = 'agent-1') => world.plane.operate(as(by), effect);

describe('rule 17: a mandate narrows', () => {
  test('what it allows goes on, what it does not is denied at its link, and without it nothing changes', async () => {
    const world = await aWorld();
    const parent = await aSpawn(world);
    expect(word(await below(world, parent, outside))).toBe('permitted');
    expect(word(await grant(world, aMandate()))).toBe('operated');
    expect(word(await below(world, parent))).toBe('permitted');
    const { reply } = await below(world, parent, outside);
    expect(reply).toMatchObject({ kind: 'refused', code: 'mandate', failedLink: 2 });
    // The bundle still decides: a mandate to do what it forbids is worth nothing.
    const wide = aMandate({
      body: { policies: [{ name: 'm.cedar', text: mandatePolicy([{ action: 'files' }]) }] },
    });
    await grant(world, wide);
    expect(word(await below(world, parent, { arguments: { path: '/etc/passwd' } }))).toBe('deny:policy');
    // The giver itself is not bound by what it gave.
    expect(word(await world.decide(outside))).toBe('permitted');
  });

  test('the chain of the permit names it, and a rebuild leaves it in force', async () => {
    const world = await aWorld();
    const parent = await aSpawn(world);
    await grant(world, aMandate());
    await below(world, parent);
    const [entry] = await world.all('mandate');
    const permits = await world.all('permit');
    const leaf = permits.at(-1)!.chain.at(-1)!.mandate;
    expect([entry!.from, entry!.to, leaf === undefined]).toEqual(['agent-1', 'agent-2', false]);
    await world.store.rebuild();
    expect(word(await below(world, parent))).toBe('permitted');
    expect(word(await below(world, parent, outside))).toBe('deny:mandate');
  });

  test('a person mandates an agent, and what the agent hands down ends with it', async () => {
    const world = await aWorld();
    const first = aMandate({ from: 'user-1', to: 'agent-1', body: { depth: 1 } });
    expect(word(await grant(world, first, 'operator-1'))).toBe('operated');
    expect(word(await world.decide(outside))).toBe('deny:mandate');
    const parent = await world.started({ ...inside, child: { agent: 'agent-2', jkt: jktOf('agent-2') } });
    const { leaf } = (await grant(world, aMandate())).reply as { leaf: string };
    expect(leaf).toBeDefined();
    const under = (await world.plane.mandates()).find(({ id }) => id === first.id)!.leaf;
    await grant(world, aMandate({ parent: under }));
    expect(word(await below(world, parent))).toBe('permitted');
    await world.plane.operate(as('operator-1'), revoked(first));
    expect(word(await below(world, parent))).toBe('deny:mandate');
    // Given anew, the first link stands again; what hung on the old one does not.
    await grant(world, aMandate({ from: 'user-1', to: 'agent-1' }), 'operator-1');
    const again = await world.started({ ...inside, child: { agent: 'agent-2', jkt: jktOf('agent-2') } });
    expect(word(await below(world, again))).toBe('deny:mandate');
  });

  test('a depth of none lets nobody act below', async () => {
    const world = await aWorld();
    await grant(world, aMandate({ from: 'user-1', to: 'agent-1', body: { depth: 0 } }), 'operator-1');
    const parent = await world.started({ ...inside, child: { agent: 'agent-2', jkt: jktOf('agent-2') } });
    expect(word(await below(world, parent))).toBe('deny:mandate');
  });

  test('a budget is spent to its end and no further, whatever the limit of the bundle would let', async () => {
    const world = await aWorld();
    const parent = await aSpawn(world);
    await grant(world, aMandate({ body: { limits: { budget: { max: '5' } } } }));
    const pay = (amount: string) => below(world, parent, { action: 'bank/pay', arguments: { amount } });
    expect(word(await pay('3'))).toBe('permitted');
    expect(word(await pay('2.5'))).toBe('deny:limit');
    expect(word(await pay('2'))).toBe('permitted');
    expect(word(await pay('0.01'))).toBe('deny:limit');
    expect(word(await world.decide({ action: 'bank/pay', arguments: { amount: '50' } }))).toBe('permitted');
  });
});

describe('rule 17: a mandate ends', () => {
  test.each<readonly [string, (world: World, given: Grant) => Promise<unknown>]>([
    ['revoked by its giver', (world, given) => grant(world, revoked(given))],
    ['revoked by an operator', (world, given) => grant(world, revoked(given), 'operator-1')],
    ['run out', async (world) => world.later(3_600_000)],
    ['replaced', (world) => grant(world, aMandate())],
  ])('%s: what runs under it is halted at its next beat', async (how, end) => {
    const world = await aWorld();
    const session = await aSpawn(world);
    const given = aMandate();
    await grant(world, given);
    const running = await world.started({ parent: session.exec, ...inside }, as('agent-2'));
    expect(word(await world.renew(running, 1))).toBe('renewed');
    await end(world, given);
    expect(word(await world.renew(running, 2))).toBe(how === 'run out' ? 'deny:expired' : 'deny:mandate');
  });

  test('what it hung on decides nothing new either, once the giver’s key has changed', async () => {
    const world = await aWorld();
    await grant(world, aMandate({ from: 'user-1', to: 'agent-1' }), 'operator-1');
    expect(word(await world.decide(inside))).toBe('permitted');
    const keys = [keyOf('another')];
    await world.plane.operate(
      as('operator-1'),
      anIdentity('user-1', { change: 'rotate', roles: ['approver'], groups: ['finance'], keys, jkts: [] }),
    );
    expect(word(await world.decide(inside))).toBe('deny:mandate');
  });

  test('one who was mandated once does nothing below that giver without', async () => {
    const world = await aWorld();
    const parent = await aSpawn(world);
    const given = aMandate();
    await grant(world, given);
    await grant(world, revoked(given));
    expect(word(await below(world, parent))).toBe('deny:mandate');
    expect(word(await grant(world, given))).toBe('conflict:mandate_known');
    await grant(world, aMandate());
    expect(word(await below(world, parent))).toBe('permitted');
  });
});

test.each<readonly [string, () => Grant, string, string]>([
  ['signed by somebody else', () => aMandate({ by: 'agent-2' }), 'agent-1', 'conflict:mandate_signature'],
  ['of another body', () => ({ ...aMandate(), body: aMandate().body }), 'agent-1', 'conflict:mandate_body'],
  ['longer than signed', () => ({ ...aMandate(), expMs: T0 + 9e9 }), 'agent-1', 'conflict:mandate_signature'],
  ['for somebody else', () => ({ ...aMandate(), to: 'agent-3' }), 'agent-1', 'conflict:unknown_identity'],
  ['brought by a stranger to it', () => aMandate(), 'agent-2', 'deny:role'],
  ['for a person', () => aMandate({ to: 'user-1' }), 'agent-1', 'conflict:mandate_receiver'],
  ['over already', () => aMandate({ forMs: -1 }), 'agent-1', 'conflict:mandate_expired'],
  [
    'of policies that do not fit the bundle',
    () =>
      aMandate({
        body: { policies: [{ name: 'm.cedar', text: mandatePolicy([{ action: 'no/such' }]) }] },
      }),
    'agent-1',
    'conflict:mandate_policy',
  ],
  [
    'with a budget that the bundle does not know',
    () => aMandate({ body: { limits: { wishes: { max: 3 } } } }),
    'agent-1',
    'conflict:mandate_policy',
  ],
  [
    'with a hold, which only the bundle may ask for',
    () =>
      aMandate({
        body: {
          policies: [
            {
              name: 'm.cedar',
              text: '@id("h") @hold("finance") forbid (principal, action, resource) unless { context.approvals.contains("finance") };',
            },
          ],
        },
      }),
    'agent-1',
    'conflict:mandate_policy',
  ],
])('a mandate %s is not granted', async (_, make, by, said) => {
  const world = await aWorld();
  expect(word(await grant(world, make(), by))).toBe(said);
  expect(await world.all('mandate')).toHaveLength(0);
});

/** Random trees of delegation, each link with a folder of its own, against what a child would say of it. */
test('rule 17: in random delegation graphs nobody gets more than everyone above', async () => {
  const agents = ['agent-1', 'agent-2', 'agent-3', 'agent-4', 'agent-5'];
  const people = agents.slice(2).map((id) => anIdentity(id, { groups: ['assistants'], for: 'user-1' }));
  // Each is a world of its own, which elsewhere is a thread or a handful of connections.
  const graphs = isInMemory ? 200 : 20;
  let [allowed, denied] = [0, 0];
  for (let graph = 0; graph < graphs; graph += 1) {
    const world = await aWorld({ identities: [...PEOPLE, ...people], bundle: aBundle() });
    let state = (graph + 1) * 2_654_435_761;
    const dice = (sides: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * sides);
    };
    const folder = (depth: number): string =>
      ['/workspace', ...Array.from({ length: depth }, () => ['a', 'b'][dice(2)]!)].join('/');
    /** Folder by giver and receiver; `ended`: revoked. */
    const model = new Map<string, string | 'ended'>();
    const order = agents.toSorted(() => dice(2) - 0.5);
    const chain = ['user-1', 'agent-1', ...order.filter((id) => id !== 'agent-1')].slice(0, 2 + dice(4));
    for (const [at, to] of chain.entries()) {
      if (at === 0 || dice(4) === 0) continue;
      const from = chain[dice(3) === 0 ? dice(at) : at - 1]!;
      const place = folder(1 + dice(2));
      const given = aMandate({
        from,
        to,
        body: {
          policies: [
            {
              name: 'm.cedar',
              text: mandatePolicy([{ action: 'files', in: { type: 'Folder', id: place } }]),
            },
          ],
        },
      });
      expect(word(await grant(world, given, 'operator-1'))).toBe('operated');
      model.set(`${to} ${from}`, place);
      if (dice(6) === 0) {
        await grant(world, revoked(given), 'operator-1');
        model.set(`${to} ${from}`, 'ended');
      }
    }
    const path = `${folder(3)}/x`;
    const may = (links: readonly string[]): boolean =>
      links.every((to, at) => {
        const bound = links.slice(0, at).flatMap((from) => model.get(`${to} ${from}`) ?? []);
        return bound.length <= 1 && bound.every((place) => path.startsWith(`${place}/`));
      });
    let parent: Permitted | undefined;
    for (let at = 1; at < chain.length; at += 1) {
      const next = chain[at + 1];
      const request = {
        arguments: { path },
        start: true,
        ...(parent === undefined ? {} : { parent: parent.exec }),
        ...(next === undefined ? {} : { child: { agent: next, jkt: jktOf(next) } }),
      };
      const said = may(chain.slice(0, at + 1));
      const answer = await world.started(request, as(chain[at]!)).catch(() => undefined);
      expect(answer !== undefined, `graph ${graph}, link ${at} of ${chain.join(' → ')}`).toBe(said);
      if (said) allowed += 1;
      else denied += 1;
      if (answer === undefined) break;
      parent = answer;
    }
  }
  // A test that only ever denied, or only ever allowed, would show nothing.
  expect(Math.min(allowed, denied)).toBeGreaterThan(graphs / 10);
}, 600_000);
