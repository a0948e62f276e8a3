// A scenario: one button of the demo (RULE 46). It runs a real governed execution, and beside it the same deed without a
// door; one that the door refuses ends here, in the same words for all of them.
import { Denied } from '@licet/sdk';
import type { Recorder } from './recorder.ts';
import type { Theatre } from './theatre.ts';

/** What a button does. `run` ends the recorder itself. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly what: string;
  /** Whether it needs a living plane; the others show what a dead one means. */
  readonly needsPlane: boolean;
  run(theatre: Theatre, recorder: Recorder): Promise<void>;
}

/** Ends a run with how the call failed; rethrows what is no refusal. */
export async function endRefused(
  theatre: Theatre,
  recorder: Recorder,
  error: unknown,
  checked: string,
  free: string,
): Promise<void> {
  if (!(error instanceof Denied)) throw error;
  recorder.say(`door → ${error.code}: ${error.reason}`);
  // The door may refuse what the plane permitted: then it ends at Execute, and the decision stands.
  const decided = recorder.view.stages[1]!.state === 'done';
  const facts = [
    ['Door says', error.code],
    ['Why', error.reason],
  ] as const;
  recorder.stage(
    decided ? 'Execute' : 'Decision',
    'stopped',
    decided || recorder.view.executionId === undefined ? facts : [],
  );
  recorder.stage('Report', 'done', [
    ['The agent is told', error.code],
    ['Next', error.next],
  ]);
  recorder.end('deny', checked, free, await theatre.look());
}

/** Resolves to the error that a call ended with, or undefined when it went through. */
export const thrown = (done: Promise<unknown>): Promise<unknown> =>
  done.then(
    () => undefined,
    (error: unknown) => error ?? new Error('it failed without a reason'),
  );
