/**
 * Policy tests: `*.test.json` beside the policies, each a call and the verdict it must get. A recorded denial
 * can be turned into one, so that what went wrong once stays decided.
 */
import type { Json } from '@licet/evidence';
import type { AttestationFacts } from './attestation.ts';
import type { DecisionInput, Door, MeterFact } from './decision-input.ts';
import type { DenyCode } from './deny-codes.ts';
import type { Engine } from './engine.ts';
import { PolicyError, problem } from './errors.ts';
import { buildInput, type Arguments } from './input.ts';
import type { LoadedBundle } from './load.ts';

/** A test as written. Everything left out has a plain default. */
export interface PolicyTest {
  readonly name: string;
  readonly given: {
    /** Id of the acting agent. Left out: the user acts alone. */
    readonly agent?: string;
    /** Agent groups of the agent. */
    readonly groups?: readonly string[];
    /** Id of the user at the head of the chain. Left out: none, when there is an agent. */
    readonly user?: string;
    readonly userGroups?: readonly string[];
    readonly roles?: readonly string[];
    readonly action: string;
    readonly args: Arguments;
    readonly approvals?: readonly string[];
    readonly facts?: { readonly [name: string]: boolean | number | string };
    readonly meters?: { readonly [limit: string]: MeterFact };
    /** By kind; see the bundle's `attest`. */
    readonly attestation?: AttestationFacts;
    readonly labels?: readonly string[];
    readonly depth?: number;
    readonly door?: Partial<Door>;
    /** ISO 8601 in UTC. Default 2026-01-01T12:00:00Z. */
    readonly now?: string;
  };
  readonly expect: {
    readonly verdict: 'allow' | 'deny' | 'hold';
    readonly reasons?: readonly string[];
    /** Groups that are asked, in order of name. */
    readonly holds?: readonly string[];
    readonly code?: DenyCode;
  };
}

export interface PolicyTestResult {
  readonly file: string;
  readonly name: string;
  readonly passed: boolean;
  /** What was expected and what was found, field by field; empty when passed. */
  readonly differences: readonly string[];
}

/** What stands in for a door in a test: strict in nothing, bound in everything. */
export const TEST_DOOR: Door = {
  grade: 'gateway',
  custody: 'separate',
  confine: 'none',
  bound: ['input', 'resource'],
  assurance: 'logged',
};

const GIVEN =
  'agent groups user userGroups roles action args approvals facts meters attestation labels depth door now'.split(
    ' ',
  );
const EXPECT = ['verdict', 'reasons', 'holds', 'code'];

/** Returns one result for each test of the files (path → parsed JSON). Throws ERR_TEST_FORMAT for a malformed file. */
export function runPolicyTests(
  engine: Engine,
  loaded: LoadedBundle,
  files: Readonly<Record<string, Json>>,
): readonly PolicyTestResult[] {
  return Object.entries(files).flatMap(([file, content]) =>
    parseTests(file, content).map((test) => {
      const { verdict, code, reasons, holds } = engine.evaluate(loaded, testInput(loaded, test));
      const found = { verdict, code, reasons, holds: (holds ?? []).map(({ group }) => group) };
      const differences = Object.entries(test.expect).flatMap(([field, wanted]) => {
        const got = found[field as keyof typeof found];
        return JSON.stringify(got) === JSON.stringify(wanted)
          ? []
          : [`${field}: expected ${JSON.stringify(wanted)}, found ${JSON.stringify(got ?? null)}`];
      });
      return { file, name: test.name, passed: differences.length === 0, differences };
    }),
  );
}

/** Returns the decision input of a test. */
export function testInput(loaded: LoadedBundle, { given }: PolicyTest): DecisionInput {
  const link = (type: 'User' | 'Agent', id: string, groups: readonly string[]) => ({
    uid: { type, id },
    attrs: { roles: type === 'User' || given.user === undefined ? [...(given.roles ?? [])] : [] },
    groups: groups.map((group) => ({ id: group })),
  });
  const plan = loaded.actions.get(given.action);
  const built = plan === undefined ? undefined : buildInput(plan, given.args);
  return {
    action: given.action,
    args: given.args,
    chain: [
      ...(given.user === undefined ? [] : [link('User', given.user, given.userGroups ?? [])]),
      ...(given.agent === undefined ? [] : [link('Agent', given.agent, given.groups ?? [])]),
    ],
    resources: built === undefined || 'deny' in built ? [] : built.resources,
    approvals: given.approvals ?? [],
    meters: given.meters ?? {},
    attestation: given.attestation ?? {},
    facts: Object.fromEntries(Object.entries(given.facts ?? {}).map(([name, value]) => [name, { value }])),
    labels: given.labels ?? [],
    depth: given.depth ?? 0,
    door: { ...TEST_DOOR, ...given.door },
    nowMs: Date.parse(given.now ?? '2026-01-01T12:00:00Z'),
  };
}

/** Returns the test that pins a recorded decision, ready to be put into a `*.test.json`. */
export function asTest(recorded: {
  readonly name: string;
  readonly input: DecisionInput;
  readonly verdict: 'allow' | 'deny' | 'hold';
  readonly code?: DenyCode;
  readonly reasons: readonly string[];
  readonly holds?: readonly { readonly group: string }[];
}): PolicyTest {
  const { input } = recorded;
  if (input.chain.length > 2)
    throw new PolicyError('ERR_TEST_FORMAT', 'a test has a user and an agent; this chain is longer');
  const user = input.chain.find(({ uid }) => uid.type === 'User');
  const agent = input.chain.find(({ uid }) => uid.type === 'Agent');
  const groups = (link: typeof user): readonly string[] => (link?.groups ?? []).map(({ id }) => id);
  const some = <T extends object>(value: T): boolean => Object.keys(value).length > 0;
  const roles = (user ?? agent)?.attrs.roles ?? [];
  return {
    name: recorded.name,
    given: {
      ...(user === undefined ? {} : { user: user.uid.id }),
      ...(some(groups(user)) ? { userGroups: groups(user) } : {}),
      ...(agent === undefined ? {} : { agent: agent.uid.id }),
      ...(some(groups(agent)) ? { groups: groups(agent) } : {}),
      ...(some(roles) ? { roles } : {}),
      action: input.action,
      args: input.args,
      ...(some(input.approvals) ? { approvals: input.approvals } : {}),
      ...(some(input.facts)
        ? { facts: Object.fromEntries(Object.entries(input.facts).map(([name, { value }]) => [name, value])) }
        : {}),
      ...(some(input.meters) ? { meters: input.meters } : {}),
      ...(some(input.attestation) ? { attestation: withoutCites(input.attestation) } : {}),
      ...(some(input.labels) ? { labels: input.labels } : {}),
      ...(input.depth === 0 ? {} : { depth: input.depth }),
      door: input.door,
      now: new Date(input.nowMs).toISOString(),
    },
    expect: {
      verdict: recorded.verdict,
      reasons: recorded.reasons,
      ...(recorded.code === undefined ? {} : { code: recorded.code }),
      ...(recorded.holds === undefined ? {} : { holds: recorded.holds.map(({ group }) => group) }),
    },
  };
}

/** A test stands for itself: it names no entry of a log. */
const withoutCites = (facts: AttestationFacts): AttestationFacts =>
  Object.fromEntries(
    Object.entries(facts).map(([kind, fact]) => {
      const { cite: _, ...plain } = fact;
      return [kind, plain];
    }),
  );

/** A test without `expect.verdict`, or with a misspelt field, would pass whatever the policy says. */
function parseTests(file: string, content: Json): readonly PolicyTest[] {
  const fail = (what: string): never => {
    throw new PolicyError('ERR_TEST_FORMAT', what, { problems: [problem('format', what, { file })] });
  };
  if (!isObject(content) || !Array.isArray(content['tests']) || Object.keys(content).length !== 1)
    return fail('expected { "tests": [ … ] }');
  const tests = content['tests'] as readonly Json[];
  if (tests.length === 0) return fail('the list of tests is empty');
  tests.forEach((test, index) => {
    const at = `tests[${index}]`;
    if (!isObject(test) || typeof test['name'] !== 'string') return fail(`${at}: expected a name`);
    const { given, expect } = test as { given?: Json; expect?: Json };
    if (!isObject(given) || typeof given['action'] !== 'string' || !isObject(given['args'] ?? null))
      return fail(`${at}.given: expected an action and args`);
    if (!isObject(expect) || !['allow', 'deny', 'hold'].includes(expect['verdict'] as string))
      return fail(`${at}.expect: expected a verdict`);
    for (const name of Object.keys(test))
      if (!['name', 'given', 'expect'].includes(name)) fail(`${at}.${name}: no such field`);
    for (const name of Object.keys(given))
      if (!GIVEN.includes(name)) fail(`${at}.given.${name}: no such field`);
    for (const name of Object.keys(expect))
      if (!EXPECT.includes(name)) fail(`${at}.expect.${name}: no such field`);
  });
  return tests as unknown as readonly PolicyTest[];
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
