/** Goal: the engine keeps to its slots, stays correct when they are reused, and never turns a fault into a pass. */
import { describe, expect, it } from 'vitest';
import { createEngine, loadBundle, requestsOf, type CedarModule } from '../src/index.ts';
import { aBundle, aDecision, cedar, decide, engine, load, PERMIT_ALL } from './support.ts';

describe('the engine', () => {
  it('is named as entries name it', () => expect(engine.version).toBe(`cedar/${cedar.getCedarVersion()}`));

  it('reuses slots by content: after more sets than there are slots, the first still decides as it did', () => {
    const open = load(PERMIT_ALL);
    const schema = open.actionSchemas.get('files/write_file')!;
    const request = requestsOf(decide(open).inputs!)[0]!;
    const [permit] = open.enforced.all;
    const slice = (index: number) => ({
      key: `slot test ${index}`,
      context: 'all' as const,
      policies:
        index === 0
          ? [permit!]
          : [{ ...permit!, text: permit!.text.replace('principal,', `principal == User::"${index}",`) }],
    });
    for (let index = 0; index < 1_100; index++)
      expect(engine.authorize(schema, slice(index), request).decision).toBe(index === 0 ? 'allow' : 'deny');
    for (const index of [0, 1_099, 1, 600, 0])
      expect(engine.authorize(schema, slice(index), request).decision).toBe(index === 0 ? 'allow' : 'deny');
    // A text that Cedar refuses leaves no slot pointing at somebody else's policies.
    const bad = { key: 'bad', policies: [{ ...permit!, text: 'permit(' }], context: 'all' } as const;
    for (let i = 0; i < 3; i++) expect(() => engine.authorize(schema, bad, request)).toThrow(/ERR_ENGINE/);
    expect(decide(open).verdict).toBe('allow');
  });

  it('shares them also through another object over the same module', () => {
    const other = createEngine({ ...cedar });
    const open = load(PERMIT_ALL);
    const shut = load('@id("users") permit (principal is User, action in Action::"files", resource);');
    for (let i = 0; i < 3; i++) {
      expect(decide(open).verdict).toBe('allow');
      expect(other.evaluate(shut, aDecision(shut)).verdict).toBe('deny');
    }
  });

  it('shares the slots of a module between engines, so that neither overwrites the other', () => {
    const second = createEngine(cedar);
    const open = load(PERMIT_ALL);
    const shut = loadBundle(second, { team: aBundle([]) });
    for (let index = 0; index < 3; index++) {
      expect(engine.evaluate(open, aDecision(open)).verdict).toBe('allow');
      expect(second.evaluate(shut, aDecision(shut)).verdict).toBe('deny');
    }
  });

  const broken: Readonly<Record<string, Partial<CedarModule>>> = {
    'answers failure': { statefulIsAuthorized: () => ({ type: 'failure', errors: [], warnings: [] }) },
    throws: {
      statefulIsAuthorized: () => {
        throw new Error('unreachable executed');
      },
    },
    'allows with an error': {
      statefulIsAuthorized: () => ({
        type: 'success',
        response: {
          decision: 'allow',
          diagnostics: {
            reason: ['all'],
            errors: [
              {
                policyId: 'f',
                error: { message: 'overflow', help: null, code: null, url: null, severity: null },
              },
            ],
          },
        },
        warnings: [],
      }),
    },
    'allows with a warning': {
      statefulIsAuthorized: () => ({
        type: 'success',
        response: { decision: 'allow', diagnostics: { reason: ['all'], errors: [] } },
        warnings: [{ message: 'odd', help: null, code: null, url: null, severity: null }],
      }),
    },
  };
  for (const [title, functions] of Object.entries(broken))
    it(`rule 14: denies when Cedar ${title}`, () => {
      const faulty = createEngine({ ...cedar, ...functions });
      const loaded = loadBundle(faulty, { team: aBundle(PERMIT_ALL) });
      expect(faulty.evaluate(loaded, aDecision(loaded))).toMatchObject({
        verdict: 'deny',
        code: 'policy_error',
      });
    });

  it('refuses what is not Cedar', () => {
    expect(() => createEngine({} as CedarModule)).toThrow(/ERR_ENGINE/);
  });
});
