/** Opens stores for tests whose engine the run chooses (under-test.ts), with the product's machine and the test's clock. */
import { setEnvironmentData } from 'node:worker_threads';
import { formatNote } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { machine, type Clock } from '@licet/control-plane';
import { openPostgresStore, openSqliteStore, type KeySeed } from '../src/index.ts';
import type { AnyStore } from './contract.ts';
import { databaseOf, type Engine } from './under-test.ts';

export interface UnderTest {
  /** The data folder; a database follows from its name. */
  readonly folder: string;
  readonly keys: { readonly log: KeySeed; readonly lease: KeySeed };
  /** 32 bytes that record keys are wrapped under. */
  readonly secret: Uint8Array;
  /** A clock that the test holds. `cell` is shared with the writer's thread of SQLite. Default: the system's. */
  readonly clock?: Clock & { readonly cell: BigInt64Array<SharedArrayBuffer> };
}

/** Opens the store of a folder in SQLite or PostgreSQL, with the product's machine; again is a restart. */
export function openUnderTest(engine: Exclude<Engine, 'memory'>, options: UnderTest): Promise<AnyStore> {
  const { folder, keys, secret, clock } = options;
  if (engine === 'postgresql') {
    const lease = ed25519NoteSigner(keys.lease.name, keys.lease.seed);
    return openPostgresStore({
      url: databaseOf(folder),
      log: ed25519NoteSigner(keys.log.name, keys.log.seed),
      lease: { signNote: (text) => formatNote(text, [lease.signSync(text)]) },
      machine,
      clock: clock ?? { nowMs: () => Date.now() },
      secret,
      // What is shown here does not depend on how busy the machine is; that an answer has an end is shown elsewhere.
      answerMs: 60_000,
    });
  }
  if (clock === undefined) return openSqliteStore({ path: folder, keys });
  // Threads that start from now on see this clock; the next world sets its own before it starts one.
  setEnvironmentData('licet-test-clock', clock.cell);
  return openSqliteStore({
    path: folder,
    keys,
    machine: new URL('./clocked-machine.ts', import.meta.url).href,
  });
}
