/**
 * Goal: rule 12. A slice decides as the full set does, reasons and errors included, and so does the narrower question. Method: random policy sets
 * over many scopes, some of which err at run time, against random requests; LICET_DIFFERENTIAL sets how many.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PolicyError, requestsOf, type LoadedBundle } from '../src/index.ts';
import { exactInputs } from '../src/decision-input.ts';
import { narrowed } from '../src/narrow.ts';
import { sliceOf, wholeSlice } from '../src/slices.ts';
import { aDecision, engine, load, MOVE, WRITE } from './support.ts';

declare const process: { readonly env: Readonly<Record<string, string | undefined>> };

const REQUESTS = Number(process.env['LICET_DIFFERENTIAL'] ?? 10_000);
const PER_BUNDLE = 100;

const principals = [
  'principal',
  'principal is User',
  'principal is Agent',
  'principal == User::"u0"',
  'principal == Agent::"a1"',
  'principal in UserGroup::"g0"',
  'principal in AgentGroup::"g1"',
  'principal is Agent in AgentGroup::"g0"',
];
const actions = [
  'Action::"files/write_file"',
  'Action::"files/move_file"',
  'Action::"files"',
  'Action::"web"',
  'Action::"licet/governed"',
  'Action::"web/get"',
];
const resources = [
  'resource',
  'resource is Folder',
  'resource is Url',
  'resource == Folder::"/w/a"',
  'resource in Folder::"/w"',
  'resource in Host::"example.com"',
  'resource is Folder in Folder::"/w/s"',
  'resource in Url::"https://example.com/v1/"',
];
const conditions = [
  '',
  'when { context.depth > 2 }',
  'when { context.depth * 4611686018427387904 > 0 }',
  'unless { context.labels.contains("x") }',
  'when { resource in Folder::"/w" || context.link == 1 }',
  'when { principal.roles.contains("r") }',
  'when { context.actor.groups.contains("g2") && context.now.hour >= 0 }',
  'unless { context has meters && context.attestation has container && context.attestation.container.status == "none" }',
  'when { if context.depth > 1 then context.labels.containsAny(["x"]) else context.labels.isEmpty() }',
  'when { context.door.bound.contains("resource") && context.depth + 9223372036854775806 > 1 }',
];

const scope = fc.oneof(
  fc.constantFrom(...actions).map((one) => `action in ${one}`),
  fc
    .constantFrom(...actions.filter((one) => one.includes('_') || one.includes('get')))
    .map((one) => `action == ${one}`),
  fc.subarray(actions, { minLength: 1 }).map((some) => `action in [${some.join(', ')}]`),
);
const policy = fc.tuple(
  fc.constantFrom('permit', 'forbid'),
  fc.constantFrom(...principals),
  scope,
  fc.constantFrom(...resources),
  fc.constantFrom(...conditions),
);
const request = fc.record({
  user: fc.constantFrom('u0', 'u1'),
  agent: fc.constantFrom('a0', 'a1'),
  groups: fc.subarray(['g0', 'g1', 'g2']),
  roles: fc.subarray(['r']),
  depth: fc.integer({ min: 0, max: 4 }),
  labels: fc.subarray(['x']),
  path: fc.constantFrom('/w', '/w/a', '/w/s/t', '/etc'),
  other: fc.constantFrom('/w/a', '/x'),
  url: fc.constantFrom('https://example.com/v1/a', 'https://a.example.com/', 'http://h:81/'),
  action: fc.constantFrom('files/write_file', 'files/move_file', 'web/get'),
});

const bundleActions = {
  'files/write_file': WRITE,
  'files/move_file': MOVE,
  'web/get': {
    schema: { type: 'object', properties: { url: { type: 'string' } }, required: ['url'] },
    resources: { url: { kind: 'url' } },
  },
} as const;

it(
  `rule 12: sliced and narrowed equals full, reasons and errors included (${REQUESTS} requests)`,
  () => {
    let done = 0;
    let erring = 0;
    let allowed = 0;
    let smaller = 0;
    let narrower = 0;
    fc.assert(
      fc.property(
        fc.array(policy, { minLength: 3, maxLength: 20 }),
        fc.array(request, { minLength: PER_BUNDLE / 4, maxLength: PER_BUNDLE }),
        (policies, requests) => {
          // Loading costs most of a round: none is loaded for no request.
          if (done >= REQUESTS) return;
          const loaded = loadAccepted(
            policies.map(
              ([effect, principal, action, resource, rest], index) =>
                `@id("p${index}") ${effect} (${principal}, ${action}, ${resource}) ${rest};`,
            ),
          );
          const schema = { digest: loaded.schemaDigest, json: loaded.schema };
          const whole = wholeSlice(loaded.enforced);
          for (const { user, agent, groups, roles, depth, labels, path, other, url, action } of requests) {
            if (done >= REQUESTS) return;
            const args =
              action === 'web/get'
                ? { url }
                : action === 'files/move_file'
                  ? { source: path, destination: other }
                  : { path };
            const list = groups.map((id) => ({ id }));
            const chain = [
              { uid: { type: 'User' as const, id: user }, attrs: { roles }, groups: list },
              { uid: { type: 'Agent' as const, id: agent }, attrs: { roles: [] }, groups: list },
            ];
            const inputs = exactInputs(
              loaded,
              engine.version,
              aDecision(loaded, { action, args, chain, depth, labels }),
              [],
            );
            if ('deny' in inputs) throw new Error(inputs.detail);
            for (const one of requestsOf(inputs)) {
              const slice = sliceOf(
                loaded.enforced,
                loaded.actions.get(action)!,
                one.principal.type,
                one.resource.type,
              );
              const sliced = engine.authorize(loaded.actionSchemas.get(action)!, slice, one);
              expect(sliced).toEqual(engine.authorize(schema, whole, one));
              const asked = narrowed(loaded, loaded.actions.get(action)!, slice, one);
              expect(engine.authorize(asked.schema, slice, asked.request)).toEqual(sliced);
              if (Object.keys(asked.request.context).length < Object.keys(one.context).length) narrower++;
              done++;
              if (sliced.errors.length > 0) erring++;
              if (sliced.decision === 'allow') allowed++;
              if (slice.policies.length < whole.policies.length) smaller++;
            }
          }
        },
      ),
      { numRuns: Math.max(1, Math.ceil((REQUESTS * 4) / PER_BUNDLE)), seed: 20_261_122 },
    );
    expect(done).toBeGreaterThanOrEqual(REQUESTS);
    // The comparison would prove nothing if all requests were alike.
    for (const count of [erring, allowed, smaller, narrower]) expect(count).toBeGreaterThan(REQUESTS / 100);
  },
  60_000 + REQUESTS * 50,
);

/** Loads what the validator accepts: what it refuses, by name, never gets into a set. */
function loadAccepted(texts: readonly string[]): LoadedBundle {
  try {
    return load(texts, { actions: bundleActions });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const refused = new Set(error.problems.map(({ policy }) => policy));
    return load(
      texts.filter((_, index) => !refused.has(`p${index}`)),
      { actions: bundleActions },
    );
  }
}
