/** Goal: a permit rests on everything that it was decided on, and on nothing else (RULE 1, 4, 6, 17, 18, 38). Method: the plane in memory; each row is changed between Prepare and Apply. */
import { base64url } from '@licet/evidence';
import { describe, expect, test } from 'vitest';
import { inThreadEvaluator, type Effect, type Evaluator, type Plane } from '../src/index.ts';
import { isInMemory } from '../../store/test/under-test.ts';
import {
  aBundle,
  anIdentity,
  as,
  aWorld,
  codeOf,
  engine,
  jktOf,
  keyOf,
  PEOPLE,
  publishing,
  word,
  type World,
} from './support.ts';

describe('deciding', () => {
  test('an allowed call is permitted, started, renewed and reported, each with its entry', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    expect(word(await world.redeem(permit))).toBe('started');
    expect((await world.renew(permit)).notes).toHaveLength(1);
    expect(word(await world.report(permit, { result: { ok: true }, exit: 0 }))).toBe('done');
    expect(await world.row(permit.exec)).toMatchObject({ state: 'completed', lease: { counter: 1 } });
    const about = (await world.entries()).filter((entry) => 'exec' in entry && entry.exec === permit.exec);
    expect(about.map(({ type }) => type)).toEqual(['permit', 'start', 'outcome']);
  });
  test('decide and start is one commit', async () => {
    const world = await aWorld();
    const permit = await world.started();
    expect(await world.row(permit.exec)).toMatchObject({ state: 'running', permit: { spend: 'started' } });
  });
  test.each([
    ['outside the workspace', { arguments: { path: '/etc/passwd' } }, 'deny:policy'],
    ['climbing out', { arguments: { path: '/workspace/../etc' } }, 'deny:not_canonical'],
    ['an unknown action', { action: 'files/erase' }, 'deny:unknown_action'],
    ['an action whose name no entry can hold', { action: 'no name at all' }, 'deny:unknown_action'],
    ['an argument too many', { arguments: { path: '/workspace/a', mode: 'x' } }, 'deny:schema'],
    ['the reserved action', { action: 'licet/self-test', arguments: {} }, 'deny:policy'],
  ])('%s is denied', async (_, ask, expected) => {
    const world = await aWorld();
    expect(word(await world.decide(ask))).toBe(expected);
    expect(await world.all('permit')).toHaveLength(1);
  });
  test('rule 1: shadow policies leave an observation and no authority', async () => {
    const world = await aWorld({
      bundle: aBundle({
        policies: [
          {
            name: 'p.cedar',
            text: '@id("all") permit (principal, action in Action::"licet/governed", resource);',
          },
          { name: 's.cedar', text: '@id("later") @mode("shadow") forbid (principal, action, resource);' },
        ],
      }),
    });
    expect(word(await world.decide())).toBe('permitted');
    expect(await world.all('observation')).toMatchObject([{ kind: 'shadow', verdict: 'deny' }]);
  });
  test('rule 13: what the host resolves differently is denied', async () => {
    const world = await aWorld({ resolver: { confirm: async ([first]) => first } });
    expect(word(await world.decide())).toBe('deny:not_canonical');
  });
  test('a pinned tool is denied at a door that has not seen the pinned definition', async () => {
    const pin = base64url(new Uint8Array(32));
    const world = await aWorld({ bundle: aBundle({ pins: { 'files/write_file': pin } }) });
    expect(word(await world.decide())).toBe('deny:unpinned');
    const bound = ['resource', 'input', `tool:${pin}`];
    expect(word(await world.decide({ bound }))).toBe('permitted');
  });
  test.each([
    ['a short idempotency key', { idempotencyKey: 'AAAA' }],
    ['an idempotency key that is no base64url', { idempotencyKey: '!'.repeat(30) }],
    ['a short instance', { instance: new Uint8Array(8) }],
    ['too large arguments', { arguments: { path: 'x'.repeat(1_100_000) } }],
  ])('%s is refused as a request', async (_, ask) => {
    const world = await aWorld();
    expect(await codeOf(world.decide(ask))).toBe('ERR_PLANE_REQUEST');
  });
});

/** An evaluator that lets something happen after Prepare has read and before Apply is asked. */
function meanwhile(happen: () => Promise<unknown>): Evaluator {
  const inner = inThreadEvaluator(engine);
  return {
    ...inner,
    async evaluate(loaded, input, mandates) {
      const evaluation = await inner.evaluate(loaded, input, mandates);
      await happen();
      return evaluation;
    },
  };
}

describe('rule 4: what changes between prepare and apply makes the decision stale', () => {
  const facts = { calm: 'boolean' } as const;
  const bundle = aBundle({
    facts,
    policies: [
      {
        name: 'p.cedar',
        text: '@id("all") permit (principal, action in Action::"licet/governed", resource);',
      },
      {
        name: 'q.cedar',
        text: '@id("not-calm") forbid (principal, action, resource) when { context.facts has calm && context.facts.calm == false };',
      },
    ],
  });
  const changes: readonly (readonly [string, (world: World) => Promise<unknown>, string])[] = [
    [
      'containment',
      (w) => w.plane.operate(as('operator-1'), { op: 'contain', scope: { kind: 'tool', id: 'files/*' } }),
      'deny:contained',
    ],
    [
      'the bundle',
      (w) => w.plane.operate(as('author-1'), publishing({ ...bundle, version: 2, policies: [] })),
      'deny:policy',
    ],
    [
      'the acting identity',
      (w) => w.plane.operate(as('operator-1'), anIdentity('agent-1', { change: 'revoke' })),
      'deny:unidentified',
    ],
    [
      'the user it acts for',
      (w) => w.plane.operate(as('operator-1'), anIdentity('user-1', { change: 'revoke' })),
      'deny:revoked',
    ],
    [
      'its quota of roots',
      (w) =>
        w.plane.operate(
          as('operator-1'),
          anIdentity('agent-1', { change: 'update', root: { perDay: 0, concurrent: 1 } }),
        ),
      'deny:limit',
    ],
    [
      'its root grant',
      (w) => w.plane.operate(as('operator-1'), anIdentity('agent-1', { change: 'update' })),
      'deny:root_grant',
    ],
    [
      'a fact',
      (w) =>
        w.plane.operate(as('operator-1'), {
          op: 'fact',
          name: 'calm',
          value: false,
          expMs: w.clock.now + 60_000,
        }),
      'deny:policy',
    ],
    [
      'the key',
      (w) =>
        w.plane.operate(
          as('operator-1'),
          anIdentity('agent-1', {
            change: 'rotate',
            keys: [keyOf('new')],
            jkts: [jktOf('new')],
            root: { perDay: 9, concurrent: 9 },
          }),
        ),
      'deny:key_retired',
    ],
    // LOST: elsewhere a restart closes the store under the evaluation, which then is no permit but an error.
    ...(isInMemory ? [['the incarnation', (w: World) => w.reopen(), 'permitted'] as const] : []),
  ];
  test.each(changes)('%s', async (_, change, expected) => {
    let left = 0;
    const evaluator = meanwhile(async () => {
      if (left === 0) return;
      left -= 1;
      await change(world);
    });
    const world = await aWorld({ evaluator, bundle });
    left = 1;
    const { plane } = world;
    const answer = await plane.decide(as('agent-1'), {
      action: 'files/write_file',
      arguments: { path: '/workspace/a.txt' },
      idempotencyKey: base64url(new Uint8Array(16)),
      instance: new Uint8Array(16),
      door: { grade: 'gateway', confine: 'none' },
    });
    expect(word(answer)).toBe(expected);
    expect(left).toBe(0);
  });
  test('an approval that is revoked with its approver meanwhile does not count', async () => {
    let revoke: (() => Promise<unknown>) | undefined;
    const world = await aWorld({
      evaluator: meanwhile(async () => {
        const now = revoke;
        revoke = undefined;
        await now?.();
      }),
    });
    const { exec, hold } = await world.held();
    await world.approve(exec, hold, 'finance', 'finance-1');
    await world.approve(exec, hold, 'legal', 'legal-1');
    revoke = () => world.plane.operate(as('operator-1'), anIdentity('legal-1', { change: 'revoke' }));
    expect(word(await world.decide({ action: 'files/move_file' }))).toBe('hold:policy');
    expect((await world.all('permit')).filter(({ action }) => action === 'files/move_file')).toEqual([]);
  });
  test('an evaluation older than a second decides nothing; after six tries it is contended', async () => {
    const world: World = await aWorld({ evaluator: meanwhile(async () => world.later(1_001)) });
    expect(word(await world.decide())).toBe('deny:contended');
  });
  test('a fact that runs out between prepare and apply is not relied on', async () => {
    let wait = 0;
    const world: World = await aWorld({
      bundle: aBundle({
        facts,
        policies: [
          {
            name: 'p.cedar',
            text: '@id("calm") permit (principal, action in Action::"licet/governed", resource) when { context.facts has calm && context.facts.calm };',
          },
        ],
      }),
      evaluator: meanwhile(async () => {
        if (wait > 0) world.later(wait);
      }),
    });
    await world.plane.operate(as('operator-1'), {
      op: 'fact',
      name: 'calm',
      value: true,
      expMs: world.clock.now + 500,
    });
    expect(word(await world.decide())).toBe('permitted');
    wait = 500;
    expect(word(await world.decide())).toBe('deny:policy');
  });
});

describe('rule 6: idempotency', () => {
  test('the same key and request gets the same permit, and none is minted', async () => {
    const world = await aWorld();
    const { request, exec, entry } = await world.permitted();
    const { reply, entries } = await world.plane.decide(as('agent-1'), request);
    expect(reply).toMatchObject({ kind: 'permitted', exec });
    expect(entries[0]!.bytes).toEqual(entry);
    expect(await world.all('permit')).toHaveLength(2);
  });
  test('the same key with another request is a conflict', async () => {
    const world = await aWorld();
    const { request } = await world.permitted();
    const other = { ...request, arguments: { path: '/workspace/b.txt' } };
    expect(word(await world.plane.decide(as('agent-1'), other))).toBe('conflict:idempotency_conflict');
  });
  test('a started execution gives its start to the instance that has it, and to no other', async () => {
    const world = await aWorld();
    const { request } = await world.started();
    expect((await world.plane.decide(as('agent-1'), request)).reply).toMatchObject({
      kind: 'permitted',
      start: 1,
    });
    const other = { ...request, instance: new Uint8Array(16).fill(9) };
    expect(word(await world.plane.decide(as('agent-1'), other))).toBe('deny:already_started');
  });
  test('the key of another caller is another key', async () => {
    const world = await aWorld();
    const { request, exec } = await world.permitted();
    await world.plane.operate(
      as('operator-1'),
      anIdentity('agent-3', { for: 'user-1', root: { perDay: 5, concurrent: 5 }, groups: ['assistants'] }),
    );
    const { reply } = await world.plane.decide(as('agent-3'), request);
    expect(reply.kind).toBe('permitted');
    expect(reply).not.toMatchObject({ exec });
  });
  test('64 calls with one key at once make one permit', async () => {
    const world = await aWorld();
    const idempotencyKey = base64url(new Uint8Array(16).fill(3));
    const instance = new Uint8Array(16).fill(4);
    const answers = await Promise.all(
      Array.from({ length: 64 }, () => world.decide({ idempotencyKey, instance, start: true })),
    );
    expect(new Set(answers.map(word))).toEqual(new Set(['permitted']));
    expect(await world.all('permit')).toHaveLength(2);
    expect(await world.all('start')).toHaveLength(2);
  });
  test('a lost reply is never past a containment: the start is not handed out again', async () => {
    const world = await aWorld();
    const permit = await world.permitted();
    await world.redeem(permit);
    expect(word(await world.redeem(permit))).toBe('started');
    await world.plane.operate(as('operator-1'), { op: 'contain', scope: { kind: 'everything', id: '*' } });
    expect(word(await world.redeem(permit))).toBe('deny:contained');
  });
  test('a lost reply is never past the end of the lease', async () => {
    const world = await aWorld();
    const { request } = await world.started();
    world.later(10_001);
    expect(word(await world.plane.decide(as('agent-1'), request))).toBe('deny:expired');
  });
  test('a refusal is remembered too', async () => {
    const world = await aWorld({ people: 1 });
    const idempotencyKey = base64url(new Uint8Array(16).fill(3));
    const ask = { idempotencyKey, arguments: { path: '/etc/passwd' } };
    await world.decide(ask);
    await world.plane.operate(
      as('author-1'),
      publishing(
        aBundle({
          version: 2,
          policies: [
            {
              name: 'p.cedar',
              text: '@id("all") permit (principal, action in Action::"licet/governed", resource) when { context.depth < 9 };',
            },
          ],
        }),
      ),
    );
    expect(word(await world.decide(ask))).toBe('deny:policy');
    expect(await world.all('refusal')).toHaveLength(1);
  });
});

describe('who may ask', () => {
  test('rule 38: whoever is not identified is refused, and nothing is appended', async () => {
    const world = await aWorld();
    const before = (await world.entries()).length;
    expect(word(await world.decide({}, as('agent-9')))).toBe('deny:unidentified');
    expect(await world.entries()).toHaveLength(before);
  });
  test('rule 38: permits of one identity that wait to be spent are capped', async () => {
    const world = await aWorld();
    const answers = [];
    for (let i = 0; i < 17; i += 1)
      answers.push(...(await Promise.all(Array.from({ length: 64 }, () => world.decide()))));
    expect(answers.filter((one) => word(one) === 'permitted')).toHaveLength(1_024);
    expect(answers.filter((one) => word(one) === 'deny:overload')).toHaveLength(64);
  });
  test('rule 17: the chain comes from the records: the user, then the agent', async () => {
    const world = await aWorld();
    const { exec } = await world.permitted();
    expect((await world.row(exec)).chain.map(({ kind, id }) => `${kind}:${id}`)).toEqual([
      'user:user-1',
      'agent:agent-1',
    ]);
  });
  test('rule 18: without a root grant nothing is opened', async () => {
    const world = await aWorld();
    expect(word(await world.decide({}, as('agent-2')))).toBe('deny:root_grant');
  });
  test('rule 18: a root counts against its grant, per day and while it is open', async () => {
    const identities = PEOPLE.map((one) =>
      one.subject === 'agent-1' ? { ...one, root: { perDay: 3, concurrent: 2 } } : one,
    );
    const world = await aWorld({ identities });
    const [first] = [await world.started(), await world.started()];
    expect(word(await world.decide())).toBe('deny:limit');
    await world.report(first);
    await world.report(await world.started());
    expect(word(await world.decide())).toBe('deny:limit');
    world.later(86_400_000);
    await world.plane.tick();
    expect(word(await world.decide())).toBe('permitted');
  });
  test('rule 18: a hold that was asked for yesterday counts for the day of its permit', async () => {
    const identities = PEOPLE.map((one) =>
      one.subject === 'agent-1' ? { ...one, root: { perDay: 2, concurrent: 9 } } : one,
    );
    const world = await aWorld({ identities });
    world.clock.now = Date.parse('2026-11-22T23:59:59Z');
    const { exec, hold } = await world.held();
    world.later(2_000);
    await world.report(await world.started());
    await world.approve(exec, hold, 'finance', 'finance-1');
    await world.approve(exec, hold, 'legal', 'legal-1');
    expect(word(await world.decide({ action: 'files/move_file' }))).toBe('permitted');
    expect(word(await world.decide())).toBe('deny:limit');
  });
  test('rule 18: a parent is named only by the key that runs it, or by the child its permit names', async () => {
    const world = await aWorld();
    const parent = await world.started({ child: { agent: 'agent-2', jkt: jktOf('agent-2') } });
    const below = { parent: parent.exec, action: 'bank/count', arguments: {} };
    expect(word(await world.decide(below))).toBe('permitted');
    expect(word(await world.decide(below, as('agent-2')))).toBe('permitted');
    await world.plane.operate(as('operator-1'), anIdentity('agent-3', { for: 'user-1' }));
    expect(word(await world.decide(below, as('agent-3')))).toBe('deny:parent');
  });
  test('rule 18: a parent that never started, or has ended, carries nothing', async () => {
    const world = await aWorld();
    const waiting = await world.permitted();
    expect(word(await world.decide({ parent: waiting.exec }))).toBe('deny:parent');
    const parent = await world.started();
    await world.report(parent);
    expect(word(await world.decide({ parent: parent.exec }))).toBe('deny:parent_ended');
    const other = await world.started();
    world.later(10_001);
    expect(word(await world.decide({ parent: other.exec }))).toBe('deny:parent_ended');
  });
  test('rule 18: containing a run bars its keys from new roots until it is lifted', async () => {
    const world = await aWorld({ people: 1 });
    const { exec } = await world.started();
    const { reply } = await world.plane.operate(as('operator-1'), {
      op: 'contain',
      scope: { kind: 'run', id: exec },
    });
    expect(word(await world.decide())).toBe('deny:contained');
    await world.plane.operate(as('operator-1'), { op: 'lift', leaf: (reply as { leaf: string }).leaf });
    expect(word(await world.decide())).toBe('permitted');
  });
  test('one key stands for one identity, whatever the request says of it', async () => {
    const world = await aWorld();
    const stolen: Effect = anIdentity('agent-4', { keys: [keyOf('agent-1')], jkts: [] });
    expect(word(await world.plane.operate(as('operator-1'), stolen))).toBe('conflict:key_taken');
  });
  test('identify answers for a key in force, and for no other', async () => {
    const { plane }: { plane: Plane } = await aWorld();
    expect(await plane.identify(jktOf('agent-1'))).toMatchObject({ subject: 'agent-1', kind: 'agent' });
    expect(await plane.identify(jktOf('nobody'))).toBeUndefined();
    await plane.operate(as('operator-1'), anIdentity('agent-1', { change: 'revoke' }));
    expect(await plane.identify(jktOf('agent-1'))).toBeUndefined();
  });
});
