/** The entry of `licet`: runs one command line, shows its failure, sets its exit code. */
import * as nodeModule from 'node:module';
import { join } from 'node:path';

// Before the rest is loaded: keeping compiled code halves the start. In the user's own folder, never in a shared
// temporary one, where somebody else could leave code for us to run. Node 20, which may verify, has none.
const { XDG_CACHE_HOME, HOME } = process.env;
const cache =
  XDG_CACHE_HOME?.startsWith('/') === true
    ? XDG_CACHE_HOME
    : HOME === undefined
      ? undefined
      : join(HOME, '.cache');
if (cache?.startsWith('/') === true) nodeModule.enableCompileCache?.(join(cache, 'licet', 'code'));

const { runCommandLine } = await import('./program.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
