/**
 * A simulated world: the real plane over the real log and the store in memory, on a clock, dice and faults of the
 * seed. A process can end at any moment; the next one begins from what was durable, in a new incarnation.
 */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { base64url, formatNote } from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { checkpointSigner } from '@licet/log';
import {
  createPlane,
  machine as realMachine,
  type Evaluator,
  type Machine,
  type Plane,
  type Store,
} from '@licet/control-plane';
import { bundleDigest, createEngine, evaluateUnder, loadBundle, type LoadedBundle } from '@licet/policy';
import { createMemoryStore, type MemorySnapshot, type MemoryStore } from '@licet/store/memory';
import type { FaultPoint } from '@licet/store';
import {
  AUDIENCE,
  LEASE_KEY,
  LOG_KEY,
  MEMBERS,
  ORIGIN,
  publishing,
  speaks,
  T0,
  TENANT,
  TENANT_KEY,
  TRUST,
} from './cast.ts';
import { dice, type Dice } from './random.ts';

/**
 * One engine for all seeds, and Cedar asked each question once: the same policies, principal, resource and context
 * give the same answer (P2), and the policies of the cast look at neither time nor meters. The evidence of every seed
 * is decided again by an engine that remembers nothing.
 */
const engine = createEngine(cedar);
const askCedar = engine.authorize;
const answered = new Map<string, ReturnType<typeof askCedar>>();
engine.authorize = (schema, slice, request) => {
  const { now: _, meters: __, ...context } = request.context;
  const { principal, action, resource, entities } = request;
  const question = JSON.stringify([schema.digest, slice.key, principal, action, resource, context, entities]);
  const answer = answered.get(question) ?? askCedar(schema, slice, request);
  if (answered.size < 50_000) answered.set(question, answer);
  return answer;
};
const loadedOnce = new Map<string, LoadedBundle>();

/** What may be put in the place of the real parts, to see whether the simulator notices. */
export interface Bugs {
  readonly machine?: (real: Machine) => Machine;
  /** Between the plane and its store. */
  readonly store?: (real: MemoryStore) => Store;
}

/** How the store fails in this world. */
export interface Weather {
  /** Probability that a batch fails at a point. */
  readonly faults: Readonly<Partial<Record<FaultPoint, number>>>;
  /** Turns of the event loop that an await may take longer. */
  readonly sway: number;
}

export interface SimulatedClock {
  now: number;
  nowMs(): number;
}

/** One life of the plane, from its opening to its end. */
export interface Process {
  readonly plane: Plane;
  readonly store: MemoryStore;
  /** Replies of a process that has ended reach nobody. */
  alive: boolean;
}

export interface World {
  readonly clock: SimulatedClock;
  process: Process;
  /** Set to let the store fail; opening and checking are left alone. */
  stormy: boolean;
  /** Ends the process now, whatever is in flight, and opens another on what is durable. */
  restart(): Promise<void>;
}

/** Opens a world for a seed. Every world begins from the same published bundle. */
export async function openWorld(seed: string, weather: Weather, bugs: Bugs = {}): Promise<World> {
  const clock: SimulatedClock = { now: T0, nowMs: () => clock.now };
  const chance = dice(seed, 'weather');
  const random = dice(seed, 'plane');
  const begin = await beginning();
  const world: World = {
    clock,
    stormy: false,
    process: undefined as unknown as Process,
    async restart() {
      const stormy = world.stormy;
      world.stormy = false;
      world.process.alive = false;
      world.process = await openProcess(world.process.store.snapshot());
      world.stormy = stormy;
    },
  };
  const openProcess = async (from: MemorySnapshot): Promise<Process> => {
    const store = createMemoryStore({
      machine: bugs.machine?.(realMachine) ?? realMachine,
      ...signers,
      clock,
      random,
      from,
      faults: {
        async at(point) {
          await sway(chance, weather.sway);
          const probability = weather.faults[point] ?? 0;
          if (world.stormy && probability > 0 && chance.chance(probability))
            throw new Error(`fault ${point}`);
        },
      },
    });
    const plane = await createPlane({
      ...common,
      store: bugs.store?.(store) ?? store,
      evaluator: swaying(chance, weather.sway),
      clock,
      random,
    });
    return { plane, store, alive: true };
  };
  world.process = await openProcess(begin);
  return world;
}

const log = checkpointSigner(LOG_KEY);
const notes = new Map<string, string>();

const signers = {
  signer: {
    origin: log.origin,
    /** Ed25519 gives the same signature each time, so the simulator pays for it once. */
    signCheckpoint(size: number, root: Uint8Array): string {
      const head = `${size} ${base64url(root)}`;
      const note = notes.get(head) ?? log.signCheckpoint(size, root);
      if (notes.size > 10_000) notes.clear();
      notes.set(head, note);
      return note;
    },
  },
  lease: { signNote: (text: string) => formatNote(text, [LEASE_KEY.signSync(text)]) },
};
const common = {
  engine,
  resolver: { confirm: async () => undefined },
  crypto: nodeCrypto,
  tenantKey: TENANT_KEY,
  trust: TRUST,
  origin: ORIGIN,
  audience: AUDIENCE,
  boot: {
    version: '0.1.0',
    custody: 'separate' as const,
    genesis: {
      origin: ORIGIN,
      tenant: TENANT,
      logKey: LOG_KEY.vkey,
      public: false,
      people: 2 as const,
      keys: [{ purpose: 'lease' as const, key: LEASE_KEY.vkey }],
      identities: MEMBERS,
    },
  },
};

let begun: Promise<MemorySnapshot> | undefined;
/** A log with genesis and a published bundle: made once, from a seed of its own. */
function beginning(): Promise<MemorySnapshot> {
  begun ??= (async () => {
    const clock = { nowMs: () => T0 };
    const random = dice('beginning', 'plane');
    const store = createMemoryStore({ machine: realMachine, ...signers, clock, random });
    const plane = await createPlane({ ...common, store, evaluator: swaying(random, 0), clock, random });
    const { reply } = await plane.operate(speaks('author-1'), publishing(1));
    if (reply.kind !== 'operated') throw new Error(`the beginning: ${JSON.stringify(reply)}`);
    return store.snapshot();
  })();
  return begun;
}

/** The real engine, answering after a while; a bundle that was loaded once is not parsed again. */
function swaying(chance: Dice, most: number): Evaluator {
  return {
    engine: engine.version,
    admit: () => undefined,
    async load(layers) {
      const name = `${bundleDigest(layers.team)} ${layers.org === undefined ? '' : bundleDigest(layers.org)}`;
      const known = loadedOnce.get(name) ?? loadBundle(engine, layers);
      loadedOnce.set(name, known);
      return known;
    },
    async evaluate(loaded, input, mandates) {
      await sway(chance, most);
      const evaluation = evaluateUnder(engine, loaded, input, mandates);
      await sway(chance, most);
      return evaluation;
    },
  };
}

/** Lets up to `most` turns of the event loop pass. */
export async function sway(chance: Dice, most: number): Promise<void> {
  for (let turns = most === 0 ? 0 : chance.below(most + 1); turns > 0; turns -= 1) await Promise.resolve();
}
