// The face of @licet/control-plane.
export { createPlane, type PlaneOptions } from './plane.ts';
export { machine, type Machine } from './core/machine.ts';
export type { ApplyContext, EntryDetail, NewEntry, Put, Transition } from './core/transition.ts';
export type * from './core/commands.ts';
export { executionIndex, SELF } from './core/rows.ts';
export type * from './core/rows.ts';
export type * from './ports.ts';
export type * from './face.ts';
