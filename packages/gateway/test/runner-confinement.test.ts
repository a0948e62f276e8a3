// Goal: after a halt, and after the death of the runner or the guardian, nothing of a command is alive, in every
// confinement this host has; what each weaker kind loses is shown too. Method: real trees of processes, looked for by
// their marker in /proc and by files that they keep touching.

import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  readFileSync,
  readdirSync,
  chownSync,
  chmodSync,
  existsSync,
  mkdirSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { CONFINEMENT_LIMITS, detectConfinement, type Confinement } from '../src/index.ts';
import { removeCgroup } from '../src/runner/confinement.ts';
import { cgroupMembers, joinCgroup, killTree } from '../src/runner/tree.mjs';
import {
  Footprints,
  PATH,
  aMarker,
  carriers,
  childrenOf,
  sh,
  signalCarriers,
  sleep,
  treeOfTwenty,
  until,
} from './fixtures/runner-kit.ts';

const host = await detectConfinement();
/** Nobody in particular: an account without privileges that every system has. */
const NOBODY = { uid: 65_534, gid: 65_534 } as const;
const readsThis = `require('fs').readFileSync(${JSON.stringify(fileURLToPath(import.meta.url))})`;
/** Whether tests may go on as that account: only root can become it, and it must be able to reach this checkout. */
const canBeNobody =
  process.getuid?.() === 0 &&
  spawnSync(process.execPath, ['--eval', readsThis], { ...NOBODY, env: {} }).status === 0;
const available: Readonly<Record<Confinement, boolean>> = {
  namespace: host.namespace,
  cgroup: host.cgroup,
  swept: existsSync('/proc/self/environ'),
  'group-only': true,
};
const kinds = Object.keys(available) as Confinement[];
const strong = kinds.filter((kind) => available[kind] && kind !== 'group-only');
for (const kind of kinds.filter((name) => !available[name])) {
  console.log(`not tested here: ${kind} (${host.why}); what is lost: it ${CONFINEMENT_LIMITS[kind]}`);
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function aTrail(): Footprints {
  const trail = new Footprints();
  cleanups.push(() => trail.remove());
  return trail;
}

/** A marker whose carriers are killed after the test, whatever became of it. */
function aWatchedMarker(): string {
  const marker = aMarker();
  cleanups.push(() => {
    signalCarriers(marker, 'SIGKILL');
  });
  return marker;
}

async function expectNobody(marker: string, trail: Footprints): Promise<void> {
  expect(carriers(marker)).toEqual([]);
  expect(await trail.still()).toBe(true);
}

/** Runs a tree of twenty in a door of its own, and waits until all twenty have written. */
async function aDoor(
  marker: string,
  trail: Footprints,
  confinement: Confinement,
  account: { readonly uid?: number; readonly gid?: number } = {},
): Promise<{ readonly door: ChildProcess; readonly guardian: number }> {
  const job = {
    argv: ['sh', '-c', treeOfTwenty(trail.folder)],
    cwd: '/',
    env: { PATH },
    marker,
    confinement,
  };
  const program = fileURLToPath(new URL('./fixtures/door.ts', import.meta.url));
  const door = spawn(process.execPath, [program, JSON.stringify(job)], {
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
    ...account,
  });
  cleanups.push(() => door.kill('SIGKILL'));
  let output = '';
  door.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until('twenty writers', () => output.includes('\n') && trail.count() === 20);
  const report = JSON.parse(output) as { pid: number; confinement: Confinement };
  expect(report.confinement).toBe(confinement);
  return { door, guardian: report.pid };
}

describe.each(strong)('%s', (confinement) => {
  test('rule 29: after a halt nothing is alive of twenty processes that call setsid, fork twice or ignore SIGTERM', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const handle = await sh(treeOfTwenty(trail.folder), { marker, confinement });
    expect(handle.confinement).toBe(confinement);
    await until('twenty writers', () => trail.count() === 20);
    await handle.halt('test', 300);
    await expectNobody(marker, trail);
    expect(await handle.done).toMatchObject({ halted: 'test' });
  });

  test('rule 29: a setsid child does not outlive a halt', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const script = `setsid sh -c 'while :; do echo x >> ${trail.folder}/s; sleep 0.05; done' & wait`;
    const handle = await sh(script, { marker, confinement });
    await until('the child', () => trail.count() === 1);
    await handle.halt('test', 0);
    await expectNobody(marker, trail);
  });

  test('rule 29: a double fork does not outlive a halt, nor the end of the first process', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const orphan = `(setsid sh -c '(while :; do echo x >> ${trail.folder}/d; sleep 0.05; done) &' &)`;
    const handle = await sh(`${orphan}; sleep 300`, { marker, confinement });
    await until('the orphan', () => trail.count() === 1);
    await handle.halt('test', 0);
    await expectNobody(marker, trail);
    const result = await (await sh(`${orphan}; sleep 0.3; exit 4`, { marker, confinement })).done;
    expect(result.exit).toBe(4);
    await expectNobody(marker, trail);
  });

  test('rule 29: when the runner is killed with -9 everything is gone within 2 s', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const { door } = await aDoor(marker, trail, confinement);
    door.kill('SIGKILL');
    await until('nobody carries the marker', () => carriers(marker).length === 0, 10_000);
    await expectNobody(marker, trail);
  });

  test('rule 29: when the guardian is killed with -9 everything is gone, and the result says so', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const handle = await sh(treeOfTwenty(trail.folder), { marker, confinement });
    await until('twenty writers', () => trail.count() === 20);
    process.kill(handle.pid, 'SIGKILL');
    expect(await handle.done).toMatchObject({ exit: null, halted: 'guardian_lost' });
    await expectNobody(marker, trail);
  });

  test('rule 29: a guardian that is stopped does not stop a halt', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const handle = await sh(treeOfTwenty(trail.folder), { marker, confinement });
    await until('twenty writers', () => trail.count() === 20);
    const guardian = confinement === 'namespace' ? (childrenOf(handle.pid)[0] ?? 0) : handle.pid;
    process.kill(guardian, 'SIGSTOP');
    await handle.halt('test', 0);
    await expectNobody(marker, trail);
  });

  test('a tree of processes that were stopped is killed like any other', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const handle = await sh(treeOfTwenty(trail.folder), { marker, confinement });
    await until('twenty writers', () => trail.count() === 20);
    signalCarriers(marker, 'SIGSTOP');
    await handle.halt('test', 100);
    await expectNobody(marker, trail);
  });
});

// LOST: on a host without PID namespaces this confinement is refused by name; the others are tested.
describe.runIf(host.namespace)('a PID namespace', () => {
  test('rule 29: holds a process that drops the marker and is orphaned in a session of its own', async () => {
    const trail = aTrail();
    const handle = await sh(
      `(env -i setsid sh -c 'while :; do echo x >> ${trail.folder}/e; /bin/sleep 0.05; done' &); sleep 300`,
      {
        confinement: 'namespace',
      },
    );
    await until('the evader', () => trail.count() === 1);
    await handle.halt('test', 0);
    expect(await trail.still()).toBe(true);
  });

  test('rule 29: is gone when its first process is killed with -9 from outside', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const handle = await sh(treeOfTwenty(trail.folder), { marker, confinement: 'namespace' });
    await until('twenty writers', () => trail.count() === 20);
    process.kill(childrenOf(handle.pid)[0] ?? 0, 'SIGKILL');
    expect(await handle.done).toMatchObject({ halted: 'guardian_lost' });
    await expectNobody(marker, trail);
  });

  // LOST: without setpriv nobody but the kernel's pipe tells a stopped guardian that its runner died.
  test.runIf(existsSync('/usr/bin/setpriv'))(
    'rule 29: is gone when the runner is killed while the guardian is stopped and cannot read its pipe',
    async () => {
      const [marker, trail] = [aWatchedMarker(), aTrail()];
      const { door, guardian } = await aDoor(marker, trail, 'namespace');
      process.kill(childrenOf(guardian)[0] ?? 0, 'SIGSTOP');
      door.kill('SIGKILL');
      await until('nobody carries the marker', () => carriers(marker).length === 0, 10_000);
      await expectNobody(marker, trail);
    },
  );

  test('rule 29: its first process cannot be killed by those it holds', async () => {
    const result = await (
      await sh('kill -9 1; kill -TERM 1; kill -STOP 1; sleep 0.1; exit 6', { confinement: 'namespace' })
    ).done;
    expect(result.exit).toBe(6);
  });

  // LOST: only root can become an account without privileges, where that account can read this checkout; run as such an
  // account, all other tests are this one.
  test.runIf(canBeNobody)(
    'rule 29: holds for an account without privileges, by a user namespace',
    async () => {
      const [marker, trail] = [aWatchedMarker(), aTrail()];
      chmodSync(trail.folder, 0o777);
      chownSync(trail.folder, NOBODY.uid, NOBODY.gid);
      const { door } = await aDoor(marker, trail, 'namespace', NOBODY).catch((error: unknown) => {
        console.log(
          'not tested here: namespace for an unprivileged account; such a runner falls back to swept',
        );
        throw error;
      });
      door.kill('SIGKILL');
      await until('nobody carries the marker', () => carriers(marker).length === 0, 10_000);
      await expectNobody(marker, trail);
    },
  );
});

// LOST: on a host where no cgroup can be made this confinement is refused by name; the others are tested.
describe.runIf(host.cgroup)('a cgroup', () => {
  test('rule 29: holds a process that drops the marker, and its directory is removed afterwards', async () => {
    const trail = aTrail();
    const handle = await sh(
      `(env -i setsid sh -c 'while :; do echo x >> ${trail.folder}/e; /bin/sleep 0.05; done' &); sleep 300`,
      {
        confinement: 'cgroup',
      },
    );
    await until('the evader', () => trail.count() === 1);
    const first = carriersOfGroup(`licet-${process.pid}-`);
    expect(first).toHaveLength(1);
    await handle.halt('test', 0);
    expect(await trail.still()).toBe(true);
    expect(carriersOfGroup(`licet-${process.pid}-`)).toEqual([]);
  });
});

const freezer = '/sys/fs/cgroup/freezer';
// LOST: without the v1 freezer the second way to end a cgroup is not exercised.
describe.runIf(process.getuid?.() === 0 && existsSync(`${freezer}/cgroup.procs`))('a v1 freezer', () => {
  test('rule 29: is killed whole, subgroups and frozen processes included', async () => {
    const group = `${freezer}/licet-${process.pid}-0123456789abcdef`;
    cleanups.push(() => removeCgroup(group));
    mkdirSync(`${group}/below`, { recursive: true });
    const members = [group, `${group}/below`].map((folder) => {
      const child = spawn('/bin/sleep', ['300'], { stdio: 'ignore' });
      joinCgroup(folder, child.pid ?? 0);
      return new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    });
    expect(cgroupMembers(group)).toHaveLength(2);
    writeFileSync(`${group}/freezer.state`, 'FROZEN');
    expect(await killTree({ confinement: 'cgroup', marker: aMarker(), cgroup: group }, 2_000)).toEqual([]);
    expect(await Promise.all(members)).toEqual(['SIGKILL', 'SIGKILL']);
    removeCgroup(group);
    expect(existsSync(group)).toBe(false);
  });
});

describe('what the weaker kinds lose', () => {
  test('rule 29: swept loses a process that drops the marker and is orphaned', async () => {
    const trail = aTrail();
    const handle = await sh(
      `(env -i setsid sh -c 'echo $$ > ${trail.folder}/pid; while :; do echo x >> ${trail.folder}/e; /bin/sleep 0.05; done' &); sleep 300`,
      { confinement: 'swept' },
    );
    await until('the evader', () => trail.count() === 2);
    await handle.halt('test', 0);
    expect(await trail.still()).toBe(false);
    process.kill(Number(readFileSync(`${trail.folder}/pid`, 'utf8')), 'SIGKILL');
  });

  test('rule 29: group-only loses a setsid child, and stops the rest', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const handle = await sh(treeOfTwenty(trail.folder), { marker, confinement: 'group-only' });
    await until('twenty writers', () => trail.count() === 20);
    await handle.halt('test', 300);
    expect(await trail.still()).toBe(false);
    // Ten are in sessions of their own, each with its sleep in between.
    expect(carriers(marker).length).toBeGreaterThanOrEqual(10);
    const before = readdirSync(trail.folder).map(
      (name) => [name, readFileSync(`${trail.folder}/${name}`).length] as const,
    );
    await sleep(300);
    const moving = before
      .filter(([name, size]) => readFileSync(`${trail.folder}/${name}`).length > size)
      .map(([name]) => name);
    expect(moving.every((name) => name.startsWith('session-') || name.startsWith('orphan-'))).toBe(true);
  });

  test('rule 29: a runner of group-only that is killed takes the group with it', async () => {
    const [marker, trail] = [aWatchedMarker(), aTrail()];
    const { door } = await aDoor(marker, trail, 'group-only');
    door.kill('SIGKILL');
    await sleep(1_000);
    const grew = (name: string): number => readFileSync(`${trail.folder}/${name}`).length;
    const before = ['plain-0', 'deaf-0', 'deaf-4'].map(grew);
    await sleep(300);
    expect(['plain-0', 'deaf-0', 'deaf-4'].map(grew)).toEqual(before);
  });

  // LOST: only root can make a process that another account cannot kill, and become that account.
  test.runIf(canBeNobody)('rule 29: a process that cannot be killed is named, not passed over', async () => {
    const stranger = spawn('/bin/sleep', ['300'], { detached: true, stdio: 'ignore' });
    cleanups.push(() => stranger.kill('SIGKILL'));
    const program = fileURLToPath(new URL('../src/runner/tree.mjs', import.meta.url));
    const tree = { confinement: 'group-only', marker: aMarker(), group: stranger.pid };
    const code = `import(${JSON.stringify(program)}).then((m) => m.killTree(${JSON.stringify(tree)}, 200)).then((left) => console.log(JSON.stringify(left)))`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--eval', code], {
      ...NOBODY,
      env: {},
    });
    expect(JSON.parse(stdout)).toEqual([stranger.pid]);
  });

  test('rule 29: a kind that the host has not is an error, never a weaker kind', async () => {
    for (const kind of kinds) {
      if (available[kind]) continue;
      await expect(sh('true', { confinement: kind })).rejects.toMatchObject({
        code: 'ERR_RUNNER_CONFINEMENT',
      });
    }
    expect(available[host.best]).toBe(true);
    expect(kinds.find((kind) => available[kind])).toBe(host.best);
  });
});

/** Names of the cgroup directories of this process's executions. */
function carriersOfGroup(prefix: string): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  return mounts
    .filter(
      ([, , type, options]) =>
        type === 'cgroup2' || (type === 'cgroup' && options?.split(',').includes('freezer')),
    )
    .flatMap(([, mount]) => readdirSync(mount ?? '', { recursive: true }) as string[])
    .filter((name) => name.split('/').at(-1)?.startsWith(prefix) && !name.includes('.'));
}
