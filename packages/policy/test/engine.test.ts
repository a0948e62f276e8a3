/** Goal: the engine keeps to its slots, stays correct when they are reused, and never turns a fault into a pass. */
import { describe, expect, it } from 'vitest';
import { createEngine, loadBundle, type CedarModule } from '../src/index.ts';
import { aBundle, aDecision, cedar, decide, engine, load, PERMIT_ALL } from './support.ts';

describe('the engine', () => {
  it('is named as entries name it', () => expect(engine.version).toBe(`cedar/${cedar.getCedarVersion()}`));

  it('reuses slots by content: six hundred bundles later the first still decides as it did', () => {
    const first = load(PERMIT_ALL);
    expect(decide(first).verdict).toBe('allow');
    for (let index = 0; index < 300; index++) {
      const other = load(`@id("p${index}") permit (principal is User, action in Action::"files", resource);`);
      expect(decide(other).verdict).toBe('deny');
    }
    expect(decide(first).verdict).toBe('allow');
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
