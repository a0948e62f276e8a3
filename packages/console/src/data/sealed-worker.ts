/**
 * Verifies and decides again, away from the page. The worker has no network (its own content security policy forbids
 * it) and no DOM: it is handed Cedar, compiled, and the bytes to judge, and answers with values.
 */
import { initSync } from '@cedar-policy/cedar-wasm/web';
import * as cedar from '@cedar-policy/cedar-wasm/web';
import { canonicalize, parseTrust, verifyBundle, type Json } from '@licet/evidence';
import { webCrypto } from '@licet/evidence/web';
import {
  asTest,
  attestRequired,
  buildInput,
  bundleDigest,
  createEngine,
  createRedecide,
  evaluateUnder,
  loadBundle,
  parseBundle,
  parseMandateBody,
  runPolicyTests,
  unmetAttestation,
  type AttestationKind,
  type Bundle,
  type DecidedEntry,
  type DecisionInput,
  type Engine,
  type Evaluation,
  type ExactInputs,
  type LoadedBundle,
  type MandateAt,
} from '@licet/policy';
import type { Answer, Ask, AttestationHere, DecisionAgain, PolicySource, WhatIf } from './decide.ts';

type Redecide = NonNullable<NonNullable<Parameters<typeof verifyBundle>[2]>['redecide']>;
type Decision = Parameters<Redecide>[0];

/** The context of every request, as `exactInputs` writes it. */
type RecordedContext = Pick<DecisionInput, 'approvals' | 'attestation' | 'labels' | 'depth' | 'door'> & {
  readonly meters: unknown;
  readonly facts: unknown;
  readonly now: { readonly ms: number };
};

interface Case {
  readonly entry: DecidedEntry;
  readonly inputs: ExactInputs;
  readonly args: { readonly [name: string]: Json };
  readonly loaded: LoadedBundle;
  /** What bound it besides the bundle. */
  readonly under: readonly MandateAt[];
}

let engine: Engine | undefined;
/** Decisions of the file judged last, in its order. */
let cases: (Case | undefined)[] = [];

addEventListener('message', ({ data }: MessageEvent<Ask>) => {
  void answer(data).then(
    (value) => postMessage({ id: data.id, value } satisfies Answer),
    (error: unknown) =>
      postMessage({
        id: data.id,
        error: error instanceof Error ? error.message : String(error),
      } satisfies Answer),
  );
});

async function answer(ask: Ask): Promise<unknown> {
  if (ask.task === 'open') {
    initSync({ module: ask.wasm });
    engine = createEngine(cedar);
    return engine.version;
  }
  if (engine === undefined) throw new Error('Cedar is not loaded');
  if (ask.task === 'judge') return judge(engine, ask.evidence, ask.trust);
  if (ask.task === 'what-if') return whatIf(engine, ask.decision, ask.change);
  if (ask.task === 'run-tests') {
    const { org, team } = ask.bundles;
    const layers = { team: parseBundle(team), ...(org === undefined ? {} : { org: parseBundle(org) }) };
    return runPolicyTests(engine, loadBundle(engine, layers), ask.files);
  }
  return pinned(ask.decision, ask.name);
}

/** Every rung of the file, and every decision in it decided again. */
async function judge(using: Engine, evidence: Uint8Array, trust: string | undefined) {
  const base = createRedecide(using);
  cases = [];
  const decisions: DecisionAgain[] = [];
  const redecide = (async (decision: Decision) => {
    const found = await base(decision as never);
    const known = caseOf(using, decision);
    cases.push(known);
    decisions.push(decisionView(using, decision.entry as DecidedEntry, known, found));
    return found;
  }) as Redecide;
  const report = await verifyBundle(evidence, trust === undefined ? undefined : parseTrust(trust), {
    crypto: webCrypto,
    redecide,
  });
  return { report, decisions, engine: using.version };
}

/** What a decision was made from, as far as the file shows it. */
function caseOf(using: Engine, decision: Decision): Case | undefined {
  const entry = decision.entry as DecidedEntry;
  const recorded = decision.execution.inputs.disclosed.find(([, name]) => name === 'inputs')?.[2];
  if (recorded === undefined || entry.bundles === undefined) return undefined;
  try {
    const layers: { org?: Bundle; team?: Bundle } = {};
    for (const ref of entry.bundles)
      for (const candidate of decision.bundles) {
        const inner = ((candidate as { readonly bundle?: Json }).bundle ?? candidate) as unknown as Bundle;
        if (bundleDigest(inner) === ref.digest) layers[ref.layer] = parseBundle(inner);
      }
    if (layers.team === undefined) return undefined;
    const inputs = recorded as unknown as ExactInputs;
    const under = underOf(inputs, decision.mandates);
    if (under === undefined) return undefined;
    return {
      entry,
      inputs,
      under,
      args: Object.fromEntries(
        decision.execution.arguments.disclosed.map(([, name, value]) => [name, value]),
      ),
      loaded: loadBundle(using, { ...layers, team: layers.team }),
    };
  } catch {
    return undefined;
  }
}

/** The mandates that took part, from what the file opens; undefined when one is withheld. */
function underOf(inputs: ExactInputs, opened: readonly Json[]): readonly MandateAt[] | undefined {
  const bodies = opened.map(parseMandateBody);
  const found = inputs.mandates.flatMap(({ id, from }) => {
    const body = bodies.find((one) => one.id === id);
    return body === undefined ? [] : [{ body, from }];
  });
  return found.length === inputs.mandates.length ? found : undefined;
}

function decisionView(
  using: Engine,
  entry: DecidedEntry,
  known: Case | undefined,
  agreement: { readonly status: string; readonly why?: string },
): DecisionAgain {
  const evaluation =
    known === undefined ? undefined : evaluateUnder(using, known.loaded, inputOf(known, {}), known.under);
  return {
    at: entry.at,
    type: entry.type,
    agreement: { status: agreement.status, why: agreement.why ?? '' },
    ...(known === undefined
      ? {}
      : {
          context: known.inputs.context as unknown as Json,
          links: known.inputs.links.map(({ principal, entities }) => ({
            ...principal,
            groups: entities.slice(1).map(({ uid }) => uid.id),
          })),
          resources: known.inputs.resources,
          mandates: known.inputs.mandates.length,
          attestation: attestationOf(known),
        }),
    ...(evaluation === undefined || known === undefined ? {} : summaryOf(evaluation, known)),
  };
}

/** What the bundle asks for, each with what was counted; then what was counted without being asked for. */
function attestationOf({ inputs, loaded }: Case): readonly AttestationHere[] {
  const { attestation: facts, door } = inputs.context as unknown as RecordedContext;
  const plan = loaded.actions.get(inputs.action);
  const required = plan === undefined ? [] : attestRequired(loaded, plan);
  const countedOf = (kind: AttestationKind): Pick<AttestationHere, 'counted'> => {
    const fact = facts[kind];
    if (fact === undefined) return {};
    const { status, measured, ageMs, by } = fact;
    const place = inputs.cites[`attestation.${kind}`];
    return { counted: { status, measured, ageMs, by, ...(place === undefined ? {} : { place }) } };
  };
  const others = (Object.keys(facts) as AttestationKind[]).filter(
    (kind) => !required.some((one) => one.kind === kind),
  );
  return [
    ...required.map((one): AttestationHere => {
      const { kind, ...asked } = one;
      const unmet = unmetAttestation([one], inputs.context['attestation'], door.bound);
      return { kind, required: asked, ...countedOf(kind), ...(unmet === undefined ? {} : { unmet }) };
    }),
    ...others.map((kind): AttestationHere => ({ kind, ...countedOf(kind) })),
  ];
}

/** The verdict under changed arguments, approvals, facts or labels; nothing is recorded. */
function whatIf(using: Engine, at: number, change: WhatIf) {
  const known = caseAt(at);
  return summaryOf(evaluateUnder(using, known.loaded, inputOf(known, change), known.under), known);
}

/** The decision as a policy test, ready for `*.test.json`. */
function pinned(at: number, name: string): string {
  const known = caseAt(at);
  if (known.under.length > 0)
    throw new Error('A mandate took part: a policy test knows none, and would expect something else.');
  const { entry } = known;
  const test = asTest({
    name,
    input: inputOf(known, {}),
    verdict: entry.type === 'permit' ? 'allow' : (entry.verdict ?? 'deny'),
    reasons: entry.reasons ?? [],
    ...(entry.code === undefined ? {} : { code: entry.code as never }),
    ...(entry.holds === undefined ? {} : { holds: entry.holds }),
  });
  canonicalize(test as unknown as Json);
  return `${JSON.stringify({ tests: [test] }, undefined, 2)}\n`;
}

function caseAt(at: number): Case {
  const known = cases[at];
  if (known === undefined) throw new Error('The file does not show what this decision was made from.');
  return known;
}

/** What the plane gathered, put together again from the exact inputs. */
function inputOf({ inputs, args, loaded }: Case, change: WhatIf): DecisionInput {
  const context = inputs.context as unknown as RecordedContext;
  const input = change.args ?? args;
  const plan = loaded.actions.get(inputs.action);
  const built = plan === undefined ? undefined : buildInput(plan, input as Json);
  return {
    action: inputs.action,
    args: input,
    chain: inputs.links.map(({ principal, entities }) => ({
      uid: principal as DecisionInput['chain'][number]['uid'],
      attrs: { roles: (entities[0]?.attrs['roles'] ?? []) as readonly string[] },
      groups: entities
        .slice(1)
        .map(({ uid, parents }) => ({ id: uid.id, parents: parents.map(({ id }) => id) })),
    })),
    // Arguments that do not fit give none; the engine then says why it denies.
    resources: built === undefined || 'deny' in built ? [] : built.resources,
    approvals: change.approvals ?? context.approvals,
    meters: plain(context.meters) as DecisionInput['meters'],
    attestation: context.attestation,
    facts: Object.fromEntries(
      Object.entries(change.facts ?? (plain(context.facts) as object)).map(([name, value]) => [
        name,
        { value: value as string },
      ]),
    ),
    labels: change.labels ?? context.labels,
    depth: context.depth,
    door: context.door,
    nowMs: context.now.ms,
  };
}

/** Decimals of Cedar as the texts they were. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const extension = (value as { readonly __extn?: { readonly arg: unknown } }).__extn;
  if (extension !== undefined) return extension.arg;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

function summaryOf(evaluation: Evaluation, { loaded, under }: Pick<Case, 'loaded' | 'under'>) {
  const { verdict, code, detail, reasons, holds, failedLink, perPair } = evaluation;
  return {
    verdict,
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
    ...(failedLink === undefined ? {} : { failedLink }),
    reasons,
    holds: (holds ?? []).map(({ group, need }) => ({ group, need })),
    pairs: perPair,
    sources: sourcesOf([...new Set([...reasons, ...perPair.flatMap((pair) => pair.reasons)])], loaded, under),
  };
}

/** The text of policies, by `@id`, from the signed bundle and the signed mandates. */
function sourcesOf(
  ids: readonly string[],
  { layers }: LoadedBundle,
  under: readonly MandateAt[],
): readonly PolicySource[] {
  const bundles = [layers.org, layers.team].filter((bundle) => bundle !== undefined);
  const files = [
    ...bundles.flatMap(({ layer, version, policies }) =>
      policies.map(({ name, text }) => ({ layer, version, file: name, text, of: '' })),
    ),
    ...under.flatMap(({ body }) =>
      body.policies.map(({ text }) => ({
        layer: 'mandate',
        version: 0,
        file: body.id,
        text,
        of: 'mandate/',
      })),
    ),
  ];
  return ids.flatMap((id): readonly PolicySource[] => {
    for (const { layer, version, file, text, of } of files) {
      if (!id.startsWith(of)) continue;
      const parts = cedar.policySetTextToParts(text);
      if (parts.type !== 'success') continue;
      const source = parts.policies.find((policy) => policy.includes(`@id("${id.slice(of.length)}")`));
      if (source !== undefined) return [{ id, layer, version, file, text: source.trim() }];
    }
    return [];
  });
}
