/**
 * The product's name. Everything that carries it (package scope, command, environment prefix, log origins,
 * media types, domain tags of commitments) derives from this one constant.
 */

/** The name, lower case ASCII. */
export const NAME = 'licet';

/** npm scope of the workspaces. */
export const SCOPE = `@${NAME}` as const;

/** Name of the command line program. */
export const CLI = NAME;

/** Prefix of environment variables. */
export const ENV_PREFIX = 'LICET_';

/** Default log origins are this prefix and 16 hex digits. */
export const ORIGIN_PREFIX = `${NAME}.local/` as const;

/** Default data directory, relative to where the program starts. */
export const DATA_DIR = `.${NAME}` as const;

/** Media types of what this project serves. C2SP formats keep their own types. */
export const MEDIA_TYPES = {
  bundle: `application/vnd.${NAME}.evidence-bundle+json`,
  trust: `application/vnd.${NAME}.trust+json`,
  entry: `application/vnd.${NAME}.entry+json`,
} as const;

/** Returns the domain tag `licet/<kind>/v1\n` that separates one use of SHA-256 from every other. */
export function domainTag(kind: string): string {
  return `${NAME}/${kind}/v1\n`;
}
