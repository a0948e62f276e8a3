/** Builders for the tests of this package; everything has a default. */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import '@licet/evidence/node';
import {
  assembleBundle,
  buildInput,
  createEngine,
  loadBundle,
  starterPolicy,
  TEST_DOOR,
  type ActionSpec,
  type Bundle,
  type DecisionInput,
  type LoadedBundle,
  PolicyError,
} from '../src/index.ts';

export { cedar };
export const engine = createEngine(cedar);

export const WRITE: ActionSpec = {
  schema: {
    type: 'object',
    properties: { path: { type: 'string' }, size: { type: 'integer' } },
    required: ['path'],
  },
  resources: { path: { kind: 'path', type: 'Folder' } },
};

export const MOVE: ActionSpec = {
  schema: {
    type: 'object',
    properties: { source: { type: 'string' }, destination: { type: 'string' } },
    required: ['source', 'destination'],
  },
  resources: { source: { kind: 'path' }, destination: { kind: 'path' } },
};

/** A permit for everything governed, so that a test can be about one forbid. */
export const PERMIT_ALL = '@id("all") permit (principal, action in Action::"licet/governed", resource);';

export function aBundle(text: string | readonly string[], more: Partial<Bundle> = {}): Bundle {
  const texts = typeof text === 'string' ? [text] : text;
  return {
    v: 1,
    layer: 'team',
    version: 1,
    policies: texts.map((policy, index) => ({ name: `p${index}.cedar`, text: policy })),
    actions: { 'files/write_file': WRITE, 'files/move_file': MOVE },
    limits: {},
    pins: {},
    ...more,
  };
}

export function anOrg(text: string, more: Partial<Bundle> = {}): Bundle {
  return aBundle(text, { layer: 'org', org: 'acme', actions: {}, ...more });
}

export function load(
  text: string | readonly string[],
  more: Partial<Bundle> = {},
  org?: Bundle,
): LoadedBundle {
  return loadBundle(engine, { team: aBundle(text, more), ...(org === undefined ? {} : { org }) });
}

export function loadStarter(observe = false): LoadedBundle {
  return loadBundle(engine, { team: assembleBundle(starterPolicy({ workspace: '/workspace', observe })) });
}

/** An assistant acting for a user writes /workspace/a.txt. */
export function aDecision(loaded: LoadedBundle, more: Partial<DecisionInput> = {}): DecisionInput {
  const action = more.action ?? 'files/write_file';
  const args = more.args ?? { path: '/workspace/a.txt' };
  const plan = loaded.actions.get(action);
  const built = plan === undefined ? undefined : buildInput(plan, args);
  return {
    action,
    args,
    chain: [
      { uid: { type: 'User', id: 'user-1' }, attrs: { roles: [] }, groups: [] },
      { uid: { type: 'Agent', id: 'agent-1' }, attrs: { roles: [] }, groups: [{ id: 'assistants' }] },
    ],
    resources: built === undefined || 'deny' in built ? [] : built.resources,
    approvals: [],
    meters: {},
    attestation: {},
    facts: {},
    labels: [],
    depth: 0,
    door: TEST_DOOR,
    nowMs: Date.parse('2026-11-22T12:00:00Z'),
    ...more,
  };
}

export function decide(loaded: LoadedBundle, more: Partial<DecisionInput> = {}) {
  return engine.evaluate(loaded, aDecision(loaded, more));
}

/** Returns the kinds of problem that a load is refused for; fails when it is not refused. */
export function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof PolicyError) return error.problems.map(({ kind }) => kind);
    throw error;
  }
  throw new Error('was not refused');
}
