/**
 * Reading Cedar's JSON policy form: which parts of a request a policy looks at. Used at load to hold policies
 * to the few shapes that can be reasoned about (RULES 13, 15) and to know what a door must bind (RULE 26).
 */
import type { CedarExpr, CedarPolicyJson } from './cedar.ts';

type Node = Readonly<Record<string, unknown>>;

/** What a policy looks at. */
export interface Reads {
  /** Parts that a door may or may not bind: `resource`, `input`, `input.<argument>`. Sorted. */
  readonly parts: readonly string[];
  /** Arguments of `context.input` that stand left of a `like`. */
  readonly like: readonly string[];
  /** True when `context` stands anywhere without a field after it. */
  readonly bareContext: boolean;
  /** Fields of the context that it names; `all` when it cannot be said which. */
  readonly context: ReadonlySet<string> | 'all';
  /** The group when the policy has exactly the hold clause and no other look at `context.approvals`. */
  readonly holdGroup?: string;
  /** How often `context.approvals` is looked at outside a hold clause, or in a second one. */
  readonly strayApprovals: number;
}

/** Returns what a policy looks at, in its scope and its conditions. */
export function readsOf(policy: CedarPolicyJson): Reads {
  const parts = new Set<string>();
  const like = new Set<string>();
  const fields = new Set<string>();
  let seen = 0;
  let bareContext = false;
  let stray = 0;
  let holdGroup: string | undefined;
  if (policy.resource.op !== 'All') parts.add('resource');

  const visit = (node: Node): void => {
    const [op, body] = Object.entries(node)[0] as [string, unknown];
    const chain = fieldChain(node);
    if (chain !== undefined && chain.variable === 'context') {
      const [first, second] = chain.fields;
      seen++;
      if (first !== undefined) fields.add(first);
      if (first === undefined) bareContext = true;
      else if (first === 'approvals') stray++;
      else if (first === 'input') parts.add(second === undefined ? 'input' : `input.${second}`);
      return;
    }
    if (chain !== undefined && chain.variable === 'resource') parts.add('resource');
    if (op === 'like') {
      const left = fieldChain((body as { left: Node }).left);
      if (left?.variable === 'context' && left.fields[0] === 'input' && left.fields[1] !== undefined)
        like.add(left.fields[1]);
    }
    for (const child of children(op, body)) visit(child);
  };

  for (const { kind, body } of policy.conditions) {
    const group = kind === 'unless' ? holdClause(body) : undefined;
    if (group === undefined) {
      visit(body as unknown as Node);
      continue;
    }
    seen++;
    fields.add('approvals');
    if (holdGroup === undefined) holdGroup = group;
    else stray++;
  }
  return {
    parts: [...parts].sort(),
    like: [...like].sort(),
    bareContext,
    // Counted a second way, over every node whatever its kind: a form that the walk above does not know must not
    // hide what is read.
    context: bareContext || seen !== contextsIn(policy.conditions) ? 'all' : fields,
    strayApprovals: stray,
    ...(holdGroup === undefined ? {} : { holdGroup }),
  };
}

/** Returns how often the variable `context` stands in a value. */
function contextsIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if ((value as Node)['Var'] === 'context') return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + contextsIn(inner), 0);
}

/** Returns X of exactly `context.approvals.contains("X")`, else undefined. */
function holdClause(body: CedarExpr): string | undefined {
  const call = (body as { contains?: { left: Node; right: { Value?: unknown } } }).contains;
  if (call === undefined) return undefined;
  const chain = fieldChain(call.left);
  if (chain?.variable !== 'context' || chain.fields.length !== 1 || chain.fields[0] !== 'approvals')
    return undefined;
  return typeof call.right.Value === 'string' ? call.right.Value : undefined;
}

/** Returns variable and fields of `context.a.b`, and of `context.a has b.c`; undefined for anything else. */
function fieldChain(
  node: Node,
): { readonly variable: string; readonly fields: readonly string[] } | undefined {
  if ('Var' in node) return { variable: node['Var'] as string, fields: [] };
  if ('.' in node) {
    const { left, attr } = node['.'] as { left: Node; attr: string };
    const inner = fieldChain(left);
    return inner === undefined ? undefined : { variable: inner.variable, fields: [...inner.fields, attr] };
  }
  if ('has' in node) {
    const { left, attr } = node['has'] as { left: Node; attr: string | readonly string[] };
    const inner = fieldChain(left);
    const fields = typeof attr === 'string' ? [attr] : attr;
    return inner === undefined
      ? undefined
      : { variable: inner.variable, fields: [...inner.fields, ...fields] };
  }
  return undefined;
}

function children(op: string, body: unknown): Node[] {
  if (op === 'Value' || op === 'Var' || op === 'Slot' || op === 'Unknown') return [];
  if (op === 'Record') return Object.values(body as Record<string, Node>);
  if (Array.isArray(body)) return body as Node[];
  const named = body as Record<string, unknown>;
  return ['left', 'right', 'arg', 'if', 'then', 'else', 'in']
    .map((name) => named[name])
    .filter((child): child is Node => typeof child === 'object' && child !== null);
}
