// A next version of the starter policy with something changed, signed as its author signs, and tests to go with it.
import { dirname, join } from 'node:path';
import type { Json } from '@licet/evidence';
import { assembleBundle, starterPolicy, type Bundle } from '@licet/policy';
import { readPlaneFolder, readSeed, signBundle, statePaths } from '@licet/server';
import type { Stage } from './browser.ts';

const TESTS = {
  'closed.test.json': {
    tests: [
      {
        name: 'nothing permits the self-test',
        given: { user: 'nobody', action: 'licet/self-test', args: {} },
        expect: { verdict: 'deny' },
      },
    ],
  },
} as const;

/** Returns what `publish` takes. `change` gets `bundle.json` as it is. */
export async function aBundle(
  stage: Stage,
  change: (head: Pick<Bundle, 'actions'>) => Partial<Bundle>,
): Promise<readonly [signed: Json, tests: { readonly [file: string]: Json }]> {
  const active = (await stage.operator.bundles()).find((one) => one.active);
  const folder = dirname(stage.workspace);
  const { vkeys, origin, tenant } = await readPlaneFolder(join(folder, 'data'));
  const files = starterPolicy({ workspace: stage.workspace, origin, tenant });
  const head = JSON.parse(files['bundle.json']!) as Bundle;
  const changed = { ...head, version: (active?.version ?? 0) + 1, ...change(head) };
  const bundle = assembleBundle({ ...files, 'bundle.json': JSON.stringify(changed) });
  const seed = await readSeed(statePaths(join(folder, 'state'), origin).authorSeed);
  return [signBundle(bundle, seed, vkeys.author) as unknown as Json, TESTS];
}
