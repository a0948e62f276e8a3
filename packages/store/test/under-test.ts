/**
 * Which engine keeps the planes of a test run. `LICET_TEST_STORE=memory|sqlite|postgresql` puts every test that opens a
 * store or a plane on that engine; without it each is on the cheapest one that can do it. Tests that are about one
 * engine name it, and say what would be lost elsewhere.
 *
 * The database of a plane follows from its folder, so that whoever opens the folder again finds the same log.
 */
import { createHash } from 'node:crypto';

export const ENGINES = ['memory', 'sqlite', 'postgresql'] as const;
export type Engine = (typeof ENGINES)[number];

/** Set by server-under-test.ts: the one server of the whole run. */
const SERVER = 'LICET_TEST_POSTGRESQL';

/** The engine that was asked for; undefined: each test takes its own. @throws Error on a name that is none */
export const engineUnderTest: Engine | undefined = engineNamed(process.env['LICET_TEST_STORE']);

function engineNamed(name: string | undefined): Engine | undefined {
  if (name === undefined || name === '') return undefined;
  const engine = ENGINES.find((one) => one === name);
  // A misspelt name must not look like a run on that engine.
  if (engine === undefined) throw new Error(`LICET_TEST_STORE is ${name}; there are: ${ENGINES.join(', ')}`);
  return engine;
}

/** The address of the database that keeps the plane of this folder. */
export function databaseOf(folder: string): string {
  const server = process.env[SERVER];
  if (server === undefined) throw new Error(`${SERVER} is not set: no server was started for this run`);
  return `${server}?schema=t${createHash('sha256').update(folder).digest('hex').slice(0, 24)}`;
}

/** What `openPlane` is told so that a plane made in this folder is kept by the engine of the run. */
export const keptBy = (folder: string): { readonly store?: string } =>
  engineUnderTest === 'postgresql' ? { store: databaseOf(folder) } : {};

/**
 * Whether a store that is opened again is another incarnation, which ends all permits (RULE 7). A database stays the
 * same one whoever comes back to it; failovers are in tests/replicas.
 */
export const restartEndsPermits = engineUnderTest !== 'postgresql';

/** For tests that reach into the store in memory: they fail its steps, go back to a snapshot, or change one. */
export const isInMemory = engineUnderTest === undefined || engineUnderTest === 'memory';
