/**
 * The pure core with Prepare in front of it, over rows in a map: quick enough for very many small worlds. Chains,
 * budgets and every check are the product's; only what is signed, committed to and encrypted is left out, which the core
 * takes as verified anyway.
 */
import { base64url, parseEntry, type EntryType, type Json } from '@licet/evidence';
import { loadBundle, type Bundle, type LoadedBundle } from '@licet/policy';
import { chainOf } from '../src/chain.ts';
import type { Command, DecideCommand, Reply } from '../src/core/commands.ts';
import { Draft, type Fields } from '../src/core/draft.ts';
import type { Row, RowKey, RowKind, RowReader, RowValues } from '../src/core/rows.ts';
import { judge, resolveArguments } from '../src/prepare.ts';
import { FENCED, Snapshot } from '../src/snapshot.ts';
import {
  machine,
  type ApplyContext,
  type Caller,
  type EntryDetail,
  type Evaluator,
  type NewEntry,
  type Prepared,
  type Put,
  type Transition,
} from '../src/index.ts';
import { engine } from './support.ts';

/** A fault put into the plane on purpose: rows that it does not see as they are, or does not write as it should. */
export interface Plant {
  sees?(row: Put): Put | undefined;
  writes?(put: Put): Put | undefined;
}

interface Cell {
  readonly version: number;
  readonly value: unknown;
}

/** Rows in a map; a fork begins with those that it is given. */
class Rows implements RowReader {
  readonly #cells: Map<string, Cell>;
  readonly #own = new Set<string>();
  readonly #plant: Plant;

  constructor(from?: Rows, plant: Plant = {}) {
    this.#cells = new Map(from === undefined ? [] : from.#cells);
    this.#plant = plant;
  }

  get<K extends RowKind>(kind: K, id: string): RowValues[K] | undefined {
    const value = this.#cells.get(`${kind}/${id}`)?.value as RowValues[K] | undefined;
    if (value === undefined || this.#plant.sees === undefined) return value;
    return this.#plant.sees({ kind, id, value })?.value as RowValues[K] | undefined;
  }

  version(kind: RowKind, id: string): number {
    return this.get(kind, id) === undefined ? 0 : this.#cells.get(`${kind}/${id}`)!.version;
  }

  put(puts: readonly Put[]): void {
    for (const one of puts) {
      const put = this.#plant.writes === undefined ? one : this.#plant.writes(one);
      if (put === undefined) continue;
      const key = `${put.kind}/${put.id}`;
      this.#own.add(key);
      this.#cells.set(key, { value: put.value, version: (this.#cells.get(key)?.version ?? 0) + 1 });
    }
  }

  /** As a store answers: what Prepare reads. */
  read(keys: readonly RowKey[]): Promise<readonly (Row | undefined)[]> {
    return Promise.resolve(
      keys.map(({ kind, id }): Row | undefined => {
        const value = this.get(kind, id);
        return value === undefined
          ? undefined
          : { kind, id, value, version: this.version(kind, id), order: 0 };
      }),
    );
  }

  /** What was written since the fork, by kind and id. */
  written(): ReadonlyMap<string, unknown> {
    return new Map([...this.#own].map((key) => [key, this.#cells.get(key)!.value]));
  }
}

/** What a mandate of these worlds says: tools and folders, no more. */
export interface SetsOfMandate {
  readonly tools: readonly string[];
  readonly folders: readonly string[];
}

/** Mandates as sets: a tool of the list, a place in one of the folders. The team forbids one folder and lets the rest. */
const sets = ({ forbidden, leaseMs }: Pick<CoreSetting, 'forbidden' | 'leaseMs'>): Evaluator => ({
  engine: 'sets/1',
  admit: () => undefined,
  load: async (layers) => loadBundle(engine, layers),
  evaluate: async (_, { action, resources }, mandates) => {
    const within = (folder: string): boolean => resources.every(({ uid }) => uid.id.startsWith(`${folder}/`));
    const rest = { terms: { leaseMs, maxMs: 43_200_000 }, reasons: [], shadow: [], explain: [], perPair: [] };
    if (resources.length === 0 || within(forbidden)) return { verdict: 'deny', code: 'policy', ...rest };
    const failed = mandates.find(({ body }) => {
      const { tools, folders } = JSON.parse(body.policies[0]!.text) as SetsOfMandate;
      return !tools.includes(action) || !folders.some(within);
    });
    if (failed !== undefined) return { verdict: 'deny', code: 'mandate', failedLink: failed.from, ...rest };
    return { verdict: 'allow', ...rest };
  },
});

/** Something asked for. */
export interface CoreAsk {
  readonly caller: Caller;
  readonly parent?: string;
  readonly action: string;
  readonly arguments: { readonly [name: string]: Json };
  readonly child?: { readonly agent: string; readonly jkt: string };
  readonly start: boolean;
}

/** What every world of a test has in common. */
export interface CoreSetting {
  readonly bundle: Bundle;
  readonly forbidden: string;
  readonly leaseMs: number;
}

const DOOR = { grade: 'gateway', confine: 'none', custody: 'separate' } as const;

export class Core {
  nowMs: number;
  readonly rows: Rows;
  readonly entries: NewEntry[] = [];
  readonly #first: number;
  readonly #below: Rows | undefined;
  readonly #plant: Plant | undefined;
  readonly #evaluator: Evaluator;
  readonly #loaded: LoadedBundle;
  #serial: number;

  private constructor(
    below: { readonly rows: Rows; readonly size: number; readonly serial: number } | undefined,
    given: { readonly evaluator: Evaluator; readonly loaded: LoadedBundle; readonly nowMs: number },
    plant?: Plant,
  ) {
    this.rows = new Rows(below?.rows, plant);
    this.nowMs = given.nowMs;
    this.#below = below?.rows;
    this.#plant = plant;
    this.#first = below?.size ?? 0;
    this.#serial = below?.serial ?? 0;
    this.#evaluator = given.evaluator;
    this.#loaded = given.loaded;
  }

  /** An empty world. */
  static async open({ bundle, forbidden, leaseMs }: CoreSetting, nowMs: number): Promise<Core> {
    const evaluator = sets({ forbidden, leaseMs });
    return new Core(undefined, { evaluator, loaded: await evaluator.load({ team: bundle }), nowMs });
  }

  /** A world that goes on from this one and leaves it as it is. */
  fork(plant?: Plant): Core {
    const below = { rows: this.rows, size: this.#size, serial: this.#serial };
    return new Core(below, { evaluator: this.#evaluator, loaded: this.#loaded, nowMs: this.nowMs }, plant);
  }

  get #size(): number {
    return this.#first + this.entries.length;
  }

  /** 32 bytes that were not there before, as a digest is written. */
  digest(): string {
    this.#serial += 1;
    return `${'A'.repeat(30)}${String(this.#serial).padStart(12, '0')}A`;
  }

  exec(): string {
    this.#serial += 1;
    return `00000000-0000-7000-8000-${String(this.#serial).padStart(12, '0')}`;
  }

  /** Applies a command; `reads` as Prepare would name them. */
  apply(command: Command, reads: Prepared['reads'] = [], evaluatedAtMs = this.nowMs): Reply | 'stale' {
    const prepared = { command, reads, evaluatedAtMs };
    const applied = machine.apply(this.rows, prepared, this.#context());
    return applied === 'stale' ? 'stale' : this.#keep(applied).reply;
  }

  /** Appends one entry as the operation that it belongs to would, without that operation. Returns its leaf. */
  append<T extends EntryType>(type: T, fields: Fields<T>, detail: EntryDetail): string {
    const draft = new Draft(this.rows, this.#context());
    const { leaf } = draft.append(type, fields, { detail });
    this.#keep(draft.reply({ kind: 'ticked', changed: [] }));
    return leaf;
  }

  #keep(transition: Transition): Transition {
    this.entries.push(...transition.entries);
    this.rows.put(transition.puts);
    return transition;
  }

  #context(): ApplyContext {
    return {
      nowMs: this.nowMs,
      size: this.#size,
      random: (length) => {
        this.#serial += 1;
        const bytes = new Uint8Array(length);
        new DataView(bytes.buffer).setUint32(0, this.#serial);
        return bytes;
      },
      signNote: () => {
        throw new Error('nothing is renewed here');
      },
    };
  }

  /** Prepares a request as the plane does: what it would commit, or the code of a denial that needs no commit. */
  async prepare(ask: CoreAsk): Promise<Prepared | { readonly deny: string }> {
    const snapshot = new Snapshot(this.rows);
    const exec = this.exec();
    const chain = await chainOf(snapshot, ask.caller, ask.parent, exec, this.nowMs);
    if ('deny' in chain) return { deny: chain.deny };
    const plan = this.#loaded.actions.get(ask.action)!;
    const resolved = await resolveArguments({ confirm: async () => undefined }, plan, ask.arguments);
    if ('deny' in resolved) return { deny: resolved.deny };
    const question = { action: ask.action, ...resolved, chain, door: { ...DOOR, bound: [] }, exec };
    const judged = await judge(this.#evaluator, snapshot, this.#loaded, question, this.nowMs);
    if ('deny' in judged) return { deny: judged.deny };
    const digest = this.digest();
    const command: DecideCommand = {
      kind: 'decide',
      exec,
      caller: ask.caller,
      chain: chain.links,
      run: chain.run,
      ...(chain.parent === undefined ? {} : { parent: chain.parent }),
      depth: chain.depth,
      action: ask.action,
      aud: 'licet',
      commitments: { args: digest, resource: digest, inputs: digest },
      resources: [],
      request: digest,
      idem: digest,
      recognition: digest,
      instance: digest,
      start: ask.start,
      spend: ask.start ? 'started' : 'plane',
      ...(ask.child === undefined ? {} : { child: ask.child }),
      door: DOOR,
      bound: [],
      bundles: this.#loaded.refs,
      verdict: judged.verdict,
      reservations: judged.reservations,
      approvals: judged.approvals,
      standing: [],
      consequences: [],
    };
    return { command, reads: snapshot.versions(FENCED), evaluatedAtMs: this.nowMs };
  }

  /** The rows that the log makes of itself, from its bytes. */
  rebuilt(): ReadonlyMap<string, unknown> {
    const rows = new Rows(this.#below, this.#plant);
    for (const [at, { bytes, leaf, detail }] of this.entries.entries()) {
      const placed = {
        entry: parseEntry(bytes),
        leaf: base64url(leaf),
        index: this.#first + at,
      };
      rows.put(machine.project(rows, detail === undefined ? placed : { ...placed, detail }));
    }
    return rows.written();
  }
}
