// The face of @licet/control-plane.
export { apply, project } from './core/apply.ts';
export type { ApplyContext, EntryDetail, NewEntry, Put, Transition } from './core/transition.ts';
export type * from './core/commands.ts';
export { executionIndex, SELF } from './core/rows.ts';
export type * from './core/rows.ts';
export type * from './ports.ts';
