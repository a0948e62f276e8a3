/** What is like a held call: the scope of a word in advance, drawn as narrow as the call until a person widens it. */
import type { ExecutionView } from '@licet/api';
import type { StandingScope } from '@licet/evidence';

/** Most arguments that a scope bounds (docs/formats/standing.md). */
const MAX_BOUNDS = 8;

type Place = NonNullable<StandingScope['within']>[number];

/** What a person chose. */
export interface AheadDraft {
  readonly on: boolean;
  readonly count: string;
  readonly forMs: number;
  /** Position in `placesOf`. */
  readonly where: number;
  /** Upper bounds by argument, as they were changed; empty: any. */
  readonly max: Readonly<Record<string, string>>;
}

export const NO_AHEAD: AheadDraft = { on: false, count: '10', forMs: 3_600_000, where: 0, max: {} };

/** Where calls like it may reach: exactly what it touches, then the folders above it or its host. */
export function placesOf({
  resources = [],
}: ExecutionView): readonly { readonly words: string; readonly within: readonly Place[] }[] {
  const touched = resources.map(({ type, id }) => ({ type, id }));
  const exactly = { words: 'exactly what this one touches', within: touched };
  const folders = commonFolders(touched).map((id) => ({
    words: `anything in ${id}`,
    within: [{ type: 'Folder', id }],
  }));
  return [exactly, ...folders];
}

/** Folders that hold everything that is touched, the deepest first; never the whole disk. */
function commonFolders(touched: readonly Place[]): readonly string[] {
  if (touched.length === 0 || touched.some(({ type }) => type !== 'File' && type !== 'Folder')) return [];
  const above = touched.map(({ type, id }) => {
    const parts = id.split('/').slice(1);
    return type === 'File' ? parts.slice(0, -1) : parts;
  });
  const [first, ...others] = above as [string[], ...string[][]];
  let depth = 0;
  while (depth < first.length && others.every((one) => one[depth] === first[depth])) depth += 1;
  return Array.from({ length: depth }, (_, at) => `/${first.slice(0, depth - at).join('/')}`);
}

/** Returns the arguments that can be bounded, each an exact decimal, with this call's value. */
export function amountsOf({ arguments: args }: ExecutionView): Readonly<Record<string, string>> {
  if (args === undefined || args === 'erased') return {};
  const amounts = Object.entries(args).flatMap(([name, value]) => {
    const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
    return typeof text === 'string' && isAmount(text) ? [[name, text] as const] : [];
  });
  return Object.fromEntries(amounts.slice(0, MAX_BOUNDS));
}

const isAmount = (text: string): boolean => /^[0-9]{1,18}(?:\.[0-9]{1,4})?$/.test(text);

/** Returns why what was chosen is no word in advance, or undefined. */
export function faultOf(draft: AheadDraft, execution: ExecutionView): string | undefined {
  if (!draft.on) return undefined;
  if (!/^[1-9][0-9]{0,3}$/.test(draft.count) || Number(draft.count) > 1_000)
    return 'Say how many in advance, from 1 to 1,000.';
  const bad = Object.keys(amountsOf(execution)).find((name) => {
    const text = draft.max[name];
    return text !== undefined && text !== '' && !isAmount(text);
  });
  return bad === undefined ? undefined : `${bad} is bounded by an amount such as 50 or 12.50.`;
}

/** Returns the scope that was chosen. */
export function scopeOf(draft: AheadDraft, execution: ExecutionView): StandingScope {
  const places = placesOf(execution);
  const bounds = Object.entries(amountsOf(execution))
    .map(([name, now]) => [name, draft.max[name] ?? now] as const)
    .filter(([, text]) => text !== '');
  return {
    v: 1,
    action: execution.action,
    agent: execution.chain.at(-1)!.id,
    within: places[draft.where]?.within ?? places[0]!.within,
    ...(bounds.length === 0 ? {} : { max: Object.fromEntries(bounds) }),
  };
}
