/** The version of this package, from its package.json: beside the sources, or beside the packed file. */
import { readFileSync } from 'node:fs';

/** Semantic version. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  }
).version;
