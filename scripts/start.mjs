// `npm start`: installs what is missing, then runs the main job, which stays up and prints its addresses.
import { install } from './install.mjs';
import { runPinned } from './run.mjs';

install();
process.exit(await runPinned('packages/cli/src/main.ts', ['demo', ...process.argv.slice(2)]));
