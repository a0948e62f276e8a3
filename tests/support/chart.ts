/**
 * A renderer of the part of Helm's template language that our chart uses: values, `if`, `range`, `toYaml`, `nindent`,
 * and the trim markers. Anything else is an error, so that a template cannot come to rest on what is not rendered here.
 */
import { stringify } from 'yaml';

/** What templates see: `.Values`, `.Release`, and inside `range` the item as `.`. */
export type Scope = Readonly<Record<string, unknown>>;

type Node =
  | { readonly text: string }
  | { readonly expression: string }
  | { readonly block: 'if' | 'range'; readonly of: string; readonly yes: Node[]; readonly no: Node[] };

/** Returns the text of a template. Throws on what it does not know, and on a value that is not there. */
export function render(template: string, scope: Scope): string {
  const tokens = tokensOf(template);
  const { nodes, rest } = parse(tokens);
  if (rest.length > 0) throw new Error(`unexpected {{ ${rest[0]!} }}`);
  return write(nodes, scope, undefined);
}

/** Text and actions in turn; text beside a trim marker has lost its white space. */
function tokensOf(template: string): string[] {
  const tokens: string[] = [];
  let at = 0;
  for (const match of template.matchAll(/\{\{(-?)\s*(.*?)\s*(-?)\}\}/g)) {
    let text = template.slice(at, match.index);
    if (match[1] === '-') text = text.trimEnd();
    tokens.push(text, match[2]!);
    if (match[3] === '-') throw new Error('a trim marker on the right is not rendered here');
    at = match.index + match[0].length;
  }
  return [...tokens, template.slice(at)];
}

function parse(tokens: readonly string[]): { readonly nodes: Node[]; readonly rest: readonly string[] } {
  const nodes: Node[] = [];
  let rest = tokens;
  while (rest.length > 0) {
    nodes.push({ text: rest[0]! });
    const action = rest[1];
    if (action === undefined) return { nodes, rest: [] };
    if (action === 'end' || action === 'else') return { nodes, rest: rest.slice(1) };
    const opening = /^(if|range) (\S+)$/.exec(action);
    if (opening === null) {
      nodes.push({ expression: action });
      rest = rest.slice(2);
      continue;
    }
    const yes = parse(rest.slice(2));
    const no = yes.rest[0] === 'else' ? parse(yes.rest.slice(1)) : { nodes: [], rest: yes.rest };
    if (no.rest[0] !== 'end') throw new Error(`{{ ${action} }} has no end`);
    const block = opening[1] as 'if' | 'range';
    nodes.push({ block, of: opening[2]!, yes: yes.nodes, no: no.nodes });
    rest = no.rest.slice(1);
  }
  return { nodes, rest: [] };
}

function write(nodes: readonly Node[], scope: Scope, item: unknown): string {
  return nodes
    .map((node) => {
      if ('text' in node) return node.text;
      if ('expression' in node) return evaluate(node.expression, scope, item);
      const found = valueOf(node.of, scope, item);
      if (node.block === 'if') return write(isTrue(found) ? node.yes : node.no, scope, item);
      if (!Array.isArray(found)) throw new Error(`${node.of} is no list`);
      return (found as readonly unknown[]).map((one) => write(node.yes, scope, one)).join('');
    })
    .join('');
}

function evaluate(expression: string, scope: Scope, item: unknown): string {
  const yaml = /^toYaml (\S+) \| nindent (\d+)$/.exec(expression);
  if (yaml !== null) {
    const lines = stringify(valueOf(yaml[1]!, scope, item))
      .trimEnd()
      .split('\n');
    return lines.map((line) => `\n${' '.repeat(Number(yaml[2]))}${line}`).join('');
  }
  if (!/^\.[\w.]*$/.test(expression)) throw new Error(`{{ ${expression} }} is not rendered here`);
  return String(valueOf(expression, scope, item));
}

function valueOf(path: string, scope: Scope, item: unknown): unknown {
  if (path === '.') return item;
  let value: unknown = scope;
  for (const name of path.slice(1).split('.')) {
    if (typeof value !== 'object' || value === null || !(name in value))
      throw new Error(`${path} has no value`);
    value = (value as Scope)[name];
  }
  return value;
}

/** As Go's templates see it: empty text, lists and objects are false. */
function isTrue(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}
