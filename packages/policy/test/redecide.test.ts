/** Goal: rule 19. A decision can be repeated from entry, disclosures, inputs and bundles; any difference fails. */
import { describe, expect, it } from 'vitest';
import type { Json } from '@licet/evidence';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import {
  assembleBundle,
  bundleHash,
  createRedecide,
  denialOf,
  DENY_CODES,
  DECIDABLE_CODES,
  meterCosts,
  PolicyError,
  POLICY_ERRORS,
  replay,
  resourceRefs,
  starterPolicy,
  verifyBundleSignatures,
  type DecidedEntry,
  type DecisionInput,
  type SignedBundle,
} from '../src/index.ts';
import { aBundle, aDecision, decide, engine, load, loadStarter, PERMIT_ALL, WRITE } from './support.ts';

const team = assembleBundle(starterPolicy({ workspace: '/workspace' }));
const hook = createRedecide(engine);
const disclose = (values: Readonly<Record<string, unknown>>) => ({
  disclosed: Object.entries(values).map(([name, value]) => ['salt', name, value as Json] as const),
  withheld: [] as string[],
});

function recorded(more: Partial<DecisionInput> = {}) {
  const loaded = loadStarter();
  const input = aDecision(loaded, { args: { path: '/workspace/a.txt', content: 'hi' }, ...more });
  const found = engine.evaluate(loaded, input);
  const shared = {
    at: input.nowMs + 3,
    chain: input.chain.map(({ uid }) => ({
      kind: uid.type === 'User' ? ('user' as const) : ('agent' as const),
      id: uid.id,
    })),
    action: input.action,
    bound: input.door.bound,
    reasons: found.reasons,
    bundles: loaded.refs,
    engine: engine.version,
    grade: input.door.grade,
    custody: input.door.custody,
    confine: input.door.confine,
  };
  const entry: DecidedEntry =
    found.verdict === 'allow'
      ? {
          ...shared,
          type: 'permit',
          lease: { ttlMs: found.terms.leaseMs, maxMs: found.terms.maxMs },
          assurance: 'logged',
        }
      : {
          ...shared,
          type: 'refusal',
          verdict: found.verdict,
          ...(found.code === undefined ? {} : { code: found.code }),
          ...(found.holds === undefined ? {} : { holds: found.holds }),
          ...(found.failedLink === undefined ? {} : { failedLink: found.failedLink }),
        };
  const execution = {
    arguments: disclose(input.args),
    resources: disclose(resourceRefs(input.resources)),
    inputs: disclose({ inputs: found.inputs }),
  };
  return { entry, execution, bundles: [{ bundle: team, sigs: [] }] as unknown as Json[] };
}

const move = { action: 'files/move_file', args: { source: '/workspace/a', destination: '/workspace/b' } };

describe('rule 19: a recorded decision', () => {
  it('allowed, held or denied, agrees when it is decided again', async () => {
    for (const more of [
      {},
      move,
      { args: { path: '/etc/passwd', content: '' } },
      { ...move, approvals: ['operators'] },
    ])
      expect(await hook(recorded(more))).toMatchObject({ status: 'pass' });
  });

  const forgeries: Readonly<Record<string, (x: ReturnType<typeof recorded>) => object>> = {
    'another argument': ({ execution }) => ({
      execution: { ...execution, arguments: disclose({ path: '/workspace/b.txt', content: 'hi' }) },
    }),
    'another argument, with the resource to match': ({ execution }) => ({
      execution: {
        ...execution,
        arguments: disclose({ path: '/etc/passwd', content: 'hi' }),
        resources: disclose({ path: { type: 'Folder', id: '/etc/passwd' } }),
      },
    }),
    'another resource': ({ execution }) => ({
      execution: { ...execution, resources: disclose({ path: { type: 'Folder', id: '/workspace' } }) },
    }),
    'a link left out of the chain': ({ entry }) => ({ entry: { ...entry, chain: entry.chain!.slice(1) } }),
    'another principal': ({ entry }) => ({
      entry: { ...entry, chain: [entry.chain![0]!, { kind: 'agent', id: 'agent-9' }] },
    }),
    'a user who is called an agent': ({ entry }) => ({
      entry: { ...entry, chain: [{ ...entry.chain![0]!, kind: 'agent' }, entry.chain![1]!] },
    }),
    'another action': ({ entry }) => ({ entry: { ...entry, action: 'files/read_file' } }),
    'an action that no bundle has': ({ entry }) => ({ entry: { ...entry, action: 'files/none' } }),
    'another door': ({ entry }) => ({ entry: { ...entry, grade: 'verified' } }),
    'other reasons': ({ entry }) => ({ entry: { ...entry, reasons: [] } }),
    'a longer lease': ({ entry }) => ({ entry: { ...entry, lease: { ttlMs: 600_000, maxMs: 600_000 } } }),
    'another time': ({ entry }) => ({ entry: { ...entry, at: entry.at + 3_600_000 } }),
    'a denial called a permit': () => {
      const denied = recorded({ args: { path: '/etc/passwd', content: '' } });
      return { ...denied, entry: { ...denied.entry, type: 'permit', lease: { ttlMs: 1, maxMs: 1 } } };
    },
    'a permit called a denial': ({ entry }) => ({
      entry: { ...entry, type: 'refusal', verdict: 'deny', code: 'policy' },
    }),
    'inputs without a resource': ({ execution }) => ({
      execution: {
        ...execution,
        inputs: disclose({ inputs: { ...(execution.inputs.disclosed[0]![2] as object), resources: [] } }),
      },
    }),
    'inputs that are no inputs': ({ execution }) => ({
      execution: { ...execution, inputs: disclose({ inputs: 7 }) },
    }),
  };
  for (const [title, forge] of Object.entries(forgeries))
    it(`fails with ${title}`, async () => {
      const honest = recorded();
      expect(await hook({ ...honest, ...forge(honest) } as typeof honest)).toMatchObject({ status: 'fail' });
    });

  it('is not checked when something is withheld, missing, or of another engine', async () => {
    const honest = recorded();
    const part = { disclosed: [], withheld: ['x'] };
    for (const [changed, why] of [
      [{ execution: { ...honest.execution, arguments: part } }, /withheld: 1 argument/],
      [{ execution: { ...honest.execution, inputs: part } }, /withheld: inputs/],
      [{ bundles: [] }, /not in the file/],
      [{ bundles: [{ bundle: { ...team, version: 2 }, sigs: [] }] }, /not in the file/],
      [{ entry: { ...honest.entry, engine: 'cedar/9.0.0' } }, /cedar\/9/],
      [{ entry: { ...honest.entry, type: 'refusal', code: 'limit' } }, /not a verdict of the policy/],
    ] as const) {
      const answer = await hook({ ...honest, ...changed } as unknown as typeof honest);
      expect(answer.status).toBe('not checked');
      expect(answer.why).toMatch(why);
    }
  });
});

describe('replay', () => {
  it('lists the verdicts that another bundle would change', () => {
    const loaded = loadStarter();
    const inputs = [
      aDecision(loaded, { args: { path: '/workspace/a', content: '' } }),
      aDecision(loaded, { args: { path: '/etc/a', content: '' } }),
      aDecision(loaded, move),
    ];
    const decisions = inputs.map((input, index) => ({
      id: String(index),
      input,
      ...engine.evaluate(loaded, input),
    }));
    expect(replay(engine, loaded, decisions)).toMatchObject({ total: 3, changed: [], otherReasons: 0 });
    const { changed, otherReasons } = replay(engine, loadStarter(true), decisions);
    expect(changed.map(({ id, before, after }) => [id, before.verdict, after.verdict])).toEqual([
      ['1', 'deny', 'allow'],
      ['2', 'hold', 'allow'],
    ]);
    expect(otherReasons).toBe(1);
  });
});

describe('rule 45: a denial', () => {
  const text = (explain: string) => [
    PERMIT_ALL,
    `@id("secret-rule") ${explain} @advice("Not on Sundays.") forbid (principal, action, resource in Folder::"/workspace");`,
  ];
  it('names no policy, link or advice unless its author let it out', () => {
    expect(denialOf(decide(load(text(''))))).toEqual({
      code: 'policy',
      reason: DENY_CODES.policy.meaning,
      policies: [],
      next: DENY_CODES.policy.next,
    });
    expect(denialOf(decide(load(text('@explain("full")'))))).toMatchObject({
      policies: ['secret-rule'],
      reason: 'Not on Sundays.',
      failedLink: 0,
    });
    expect(denialOf(decide(load(text('@explain("code")'), { explain: 'full' })))).toMatchObject({
      policies: [],
    });
  });
  it('of a hold says who is waited for; an allow is no denial', () => {
    expect(denialOf(decide(loadStarter(), move))).toMatchObject({
      policies: ['moves-need-a-person'],
      next: expect.stringContaining('same arguments'),
    });
    expect(denialOf(decide(load(PERMIT_ALL)))).toBeUndefined();
  });
});

describe('rule 20: signatures', () => {
  const author = generateKeyPairSync('ed25519');
  const key = author.publicKey.export({ format: 'jwk' }).x!;
  const bundle = aBundle(PERMIT_ALL);
  const signed: SignedBundle = {
    bundle,
    sigs: [{ by: 'ann', sig: sign(null, bundleHash(bundle), author.privateKey).toString('base64url') }],
  };
  const verifier = {
    verifyEd25519: (_: Uint8Array, message: Uint8Array, signature: Uint8Array) =>
      verify(null, message, author.publicKey, signature),
  };
  it('count only from authors the trust file names, over this very version', async () => {
    expect(await verifyBundleSignatures(signed, { ann: key }, verifier)).toEqual(['ann']);
    const refused = (changed: SignedBundle, keys: Record<string, string> = { ann: key }) =>
      expect(verifyBundleSignatures(changed, keys, verifier)).rejects.toThrow(/ERR_BUNDLE_SIGNATURE/);
    await refused({ ...signed, bundle: { ...bundle, version: 2 } });
    await refused(signed, { bob: key });
    await refused({ ...signed, sigs: [] });
    await refused({ ...signed, sigs: [...signed.sigs, ...signed.sigs] });
    await refused({ ...signed, sigs: [{ by: 'ann', sig: 'AAAA' }] });
    await refused({ ...signed, sigs: [{ by: 'ann', sig: '***' }] });
    await refused({ ...signed, sigs: [{ by: 'constructor', sig: signed.sigs[0]!.sig }] }, {});
  });
});

it('rule 21: costs are exact decimals and never negative', () => {
  const loaded = load(PERMIT_ALL, {
    limits: {
      spend: { kind: 'amount', max: '100', currency: 'EUR', per: 'run' },
      calls: { kind: 'count', max: 5, per: 'run' },
    },
    actions: {
      'pay/send': {
        schema: { type: 'object', properties: { amount: { type: 'string' } } },
        resources: {},
        meters: [{ limit: 'calls' }, { limit: 'spend', cost: { argument: 'amount' } }],
      },
      'files/write_file': WRITE,
    },
  });
  const costs = (amount: unknown) =>
    meterCosts(loaded.actions.get('pay/send')!, loaded.limits, { amount } as never);
  expect(costs('12.50')).toEqual([
    { limit: 'calls', amount: '1' },
    { limit: 'spend', amount: '12.50', currency: 'EUR' },
  ]);
  for (const amount of ['-1', '1e3', '', undefined, null, '1.00001', 0.1 + 0.2, Number.NaN])
    expect(costs(amount)).toMatchObject({ deny: 'unmappable' });
});

it('every code has its meaning and next step', () => {
  for (const row of [...Object.values(DENY_CODES), ...Object.values(POLICY_ERRORS)]) {
    expect(row.meaning).toMatch(/\.$/);
    expect(row.next).toMatch(/\.$/);
  }
  for (const code of DECIDABLE_CODES) expect(DENY_CODES).toHaveProperty(code);
  expect(new PolicyError('ERR_ENGINE', 'x').code).toBe('ERR_ENGINE');
});
