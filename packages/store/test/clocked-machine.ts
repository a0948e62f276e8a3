/** The product's machine in a writer's thread whose clock the test holds: one number that both threads see. */
import { getEnvironmentData, isMainThread } from 'node:worker_threads';

export { machine } from '@licet/control-plane';

const cell = getEnvironmentData('licet-test-clock') as unknown as BigInt64Array | undefined;
if (isMainThread || cell === undefined) throw new Error('this module is for a thread that was given a clock');
Date.now = () => Number(cell[0]);
