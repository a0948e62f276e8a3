/** The command that tests start as a process of its own. */
import { join } from 'node:path';

/**
 * `npm test` packs the command once and names it here, so that its many processes run what is published, which starts in
 * half the time; a test file run by itself runs the source.
 */
export const LICET =
  process.env['LICET_TEST_COMMAND'] ?? join(import.meta.dirname, '../../packages/cli/src/main.ts');
