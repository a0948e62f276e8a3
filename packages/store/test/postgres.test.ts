/** The PostgreSQL store: the contract over schemas of a server of its own. */
import { machine as product } from '@licet/control-plane';
import { formatNote } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { afterAll, beforeAll, describe } from 'vitest';
import { openPostgresStore } from '../src/index.ts';
import { KEYS } from './builders.ts';
import { hasPostgres, startCluster, type Cluster } from './cluster.ts';
import { contract, type Place } from './contract.ts';
import { realMachine } from './real-machine.ts';
import { machine as tiny } from './tiny-machine.ts';

// LOST: without PostgreSQL's server the contract is not shown for it.
describe.skipIf(!hasPostgres)('PostgreSQL', () => {
  let cluster: Cluster;
  let schemas = 0;
  beforeAll(async () => {
    cluster = await startCluster();
  }, 60_000);
  afterAll(() => cluster.dispose());

  const place = async (machine = tiny): Promise<Place> => {
    const url = cluster.url(`t${++schemas}`);
    const lease = ed25519NoteSigner(KEYS.lease.name, KEYS.lease.seed);
    return {
      open: (options) =>
        openPostgresStore({
          url,
          log: ed25519NoteSigner(KEYS.log.name, KEYS.log.seed),
          lease: { signNote: (text) => formatNote(text, [lease.signSync(text)]) },
          machine,
          clock: { nowMs: () => Date.now() },
          secret: new Uint8Array(32).fill(7),
          ...options,
        }),
      dispose: async () => undefined,
    };
  };

  contract('postgresql', place, { opening: 'shared' });
  realMachine('postgresql', () => place(product));
});
