// A scenario: a few claims that share a setting.
import type { World } from './world.ts';

export interface Stage {
  readonly world: World;
  /** Checks one claim; `check` returns in words what was looked at, or throws. A failed claim does not end the demo. */
  claim(name: string, check: () => Promise<string>): Promise<void>;
  /** Remembers an id for a later scenario. */
  keep(name: string, id: string): void;
  /** Returns what was kept; throws when an earlier scenario failed before it. */
  kept(name: string): string;
  /** Says what is about to happen. */
  tell(sentence: string): void;
}

export type Scenario = (stage: Stage) => Promise<void>;
