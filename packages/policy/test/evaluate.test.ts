/** Goal: the verdict over links and resources, rules 11–17, 21 and 26–29, and the Cedar traps that were verified. */
import { describe, expect, it } from 'vitest';
import {
  loadMandate,
  requestsOf,
  selfTest,
  TEST_DOOR,
  type Bundle,
  type DecisionInput,
  type ExactInputs,
} from '../src/index.ts';
import { evaluateExact } from '../src/index.ts';
import { aDecision, cedar, decide, engine, load, loadStarter, MOVE, PERMIT_ALL, WRITE } from './support.ts';

const forbid = (id: string, scope: string, rest = '') =>
  `@id("${id}") forbid (principal, action, resource${scope}) ${rest};`;
const hold = (id: string, group: string, scope = '', more = '') =>
  `@id("${id}") @hold("${group}") ${more} forbid (principal, action == Action::"files/move_file", resource${scope}) unless { context.approvals.contains("${group.split(':')[0]}") };`;
const move = { action: 'files/move_file', args: { source: '/workspace/a', destination: '/workspace/b' } };

describe('rule 13: an action is decided for every link and every resource', () => {
  it('a move is four requests for an agent and its user', () => {
    const { perPair, inputs } = decide(load(PERMIT_ALL), move);
    expect(perPair.map(({ link, resource }) => [link, resource])).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect(requestsOf(inputs!)).toHaveLength(4);
  });

  it('one resource outside denies the whole', () => {
    const loaded = loadStarter();
    const out = {
      action: 'files/move_file',
      args: { source: '/workspace/a', destination: '/etc/a' },
      approvals: ['operators'],
    };
    expect(decide(loaded, out)).toMatchObject({ verdict: 'deny', code: 'policy', failedLink: 0 });
  });

  it('one link that may not denies the whole, and is named', () => {
    const loaded = load(['@id("users") permit (principal is User, action in Action::"files", resource);']);
    expect(decide(loaded)).toMatchObject({ verdict: 'deny', code: 'policy', failedLink: 1 });
  });

  it('`/workspace/../etc/passwd` is refused before any policy is asked', () => {
    expect(
      decide(loadStarter(true), { args: { path: '/workspace/../etc/passwd', content: '' } }),
    ).toMatchObject({ code: 'not_canonical', perPair: [] });
  });

  it('resources other than those of the arguments are refused', () => {
    const loaded = load(PERMIT_ALL);
    const resources = aDecision(loaded, { args: { path: '/workspace/b.txt' } }).resources;
    expect(decide(loaded, { resources })).toMatchObject({ verdict: 'deny', code: 'not_canonical' });
    expect(decide(loaded, { resources: [] })).toMatchObject({ verdict: 'deny', code: 'not_canonical' });
  });
});

describe('rule 12: entities are closed', () => {
  const loaded = load([
    PERMIT_ALL,
    '@id("no-contractors") forbid (principal in AgentGroup::"contractors", action, resource);',
  ]);
  const chain = (groups: DecisionInput['chain'][number]['groups']): DecisionInput['chain'] => [
    { uid: { type: 'Agent', id: 'a' }, attrs: { roles: [] }, groups },
  ];

  it('a group above a group is a denial when it is not passed, since Cedar would not see the forbid', () => {
    const nested = [{ id: 'temps', parents: ['contractors'] }, { id: 'contractors' }];
    expect(decide(loaded, { chain: chain(nested) })).toMatchObject({
      verdict: 'deny',
      code: 'policy',
      reasons: ['no-contractors'],
    });
    expect(decide(loaded, { chain: chain([nested[0]!]) })).toMatchObject({
      verdict: 'deny',
      code: 'missing_entity',
    });
  });

  it('Cedar itself lets the dropped group turn the forbid off (the trap)', () => {
    const { inputs } = decide(loaded, {
      chain: chain([{ id: 'temps', parents: ['contractors'] }, { id: 'contractors' }]),
    });
    const request = requestsOf(inputs!)[0]!;
    const without = request.entities.map((entity) => ({
      ...entity,
      parents: entity.uid.type === 'Agent' ? [] : entity.parents,
    }));
    const slice = { key: 'trap', policies: loaded.enforced.all, context: 'all' } as const;
    const schema = { digest: loaded.schemaDigest, json: loaded.schema };
    expect(engine.authorize(schema, slice, { ...request, entities: without }).decision).toBe('allow');
  });

  it('recorded inputs without a folder, a principal or an input entity are denied', () => {
    const { inputs } = decide(loaded) as { inputs: ExactInputs };
    const links = inputs.links.map((link) => ({ ...link, entities: link.entities.slice(1) }));
    for (const broken of [
      { entities: inputs.entities.slice(1) },
      { entities: inputs.entities.slice(0, -1) },
      { links },
    ])
      expect(evaluateExact(engine, loaded, { ...inputs, ...broken })).toMatchObject({
        verdict: 'deny',
        code: 'missing_entity',
      });
    for (const empty of [{ links: [] }, { resources: [] }])
      expect(evaluateExact(engine, loaded, { ...inputs, ...empty }).verdict).toBe('deny');
  });
});

describe('rule 11: what Cedar is not shown', () => {
  it.each([
    ['a label that is a number', { labels: [7 as never] }],
    ['a door without a grade', { door: { ...TEST_DOOR, grade: undefined as never } }],
    ['half a surrogate pair', { approvals: ['\ud800'] }],
    [
      'an attestation of no status',
      {
        attestation: {
          executable: { status: null as never, measured: '', ageMs: 0, leftMs: 1, by: 'self' as const },
        },
      },
    ],
  ])('is still held to its type: %s denies though no policy reads it', (_, more) => {
    const loaded = load(PERMIT_ALL);
    expect(decide(loaded).verdict).toBe('allow');
    expect(decide(loaded, more)).toMatchObject({ verdict: 'deny', code: 'policy_error' });
  });

  it('is only what no policy names; arguments are always shown', () => {
    const reads = (condition: string) => {
      const loaded = load([PERMIT_ALL, forbid('f', '', condition)]);
      return loaded.enforced.byId.get('f')!.reads.context;
    };
    expect(reads('')).toEqual(new Set());
    expect(reads('when { context.depth > 1 && context has meters }')).toEqual(new Set(['depth', 'meters']));
    expect(reads('when { [context.labels].contains(context.actor.groups) }')).toEqual(
      new Set(['labels', 'actor']),
    );
    const loaded = load([PERMIT_ALL, forbid('deep', '', 'when { context.depth > 3 }')]);
    expect(decide(loaded, { depth: 4 }).verdict).toBe('deny');
    expect(decide(loaded, { depth: 3 }).verdict).toBe('allow');
    const contexts = [...loaded.narrowSchemas.values()].map(({ json }) => JSON.stringify(json));
    expect(contexts.every((text) => text.includes('"depth"') && text.includes('"input"'))).toBe(true);
    expect(contexts.some((text) => text.includes('"attestation"'))).toBe(false);
  });
});

describe('rule 14: an error is a denial', () => {
  it('even when another policy permits and none forbids', () => {
    const loaded = load([PERMIT_ALL, forbid('overflow', '', 'when { context.depth * 2 > 10 }')]);
    expect(decide(loaded, { depth: 1 }).verdict).toBe('allow');
    const { verdict, code, perPair } = decide(loaded, { depth: Number.MAX_SAFE_INTEGER, labels: [] });
    expect([verdict, code]).toEqual(['deny', 'policy']);
    expect(perPair[0]?.errors).toEqual([]);
    const overflow = load([
      PERMIT_ALL,
      forbid('overflow', '', 'when { context.depth * 9007199254740991 > 10 }'),
    ]);
    expect(decide(overflow, { depth: 1_000_000 })).toMatchObject({ verdict: 'deny', code: 'policy_error' });
  });

  it('and so are facts, meters and times that are not of their type', () => {
    const loaded = load(PERMIT_ALL, {
      facts: { open: 'boolean', level: { enum: ['low', 'high'] }, rate: 'decimal', n: 'integer' },
      limits: {
        spend: { kind: 'amount', max: '100.00', currency: 'EUR', per: 'run' },
        calls: { kind: 'count', max: 9, per: 'run' },
      },
    });
    const good = { open: { value: true }, level: { value: 'low' }, rate: { value: '1.5' }, n: { value: 3 } };
    expect(
      decide(loaded, {
        facts: good,
        meters: { spend: { used: '1.50', left: '98.5' }, calls: { used: 1, left: 8 } },
      }).verdict,
    ).toBe('allow');
    for (const facts of [
      { open: { value: 'yes' } },
      { level: { value: 'mid' } },
      { rate: { value: 1.5 } },
      { n: { value: 1.5 } },
    ])
      expect(decide(loaded, { facts } as Partial<DecisionInput>)).toMatchObject({
        verdict: 'deny',
        code: 'policy_error',
      });
    // RULE 21: an amount as a float is refused.
    expect(decide(loaded, { meters: { spend: { used: 1.5, left: 98.5 } } }).code).toBe('policy_error');
    expect(decide(loaded, { meters: { calls: { used: '1', left: 8 } } }).code).toBe('policy_error');
    for (const nowMs of [Number.NaN, 1.5, 1e17]) expect(decide(loaded, { nowMs }).code).toBe('policy_error');
  });

  it('an unknown action, an empty chain and a chain too long are denials', () => {
    const loaded = load(PERMIT_ALL);
    expect(decide(loaded, { action: 'files/format_disk' }).code).toBe('unknown_action');
    expect(decide(loaded, { action: 'toString' }).code).toBe('unknown_action');
    expect(decide(loaded, { chain: [] }).code).toBe('unidentified');
    expect(decide(loaded, { chain: Array.from({ length: 9 }, () => aDecision(loaded).chain[0]!) }).code).toBe(
      'too_large',
    );
  });
});

describe('rule 15: holds', () => {
  const both = load([
    PERMIT_ALL,
    hold('finance-asks', 'finance', '', '@until("5m")'),
    hold('legal-asks', 'legal:2'),
  ]);

  it('finance, then legal: held, held again, allowed', () => {
    const first = decide(both, move);
    expect(first).toMatchObject({
      verdict: 'hold',
      code: 'policy',
      reasons: ['finance-asks', 'legal-asks'],
      holds: [
        { group: 'finance', need: 1, untilMs: Date.parse('2026-11-22T12:05:00Z') },
        { group: 'legal', need: 2 },
      ],
    });
    const second = decide(both, { ...move, approvals: ['finance'] });
    expect(second).toMatchObject({
      verdict: 'hold',
      holds: [{ group: 'legal', need: 2 }],
      reasons: ['legal-asks'],
    });
    expect(decide(both, { ...move, approvals: ['finance', 'legal'] }).verdict).toBe('allow');
  });

  it('one unmarked determining forbid on any link or resource makes it a denial', () => {
    const loaded = load([PERMIT_ALL, hold('h', 'x'), forbid('never', ' == Folder::"/workspace/b"')]);
    expect(decide(loaded, move)).toMatchObject({ verdict: 'deny', reasons: ['h', 'never'] });
    expect(decide(loaded, { ...move, approvals: ['x'] })).toMatchObject({
      verdict: 'deny',
      reasons: ['never'],
    });
  });

  it('a pair that nothing permits is lifted by nobody', () => {
    const loaded = load([
      '@id("users") permit (principal is User, action in Action::"files", resource);',
      hold('h', 'x'),
    ]);
    expect(decide(loaded, move)).toMatchObject({ verdict: 'deny' });
    const where = load([
      '@id("here") permit (principal, action in Action::"files", resource == Folder::"/workspace/a");',
      hold('h', 'x', ' == Folder::"/workspace/a"'),
    ]);
    expect(decide(where, move)).toMatchObject({ verdict: 'deny' });
  });

  it('a forbid that approval would uncover, or a term the door lacks, makes it a denial', () => {
    const graded = load([`@grade("verified") ${PERMIT_ALL}`, hold('h', 'x')]);
    expect(decide(graded, move)).toMatchObject({ verdict: 'deny', code: 'policy' });
    expect(decide(graded, { ...move, door: { ...TEST_DOOR, grade: 'verified' } }).verdict).toBe('hold');
  });

  it('approvals of other groups lift nothing', () => {
    expect(decide(both, { ...move, approvals: ['operators', 'Finance', 'finance:1'] }).holds).toHaveLength(2);
  });
});

describe('rule 16: terms only tighten', () => {
  const actions = {
    'files/write_file': { ...WRITE, floor: { lease: '60s', max: '1h', assurance: 'witnessed' as const } },
  };

  it('from the floor, by every determining permit of every link', () => {
    const loaded = load(
      [
        '@id("a") @lease("30s") @max("2h") @assurance("logged") permit (principal is User, action in Action::"files", resource);',
        '@id("b") @max("5m") permit (principal is Agent, action in Action::"files", resource);',
        '@id("c") @lease("45s") @grade("gateway") permit (principal in AgentGroup::"assistants", action in Action::"files", resource);',
      ],
      { actions },
    );
    expect(decide(loaded)).toMatchObject({
      verdict: 'allow',
      reasons: ['a', 'b', 'c'],
      terms: { leaseMs: 30_000, maxMs: 300_000, grade: 'gateway', assurance: 'witnessed' },
    });
  });

  it('without any, are ten seconds of lease and ten minutes in all', () => {
    expect(decide(load(PERMIT_ALL)).terms).toEqual({ leaseMs: 10_000, maxMs: 600_000 });
  });
});

describe('rules 27 and 29: grade and confinement', () => {
  it('are required by policy and seen by policy', () => {
    const loaded = load([`@grade("gateway") @confine ${PERMIT_ALL}`]);
    const door = (more: object) => decide(loaded, { door: { ...TEST_DOOR, ...more } });
    expect(door({ grade: 'in-process', confine: 'namespace' })).toMatchObject({
      verdict: 'deny',
      code: 'grade',
    });
    for (const confine of ['none', 'swept', 'group-only'])
      expect(door({ confine })).toMatchObject({ verdict: 'deny', code: 'confine' });
    for (const confine of ['namespace', 'cgroup']) expect(door({ confine }).verdict).toBe('allow');
    const seen = load([PERMIT_ALL, forbid('same-user', '', 'when { context.door.custody == "same-user" }')]);
    expect(decide(seen, { door: { ...TEST_DOOR, custody: 'same-user' } }).reasons).toEqual(['same-user']);
  });
});

describe('rule 26: a policy that reads an unbound part cannot allow', () => {
  const door = (bound: string[]) => ({ door: { ...TEST_DOOR, bound } });
  it('neither as the permit', () => {
    const loaded = load(
      '@id("small") permit (principal, action == Action::"files/write_file", resource) when { context.input has size && context.input.size < 10 };',
    );
    const args = { path: '/workspace/a', size: 3 };
    expect(decide(loaded, { args, ...door(['resource']) })).toMatchObject({
      verdict: 'deny',
      code: 'unbound',
      reasons: ['small'],
    });
    expect(decide(loaded, { args, ...door(['resource', 'input.size']) }).verdict).toBe('allow');
    expect(decide(loaded, { args, ...door(['resource', 'input.path']) }).code).toBe('unbound');
  });
  it('nor as a forbid that a false claim would slip past', () => {
    const loaded = load([PERMIT_ALL, forbid('secret', ' in Folder::"/secret"')]);
    expect(decide(loaded, door(['input']))).toMatchObject({ code: 'unbound', reasons: ['secret'] });
  });
  it('nor where the bundle asks the door to bind more than it does', () => {
    const loaded = load(PERMIT_ALL, { actions: { 'files/write_file': { ...WRITE, bound: ['upstream'] } } });
    expect(decide(loaded)).toMatchObject({ verdict: 'deny', code: 'unbound' });
    expect(decide(loaded, door(['resource', 'input', 'upstream'])).verdict).toBe('allow');
  });
});

describe('rule 17: chain and mandates', () => {
  it('every link is asked with its own attributes and its place in the chain', () => {
    const loaded = load([
      PERMIT_ALL,
      '@id("no-interns") forbid (principal is User, action, resource) when { principal.roles.contains("intern") && context.link == 0 };',
    ]);
    const [user, agent] = aDecision(loaded).chain;
    const intern = { ...user!, attrs: { roles: ['intern'] } };
    expect(decide(loaded, { chain: [intern, agent!] })).toMatchObject({ verdict: 'deny', failedLink: 0 });
    expect(decide(loaded, { chain: [user!, intern, agent!] }).verdict).toBe('allow');
  });

  it('`context.actor` is the last link for every link', () => {
    const loaded = load([
      PERMIT_ALL,
      forbid(
        'not-through-agents',
        '',
        'when { context.actor.kind == "agent" && context.actor.groups.contains("assistants") }',
      ),
    ]);
    const [user, agent] = aDecision(loaded).chain;
    expect(decide(loaded, { chain: [user!] }).verdict).toBe('allow');
    expect(decide(loaded, { chain: [user!, agent!] }).failedLink).toBe(0);
  });

  it('a mandate must allow as well, is never merged, and only narrows', () => {
    const loaded = load(PERMIT_ALL);
    const mandate = loadMandate(engine, loaded, {
      id: 'm-1',
      policies: [
        {
          name: 'm',
          text: '@id("docs") @max("1m") permit (principal, action in Action::"files", resource in Folder::"/workspace/docs");',
        },
      ],
    });
    const under = (path: string, from = 1, bundle = loaded) =>
      engine.evaluate(bundle, aDecision(bundle, { args: { path } }), [{ mandate, from }]);
    expect(under('/workspace/docs/a')).toMatchObject({
      verdict: 'allow',
      terms: { maxMs: 60_000 },
      reasons: ['all', 'mandate/docs'],
    });
    expect(under('/workspace/a')).toMatchObject({ verdict: 'deny', code: 'mandate', failedLink: 1 });
    expect(under('/workspace/docs/a', 2)).toMatchObject({ verdict: 'deny', code: 'mandate' });
    // What the bundle denies, no mandate permits.
    expect(under('/workspace/docs/a', 1, load([]))).toMatchObject({ verdict: 'deny', code: 'policy' });
  });
});

describe('shadow', () => {
  it('a shadow policy has no effect and its verdict is recorded', () => {
    const loaded = load([PERMIT_ALL, `@mode("shadow") ${forbid('strict', ' in Folder::"/workspace"')}`]);
    const { verdict, reasons, shadow } = decide(loaded);
    expect([verdict, reasons]).toEqual(['allow', ['all']]);
    expect(shadow).toEqual([{ verdict: 'deny', code: 'policy', reasons: ['strict'] }]);
    const elsewhere = load([
      PERMIT_ALL,
      '@id("s") @mode("shadow") forbid (principal, action == Action::"files/move_file", resource);',
    ]);
    expect(decide(elsewhere).shadow).toEqual([]);
  });
  it('a shadow permit permits nothing', () => {
    const loaded = load([`@mode("shadow") ${PERMIT_ALL}`]);
    expect(decide(loaded)).toMatchObject({ verdict: 'deny', shadow: [{ verdict: 'allow' }] });
    expect(loaded.observing).toBe(false);
  });
});

describe('the Cedar traps', () => {
  it('arguments shaped like entities reach no policy', () => {
    const loaded = load(PERMIT_ALL);
    for (const path of [
      { __entity: { type: 'Folder', id: '/workspace' } },
      { __extn: { fn: 'ip', arg: '::1' } },
    ])
      expect(decide(loaded, { args: { path } as never })).toMatchObject({ verdict: 'deny', code: 'schema' });
  });
  it('Cedar skips a forbid that errs and allows (why rule 14 exists)', () => {
    const answer = cedar.isAuthorized({
      principal: { type: 'U', id: 'u' },
      action: { type: 'Action', id: 'a' },
      resource: { type: 'U', id: 'u' },
      context: { grade: 'x' },
      entities: [],
      policies: {
        staticPolicies: {
          p: 'permit(principal,action,resource);',
          f: 'forbid(principal,action,resource) when { context.grade in ["x"] };',
        },
      },
    });
    expect(answer.type === 'success' && answer.response.decision).toBe('allow');
  });
});

it('P2: the same inputs give the same evaluation, byte for byte, across loads and engines', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) seen.add(JSON.stringify(decide(loadStarter(), move)));
  expect(seen.size).toBe(1);
});

it('P2: the order of groups, approvals and labels changes nothing', () => {
  const loaded = load(PERMIT_ALL);
  const one = decide(loaded, { approvals: ['a', 'b'], labels: ['x', 'y', 'x'] });
  const two = decide(loaded, { approvals: ['b', 'a', 'a'], labels: ['y', 'x'] });
  expect(one).toEqual(two);
});

it('the self-test passes for a good bundle, and fails for an engine that stopped denying', () => {
  const loaded = loadStarter(true);
  selfTest(engine, loaded);
  const broken = { ...engine, evaluate: () => ({ ...engine.evaluate(loaded, aDecision(loaded)) }) };
  expect(() => selfTest(broken, loaded)).toThrow(/ERR_SELF_TEST/);
  const erring = {
    ...engine,
    evaluate: () => ({
      verdict: 'deny' as const,
      code: 'policy_error' as const,
      reasons: [],
      terms: { leaseMs: 1, maxMs: 1 },
      shadow: [],
      explain: [],
      perPair: [],
    }),
  };
  expect(() => selfTest(erring, loaded)).toThrow(/ERR_SELF_TEST/);
});

it('an action without mapped arguments has its tool as resource', () => {
  const actions: Bundle['actions'] = {
    'mail/send': { schema: { type: 'object', properties: {} }, resources: {} },
    'files/move_file': MOVE,
  };
  const loaded = load(
    '@id("mail") permit (principal, action in Action::"mail", resource == Tool::"mail/send");',
    { actions },
  );
  expect(decide(loaded, { action: 'mail/send', args: {} }).verdict).toBe('allow');
});
