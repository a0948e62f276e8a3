// Scenarios on files: one write is permitted, one denied, a move waits for a person, and a forged yes is not believed.
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guard, type Door } from '@licet/sdk';
import { see } from '../demo/claim.ts';
import { there } from '../demo/world.ts';
import { impostor } from './impostor.ts';
import type { Recorder } from './recorder.ts';
import { endRefused, thrown, type Scenario } from './scenario.ts';

export const permitted: Scenario = {
  id: 'permitted',
  title: 'Permitted',
  what: 'Writes a plan into the workspace.',
  needsPlane: false,
  async run(theatre, recorder) {
    const { standing, standingDoor } = theatre;
    const content = 'oats, then Ada\n';
    const door = { ...standingDoor, client: recorder.tap(standing.plane) };
    await writeFile(join(theatre.free.workspace, 'plan.txt'), content);
    const error = await thrown(
      write(recorder, door)({ path: join(theatre.governed.workspace, 'plan.txt'), content }),
    );
    if (error !== undefined)
      return endRefused(
        theatre,
        recorder,
        error,
        'No file was written, because nobody could permit it.',
        'Wrote plan.txt: nobody was asked.',
      );
    recorder.end(
      'allow',
      'plan.txt is on disk with exactly the committed text.',
      'Wrote plan.txt too. Nothing says who did, or why.',
      await theatre.look(),
    );
  },
};

export const denied: Scenario = {
  id: 'denied',
  title: 'Denied',
  what: 'Overwrites a file outside the workspace.',
  needsPlane: false,
  async run(theatre, recorder) {
    const { standing, standingDoor } = theatre;
    const content = 'overwritten by an agent\n';
    await writeFile(join(theatre.free.outside, 'secret.txt'), content);
    const door = { ...standingDoor, client: recorder.tap(standing.plane) };
    const error = await thrown(
      write(recorder, door)({ path: join(theatre.governed.outside, 'secret.txt'), content }),
    );
    await endRefused(
      theatre,
      recorder,
      error,
      'secret.txt is untouched; the refusal is in the log.',
      'Overwrote secret.txt.',
    );
  },
};

export const held: Scenario = {
  id: 'held',
  title: 'Needs approval',
  what: 'Moves a file, which a person has to approve.',
  needsPlane: true,
  async run(theatre, recorder) {
    const agent = await theatre.agent();
    const name = `draft-${recorder.view.id}.txt`;
    const at = (folder: string, file: string): string => join(folder, file);
    for (const side of [theatre.governed, theatre.free])
      await writeFile(at(side.workspace, name), 'a draft\n');
    await rename(at(theatre.free.workspace, name), at(theatre.free.workspace, `final-${name}`));
    recorder.set({ before: await theatre.look() });
    const stop = new AbortController();
    const cleanup = (): void => stop.abort();
    theatre.cleanups.add(cleanup);
    const door = theatre.door(recorder.tap(agent.plane), agent);
    const move = guard(
      door,
      'files/move_file',
      (args: { readonly source: string; readonly destination: string }) =>
        rename(args.source, args.destination),
    );
    const error = await thrown(
      move(
        {
          source: at(theatre.governed.workspace, name),
          destination: at(theatre.governed.workspace, `final-${name}`),
        },
        { signal: stop.signal },
      ),
    );
    theatre.cleanups.delete(cleanup);
    if (error !== undefined)
      return endRefused(
        theatre,
        recorder,
        error,
        'The file stayed where it was: nobody approved the move.',
        'Moved it at once; nobody was asked.',
      );
    recorder.end(
      'allow',
      'The file stayed until the approval was in the log, and then moved.',
      'Moved it at once; nobody was asked.',
      await theatre.look(),
    );
  },
};

export const forged: Scenario = {
  id: 'forged',
  title: 'Forged answer',
  what: 'Somebody else answers “yes” in the plane’s place.',
  needsPlane: true,
  async run(theatre, recorder) {
    const agent = await theatre.agent();
    const path = join(theatre.governed.workspace, 'forged.txt');
    await writeFile(join(theatre.free.workspace, 'forged.txt'), 'believed it\n');
    const liar = impostor(agent.plane);
    const error = await thrown(
      write(recorder, theatre.door(recorder.tap(liar), agent))({ path, content: 'believed it\n' }),
    );
    see(!there(path), 'forged.txt was written');
    await endRefused(
      theatre,
      recorder,
      error,
      'No file: the yes was not signed by the log that this door trusts.',
      'Believed it and wrote forged.txt.',
    );
  },
};

const write = (recorder: Recorder, door: Door) =>
  guard(door, 'files/write_file', (args: { readonly path: string; readonly content: string }) => {
    recorder.say(`effect → write ${args.path}`);
    return writeFile(args.path, args.content);
  });
