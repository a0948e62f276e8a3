/** Goal: rules 14, 15 and 20 at load. Whatever is doubtful in a bundle refuses the whole bundle, with its place. */
import { describe, expect, it } from 'vitest';
import { loadBundle, loadMandate, parseBundle, PolicyError, type Bundle } from '../src/index.ts';
import { aBundle, anOrg, decide, engine, load, MOVE, PERMIT_ALL, problemsOf, WRITE } from './support.ts';

const HOLD = (annotations: string, clause: string) =>
  `@id("h") ${annotations} forbid (principal, action == Action::"files/move_file", resource) ${clause};`;
const X = 'unless { context.approvals.contains("x") }';

describe('rule 14: a bundle is refused for', () => {
  const cases: Readonly<Record<string, readonly [text: string, kind: string]>> = {
    'a syntax error': ['@id("a") permit (principal, action;', 'cedar_syntax'],
    'an unknown action': [
      '@id("a") permit (principal, action == Action::"files/nope", resource);',
      'cedar_error',
    ],
    'an unknown property': [
      '@id("a") forbid (principal, action, resource) when { context.nope == 1 };',
      'cedar_error',
    ],
    'a type error in a forbid, which would err and so forbid nothing': [
      '@id("a") forbid (principal, action, resource) when { context.door.grade == 1 };',
      'cedar_error',
    ],
    'the `in` trap: a text is never in a list of texts': [
      '@id("a") forbid (principal, action, resource) when { context.door.grade in ["in-process"] };',
      'cedar_error',
    ],
    'a validator warning': ['@id("a") forbid (principal, action, resource) when { false };', 'cedar_warning'],
    'an unknown annotation': ['@id("a") @holds("x") forbid (principal, action, resource);', 'annotation'],
    'a malformed term': [
      '@id("a") @lease("soon") permit (principal, action in Action::"files", resource);',
      'term',
    ],
    'terms on a forbid': ['@id("a") @max("1m") forbid (principal, action, resource);', 'term'],
    'a missing id': ['forbid (principal, action, resource);', 'id_missing'],
    'a template': ['@id("a") forbid (principal == ?principal, action, resource);', 'template'],
    'a permit of the reserved action': [
      '@id("a") permit (principal, action == Action::"licet/self-test", resource);',
      'self_test',
    ],
    'a permit without an action scope, which would cover it': [
      '@id("a") permit (principal, action, resource) when { context.depth > 3 };',
      'self_test',
    ],
    'context passed on whole': [
      '@id("a") forbid (principal, action, resource) when { {c: context}.c.depth > 1 };',
      'context',
    ],
  };
  for (const [title, [text, kind]] of Object.entries(cases))
    it(`${title}`, () => expect(problemsOf(() => load(text))).toContain(kind));

  it('one id twice, also across files', () => {
    const text = '@id("a") forbid (principal, action, resource);';
    expect(problemsOf(() => load([text, text]))).toContain('id_duplicate');
  });

  it('`like` on a mapped argument ("/workspace/*" matches /workspace/../etc/passwd)', () => {
    const text =
      '@id("a") permit (principal, action == Action::"files/write_file", resource) when { context.input.path like "/workspace/*" };';
    expect(problemsOf(() => load(text))).toContain('like_on_mapped');
  });

  it('a mapping that does not fit its schema', () => {
    const actions = (more: object) => ({ actions: { 'files/write_file': { ...WRITE, ...more } } });
    for (const more of [
      { resources: { nope: { kind: 'path' } } },
      { opaque: ['path'] },
      { opaque: ['nope'] },
      { resources: { size: { kind: 'path' } } },
      { groups: ['files/write_file'] },
      { groups: ['licet/governed'] },
      { meters: [{ limit: 'nope' }] },
      { schema: { ...WRITE.schema, required: 1 } },
    ])
      expect(problemsOf(() => load(PERMIT_ALL, actions(more) as Partial<Bundle>))).toContain('action');
    expect(problemsOf(() => load(PERMIT_ALL, { actions: { 'licet/exec': WRITE } }))).toContain('action');
  });

  it('an unknown or malformed field', () => {
    for (const more of [
      { opaqe: [] },
      { version: 0 },
      { layer: 'both' },
      { org: 'acme' },
      { explain: 'none' },
      { actions: { write: WRITE } },
      { actions: { 'a/b': { ...WRITE, floor: { lease: '5 minutes' } } } },
      { actions: { 'a/b': { ...WRITE, resources: { path: { kind: 'url', type: 'Folder' } } } } },
      { limits: { spend: { kind: 'amount', per: 'run', max: 10.5, currency: 'EUR' } } },
    ])
      expect(() => parseBundle({ ...aBundle(PERMIT_ALL), ...more })).toThrow(/ERR_BUNDLE_FORMAT/);
    expect(() => parseBundle(null)).toThrow(PolicyError);
  });

  it('and every problem is listed with file, line, column and next step', () => {
    try {
      load([
        '// ä comment\n@id("a")\nforbid (principal, action, resource)\nwhen { context.nope == 1 };',
        'permit(',
      ]);
      expect.unreachable();
    } catch (error) {
      const { problems, message } = error as PolicyError;
      const typo = problems.find(({ kind }) => kind === 'cedar_error');
      expect(typo).toMatchObject({ file: 'p0.cedar', line: 4, column: 8, policy: 'a', layer: 'team' });
      expect(problems.find(({ kind }) => kind === 'cedar_syntax')).toMatchObject({
        file: 'p1.cedar',
        line: 1,
      });
      expect(problems.every(({ next }) => next.length > 0)).toBe(true);
      expect(message).toContain('p0.cedar:4:8');
    }
  });
});

describe('rule 15: context.approvals is read', () => {
  it('in the one shape of a hold', () => {
    expect(load([PERMIT_ALL, HOLD('@hold("x")', X)]).enforced.byId.get('h')?.annotations.hold).toEqual({
      group: 'x',
      need: 1,
    });
    expect(
      load([PERMIT_ALL, HOLD('@hold("x:2") @until("5m")', X)]).enforced.byId.get('h')?.annotations.hold,
    ).toEqual({
      group: 'x',
      need: 2,
      waitMs: 300_000,
    });
  });

  const strays: Readonly<Record<string, string>> = {
    'not in a forbid without @hold': HOLD('', X),
    'not for another group than the annotation names': HOLD('@hold("y")', X),
    'not in a when': HOLD('@hold("x")', 'when { !context.approvals.contains("x") }'),
    'not beside another condition in the clause': HOLD(
      '@hold("x")',
      'unless { context.approvals.contains("x") || context.depth > 9 }',
    ),
    'not with containsAny': HOLD('@hold("x")', 'unless { context.approvals.containsAny(["x"]) }'),
    'not twice': HOLD('@hold("x")', `${X} ${X}`),
    'not through has': HOLD('@hold("x")', `when { context has approvals } ${X}`),
    'not by index': HOLD('@hold("x")', `${X} when { context["approvals"].isEmpty() }`),
    'not in a permit':
      '@id("h") permit (principal, action in Action::"files", resource) unless { context.approvals.contains("x") };',
  };
  for (const [title, text] of Object.entries(strays))
    it(`${title}`, () =>
      expect(problemsOf(() => load(text)).some((kind) => kind === 'approvals' || kind === 'hold')).toBe(
        true,
      ));

  it('and @hold is refused on a permit, without its clause, malformed, or with two quorums for one group', () => {
    expect(
      problemsOf(() => load('@id("h") @hold("x") permit (principal, action in Action::"files", resource);')),
    ).toContain('hold');
    expect(problemsOf(() => load(HOLD('@hold("x")', '')))).toContain('hold');
    for (const value of ['', 'x:0', 'x:17', 'x:', ':2', 'a b'])
      expect(problemsOf(() => load(HOLD(`@hold("${value}")`, X)))).toContain('term');
    expect(problemsOf(() => load(HOLD('@until("5m")', '')))).toContain('hold');
    const other = HOLD('@hold("x:2")', X).replace('"h"', '"i"');
    expect(problemsOf(() => load([HOLD('@hold("x")', X), other]))).toContain('hold');
  });
});

describe("rule 20: the organisation's layer", () => {
  const FORBID =
    '@id("no-moves") forbid (principal, action in Action::"licet/governed", resource in Folder::"/workspace/secret");';

  it('forbids what no permit of the team lifts, and is named in the reasons', () => {
    const loaded = load(PERMIT_ALL, {}, anOrg(FORBID));
    expect(loaded.refs.map(({ layer }) => layer)).toEqual(['org', 'team']);
    expect(decide(loaded, { args: { path: '/workspace/secret/a' } })).toMatchObject({
      verdict: 'deny',
      reasons: ['org/no-moves'],
    });
    expect(decide(loaded).verdict).toBe('allow');
  });

  it('holds no permit', () => {
    expect(problemsOf(() => load(PERMIT_ALL, {}, anOrg(PERMIT_ALL)))).toContain('org_permit');
  });

  it('fixes mappings, limits, facts and pins; a team can only make the floor stricter', () => {
    const org = anOrg(FORBID, { actions: { 'files/write_file': WRITE } });
    const looser = { ...WRITE, opaque: ['size'] };
    expect(problemsOf(() => load(PERMIT_ALL, { actions: { 'files/write_file': looser } }, org))).toContain(
      'layer',
    );
    const slower = { ...WRITE, floor: { lease: '1h', max: '9h', grade: 'gateway' as const } };
    const loaded = load(PERMIT_ALL, { actions: { 'files/write_file': slower } }, org);
    expect(loaded.actions.get('files/write_file')?.floor).toEqual({
      leaseMs: 10_000,
      maxMs: 600_000,
      grade: 'gateway',
    });
    const pinned = anOrg(FORBID, { pins: { 'files/write_file': 'A'.repeat(43) } });
    expect(
      problemsOf(() => load(PERMIT_ALL, { pins: { 'files/write_file': `${'B'.repeat(42)}A` } }, pinned)),
    ).toContain('layer');
  });

  it("is not taken for a team's, nor the reverse", () => {
    expect(() => load(PERMIT_ALL, { layer: 'org', org: 'acme' })).toThrow(PolicyError);
    expect(() => load(PERMIT_ALL, {}, aBundle(FORBID))).toThrow(PolicyError);
  });
});

it('a mandate is held to the same rules and asks for no approvals', () => {
  const loaded = load(PERMIT_ALL);
  const mandate = (text: string) => () =>
    loadMandate(engine, loaded, { id: 'm', policies: [{ name: 'm', text }] });
  expect(
    mandate('@id("m") permit (principal, action in Action::"files", resource);')().policies.all[0]?.id,
  ).toBe('mandate/m');
  expect(problemsOf(mandate(HOLD('@hold("x")', X)))).toContain('hold');
  expect(problemsOf(mandate('@id("m") permit (principal, action, resource);'))).toContain('self_test');
  expect(problemsOf(mandate('@id("m") @mode("shadow") forbid (principal, action, resource);'))).toContain(
    'annotation',
  );
});

it('a bundle without policies loads and permits nothing', () => {
  expect(decide(load([], { actions: { 'files/move_file': MOVE, 'files/write_file': WRITE } }))).toMatchObject(
    {
      verdict: 'deny',
      code: 'policy',
      reasons: [],
    },
  );
});

describe('loading the same twice', () => {
  it('gives what was loaded before, by content and never by object', () => {
    const text = '@id("a") permit (principal is User, action in Action::"files", resource);';
    const bundle = structuredClone(aBundle(text)) as Bundle & { version: number };
    const loaded = loadBundle(engine, { team: bundle });
    expect(loadBundle(engine, { team: aBundle(text) })).toBe(loaded);
    // What the caller does to its object afterwards is another bundle, and changes nothing that was loaded.
    bundle.version = 2;
    expect(loaded.refs[0]!.version).toBe(1);
    expect(loaded.layers.team.version).toBe(1);
    expect(loadBundle(engine, { team: bundle }).refs[0]!.version).toBe(2);
    // The same texts under another layer are another set.
    expect(() => loadBundle(engine, { team: aBundle(text), org: anOrg(text) })).toThrow();
  });

  it('rule 14: what was refused is refused again', () => {
    const wrong = aBundle('@id("a") permit (principal, action == Action::"files/nope", resource);');
    expect(() => loadBundle(engine, { team: wrong })).toThrow('ERR_BUNDLE_INVALID');
    expect(() => loadBundle(engine, { team: wrong })).toThrow('ERR_BUNDLE_INVALID');
  });
});
