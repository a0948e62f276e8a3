// The processes of one execution, as seen through /proc and /sys/fs/cgroup: finding them, signalling them, killing
// them until none is left (DESIGN §7, RULES 29). Plain JavaScript, because the guardian loads it and every millisecond
// of the guardian's start is paid by every command; `tree.d.mts` beside it holds the types.

import {
  closeSync,
  constants,
  openSync,
  readSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

export const MARKER_VARIABLE = 'LICET_EXECUTION';

/** Scans in a row that must find nothing: a process in the middle of `execve` shows an empty environment for a moment. */
const CLEAN_SCANS = { namespace: 1, cgroup: 1, swept: 3, 'group-only': 1 };
const SCAN_PAUSE_MS = 10;

export function listProcesses() {
  const found = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid <= 0) continue;
    const stat = readText(`/proc/${pid}/stat`);
    if (stat === undefined) continue;
    // The second field is the command's name in parentheses and may itself contain any character.
    const [state, ppid, pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') continue;
    found.push({ pid, ppid: Number(ppid), pgrp: Number(pgrp) });
  }
  return found;
}

export function membersOf(tree) {
  const except = new Set([process.pid, ...(tree.except ?? [])]);
  if (tree.confinement === 'group-only') return groupMembers(tree.group).filter((pid) => !except.has(pid));
  const processes = listProcesses();
  const found = new Set();
  if (tree.confinement === 'namespace' && tree.inside === true) {
    for (const { pid } of processes) found.add(pid);
  } else {
    if (tree.pidNamespace !== undefined) {
      for (const { pid } of processes)
        if (readLink(`/proc/${pid}/ns/pid`) === tree.pidNamespace) found.add(pid);
    }
    if (tree.cgroup !== undefined) for (const pid of cgroupMembers(tree.cgroup)) found.add(pid);
    for (const { pid } of processes) if (hasMarker(pid, tree.marker)) found.add(pid);
    addDescendants(processes, found, except);
  }
  for (const pid of except) found.delete(pid);
  return [...found];
}

export function signalTree(tree, signal) {
  if (tree.confinement === 'namespace' && tree.inside === true) {
    // kill(-1) from the first process of a PID namespace reaches every other process in it, in one step.
    send(-1, signal);
    return;
  }
  if (tree.confinement === 'group-only') {
    if (tree.group !== undefined) send(-tree.group, signal);
    return;
  }
  if (signal === 'SIGKILL' && tree.cgroup !== undefined) killCgroup(tree.cgroup);
  const members = membersOf(tree);
  // Stopped first, so that a tree that forks as fast as it is killed cannot outrun the loop.
  if (signal === 'SIGKILL') for (const pid of members) send(pid, 'SIGSTOP');
  for (const pid of members) send(pid, signal);
}

export async function killTree(tree, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  let clean = 0;
  for (;;) {
    const left = membersOf(tree);
    clean = left.length === 0 ? clean + 1 : 0;
    if (clean >= CLEAN_SCANS[tree.confinement]) return [];
    if (left.length > 0) {
      if (performance.now() > deadline) return left;
      signalTree(tree, 'SIGKILL');
    }
    await new Promise((resolve) => setTimeout(resolve, SCAN_PAUSE_MS));
  }
}

export function cgroupMembers(directory) {
  const pids = (readText(join(directory, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number);
  for (const child of subgroups(directory)) pids.push(...cgroupMembers(child));
  return pids;
}

export function joinCgroup(directory, pid) {
  writeFileSync(join(directory, 'cgroup.procs'), String(pid));
}

export function killCgroup(directory) {
  // v2: one write kills the group and everything below it, also what forks meanwhile.
  if (write(join(directory, 'cgroup.kill'), '1')) return;
  // v1 freezer: nothing can fork while frozen; the signals act at the thaw.
  write(join(directory, 'freezer.state'), 'FROZEN');
  for (const pid of cgroupMembers(directory)) if (pid !== process.pid) send(pid, 'SIGKILL');
  write(join(directory, 'freezer.state'), 'THAWED');
}

function subgroups(directory) {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(directory, entry.name));
  } catch {
    return [];
  }
}

function hasMarker(pid, marker) {
  const environment = readText(`/proc/${pid}/environ`);
  return environment !== undefined && `\0${environment}`.includes(`\0${MARKER_VARIABLE}=${marker}\0`);
}

function addDescendants(processes, found, except) {
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { pid, ppid } of processes) if (found.has(ppid) && !except.has(ppid)) found.add(pid);
  }
}

function groupMembers(group) {
  if (group === undefined) return [];
  try {
    return listProcesses()
      .filter((entry) => entry.pgrp === group)
      .map((entry) => entry.pid);
  } catch {
    // No /proc here: ask the kernel whether the group has anyone left.
    return send(-group, 0) ? [group] : [];
  }
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    // Gone already, or not ours to signal; the next scan tells which, and a survivor is reported by its id.
    return false;
  }
}

function write(path, text) {
  let file;
  try {
    // Never creates: a control file that is not there is a kernel that does not have it.
    file = openSync(path, constants.O_WRONLY);
    writeSync(file, text);
    return true;
  } catch {
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** /proc files state no size and end early when a process exits between the listing and the reading. */
function readText(path) {
  let file;
  try {
    file = openSync(path, 'r');
    const parts = [];
    const buffer = Buffer.allocUnsafe(65_536);
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
      parts.push(buffer.toString('latin1', 0, read));
    }
    return parts.join('');
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readLink(path) {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
