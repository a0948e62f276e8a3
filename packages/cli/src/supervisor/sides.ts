// The two sides of the demo's world: one behind the door, one without. Real folders, a real HTTP target, real
// processes; read anew each time, never remembered.
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ArrivalView, FileView, ProcessView, SideView, WorldView } from './view.ts';

/** Where each side's agent works. */
export interface SideFolders {
  readonly workspace: string;
  readonly outside: string;
}

const MAX_SHOWN = 160;
const MAX_BODY = 4_096;

/** The HTTP target: counts what arrives, by side. It believes everybody, as careless services do. */
export interface Target {
  readonly url: string;
  readonly port: number;
  arrivals(side: 'governed' | 'free'): readonly ArrivalView[];
  forget(): void;
  close(): Promise<void>;
}

export async function openTarget(): Promise<Target> {
  let seen: (ArrivalView & { readonly side: string })[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
      if (body.length > MAX_BODY) request.destroy();
    });
    request.on('end', () => {
      const path = request.url ?? '/';
      const side = path.startsWith('/governed/') ? 'governed' : 'free';
      seen = [
        ...seen.slice(-40),
        { side, atMs: Date.now(), path: path.slice(0, 120), body: body.slice(0, MAX_SHOWN) },
      ];
      response.end('ok\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    arrivals: (side) =>
      seen.filter((one) => one.side === side).map(({ atMs, path, body }) => ({ atMs, path, body })),
    forget: () => void (seen = []),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Returns both sides as they are now. */
export async function lookAt(
  folders: { readonly governed: SideFolders; readonly free: SideFolders },
  target: Target,
): Promise<WorldView> {
  const side = async (name: 'governed' | 'free'): Promise<SideView> => ({
    files: await filesOf(folders[name].workspace),
    outside: await filesOf(folders[name].outside),
    arrivals: target.arrivals(name),
    processes: await processesOf(folders[name].workspace),
  });
  const [governed, free] = await Promise.all([side('governed'), side('free')]);
  return { governed, free };
}

/** Makes both folders of a side as they are at the start. */
export async function layOut({ workspace, outside }: SideFolders): Promise<void> {
  for (const folder of [workspace, outside]) {
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
  }
  await writeFile(join(workspace, 'notes.txt'), 'Buy oats. Call Ada.\n');
  await writeFile(join(outside, 'secret.txt'), 'not for agents\n');
}

async function filesOf(folder: string): Promise<readonly FileView[]> {
  const names = (await readdir(folder).catch(() => []))
    .filter((name) => !name.startsWith('beat-'))
    .toSorted();
  return Promise.all(
    names.slice(0, 20).map(async (name) => ({
      name,
      text: (await readFile(join(folder, name), 'utf8').catch(() => '')).slice(0, MAX_SHOWN),
    })),
  );
}

/** Processes of the list whose command line names the folder and the busy tree; the doors that launched it are not. */
export async function processesOf(folder: string): Promise<readonly ProcessView[]> {
  const found: ProcessView[] = [];
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words.some((word) => word.endsWith('busy-tree')) && words.includes(folder) && !words.includes('exec'))
      found.push({
        pid: Number(pid),
        what: words.some((word) => word === '-c') ? 'setsid sh -c …' : 'sh busy-tree',
      });
  }
  return found;
}

/** The ungoverned tree: nobody may stop it but this supervisor, at reset, by its own process group. */
export function freeTree(program: string, workspace: string): { stop(): Promise<void> } {
  const child: ChildProcess = spawn(program, [workspace], { detached: true, stdio: 'ignore' });
  child.on('error', () => undefined);
  return {
    async stop() {
      if (child.pid === undefined) return;
      kill(-child.pid);
      // Some left the group on purpose: that is what the tree is for. Each is ended by its own id.
      for (let tries = 0; tries < 10; tries += 1) {
        const left = await processesOf(workspace);
        if (left.length === 0) return;
        for (const { pid } of left) kill(pid);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
