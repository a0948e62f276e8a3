// The guardian: the program between the runner and a governed command (RULES 29). It holds a pipe to the runner; when
// that pipe closes, for whatever reason, everything it started is killed. In the `namespace` confinement it is the
// first process of a PID namespace, so that its own end, however it comes, is the end of every process in it.
//
// Conversation on descriptor 3, one JSON object a line. In: the job, then {"op":"halt","graceMs":n}.
// Out: {"is":"refused",code,message} or {"is":"started",pid}, then {"is":"ended",exit,signal}.
// It is started with an empty environment; the command's own comes with the job, so no listing of processes shows it here.

import { spawn } from 'node:child_process';
import { closeSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { openImage, ImageRefusal } from './image.mjs';
import { joinCgroup, killTree, membersOf, signalTree } from './tree.mjs';

const CHANNEL = 3;
const O_CLOEXEC = 0o2000000;
const KILL_TIMEOUT_MS = 5_000;
const POLL_MS = 10;
const REAP_TIMEOUT_MS = 1_000;

let tree;
let halted = false;
let deadline = Infinity;
let finishing = false;
const { promise: firstReaped, resolve: reaped } = Promise.withResolvers();

// RULE 28: nothing of ours may reach the child by way of this process, whatever the spawning runtime slipped in.
for (const name of Object.keys(process.env)) delete process.env[name];
closeInherited();

const channel = new Socket({ fd: CHANNEL, readable: true, writable: true });
channel.on('end', abandon);
channel.on('close', abandon);
channel.on('error', abandon);
let pending = '';
channel.setEncoding('utf8');
channel.on('data', (text) => {
  const lines = (pending + text).split('\n');
  pending = lines.pop() ?? '';
  for (const line of lines) receive(JSON.parse(line));
});

function receive(message) {
  if (tree === undefined) start(message);
  else if (message.op === 'halt') halt(message.graceMs);
}

function start(job) {
  tree = { confinement: job.confinement, marker: job.marker, inside: job.confinement === 'namespace' };
  let image;
  try {
    if (job.cgroup !== undefined) {
      tree = { ...tree, cgroup: job.cgroup };
      joinCgroup(job.cgroup, process.pid);
    }
    if (!isDirectory(job.cwd)) return refuse('ERR_RUNNER_CWD', `${job.cwd} is not a directory`);
    image = openImage(job.path);
  } catch (error) {
    return refuse(
      error instanceof ImageRefusal ? 'ERR_RUNNER_NOT_EXECUTABLE' : codeOf(error),
      error instanceof Error ? error.message : String(error),
    );
  }
  // RULE 29: what was measured is what is executed.
  if (image.digest !== job.digest) {
    return refuse('ERR_RUNNER_CHANGED', `${job.path} has digest ${image.digest}, measured was ${job.digest}`);
  }
  // A program is executed through the descriptor that was hashed, so that nobody can put another file under its name in
  // between; the descriptor itself closes on exec. A script's interpreter opens the path itself.
  // GAP: a script exchanged, or any file rewritten in place, in the instant after the hash is not noticed.
  const file =
    process.platform === 'linux' && image.form === 'elf' ? `/proc/self/fd/${image.file}` : job.path;
  let child;
  try {
    child = spawn(file, job.argv.slice(1), {
      argv0: job.argv[0],
      cwd: job.cwd,
      env: job.env,
      stdio: ['inherit', 'inherit', 'inherit'],
      // Its own session: no terminal to reach into, and a group that can be signalled as one.
      detached: true,
      shell: false,
    });
  } catch (error) {
    return refuse('ERR_RUNNER_SPAWN', error instanceof Error ? error.message : String(error));
  }
  closeSync(image.file);
  child.once('error', (error) => refuse('ERR_RUNNER_SPAWN', `${job.path}: ${error.message}`));
  child.once('spawn', () => {
    tree = { ...tree, group: child.pid };
    leaveCgroup();
    say({ is: 'started', pid: child.pid });
  });
  child.once('exit', (exit, signal) => {
    say({ is: 'ended', exit, signal });
    reaped();
    // An execution lasts as long as its first process. What it leaves behind gets the rest of a grace, or none.
    if (!halted) deadline = 0;
    void finish();
  });
}

function halt(graceMs) {
  deadline = Math.min(deadline, performance.now() + graceMs);
  if (!halted) {
    halted = true;
    signalTree(tree, 'SIGTERM');
  }
  void finish();
}

async function finish() {
  if (finishing) return;
  finishing = true;
  while (performance.now() < deadline && membersOf(tree).length > 0) await pause(POLL_MS);
  await killTree(tree, KILL_TIMEOUT_MS);
  // The exit of the first process is reported before this one ends.
  await Promise.race([firstReaped, pause(REAP_TIMEOUT_MS)]);
  leave();
}

/** The runner is gone: no grace, and no one to tell. */
function abandon() {
  if (tree === undefined || tree.inside === true) process.exit(0);
  void killTree(tree, KILL_TIMEOUT_MS).then(() => process.exit(0));
}

function refuse(code, message) {
  say({ is: 'refused', code, message });
  leave();
}

function leave() {
  channel.removeAllListeners('end');
  channel.removeAllListeners('close');
  channel.end(() => process.exit(0));
}

function say(message) {
  channel.write(`${JSON.stringify(message)}\n`);
}

function leaveCgroup() {
  if (tree.cgroup === undefined) return;
  try {
    joinCgroup(dirname(tree.cgroup), process.pid);
  } catch {
    // Then this process dies with the group it kills; the runner sees to the rest.
  }
}

/** Closes descriptors that an ancestor leaked; the runtime's own all close on exec, and so tell themselves apart. */
function closeInherited() {
  if (process.platform !== 'linux') return;
  for (const name of readdirSync('/proc/self/fd')) {
    const file = Number(name);
    if (file <= CHANNEL) continue;
    try {
      const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${file}`, 'utf8'));
      if (flags !== null && (Number.parseInt(flags[1], 8) & O_CLOEXEC) === 0) closeSync(file);
    } catch {
      // The descriptor of the listing itself, closed by now.
    }
  }
}

function isDirectory(path) {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function codeOf(error) {
  if (error?.code === 'ENOENT') return 'ERR_RUNNER_NOT_FOUND';
  if (error?.code === 'EACCES') return 'ERR_RUNNER_NOT_EXECUTABLE';
  return 'ERR_RUNNER_SPAWN';
}

function pause(durationMs) {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
