// What a tool says of itself, and the digest that pins it: one changed code point in a description is another tool,
// because the description is what makes a model call it.
import { base64url, canonicalBytes, domainTag, sha256, utf8, type Json } from '@licet/evidence';
import { isObject, type JsonObject } from './message.ts';

/** The parts that are pinned. Others (`_meta`, icons, execution hints) are for display and may change. */
export const PINNED_FIELDS = [
  'name',
  'title',
  'description',
  'inputSchema',
  'outputSchema',
  'annotations',
] as const;

const TAG = utf8(domainTag('tool'));
/** Names that stand for the governed methods that are no tools. */
export const RESERVED_TOOLS: ReadonlySet<string> = new Set(['resources.read', 'prompts.get']);
const TOOL_NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,95}$/;
const SERVER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Returns the pinned parts of a tool definition; absent ones stay absent. */
export function pinnedParts(tool: JsonObject): JsonObject {
  return Object.fromEntries(
    PINNED_FIELDS.flatMap((field) => (Object.hasOwn(tool, field) ? [[field, tool[field]!] as const] : [])),
  );
}

/**
 * Returns the digest of a tool definition, base64url:
 *
 *     SHA-256( "licet/tool/v1\n" ‖ JCS{ name, title?, description?, inputSchema, outputSchema?, annotations? } )
 *
 * The order of members does not count, everything else does.
 */
export function definitionDigest(tool: JsonObject): string {
  return base64url(sha256(TAG, canonicalBytes(pinnedParts(tool))));
}

/** Returns `<server>/<tool>`, or undefined for a name that no action can have. */
export function actionOf(server: string, tool: string): string | undefined {
  if (!SERVER_NAME.test(server) || !TOOL_NAME.test(tool) || RESERVED_TOOLS.has(tool)) return undefined;
  return `${server}/${tool}`;
}

/**
 * Returns the tools of a list result with what is wrong with each: names that look alike (after Unicode
 * normalization and case folding) are refused together, since nobody could tell which one was meant.
 */
export function inspectTools(server: string, tools: readonly Json[]): readonly InspectedTool[] {
  const counts = new Map<string, number>();
  for (const tool of tools) {
    const key = lookalike(tool);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return tools.map((tool): InspectedTool => {
    if (!isObject(tool) || typeof tool['name'] !== 'string') return { fault: 'a tool without a name' };
    const name = tool['name'];
    const action = actionOf(server, name);
    if (action === undefined) return { name, fault: 'the name cannot be governed' };
    if (counts.get(lookalike(tool)) !== 1)
      return { name, fault: 'another tool has this name, or one that looks like it' };
    try {
      return { name, action, digest: definitionDigest(tool), definition: tool };
    } catch {
      return { name, fault: 'the definition has no canonical form' };
    }
  });
}

/** A tool that can be governed, or why not. */
export type InspectedTool =
  | {
      readonly name: string;
      readonly action: string;
      readonly digest: string;
      readonly definition: JsonObject;
      readonly fault?: never;
    }
  | { readonly name?: string; readonly fault: string };

function lookalike(tool: Json): string {
  const name = isObject(tool) ? tool['name'] : undefined;
  return typeof name === 'string' ? name.normalize('NFKC').toLowerCase() : '';
}
