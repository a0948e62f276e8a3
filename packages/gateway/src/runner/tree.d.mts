// Types of tree.mjs (see its head): the processes of one execution.

/** Which processes belong to an execution, and by what they are recognised. */
export interface Tree {
  readonly confinement: 'namespace' | 'cgroup' | 'swept' | 'group-only';
  /** The value of LICET_EXECUTION in the environment of the execution's processes. */
  readonly marker: string;
  /** True for the guardian that is itself the first process of the PID namespace. */
  readonly inside?: boolean;
  /** The link text of /proc/PID/ns/pid, seen from outside, e.g. `pid:[4026532345]`. */
  readonly pidNamespace?: string;
  /** Absolute path of the execution's cgroup directory. */
  readonly cgroup?: string;
  /** Process group id. */
  readonly group?: number;
  /** Process ids never counted and never signalled. */
  readonly except?: readonly number[];
}

/** The name of the environment variable that marks every process of an execution. */
export const MARKER_VARIABLE: 'LICET_EXECUTION';

/** Returns the living processes that /proc shows (zombies are dead). Throws where there is no /proc. */
export function listProcesses(): { pid: number; ppid: number; pgrp: number }[];

/** Returns the ids of the execution's living processes, as far as its confinement can see them. */
export function membersOf(tree: Tree): number[];

/** Sends a signal to every process of the execution; those already gone are passed over. */
export function signalTree(tree: Tree, signal: NodeJS.Signals): void;

/** Kills with SIGKILL, again and again, until scans find nobody or `timeoutMs` is over; returns the ids still alive. */
export function killTree(tree: Tree, timeoutMs: number): Promise<number[]>;

/** Returns the process ids in a cgroup and in all groups below it. */
export function cgroupMembers(directory: string): number[];

/** Moves a process into a cgroup; throws the system's error. */
export function joinCgroup(directory: string, pid: number): void;

/** Kills everything in a cgroup: `cgroup.kill` (v2), else freeze, signal, thaw (v1 freezer). */
export function killCgroup(directory: string): void;
