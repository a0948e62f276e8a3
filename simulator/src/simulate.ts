/** One simulation: a seed is a weather, a company and a sequence of steps; after each step the promises are checked. */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import {
  base64url,
  canonicalize,
  equalBytes,
  formatEvidence,
  parseCheckpoint,
  parseNote,
  parseTlogProof,
  base64,
  fromUtf8,
  unbase64url,
  trustedLog,
  trustedPolicy,
  verifyBundle,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
  type EvidenceParts,
  type Json,
} from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import type { ContainmentRow, ExecutionRow, MeterRow, RowKind, RowValues } from '@licet/control-plane';
import { createEngine, createRedecide } from '@licet/policy';
import type { MemoryStore } from '@licet/store/memory';
import { Actors, type Said } from './actors.ts';
import { Auditor, decimal } from './audit.ts';
import { ORIGIN, TRUST } from './cast.ts';
import { dice } from './random.ts';
import { openWorld, sway, type Bugs, type Weather, type World } from './world.ts';

export interface SimulationOptions {
  readonly seed: number | string;
  /** Default 80. */
  readonly steps?: number;
  readonly bugs?: Bugs;
}

export interface SimulationReport {
  readonly seed: string;
  readonly steps: number;
  /** Size and root of the log at the end: the same for the same seed. */
  readonly size: number;
  readonly root: string;
  /** Broken promises; empty when all held. */
  readonly violations: readonly string[];
  /** What was done and answered, oldest first. */
  readonly trace: readonly string[];
  /** How much of each kind of thing happened. */
  readonly counts: Readonly<
    Record<
      'permits' | 'starts' | 'containments' | 'restarts' | 'failures' | 'acknowledged' | 'evidence',
      number
    >
  >;
}

const KINDS: readonly RowKind[] = [
  'plane',
  'containment',
  'policy',
  'identity',
  'key',
  'execution',
  'run',
  'meter',
  'roots',
  'fact',
  'idem',
  'hold',
  'order',
  'bundle',
  'clock',
  'tally',
];
const REDECIDE = createRedecide(createEngine(cedar));

/** Runs a seed to its end, or to the first broken promise. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const run = new Simulation(String(options.seed), options.steps ?? 80, options.bugs ?? {});
  return run.run();
}

class Simulation {
  readonly #seed: string;
  readonly #steps: number;
  readonly #bugs: Bugs;
  readonly #audit = new Auditor();
  readonly #trace: string[] = [];
  readonly #broken: string[] = [];
  readonly #checkedNotes = new Set<string>();
  #head = { size: 0, root: new Uint8Array(32) };
  #world: World | undefined;
  #restarts = 0;
  #failures = 0;
  #acknowledged = 0;
  #evidence = 0;

  constructor(seed: string, steps: number, bugs: Bugs) {
    this.#seed = seed;
    this.#steps = steps;
    this.#bugs = bugs;
  }

  async run(): Promise<SimulationReport> {
    const chance = dice(this.#seed, 'steps');
    const weather = weatherOf(this.#seed);
    const world = await openWorld(this.#seed, weather, this.#bugs);
    this.#world = world;
    const actors = new Actors({
      world,
      dice: dice(this.#seed, 'actors'),
      lossy: chance.chance(0.5) ? 0 : 0.15,
      trace: this.#trace,
      acknowledge: (said) => this.#acknowledge(said),
      covering: (exec) => (this.#audit.covered(exec) ? [...this.#audit.active.keys()] : []),
      broken: (what) => void this.#broken.push(what),
    });
    const crashes = chance.chance(0.5) ? 0.06 : 0;
    const restless = chance.chance(0.5);
    await this.#check();
    world.stormy = true;
    for (let step = 0; step < this.#steps && this.#ok(); step += 1) {
      this.#trace.push(`--- step ${step}, ${new Date(world.clock.now).toISOString()}`);
      const acts = Array.from({ length: chance.chance(0.6) ? 1 : 2 + chance.below(3) }, async () => {
        await sway(chance, 20);
        await actors.act();
      });
      if (chance.chance(crashes)) {
        // The process ends at some await of something; what was in flight goes unheard.
        await sway(chance, 120);
        this.#trace.push('the process ends');
        this.#restarts += 1;
        await world.restart();
      }
      await Promise.all(acts);
      await this.#recover(chance.chance(0.3));
      this.#time(chance, restless);
      if (chance.chance(0.5)) await this.#tick();
      await this.#recover(false);
      await this.#check();
    }
    if (this.#ok()) await this.#end(actors, chance.below(1_000));
    return {
      seed: this.#seed,
      steps: this.#steps,
      size: this.#audit.size,
      root: this.#audit.roots.at(-1)!,
      violations: [...this.#broken, ...this.#audit.violations],
      trace: this.#trace,
      counts: {
        permits: [...this.#audit.executions.values()].filter(({ permit }) => permit !== undefined).length,
        starts: [...this.#audit.executions.values()].filter(({ start }) => start !== undefined).length,
        containments: this.#audit.epoch,
        restarts: this.#restarts,
        failures: this.#failures,
        acknowledged: this.#acknowledged,
        evidence: this.#evidence,
      },
    };
  }

  #ok(): boolean {
    return this.#broken.length === 0 && this.#audit.violations.length === 0;
  }

  get #store(): MemoryStore {
    return this.#world!.process.store;
  }

  #time(chance: ReturnType<typeof dice>, restless: boolean): void {
    const { clock } = this.#world!;
    clock.now += chance.below(2_500);
    if (chance.chance(0.06)) clock.now += chance.below(40_000);
    if (restless && chance.chance(0.03)) clock.now += chance.below(7_200_000);
    if (restless && chance.chance(0.04)) clock.now -= chance.below(chance.chance(0.7) ? 2_000 : 600_000);
  }

  async #tick(): Promise<void> {
    try {
      await this.#world!.process.plane.tick();
    } catch (error) {
      if (
        !/^ERR_STORE_(UNAVAILABLE|UNKNOWN_RESULT)$/.test(String((error as { readonly code?: unknown }).code))
      )
        this.#broken.push(`tick: ${String(error)}`);
    }
  }

  /** A store that failed is opened again: in place, or by a new process. */
  async #recover(restart: boolean): Promise<void> {
    if ((await this.#store.health()).ok) return;
    this.#failures += 1;
    this.#trace.push(restart ? 'the store failed: restart' : 'the store failed: recover');
    if (restart) await this.#world!.restart();
    else await this.#store.recover();
  }

  /** What was said is in the log, at its place, with its bytes, in a tree that the log signed. */
  async #acknowledge({ what, answer, go, coveredBy }: Said): Promise<void> {
    const read = await this.#readOn();
    for (const { bytes, index, leaf, proof } of answer.entries) {
      this.#acknowledged += 1;
      const { proof: hashes, checkpoint } = parseTlogProof(proof);
      const { size, root } = parseCheckpoint(parseNote(checkpoint).text);
      const kept = this.#audit.bytes[index];
      if (kept === undefined || !equalBytes(kept, bytes))
        this.#broken.push(`${what}: acknowledged entry ${index} is not in the log (${read})`);
      if (this.#audit.roots[size] !== base64url(root))
        this.#broken.push(`${what}: signed another root at size ${size}`);
      if (!verifyInclusion({ index, size, leaf, proof: hashes, root }))
        this.#broken.push(`${what}: the proof of entry ${index} does not lead to its tree`);
      if (!this.#checkedNotes.has(checkpoint)) {
        this.#checkedNotes.add(checkpoint);
        const policy = trustedPolicy(trustedLog(TRUST, ORIGIN));
        await verifyCheckpoint(checkpoint, policy, nodeCrypto).catch((error: unknown) =>
          this.#broken.push(`${what}: ${String(error)}`),
        );
      }
    }
    if (go === undefined) return;
    // P7: whoever is told to go is told so by an execution that runs, and that nothing acknowledged before covers.
    const still = coveredBy.filter((leaf) => this.#audit.active.has(leaf));
    if (still.length > 0 && this.#audit.covered(go))
      this.#broken.push(`${what}: told ${go} to go, although it was contained before it asked`);
    if (this.#audit.executions.get(go)?.start === undefined)
      this.#broken.push(`${what}: told ${go} to go without a start in the log`);
  }

  /** Reads what the log has gained. */
  async #readOn(): Promise<number> {
    const { size } = await this.#store.log.checkpoint();
    const start = this.#audit.size;
    const entries = size > start ? await this.#store.log.entries(start, size) : [];
    // Several replies may arrive at once and read on at once: each entry is judged once.
    for (const [at, bytes] of entries.entries()) if (start + at === this.#audit.size) this.#audit.read(bytes);
    return size;
  }

  /** The promises, after a step. */
  async #check(): Promise<void> {
    const size = await this.#readOn();
    const { root, note } = await this.#store.log.checkpoint();
    if (size < this.#audit.size) this.#broken.push(`the log shrank from ${this.#audit.size} to ${size}`);
    if (base64url(root) !== this.#audit.roots[size])
      this.#broken.push(`the tree of size ${size} is not that of its entries (${note.length})`);
    const proof = await this.#store.log.consistency(this.#head.size, size);
    if (
      !verifyConsistency({
        oldSize: this.#head.size,
        newSize: size,
        oldRoot: this.#head.size === 0 ? unbase64url(this.#audit.roots[0]!) : this.#head.root,
        newRoot: root,
        proof,
      })
    )
      this.#broken.push(`the trees of sizes ${this.#head.size} and ${size} are not consistent`);
    this.#head = { size, root: root.slice() };
    await this.#compareRows();
  }

  async #compareRows(): Promise<void> {
    const execs = [...this.#audit.touched];
    this.#audit.touched.clear();
    const rows = await this.#store.read(execs.map((id) => ({ kind: 'execution', id }) as const));
    for (const [at, exec] of execs.entries()) {
      const row = rows[at]?.value as ExecutionRow | undefined;
      const { state } = this.#audit.executions.get(exec)!;
      if (row?.state !== state)
        this.#broken.push(`${exec}: the log says ${state}, the row says ${row?.state ?? 'nothing'}`);
    }
    const names = [...this.#audit.meters.keys()];
    const meters = await this.#store.read(names.map((id) => ({ kind: 'meter', id }) as const));
    for (const [at, name] of names.entries()) {
      const row = meters[at]?.value as MeterRow | undefined;
      const { reserved, spent } = this.#audit.meters.get(name)!;
      if (decimal(row?.reserved ?? '0') !== reserved || decimal(row?.spent ?? '0') !== spent)
        this.#broken.push(`${name}: the row is not the sum over the log`);
    }
    const [row] = await this.#store.read([{ kind: 'containment', id: 'self' }]);
    const contained = row?.value as ContainmentRow | undefined;
    const active = (contained?.active ?? []).map(({ leaf }) => leaf).sort();
    if (
      (contained?.epoch ?? 0) !== this.#audit.epoch ||
      canonicalize(active) !== canonicalize([...this.#audit.active.keys()].sort())
    )
      this.#broken.push('the row of containments is not that of the log');
  }

  /** A last restart: what is in doubt is said, the tables are those of the log, and evidence proves itself. */
  async #end(actors: Actors, lot: number): Promise<void> {
    const world = this.#world!;
    await world.restart();
    world.stormy = false;
    const [row] = await this.#store.read([{ kind: 'clock', id: 'self' }]);
    const lastAtMs = row === undefined ? 0 : (row.value as RowValues['clock']).atMs;
    world.clock.now = Math.max(world.clock.now, lastAtMs) + 1_200_000;
    for (let rounds = 0; rounds < 50; rounds += 1) if ((await world.process.plane.tick()).length === 0) break;
    await this.#check();
    for (const state of ['running', 'permitted', 'held', 'approved'] as const)
      if (this.#audit.inState(state).length > 0)
        this.#broken.push(`still ${state} long after its time: ${this.#audit.inState(state).join(' ')}`);
    const listed = await this.#store.list({ kind: 'execution', where: { state: 'in_doubt' }, limit: 10_000 });
    if (canonicalize(listed.map(({ id }) => id).sort()) !== canonicalize(this.#audit.inState('in_doubt')))
      this.#broken.push('not everything in doubt is listed after a restart');
    const live = await tables(this.#store);
    await this.#store.rebuild();
    const rebuilt = await tables(this.#store);
    for (const [at, row] of live.entries())
      if (row !== rebuilt[at])
        this.#broken.push(
          `rebuilt otherwise: ${row.slice(0, 400)} … ${rebuilt[at]?.slice(0, 400) ?? 'nothing'}`,
        );
    if (live.length !== rebuilt.length) this.#broken.push('a rebuild has other rows');
    await this.#store.check().catch((error: unknown) => this.#broken.push(String(error)));
    const { permitted } = actors;
    for (const exec of new Set([permitted[lot % Math.max(1, permitted.length)], permitted.at(-1)]))
      if (exec !== undefined) await this.#prove(exec);
  }

  async #prove(exec: string): Promise<void> {
    const found = await this.#world!.process.plane.evidence('execution', exec);
    if (found === undefined) return void this.#broken.push(`no evidence of ${exec}`);
    const { entries, checkpoints, ...rest } = found;
    const file = formatEvidence({
      v: 1,
      type: 'licet/evidence',
      ...rest,
      entries: entries.map(({ index, bytes, proof }) => ({
        index,
        entry: fromUtf8(bytes),
        proof: proof.map(base64),
      })),
      checkpoints: checkpoints.map(({ note, consistency }) => ({
        note,
        consistency: consistency.map(base64),
      })),
    } as unknown as EvidenceParts);
    const report = await verifyBundle(file, TRUST, { crypto: nodeCrypto, redecide: REDECIDE });
    this.#evidence += 1;
    if (report.exit === 0) return;
    const failed = report.rungs.filter(({ status }) => status === 'fail');
    this.#broken.push(`the evidence of ${exec} does not verify: ${JSON.stringify(failed).slice(0, 1_500)}`);
  }
}

/** Each seed has weather of its own: most are calm in most respects, so that each kind of fault is also met alone. */
function weatherOf(seed: string): Weather {
  const chance = dice(seed, 'climate');
  const sometimes = (probability: number): number => (chance.chance(0.35) ? probability : 0);
  return {
    sway: chance.pick([0, 2, 8])!,
    faults: {
      'before-commit': sometimes(0.02),
      'torn-batch': sometimes(0.02),
      'lost-write': sometimes(0.03),
      'unknown-result': sometimes(0.03),
      'after-commit-before-reply': sometimes(0.03),
    },
  };
}

async function tables(store: MemoryStore): Promise<readonly string[]> {
  const rows = await Promise.all(KINDS.map((kind) => store.list({ kind, ascending: true, limit: 10_000 })));
  return rows.flat().map((row) => canonicalize(row as unknown as Json));
}
