/** The face of the simulator. */
export { simulate, type SimulationOptions, type SimulationReport } from './simulate.ts';
export type { Bugs } from './world.ts';
