/**
 * Boot self-test (DESIGN §6): before a plane opens it proves, with the loaded bundle and this engine, a denial
 * that must always hold. A guard that silently stopped guarding is found here.
 */
import { SELF_TEST } from './action-plan.ts';
import type { DecisionInput } from './decision-input.ts';
import type { Engine } from './engine.ts';
import { PolicyError } from './errors.ts';
import { toolResource } from './input.ts';
import type { LoadedBundle } from './load.ts';

/** Returns when a known denial was denied without errors; throws ERR_SELF_TEST otherwise. */
export function selfTest(engine: Engine, loaded: LoadedBundle): void {
  for (const type of ['User', 'Agent'] as const) {
    const { verdict, code, detail } = engine.evaluate(loaded, selfTestInput(type));
    // `policy` and nothing else: an error would deny as well and prove nothing.
    if (verdict !== 'deny' || code !== 'policy')
      throw new PolicyError(
        'ERR_SELF_TEST',
        `${SELF_TEST} by ${type}: ${verdict} ${code ?? ''} ${detail ?? ''}`,
      );
  }
}

function selfTestInput(type: 'User' | 'Agent'): DecisionInput {
  return {
    action: SELF_TEST,
    args: {},
    chain: [{ uid: { type, id: 'licet:self-test' }, attrs: { roles: [] }, groups: [] }],
    resources: [toolResource(SELF_TEST)],
    approvals: [],
    meters: {},
    attestation: {},
    facts: {},
    labels: [],
    depth: 0,
    door: {
      grade: 'verified',
      custody: 'separate',
      confine: 'namespace',
      bound: ['input', 'resource'],
      assurance: 'logged',
    },
    nowMs: 0,
  };
}
