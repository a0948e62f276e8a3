/** The entry of `licet`: runs one command line, shows its failure, sets its exit code. */
import { runCommandLine } from './program.ts';

process.exitCode = await runCommandLine(process.argv.slice(2));
