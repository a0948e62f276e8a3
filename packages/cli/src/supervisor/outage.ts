// Killing the plane, for real, and starting it again: the door refuses at once, the running lease ends at its signed
// time, and afterwards everything goes on by itself.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Denied, guard, Halted } from '@licet/sdk';
import { see, until } from '../demo/claim.ts';
import type { Theatre } from './theatre.ts';

/** The door asks again this often while the plane is dead, milliseconds. */
const PROBE_MS = 1_000;

/** Starts work under a lease, then kills the plane with SIGKILL. Resolves once it is dead and a door has refused. */
export async function killPlane(theatre: Theatre): Promise<void> {
  const { world } = theatre;
  const operator = await world.operator();
  await startWork(theatre);
  const { size } = await operator.status();
  await operator.close();
  await world.plane.kill();
  theatre.setPlane({ state: 'dead', sinceMs: Date.now(), sizes: { before: size } });
  theatre.setProbe(undefined);
  await probe(theatre);
  void keepProbing(theatre);
}

/** Starts it again on the same folder and port, and waits until the same door is permitted again. */
export async function restartPlane(theatre: Theatre): Promise<void> {
  const before = theatre.plane.sizes?.before ?? 0;
  const began = performance.now();
  theatre.setPlane({ ...theatre.plane, state: 'starting' });
  try {
    await theatre.world.plane.restart();
  } catch (error) {
    theatre.setPlane({ ...theatre.plane, state: 'dead' });
    throw error;
  }
  // Nobody tells the door: its next call simply finds a plane again.
  const back = await until(async () => (await ask(theatre)) === undefined, 20_000, 200);
  see(back, 'the door was not permitted again');
  const operator = await theatre.world.operator();
  const { size } = await operator.status();
  await operator.close();
  const recoveredMs = Math.round(performance.now() - began);
  theatre.setPlane({ state: 'up', sinceMs: Date.now(), sizes: { before, after: size, recoveredMs } });
}

/** One governed call by the standing agent. Resolves to the refusal's code, or undefined when it was permitted. */
async function ask(theatre: Theatre): Promise<string | undefined> {
  const path = join(theatre.governed.workspace, 'probe.txt');
  const write = guard(theatre.standingDoor, 'files/write_file', (args: { path: string; content: string }) =>
    writeFile(args.path, args.content),
  );
  try {
    await write({ path, content: `written ${new Date().toISOString()}\n` });
    return undefined;
  } catch (error) {
    if (!(error instanceof Denied)) throw error;
    return error.code;
  }
}

async function probe(theatre: Theatre): Promise<void> {
  const began = performance.now();
  const code = await ask(theatre);
  // A yes without a plane would be the end of this product: it is shown, not hidden.
  const tookMs = Math.round(performance.now() - began);
  theatre.setProbe({
    atMs: Date.now(),
    tookMs,
    code: code ?? 'PERMITTED',
    count: (theatre.probe?.count ?? 0) + 1,
  });
}

async function keepProbing(theatre: Theatre): Promise<void> {
  for (;;) {
    await pause(PROBE_MS);
    if (theatre.plane.state !== 'dead' || theatre.closed) return;
    await probe(theatre);
  }
}

/** Work that goes on under a lease until it may not. */
async function startWork(theatre: Theatre): Promise<void> {
  const { governed, standing, standingDoor } = theatre;
  const door = { ...standingDoor, client: theatre.followLease(standing.plane) };
  const stop = new AbortController();
  const cleanup = (): void => stop.abort();
  let beats = 0;
  theatre.setLease(undefined);
  const began = Promise.withResolvers<void>();
  const work = guard(
    door,
    'files/write_file',
    async (args: { path: string; content: string }, { signal, executionId }) => {
      // The start says until when, before any renewal does.
      const view = await standing.plane.execution(executionId);
      theatre.setLease({
        executionId,
        untilMs: view.lease?.untilMs ?? Date.now(),
        beats,
        renewals: view.lease?.counter ?? 0,
      });
      began.resolve();
      // The moment it was stopped; reporting that to a plane that is dead takes longer, and changes nothing.
      signal.addEventListener('abort', () => {
        if (theatre.lease !== undefined && theatre.lease.endedMs === undefined)
          theatre.setLease({ ...theatre.lease, beats, endedMs: Date.now(), reason: String(signal.reason) });
      });
      while (!signal.aborted) {
        beats += 1;
        await writeFile(args.path, `beat ${beats}\n`);
        if (beats % 5 === 0 && theatre.lease !== undefined) theatre.setLease({ ...theatre.lease, beats });
        await pause(200);
      }
      throw signal.reason as Error;
    },
  );
  theatre.cleanups.add(cleanup);
  const path = join(governed.workspace, 'night-shift.txt');
  void work({ path, content: 'beat 0' }, { signal: stop.signal }).then(
    () => undefined,
    (error: unknown) => {
      theatre.cleanups.delete(cleanup);
      began.reject(error);
      if (theatre.lease === undefined || theatre.lease.endedMs !== undefined) return;
      const reason = error instanceof Halted || error instanceof Denied ? error.code : String(error);
      theatre.setLease({ ...theatre.lease, beats, endedMs: Date.now(), reason });
    },
  );
  await began.promise;
  see(await until(() => beats > 2, 5_000), 'the work never began');
}
