// The machine: what a store runs inside its write transaction, and over the whole log when it rebuilds.
import type { Prepared } from '../ports.ts';
import { apply } from './apply.ts';
import { project, projectNote, type Placed } from './project.ts';
import type { RowReader } from './rows.ts';
import type { ApplyContext, Put, Transition } from './transition.ts';

export interface Machine {
  apply(rows: RowReader, prepared: Prepared, context: ApplyContext): Transition | 'stale';
  project(rows: RowReader, placed: Placed): readonly Put[];
  projectNote(rows: RowReader, exec: string, note: string): readonly Put[];
}

/** The one machine of the product. The simulator plants bugs by wrapping it. */
export const machine: Machine = { apply, project, projectNote };
