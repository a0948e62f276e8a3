// The face of @licet/api.
export type * from './client.ts';
export { PROBLEMS, PlaneError, type Problem, type ProblemCode } from './problems.ts';
