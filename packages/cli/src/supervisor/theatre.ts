// The state of the demo and who is told of it. Everything that a scenario needs is here; nothing that it does.
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRenewal } from '@licet/evidence';
import { createDoor, type Door } from '@licet/sdk';
import type { PlaneClient } from '@licet/api';
import { BUSY_TREE } from '../demo/processes.ts';
import { see } from '../demo/claim.ts';
import type { Agent, World } from '../demo/world.ts';
import { between } from './between.ts';
import { publishDemoPolicy } from './policy.ts';
import { Recorder } from './recorder.ts';
import { layOut, lookAt, openTarget, type SideFolders, type Target } from './sides.ts';
import type { DemoView, LeaseView, ProbeView, RunView, ScenarioView, WorldView } from './view.ts';

const MAX_RUNS = 12;
/** Changes are told together, milliseconds. */
const TELL_MS = 60;
const LOOK_MS = 1_000;

/** The plane's process as the supervisor left it. */
export interface PlaneState {
  readonly state: 'up' | 'dead' | 'starting';
  readonly sinceMs: number;
  readonly sizes?: { readonly before: number; readonly after?: number; readonly recoveredMs?: number };
}

/** Opens the theatre in a world: target, folders, policy, the standing agent. */
export async function openTheatre(world: World): Promise<Theatre> {
  const target = await openTarget();
  const program = join(world.folder, 'bin', 'busy-tree');
  await writeFile(program, BUSY_TREE);
  await chmod(program, 0o755);
  const free: SideFolders = {
    workspace: join(world.folder, 'ungoverned', 'workspace'),
    outside: join(world.folder, 'ungoverned', 'outside'),
  };
  const governed: SideFolders = { workspace: world.workspace, outside: join(world.folder, 'outside') };
  await layOut(free);
  await publishDemoPolicy(world, target.port);
  const standing = await world.agent('Demo agent');
  const theatre = new Theatre({ world, target, program, free, governed, standing });
  await theatre.look();
  return theatre;
}

interface Parts {
  readonly world: World;
  readonly target: Target;
  readonly program: string;
  readonly free: SideFolders;
  readonly governed: SideFolders;
  readonly standing: Agent;
}

export class Theatre {
  readonly world: World;
  readonly target: Target;
  readonly program: string;
  readonly free: SideFolders;
  readonly governed: SideFolders;
  /** Asks all along, over the plane's death too: that it recovers by itself is the point. */
  readonly standing: Agent;
  readonly standingDoor: Door;
  /** Ended at reset and at the end: what scenarios left running. */
  readonly cleanups = new Set<() => Promise<void> | void>();
  /** What the page shows as the buttons; set by whoever runs them. */
  scenarios: () => readonly ScenarioView[] = () => [];
  #plane: PlaneState = { state: 'up', sinceMs: Date.now() };
  #runs: readonly RunView[] = [];
  #lease: LeaseView | undefined;
  #probe: ProbeView | undefined;
  #look: WorldView = { governed: NOTHING, free: NOTHING };
  #count = 0;
  #closed = false;
  #telling: NodeJS.Timeout | undefined;
  readonly #looking: NodeJS.Timeout;
  readonly #listeners = new Set<(view: DemoView) => void>();

  constructor(parts: Parts) {
    this.world = parts.world;
    this.target = parts.target;
    this.program = parts.program;
    this.free = parts.free;
    this.governed = parts.governed;
    this.standing = parts.standing;
    this.standingDoor = createDoor(parts.standing.plane, parts.standing.plane.pinned);
    this.#looking = setInterval(() => {
      if (this.#listeners.size > 0) void this.look();
    }, LOOK_MS);
  }

  get plane(): PlaneState {
    return this.#plane;
  }

  setPlane(next: PlaneState): void {
    this.#plane = next;
    this.changed();
  }

  setLease(next: LeaseView | undefined): void {
    this.#lease = next;
    this.changed();
  }

  get lease(): LeaseView | undefined {
    return this.#lease;
  }

  setProbe(next: ProbeView | undefined): void {
    this.#probe = next;
    this.changed();
  }

  get probe(): ProbeView | undefined {
    return this.#probe;
  }

  get runs(): readonly RunView[] {
    return this.#runs;
  }

  view(): DemoView {
    const { plane, trust, folder, operatorToken } = this.world;
    return {
      plane: {
        ...this.#plane,
        url: plane.url,
        publicUrl: plane.publicUrl,
        consoleUrl: `${plane.url.replace('//127.0.0.1', '//localhost')}/console#token=${operatorToken}`,
        origin: trust.logs[0]!.origin,
      },
      folder,
      scenarios: this.scenarios(),
      runs: this.#runs,
      ...(this.#lease === undefined ? {} : { lease: this.#lease }),
      ...(this.#probe === undefined ? {} : { probe: this.#probe }),
      world: this.#look,
    };
  }

  /** Begins a run: looks at the world before anything happens. */
  async begin(scenario: string, title: string): Promise<Recorder> {
    const before = await this.look();
    this.#count += 1;
    const recorder: Recorder = new Recorder({ id: `run-${this.#count}`, scenario, title, before }, () =>
      this.#keep(recorder.view),
    );
    this.#keep(recorder.view);
    return recorder;
  }

  /** A new agent for one run: what is contained or revoked in one is nobody else's trouble. */
  agent(): Promise<Agent> {
    return this.world.agent(`Demo agent ${this.#count}`);
  }

  door(client: PlaneClient, agent: Agent): Door {
    return createDoor(client, agent.plane.pinned);
  }

  /** Follows a lease by what the plane signs; the page counts down to it. */
  followLease(client: PlaneClient): PlaneClient {
    const renewed = (note: string): void => {
      const { at, durationMs, counter, exec } = parseRenewal(note.slice(0, note.indexOf('\n\n') + 1));
      if (this.#lease?.executionId === exec && this.#lease.endedMs === undefined)
        this.setLease({ ...this.#lease, untilMs: at + durationMs, renewals: counter });
    };
    return between(client, {
      async renew(...words) {
        const answer = await client.renew(...words);
        if (answer.verdict === 'renewed') renewed(answer.note);
        return answer;
      },
    });
  }

  async look(): Promise<WorldView> {
    const seen = await lookAt({ governed: this.governed, free: this.free }, this.target);
    if (JSON.stringify(seen) !== JSON.stringify(this.#look)) {
      this.#look = seen;
      this.changed();
    }
    return seen;
  }

  /** Puts the world back as it was at the start; entries of the log stay, of course. */
  async reset(): Promise<void> {
    await this.cleanUp();
    await layOut(this.governed);
    await layOut(this.free);
    this.target.forget();
    this.#runs = [];
    this.#lease = undefined;
    this.#probe = undefined;
    await this.look();
    this.changed();
  }

  async cleanUp(): Promise<void> {
    const todo = [...this.cleanups];
    this.cleanups.clear();
    await Promise.allSettled(todo.map(async (one) => one()));
  }

  subscribe(listener: (view: DemoView) => void): () => void {
    const one = (): void => listener(this.view());
    this.#listeners.add(one);
    void this.look();
    return () => this.#listeners.delete(one);
  }

  changed(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      for (const listener of this.#listeners) listener(undefined as never);
    }, TELL_MS);
  }

  /** Whether it is over: what repeats stops repeating. */
  get closed(): boolean {
    return this.#closed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    clearTimeout(this.#telling);
    await this.cleanUp();
    await this.target.close();
  }

  #keep(run: RunView): void {
    const known = this.#runs.some(({ id }) => id === run.id);
    this.#runs = known
      ? this.#runs.map((one) => (one.id === run.id ? run : one))
      : [run, ...this.#runs].slice(0, MAX_RUNS);
    this.changed();
  }
}

const NOTHING = { files: [], outside: [], arrivals: [], processes: [] } as const;

/** Returns the run of an id. */
export function runOf(theatre: Theatre, id: string): RunView {
  const run = theatre.runs.find((one) => one.id === id);
  see(run !== undefined, `there is no run ${id}`);
  return run;
}
