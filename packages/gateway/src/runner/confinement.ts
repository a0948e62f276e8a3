// Confinement: what this host offers to keep a command's processes together, found by really trying it (RULES 29).
//
//   namespace   a PID namespace with its own /proc: the end of its first process is the end of all, whatever they do
//   cgroup      v2 `cgroup.kill`, else the v1 freezer: holds unless the command may itself write to the cgroup tree
//   swept       a kill loop over /proc by an environment marker and by descent: evadable by whoever drops the marker
//   group-only  the process group: any `setsid` leaves it

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayError } from '../errors.ts';
import { cgroupMembers, joinCgroup, killCgroup, listProcesses } from './tree.mjs';

/** How the processes of an execution are kept together; the `start` entry says which (DESIGN §5). */
export type Confinement = 'namespace' | 'cgroup' | 'swept' | 'group-only';

/** What this host offers: the strongest kind, the two that may be missing, and a sentence for people. */
export interface HostConfinement {
  readonly best: Confinement;
  readonly namespace: boolean;
  readonly cgroup: boolean;
  readonly why: string;
}

/** What is lost with each kind, for messages and logs. */
export const CONFINEMENT_LIMITS: Readonly<Record<Confinement, string>> = {
  namespace:
    'holds setsid, double forks and ignored signals; a command running as root is not held against intent',
  cgroup:
    'holds setsid, double forks and ignored signals; a command that may write to the cgroup tree can leave',
  swept: 'loses a process that drops the marker and is orphaned, or that runs as another account',
  'group-only': 'loses a process that calls setsid or setpgid',
};

// Looked for in fixed places: PATH may have been set by whoever is to be confined.
const TOOL_FOLDERS = [
  '/usr/bin',
  '/bin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/bin',
  '/run/current-system/sw/bin',
];
const PROBE_TIMEOUT_MS = 5_000;
const CGROUP_PREFIX = 'licet-';

interface Probe {
  readonly host: HostConfinement;
  /** The command line that the guardian is put behind to become the first process of a namespace. */
  readonly enter?: readonly string[];
  /** The cgroup directory in which executions get theirs. */
  readonly cgroupParent?: string;
}

let probed: Promise<Probe> | undefined;

/** Returns what this host offers, tried once per process with real processes (about 0.2 s) and then remembered. */
export async function detectConfinement(): Promise<HostConfinement> {
  return (await probe()).host;
}

/** A place for one execution: what to put before the guardian's command line, and its cgroup, if any. */
export interface Place {
  readonly confinement: Confinement;
  readonly enter: readonly string[];
  readonly cgroup?: string;
}

/** Prepares a place of the kind asked for; throws ERR_RUNNER_CONFINEMENT rather than give a weaker one. */
export async function preparePlace(wanted: Confinement | 'best'): Promise<Place> {
  const { host, enter, cgroupParent } = await probe();
  const confinement = wanted === 'best' ? host.best : wanted;
  switch (confinement) {
    case 'namespace':
      if (enter !== undefined) return { confinement, enter };
      break;
    case 'cgroup':
      if (cgroupParent !== undefined) return { confinement, enter: [], cgroup: makeCgroup(cgroupParent) };
      break;
    case 'swept':
      if (hasProc()) return { confinement, enter: [] };
      break;
    case 'group-only':
      return { confinement, enter: [] };
    default:
      return confinement satisfies never;
  }
  // RULE 29: which confinement was had is recorded, so a weaker one is never slipped in for the one asked.
  throw new GatewayError('ERR_RUNNER_CONFINEMENT', `no ${confinement} on this host: ${host.why}`);
}

/** Removes an execution's cgroup once it is empty; a group that is not empty stays, as the system insists. */
export function removeCgroup(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeCgroup(join(directory, entry.name));
    }
    rmdirSync(directory);
  } catch {
    // Litter, not a leak: the next probe removes what is empty and whose runner is gone.
  }
}

function probe(): Promise<Probe> {
  probed ??= probeHost();
  return probed;
}

async function probeHost(): Promise<Probe> {
  const [namespace, cgroup] = await Promise.all([probeNamespace(), probeCgroup()]);
  const best: Confinement =
    namespace.enter !== undefined
      ? 'namespace'
      : cgroup.parent !== undefined
        ? 'cgroup'
        : hasProc()
          ? 'swept'
          : 'group-only';
  return {
    host: {
      best,
      namespace: namespace.enter !== undefined,
      cgroup: cgroup.parent !== undefined,
      why: `namespace: ${namespace.why}; cgroup: ${cgroup.why}`,
    },
    ...(namespace.enter === undefined ? {} : { enter: namespace.enter }),
    ...(cgroup.parent === undefined ? {} : { cgroupParent: cgroup.parent }),
  };
}

async function probeNamespace(): Promise<{ readonly enter?: readonly string[]; readonly why: string }> {
  if (process.platform !== 'linux') return { why: `not on ${process.platform}` };
  const unshare = tool('unshare');
  if (unshare === undefined) return { why: 'no `unshare` program (package util-linux)' };
  const setpriv = tool('setpriv');
  // A second string to the bow: `unshare` dies with the runner even while the guardian is stopped or traced.
  const tether = setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--'];
  // --mount-proc: the command sees no process, and so no environment and no descriptor, outside its namespace.
  const inner = ['--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc', '--'];
  const direct = [...tether, unshare, ...inner];
  const byUser = [...tether, unshare, '--user', '--map-current-user', ...inner];
  const kinds =
    process.geteuid?.() === 0
      ? ([
          ['direct', direct],
          ['user namespace', byUser],
        ] as const)
      : ([['user namespace', byUser]] as const);
  const failures: string[] = [];
  for (const [name, enter] of kinds) {
    const failure = await tryNamespace(enter);
    if (failure === undefined) {
      return { enter, why: `available (${name}${setpriv === undefined ? ', without setpriv' : ''})` };
    }
    failures.push(`${name}: ${failure}`);
  }
  return { why: failures.join(', ') };
}

/** Returns undefined if a first process with its own /proc came about, else what went wrong. */
function tryNamespace(enter: readonly string[]): Promise<string | undefined> {
  const program =
    "process.exit(process.pid === 1 && require('fs').readlinkSync('/proc/self') === '1' ? 0 : 1)";
  const [file, ...before] = enter as [string, ...string[]];
  return new Promise((resolve) => {
    execFile(
      file,
      [...before, process.execPath, '--eval', program],
      { env: {}, cwd: '/', timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' },
      (error, _stdout, stderr) =>
        resolve(error === null ? undefined : stderr.trim().split('\n')[0] || error.message),
    );
  });
}

async function probeCgroup(): Promise<{ readonly parent?: string; readonly why: string }> {
  const parents = cgroupParents();
  if (parents.length === 0) return { why: 'neither cgroup v2 nor a v1 freezer is mounted' };
  const failures: string[] = [];
  for (const { parent, name } of parents) {
    removeStale(parent);
    const failure = await tryCgroup(parent);
    if (failure === undefined) return { parent, why: `available (${name})` };
    failures.push(`${name}: ${failure}`);
  }
  return { why: failures.join(', ') };
}

/** This process's own cgroup directories that can kill, v2 before v1. */
function cgroupParents(): { readonly parent: string; readonly name: string }[] {
  const own = new Map(
    lines('/proc/self/cgroup').map((line) => {
      const [, controllers = '', ...path] = line.split(':');
      return [controllers, path.join(':')] as const;
    }),
  );
  const found: { readonly parent: string; readonly name: string }[] = [];
  for (const line of lines('/proc/self/mounts')) {
    const [, mount = '', type = '', options = ''] = line.split(' ');
    const freezer = type === 'cgroup' && options.split(',').includes('freezer');
    if (type !== 'cgroup2' && !freezer) continue;
    const path = own.get(freezer ? 'freezer' : '');
    // A path with `..` lies outside the cgroup namespace that this process sees.
    if (path === undefined || path.includes('/..')) continue;
    const place = { parent: join(mount, path), name: freezer ? 'v1 freezer' : 'v2' };
    if (freezer) found.push(place);
    else found.unshift(place);
  }
  return found;
}

async function tryCgroup(parent: string): Promise<string | undefined> {
  let directory: string;
  try {
    directory = makeCgroup(parent);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
  const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], {
    env: {},
    cwd: '/',
    stdio: 'ignore',
    detached: true,
  });
  try {
    const ended = new Promise<string | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (_code, signal) => resolve(signal));
    });
    if (child.pid === undefined) return String(await ended);
    if (!['cgroup.kill', 'freezer.state'].some((name) => existsSync(join(directory, name))))
      return 'cannot kill';
    joinCgroup(directory, child.pid);
    if (!cgroupMembers(directory).includes(child.pid)) return 'processes do not stay in it';
    killCgroup(directory);
    const late = setTimeout(() => child.kill('SIGTERM'), PROBE_TIMEOUT_MS);
    const signal = await ended;
    clearTimeout(late);
    return signal === 'SIGKILL' ? undefined : 'killing it has no effect';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    child.kill('SIGKILL');
    removeCgroup(directory);
  }
}

function makeCgroup(parent: string): string {
  const directory = join(parent, `${CGROUP_PREFIX}${process.pid}-${randomBytes(8).toString('hex')}`);
  mkdirSync(directory);
  return directory;
}

function removeStale(parent: string): void {
  try {
    const alive = new Set(listProcesses().map(({ pid }) => String(pid)));
    for (const name of readdirSync(parent)) {
      const owner = new RegExp(`^${CGROUP_PREFIX}(\\d+)-[0-9a-f]{16}$`).exec(name)?.[1];
      if (owner !== undefined && !alive.has(owner)) removeCgroup(join(parent, name));
    }
  } catch {
    // An unreadable parent is told by tryCgroup.
  }
}

function tool(name: string): string | undefined {
  return TOOL_FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function hasProc(): boolean {
  return existsSync('/proc/self/environ');
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}
