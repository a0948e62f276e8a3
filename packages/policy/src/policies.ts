/**
 * The policies of one layer: the texts taken apart, each policy checked by itself (RULES 13–15, 20), then all
 * of them by Cedar's strict validator. Every problem is collected with its file, line and column.
 */
import { readAnnotations, type Annotations } from './annotations.ts';
import { SELF_TEST } from './action-plan.ts';
import type { CedarError, CedarModule, CedarPolicyJson, CedarSchemaJson } from './cedar.ts';
import { problem, type Problem, type ProblemKind } from './errors.ts';
import { readsOf, type Reads } from './expressions.ts';

/** Where a set of policies comes from. */
export type PolicyLayer = 'org' | 'team' | 'mandate';

/** One policy, ready to be sliced. */
export interface Policy {
  /** As in reasons: the `@id`, with `org/` or `mandate/` before it unless it is the team's. */
  readonly id: string;
  readonly layer: PolicyLayer;
  readonly file: string;
  readonly line: number;
  readonly text: string;
  readonly json: CedarPolicyJson;
  readonly annotations: Annotations;
  readonly reads: Reads;
  /** What a denial may show of it (RULE 45). */
  readonly explain: 'full' | 'code';
}

interface Source {
  readonly name: string;
  readonly text: string;
}

interface LayerOptions {
  readonly layer: PolicyLayer;
  readonly explain: 'full' | 'code';
  /** Names of all mapped arguments of all actions. */
  readonly mapped: ReadonlySet<string>;
}

/** Returns the policies of the sources; problems are added to `problems`. */
export function readPolicies(
  cedar: CedarModule,
  sources: readonly Source[],
  options: LayerOptions,
  problems: Problem[],
): Policy[] {
  const policies: Policy[] = [];
  for (const source of sources) {
    const parts = cedar.policySetTextToParts(source.text);
    if (parts.type === 'failure') {
      for (const error of parts.errors)
        problems.push(located('cedar_syntax', error, source, 0, options.layer));
      continue;
    }
    for (const text of parts.policy_templates)
      problems.push(
        problem('template', 'a policy has slots', {
          layer: options.layer,
          file: source.name,
          ...place(source, text),
        }),
      );
    for (const text of parts.policies) {
      const policy = readPolicy(cedar, source, text, options, problems);
      if (policy !== undefined) policies.push(policy);
    }
  }
  const seen = new Set<string>();
  for (const policy of policies) {
    if (seen.has(policy.id))
      problems.push(at(policy, 'id_duplicate', `@id("${policy.annotations.id}") comes twice`));
    seen.add(policy.id);
  }
  return policies;
}

function readPolicy(
  cedar: CedarModule,
  source: Source,
  text: string,
  options: LayerOptions,
  problems: Problem[],
): Policy | undefined {
  const { layer } = options;
  const where = place(source, text);
  const parsed = cedar.policyToJson(text);
  if (parsed.type === 'failure') {
    const offset = source.text.indexOf(text);
    for (const error of parsed.errors) problems.push(located('cedar_syntax', error, source, offset, layer));
    return undefined;
  }
  const { json } = parsed;
  const raw = (json.annotations ?? {}) as Record<string, string | null>;
  const report = (kind: ProblemKind, message: string): void =>
    void problems.push(
      problem(kind, message, {
        layer,
        file: source.name,
        ...where,
        ...(raw['id'] ? { policy: raw['id'] } : {}),
      }),
    );
  const annotations = readAnnotations(raw, json.effect, report);
  const reads = readsOf(json);

  if (reads.bareContext) report('context', 'context stands without a field, which would hide what is read');
  // RULE 15: approvals lift holds and nothing else.
  const held = annotations.hold?.group;
  if (
    reads.strayApprovals > 0 ||
    (reads.holdGroup !== undefined && (json.effect === 'permit' || held === undefined))
  )
    report('approvals', 'context.approvals is read outside a hold');
  if (held !== undefined && reads.holdGroup !== held)
    report('hold', `@hold("${held}") needs unless { context.approvals.contains("${held}") }`);
  if (held !== undefined && layer === 'mandate')
    report('hold', 'a mandate can only narrow, not ask for approvals');
  if (annotations.shadow && layer === 'mandate') report('annotation', 'a mandate has no @mode');
  // RULE 13: "/workspace/*" matches /workspace/../etc/passwd.
  for (const name of reads.like)
    if (options.mapped.has(name)) report('like_on_mapped', `like is used on the mapped argument ${name}`);
  // RULE 20: the organisation's layer can only take away.
  if (layer === 'org' && json.effect === 'permit')
    report('org_permit', 'the organisation bundle holds a permit');
  // RULE 14, DESIGN §6: whatever its conditions, no permit may reach the self-test.
  if (json.effect === 'permit' && reachesSelfTest(json))
    report('self_test', 'a permit covers licet/self-test');

  return {
    id: layer === 'team' ? annotations.id : `${layer}/${annotations.id}`,
    layer,
    file: source.name,
    line: where.line,
    text,
    json,
    annotations,
    reads,
    explain: annotations.explain ?? options.explain,
  };
}

function reachesSelfTest(json: CedarPolicyJson): boolean {
  const scope = json.action;
  if (scope.op === 'All') return true;
  return scopeUids(scope).some((uid) => uid.id === SELF_TEST);
}

/** Returns the uids that an `==` or `in` scope names. */
export function scopeUids(scope: object): readonly { readonly type: string; readonly id: string }[] {
  const { entity, entities } = scope as { entity?: unknown; entities?: readonly unknown[] };
  return [...(entity === undefined ? [] : [entity]), ...(entities ?? [])].map((uid) => {
    const plain = uid as { __entity?: { type: string; id: string }; type: string; id: string };
    return plain.__entity ?? plain;
  });
}

/** Runs the strict validator over policies; errors and warnings alike are problems (RULE 14). */
export function validatePolicies(
  cedar: CedarModule,
  schema: CedarSchemaJson,
  policies: readonly Policy[],
  problems: Problem[],
): void {
  const answer = cedar.validate({
    schema,
    policies: { staticPolicies: Object.fromEntries(policies.map(({ id, text }) => [id, text])) },
    validationSettings: { mode: 'strict' },
  });
  if (answer.type === 'failure') {
    for (const error of answer.errors) problems.push(problem('schema', error.message));
    return;
  }
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  const add = (kind: ProblemKind, found: readonly { policyId: string; error: CedarError }[]): void => {
    for (const { policyId, error } of found) {
      const policy = byId.get(policyId);
      const start = error.sourceLocations?.[0]?.start ?? 0;
      const inner = policy === undefined ? { line: 1, column: 1 } : lineAndColumn(policy.text, start);
      const message = error.help === null ? error.message : `${error.message} (${error.help})`;
      problems.push(
        policy === undefined
          ? problem(kind, message)
          : at(policy, kind, message, {
              line: policy.line + inner.line - 1,
              column: inner.column,
            }),
      );
    }
  };
  add('cedar_error', answer.validationErrors);
  add('cedar_warning', answer.validationWarnings);
  for (const warning of answer.otherWarnings) problems.push(problem('cedar_warning', warning.message));
}

function at(policy: Policy, kind: ProblemKind, message: string, more: Partial<Problem> = {}): Problem {
  return problem(kind, message, {
    layer: policy.layer,
    file: policy.file,
    line: policy.line,
    policy: policy.annotations.id,
    ...more,
  });
}

function located(kind: ProblemKind, error: CedarError, source: Source, base: number, layer: string): Problem {
  const span = error.sourceLocations?.[0];
  const label = span?.label === undefined || span.label === null ? '' : ` (${span.label})`;
  const prefix = source.text.slice(0, base);
  const start = lineAndColumn(source.text, utf8Length(prefix) + (span?.start ?? 0));
  return problem(kind, `${error.message}${label}`, { layer, file: source.name, ...start });
}

function place(source: Source, text: string): { readonly line: number; readonly column: number } {
  const offset = Math.max(0, source.text.indexOf(text));
  return lineAndColumn(source.text, utf8Length(source.text.slice(0, offset)));
}

/** Cedar counts bytes of UTF-8; people count lines and columns from 1. */
export function lineAndColumn(
  text: string,
  byteOffset: number,
): { readonly line: number; readonly column: number } {
  let line = 1;
  let column = 1;
  let bytes = 0;
  for (const character of text) {
    if (bytes >= byteOffset) break;
    bytes += utf8Length(character);
    if (character === '\n') {
      line++;
      column = 1;
    } else column++;
  }
  return { line, column };
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
