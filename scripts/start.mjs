// `npm start`: installs what is missing, builds the pages, then runs the main job, which stays up and prints its addresses.
import { install } from './install.mjs';
import { runPinned } from './run.mjs';

install();
const pages = await runPinned('packages/console/bin/build.mjs', []);
if (pages !== 0) process.exit(pages);
process.exit(await runPinned('packages/cli/src/main.ts', ['demo', ...process.argv.slice(2)]));
