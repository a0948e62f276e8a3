// The tools of the server behind the gateway, as they are now, held against their pins. The gateway asks by itself, so
// that what it compares is the whole list and not what a client chose to look at.
import { bundleDigest, type Json } from '@licet/evidence';
import type { BundleRef } from '@licet/evidence';
import { PlaneError } from '@licet/api';
import type { Door } from '@licet/sdk';
import { inspectTools, type InspectedTool } from './definition.ts';
import { isObject, type JsonObject } from './message.ts';
import { comparePins, makePins, readPins, writePins, type PinFile } from './pins.ts';

/** Where pins come from beside the bundle. */
export interface PinSettings {
  /** Path of the pin file. */
  readonly file: string;
  /** Pin all tools as they are when the file does not exist yet. Default false. */
  readonly firstUse?: boolean;
}

/** How a tool stands: it may be asked for, or why not. */
export type Standing =
  | { readonly kind: 'pinned'; readonly action: string; readonly digest: string }
  | {
      readonly kind: 'refused';
      readonly code: 'unknown_tool' | 'unpinned' | 'tool_changed' | 'name_collision';
      readonly why: string;
    };

/** What the catalog works with. */
export interface CatalogParts {
  readonly server: string;
  readonly door: Door;
  readonly pins: PinSettings | undefined;
  /** Asks the server for one page of its tools. */
  readonly listPage: (cursor: string | undefined) => Promise<JsonObject>;
  readonly note: (text: string) => void;
}

/** A list this old is asked for again before a call, milliseconds. */
const FRESH_MS = 1_000;
const MAX_PAGES = 100;

/** The tools of one server. */
export class Catalog {
  readonly #parts: CatalogParts;
  #tools: readonly InspectedTool[] = [];
  #listedAt = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;
  #file: PinFile | undefined;
  /** Digest of the bundle that the last permit named. */
  #inForce: string | undefined;
  #bundle: { readonly pins: JsonObject; readonly actions: JsonObject } | 'forbidden' | 'unreadable' =
    'unreadable';

  constructor(parts: CatalogParts) {
    this.#parts = parts;
  }

  /**
   * Reads the pins of the bundle that a permit names. Only that one counts: its digest is in the log. A door that may
   * not read bundles goes by its pin file; any other failure leaves every tool refused until it is read. Without
   * `refs`, what could not be read before is tried again.
   */
  async readBundle(refs?: readonly BundleRef[]): Promise<void> {
    const digest = refs === undefined ? this.#inForce : refs.find((ref) => ref.layer === 'team')?.digest;
    if (digest === undefined || (digest === this.#inForce && this.#bundle !== 'unreadable')) return;
    // Another bundle decides from now on: the pins of the old one count no more.
    this.#inForce = digest;
    this.#bundle = 'unreadable';
    try {
      const found = (await this.#parts.door.client.bundles()).find(
        (bundle) => bundle.digest === digest,
      )?.signed;
      const bundle = isObject(found) ? found['bundle'] : undefined;
      // What the plane hands out is checked against the digest in the permit.
      if (!isObject(bundle) || bundleDigest(bundle) !== digest)
        throw new Error('it is not the one that the permit names');
      if (!isObject(bundle['pins']) || !isObject(bundle['actions'])) throw new Error('it has no pins');
      this.#bundle = { pins: bundle['pins'], actions: bundle['actions'] };
    } catch (error) {
      // RULE 45: a plane shows its rules to people only. It compares the definition in the permit with its pins itself.
      if (error instanceof PlaneError && error.code === 'forbidden') this.#bundle = 'forbidden';
      else this.#parts.note(`the pins of bundle ${digest} cannot be read: ${String(error)}`);
    }
  }

  /** The list is to be asked for again before it is used. */
  markStale(): void {
    this.#listedAt = Number.NEGATIVE_INFINITY;
  }

  /** Makes the list fresh. Rejects when the server gives none: then no tool is known. */
  refresh(): Promise<void> {
    const { clock } = this.#parts.door;
    if (clock.now().monotonicMs - this.#listedAt < FRESH_MS) return Promise.resolve();
    this.#refreshing ??= this.#list().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Returns the digest of a tool's definition as the server gives it now, pinned or not; undefined without such a tool. */
  digestOf(name: string): string | undefined {
    const [tool, ...others] = this.#tools.filter((one) => one.name === name);
    return others.length > 0 || tool?.fault !== undefined ? undefined : tool?.digest;
  }

  /** Returns how a tool of this name stands. */
  standing(name: string): Standing {
    const found = this.#tools.filter((tool) => tool.name === name);
    const tool = found[0];
    if (tool === undefined)
      return { kind: 'refused', code: 'unknown_tool', why: 'the server has no tool of this name' };
    if (tool.fault !== undefined || found.length > 1)
      return { kind: 'refused', code: 'name_collision', why: tool.fault ?? 'the name stands twice' };
    const { action, digest } = tool;
    if (this.#bundle === 'unreadable') {
      return { kind: 'refused', code: 'unpinned', why: 'the pins of the bundle in force cannot be read' };
    }
    if (this.#bundle !== 'forbidden' && !Object.hasOwn(this.#bundle.actions, action)) {
      return { kind: 'refused', code: 'unknown_tool', why: 'no bundle describes this tool' };
    }
    const pin = this.#pinOf(name, action);
    if (pin === undefined)
      return { kind: 'refused', code: 'unpinned', why: 'nobody has reviewed and pinned this tool yet' };
    if (pin !== digest)
      return {
        kind: 'refused',
        code: 'tool_changed',
        why: 'the definition of this tool is not the one that was pinned',
      };
    return { kind: 'pinned', action, digest };
  }

  /** Returns a page with only the tools that may be asked for, or undefined when nothing has to be taken out. */
  filter(page: JsonObject): JsonObject | undefined {
    const tools = Array.isArray(page['tools']) ? (page['tools'] as readonly Json[]) : [];
    const digests = new Map(
      inspectTools(this.#parts.server, tools).flatMap((tool) =>
        tool.fault === undefined ? [[tool.name, tool.digest] as const] : [],
      ),
    );
    const kept = tools.filter((tool) => {
      const name = isObject(tool) ? tool['name'] : undefined;
      if (typeof name !== 'string') return false;
      const standing = this.standing(name);
      // The page and the catalog's own list may differ: both have to be as pinned.
      return standing.kind === 'pinned' && standing.digest === digests.get(name);
    });
    return kept.length === tools.length && Array.isArray(page['tools'])
      ? undefined
      : { ...page, tools: kept };
  }

  #pinOf(name: string, action: string): string | undefined {
    const pins = typeof this.#bundle === 'string' ? {} : this.#bundle.pins;
    const signed = Object.hasOwn(pins, action) ? pins[action] : undefined;
    // What the bundle's authors signed wins over a file on this machine.
    if (signed !== undefined) return typeof signed === 'string' ? signed : '';
    const tools = this.#file?.tools;
    return tools !== undefined && Object.hasOwn(tools, name) ? tools[name]!.digest : undefined;
  }

  async #list(): Promise<void> {
    const { server, door, pins, note } = this.#parts;
    const tools: Json[] = [];
    let cursor: string | undefined;
    for (let pages = 0; ; pages++) {
      if (pages >= MAX_PAGES) throw new Error(`more than ${MAX_PAGES} pages of tools`);
      const page = await this.#parts.listPage(cursor);
      if (!Array.isArray(page['tools'])) throw new Error('the list of tools is none');
      tools.push(...(page['tools'] as readonly Json[]));
      const next = page['nextCursor'];
      if (typeof next !== 'string') break;
      cursor = next;
    }
    const inspected = inspectTools(server, tools);
    if (pins !== undefined) {
      this.#file = await readPins(pins.file, server);
      if (this.#file === undefined && pins.firstUse === true) {
        this.#file = makePins(server, inspected);
        await writePins(pins.file, this.#file);
        note(
          `pinned ${Object.keys(this.#file.tools).length} tools of ${server} as they are now, in ${pins.file}`,
        );
      }
      const changed =
        this.#file === undefined
          ? []
          : comparePins(this.#file, inspected).filter(({ kind }) => kind === 'changed');
      for (const { name, diff } of changed)
        note(`the definition of ${name} has changed:\n${diff.join('\n')}`);
    }
    this.#tools = inspected;
    this.#listedAt = door.clock.now().monotonicMs;
  }
}
