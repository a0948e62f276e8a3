/** For a run with `LICET_TEST_STORE=postgresql`: one server that every test file has its schemas in, gone afterwards. */
import { startCluster, type Cluster } from './cluster.ts';

let cluster: Cluster;

export async function setup(): Promise<void> {
  cluster = await startCluster({ max_connections: '400' });
  process.env['LICET_TEST_POSTGRESQL'] = cluster.url('').split('?')[0];
}

export const teardown = (): Promise<void> => cluster.dispose();
