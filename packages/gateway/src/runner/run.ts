// Running one command: start it behind a guardian, keep what it prints, halt it, and say so only when nothing of it is
// left alive (DESIGN §7, RULES 28, 29). Whether it may run is decided elsewhere; nothing here asks or is asked.
//
//   runner ──(setpriv ─ unshare)── guardian ── command ── …
//      └───────── pipe ───────────────┘

import { spawn, type ChildProcess } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import type { Duplex, Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { GATEWAY_ERRORS, GatewayError } from '../errors.ts';
import { preparePlace, removeCgroup, type Confinement, type Place } from './confinement.ts';
import type { Measured } from './measure.ts';
import { collectOutput } from './output.ts';
import { parseReport, type Report } from './report.ts';
import { imageDigest } from './running-image.ts';
import { snapshotSpec, type RunSpec } from './spec.ts';
import { killTree, signalTree, type Tree } from './tree.mjs';

const GUARDIAN = fileURLToPath(new URL('./guardian.mjs', import.meta.url));
// A governed command may signal its guardian: SIGUSR1 must not open a debugger in it.
const GUARDIAN_FLAGS = ['--disable-sigusr1', '--no-warnings', GUARDIAN];
const START_TIMEOUT_MS = 10_000;
const DEFAULT_GRACE_MS = 500;
/** How much longer than the grace the guardian may take before the runner kills from outside. */
const GUARDIAN_MARGIN_MS = 1_000;
const KILL_TIMEOUT_MS = 5_000;
const DEFAULT_MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

export interface RunOptions {
  /** Default `best`. A named kind that the host does not have is an error, never a weaker kind. */
  readonly confinement?: Confinement | 'best';
  /** What `measureExecutable` returned and the permit was asked for. */
  readonly measured: Measured;
  /** Bytes kept of each of stdout and stderr; the rest is read and dropped. Default 8 MiB. */
  readonly maxOutputBytes?: number;
  /** Aborted: halt with the default grace, or, before the start, nothing runs. */
  readonly signal?: AbortSignal;
  /** Sees every chunk; if it throws, the execution is halted. */
  readonly onStdout?: (chunk: Uint8Array) => void;
  readonly onStderr?: (chunk: Uint8Array) => void;
  /** Value of LICET_EXECUTION in the command's environment, one per execution: 8–200 of `A-Za-z0-9_.:-`. */
  readonly marker: string;
}

export interface RunHandle {
  /** The process on this side that heads the tree: the guardian, or what it sits behind. For people; use `halt` to stop. */
  readonly pid: number;
  readonly confinement: Confinement;
  /** Resolved once the command's own program is executing. `run` returns no handle before that. */
  readonly started: Promise<void>;
  /** Digest of what the command's first process executes now; undefined when that cannot be seen. */
  imageDigest(): string | undefined;
  /**
   * SIGTERM to all, SIGKILL after `graceMs` (default 500); resolves only when nothing is alive. A second call may
   * shorten the grace; the first reason stays. Throws ERR_RUNNER_SURVIVORS with `pids` when the killing had no effect for 5 s.
   */
  halt(reason: string, graceMs?: number): Promise<void>;
  /** Resolved when the first process has ended and nothing is left alive; rejects with ERR_RUNNER_SURVIVORS. */
  readonly done: Promise<RunResult>;
}

export interface RunResult {
  /** Exit code, or null when a signal ended it or the guardian was lost. */
  readonly exit: number | null;
  readonly signal: string | null;
  /** Why it was halted, when it was: the reason given to `halt`, `aborted`, `guardian_lost` or `output_handler_failed`. */
  readonly halted?: string;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** True when stdout or stderr was longer than what is kept here. */
  readonly truncated: boolean;
  /** Whole milliseconds from start to end of the first process, monotonic. */
  readonly durationMs: number;
}

/**
 * Executes the measured file with exactly the given argv, directory, environment (plus the marker) and stdin, without a
 * shell, and returns once it is executing. The file is hashed again immediately before.
 * Throws ERR_RUNNER_SPEC, _CWD, _NOT_FOUND, _NOT_EXECUTABLE, _CHANGED, _CONFINEMENT, _SPAWN, _HALTED: the command has not
 * run. Throws ERR_RUNNER_GUARDIAN when the guardian was lost before it said that the command started: the command may have
 * run for a moment, so its door reports it in doubt; and ERR_RUNNER_SURVIVORS as `halt` does.
 */
export async function run(spec: RunSpec, options: RunOptions): Promise<RunHandle> {
  const exact = snapshotSpec(spec, options.marker);
  const measured = { path: options.measured.path, digest: options.measured.digest };
  if (!measured.path.startsWith('/'))
    throw new GatewayError('ERR_RUNNER_SPEC', 'the measured path is not absolute');
  if (options.signal?.aborted === true)
    throw new GatewayError('ERR_RUNNER_HALTED', 'aborted before the start');
  const place = await preparePlace(options.confinement ?? 'best');
  if (isAborted(options)) {
    // Aborted while the host was being tried: a listener added from here on would never hear of it.
    if (place.cgroup !== undefined) removeCgroup(place.cgroup);
    throw new GatewayError('ERR_RUNNER_HALTED', 'aborted before the start');
  }
  let execution: Execution;
  try {
    execution = new Execution(exact, measured, place, options);
  } catch (cause) {
    if (place.cgroup !== undefined) removeCgroup(place.cgroup);
    throw new GatewayError('ERR_RUNNER_GUARDIAN', `the guardian could not be started: ${String(cause)}`, {
      cause,
    });
  }
  return execution.start();
}

/** One execution from its guardian's start to the last process's end. */
class Execution {
  readonly #place: Place;
  readonly #options: RunOptions;
  readonly #guardian: ChildProcess;
  readonly #channel: Duplex;
  readonly #stdout;
  readonly #stderr;
  readonly #gone: Promise<void>;
  readonly #started = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<RunResult>();
  readonly #onAbort = (): void => void this.#halt('aborted', DEFAULT_GRACE_MS).catch(() => undefined);
  #tree: Tree;
  #firstPid: number | undefined;
  #halted: string | undefined;
  #ended: Extract<Report, { is: 'ended' }> | undefined;
  #startedAtMs: number | undefined;
  #endedAtMs: number | undefined;
  #finished = false;

  constructor(spec: RunSpec, measured: Measured, place: Place, options: RunOptions) {
    this.#place = place;
    this.#options = options;
    this.#tree = {
      confinement: place.confinement,
      marker: options.marker,
      ...(place.cgroup === undefined ? {} : { cgroup: place.cgroup }),
    };
    const [file, ...args] = [...place.enter, process.execPath, ...GUARDIAN_FLAGS] as [string, ...string[]];
    // RULE 28: the guardian gets an empty environment and four descriptors, so it has nothing to pass on.
    this.#guardian = spawn(file, args, {
      cwd: '/',
      env: {},
      stdio: [spec.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
      shell: false,
    });
    this.#gone = new Promise((resolve) => {
      this.#guardian.once('exit', () => resolve());
      this.#guardian.once('error', () => resolve());
    });
    const [stdin, stdout, stderr, channel] = this.#guardian.stdio as unknown as [
      Writable | null,
      Readable,
      Readable,
      Duplex,
    ];
    const limit = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
    const onError = (): void => void this.#halt('output_handler_failed', 0).catch(() => undefined);
    this.#stdout = collectOutput(stdout, { limit, onChunk: options.onStdout, onError });
    this.#stderr = collectOutput(stderr, { limit, onChunk: options.onStderr, onError });
    // A command that does not read its stdin is no failure of ours.
    stdin?.on('error', () => undefined);
    stdin?.end(spec.stdin);
    this.#channel = channel;
    this.#listen();
    this.#send({
      path: measured.path,
      digest: measured.digest,
      argv: spec.argv,
      cwd: spec.cwd,
      env: spec.env,
      confinement: place.confinement,
      marker: options.marker,
      ...(place.cgroup === undefined ? {} : { cgroup: place.cgroup }),
    });
  }

  async start(): Promise<RunHandle> {
    // Both are also awaited below or by callers; an unwatched rejection must not end the door.
    this.#done.promise.catch(() => undefined);
    this.#started.promise.catch(() => undefined);
    this.#options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    const late = setTimeout(() => {
      this.#started.reject(new GatewayError('ERR_RUNNER_GUARDIAN', `no start within ${START_TIMEOUT_MS} ms`));
    }, START_TIMEOUT_MS);
    void this.#gone.then(() => this.#finish());
    try {
      await this.#started.promise;
    } catch (error) {
      await this.#halt('not_started', 0);
      throw error;
    } finally {
      clearTimeout(late);
    }
    return {
      pid: this.#guardian.pid as number,
      confinement: this.#place.confinement,
      started: this.#started.promise,
      imageDigest: () => this.#imageDigest(),
      halt: (reason, graceMs = DEFAULT_GRACE_MS) => this.#halt(reason, graceMs),
      done: this.#done.promise,
    };
  }

  #listen(): void {
    let pending = '';
    this.#channel.setEncoding('utf8');
    this.#channel.on('error', () => undefined);
    this.#channel.on('data', (text: string) => {
      const lines = (pending + text).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) this.#receive(parseReport(line));
    });
  }

  #receive(report: Report | undefined): void {
    if (report === undefined) {
      // A governed process of the same account could speak on the guardian's channel: nonsense ends the execution.
      this.#started.reject(new GatewayError('ERR_RUNNER_GUARDIAN', 'the guardian spoke nonsense'));
      void this.#halt('guardian_lost', 0).catch(() => undefined);
      return;
    }
    switch (report.is) {
      case 'refused':
        this.#started.reject(new GatewayError(report.code, report.message));
        return;
      case 'started':
        if (this.#startedAtMs !== undefined) return;
        this.#startedAtMs = performance.now();
        this.#firstPid = report.pid;
        this.#tree = this.#treeFromOutside(report.pid);
        this.#started.resolve();
        return;
      case 'ended':
        this.#ended ??= report;
        this.#endedAtMs ??= performance.now();
        return;
      default:
        return report satisfies never;
    }
  }

  #treeFromOutside(pid: number): Tree {
    if (this.#place.confinement !== 'namespace')
      return { ...this.#tree, group: pid, except: this.#guardianPids() };
    try {
      // The link of `unshare` names the namespace it made for its children; the guardian's pid in there says nothing here.
      return { ...this.#tree, pidNamespace: readlinkSync(`/proc/${this.#guardian.pid}/ns/pid_for_children`) };
    } catch {
      return this.#tree;
    }
  }

  #imageDigest(): string | undefined {
    const { pidNamespace } = this.#tree;
    if (this.#firstPid === undefined || this.#ended !== undefined) return undefined;
    if (this.#place.confinement === 'namespace' && pidNamespace === undefined) return undefined;
    return imageDigest({ pid: this.#firstPid, ...(pidNamespace === undefined ? {} : { pidNamespace }) });
  }

  #guardianPids(): number[] {
    return this.#guardian.pid === undefined ? [] : [this.#guardian.pid];
  }

  async #halt(reason: string, graceMs: number): Promise<void> {
    if (this.#finished) return;
    if (this.#ended === undefined) this.#halted ??= reason;
    this.#send({ op: 'halt', graceMs });
    const patience = setTimeout(() => this.#killFromOutside(), graceMs + GUARDIAN_MARGIN_MS);
    try {
      await this.#done.promise;
    } finally {
      clearTimeout(patience);
    }
  }

  /** The guardian does not answer: kill what it guards, then itself; its end starts the scan that must find nobody. */
  #killFromOutside(): void {
    if (this.#finished) return;
    if (this.#startedAtMs !== undefined) signalTree(this.#tree, 'SIGKILL');
    this.#guardian.kill('SIGKILL');
  }

  /** The guardian is gone. Nothing it started may outlive it, whichever way it went. */
  async #finish(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    const orderly = this.#ended !== undefined && this.#guardian.exitCode === 0;
    this.#started.reject(new GatewayError('ERR_RUNNER_GUARDIAN', GATEWAY_ERRORS.ERR_RUNNER_GUARDIAN.meaning));
    // RULE 29: seen to be empty, not assumed. Only an undisturbed end of a namespace needs no look: the kernel lets its
    // first process, and so the guardian, be reaped only after every other process in it.
    const certain = this.#place.confinement === 'namespace' && orderly && this.#halted === undefined;
    const survivors = certain ? [] : await this.#killSurvivors();
    if (this.#place.cgroup !== undefined) removeCgroup(this.#place.cgroup);
    await Promise.all([this.#stdout.settle(), this.#stderr.settle()]);
    this.#channel.destroy();
    this.#finished = true;
    if (survivors.length > 0) {
      this.#done.reject(
        new GatewayError(
          'ERR_RUNNER_SURVIVORS',
          `still alive after ${KILL_TIMEOUT_MS} ms: ${survivors.join(', ')}`,
          {
            pids: survivors,
          },
        ),
      );
      return;
    }
    const halted = this.#halted ?? (this.#ended === undefined ? 'guardian_lost' : undefined);
    this.#done.resolve({
      exit: this.#ended?.exit ?? null,
      signal: this.#ended?.signal ?? null,
      ...(halted === undefined ? {} : { halted }),
      stdout: this.#stdout.bytes(),
      stderr: this.#stderr.bytes(),
      truncated: this.#stdout.truncated || this.#stderr.truncated,
      durationMs: Math.round(
        (this.#endedAtMs ?? performance.now()) - (this.#startedAtMs ?? performance.now()),
      ),
    });
  }

  async #killSurvivors(): Promise<readonly number[]> {
    // A guardian lost before it named the group leaves only the marker to go by.
    const nameless = this.#place.confinement === 'group-only' && this.#tree.group === undefined;
    try {
      return await killTree(nameless ? { ...this.#tree, confinement: 'swept' } : this.#tree, KILL_TIMEOUT_MS);
    } catch {
      // No process list here and no group known: `run` has thrown ERR_RUNNER_GUARDIAN, which is in doubt by its meaning.
      return nameless ? [] : this.#guardianPids();
    }
  }

  #send(message: object): void {
    if (this.#channel.writable) this.#channel.write(`${JSON.stringify(message)}\n`);
  }
}

function isAborted({ signal }: RunOptions): boolean {
  return signal?.aborted === true;
}
