// Pins: which definition of each tool a person has looked at. A bundle's pins are signed by its authors and win; a pin
// file serves before there are any. A tool that is not pinned, or not as pinned, is not called and not shown.
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseJson, type Json } from '@licet/evidence';
import { GatewayError } from '../errors.ts';
import { definitionDigest, pinnedParts, type InspectedTool } from './definition.ts';
import { isObject, type JsonObject } from './message.ts';
import { diffLines, visible } from './pin-diff.ts';

/** One pinned tool: the digest decides, the definition is kept so that a change can be shown. */
export interface Pin {
  readonly digest: string;
  readonly definition: JsonObject;
}

/** A pin file: `{ v: 1, server, tools: { <name>: { digest, definition } } }`. */
export interface PinFile {
  readonly v: 1;
  readonly server: string;
  readonly tools: { readonly [name: string]: Pin };
}

/** How a tool stands to its pin. */
export interface PinChange {
  readonly name: string;
  readonly kind: 'same' | 'changed' | 'added' | 'removed';
  /** Lines of a diff, `-`, `+` or space first; invisible characters are written as escapes. Empty for `same`. */
  readonly diff: readonly string[];
}

/** Returns a pin file of tools as they are now. Tools that cannot be governed are left out. */
export function makePins(server: string, tools: readonly InspectedTool[]): PinFile {
  return {
    v: 1,
    server,
    tools: Object.fromEntries(
      tools.flatMap((tool) =>
        tool.fault === undefined
          ? [[tool.name, { digest: tool.digest, definition: pinnedParts(tool.definition) }]]
          : [],
      ),
    ),
  };
}

/** Returns what changed since the pins were made, for a person to review before pinning again. */
export function comparePins(pins: PinFile, tools: readonly InspectedTool[]): readonly PinChange[] {
  const now = new Map(
    tools.flatMap((tool) => (tool.fault === undefined ? [[tool.name, tool] as const] : [])),
  );
  const names = [...new Set([...Object.keys(pins.tools), ...now.keys()])].toSorted();
  return names.map((name): PinChange => {
    const pin = Object.hasOwn(pins.tools, name) ? pins.tools[name] : undefined;
    const tool = now.get(name);
    const before = pin === undefined ? [] : lines(pin.definition);
    const after = tool === undefined ? [] : lines(pinnedParts(tool.definition));
    if (pin === undefined) return { name, kind: 'added', diff: after.map((line) => `+${line}`) };
    if (tool === undefined) return { name, kind: 'removed', diff: before.map((line) => `-${line}`) };
    if (pin.digest === tool.digest) return { name, kind: 'same', diff: [] };
    return { name, kind: 'changed', diff: diffLines(before, after) };
  });
}

/**
 * Returns the pin file, or undefined when there is none.
 * @throws GatewayError `ERR_MCP_PINS` when it is broken, or a digest is not its definition's
 */
export async function readPins(file: string, server: string): Promise<PinFile | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new GatewayError('ERR_MCP_PINS', `${file} cannot be read`, { cause });
  }
  let value: Json;
  try {
    value = parseJson(bytes, { maxBytes: 16 * 1_048_576 });
  } catch (cause) {
    throw new GatewayError('ERR_MCP_PINS', `${file} is not JSON`, { cause });
  }
  if (!isObject(value) || value['v'] !== 1 || value['server'] !== server || !isObject(value['tools'])) {
    throw new GatewayError('ERR_MCP_PINS', `${file} holds no pins of ${server}`);
  }
  for (const [name, pin] of Object.entries(value['tools'])) {
    const definition = isObject(pin) ? pin['definition'] : undefined;
    if (
      !isObject(pin) ||
      !isObject(definition) ||
      definition['name'] !== name ||
      pin['digest'] !== definitionDigest(definition)
    ) {
      throw new GatewayError(
        'ERR_MCP_PINS',
        `${file}: the pin of ${visible(name)} is not that of its definition`,
      );
    }
  }
  return value as unknown as PinFile;
}

/** Writes a pin file at once or not at all. @throws GatewayError `ERR_MCP_PINS` */
export async function writePins(file: string, pins: PinFile): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    const draft = `${file}.${process.pid}.new`;
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(pins, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (cause) {
    throw new GatewayError('ERR_MCP_PINS', `${file} cannot be written`, { cause });
  }
}

const lines = (definition: JsonObject): readonly string[] =>
  JSON.stringify(sorted(definition), null, 2).split('\n').map(visible);

/** The same order of members on both sides, so that a diff shows changes and nothing else. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => sorted(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, sorted(value[name]!)]),
  );
}
