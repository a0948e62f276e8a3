/**
 * `licet tenants`: several tenants in one data folder, each with a plane of its own (DESIGN §2): own log, keys, policy,
 * people and quotas. `licet up` serves them all, each below `/t/<tenant>`.
 */
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { action, withJson, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { storeOf, type MakeOptions } from '../make-plane.ts';
import { dataFolderOf } from '../places.ts';
import { makePlane, withMaking } from './init.ts';

/** Adds the command. */
export function addTenants(program: Command): void {
  const tenants = program
    .command('tenants')
    .description('several tenants in one server, each with its own log, keys, policy and people');
  withJson(tenants.command('list', { isDefault: true }))
    .description('which tenants there are')
    .option('--data <dir>', 'folder of the tenants (default: LICET_DATA, else .licet)')
    .action(
      action<CommonOptions>(async ({ options, out }) => {
        const data = dataFolderOf(options);
        const { readPlaneFolder, tenantFolder, tenantsOf } = await import('@licet/server');
        const found = await Promise.all(
          (await tenantsOf(data)).map(async (tenant) => {
            const folder = tenantFolder(data, tenant);
            return { tenant, origin: (await readPlaneFolder(folder)).origin, data: folder };
          }),
        );
        out.document({ ok: true, tenants: found });
        for (const { tenant, origin, data: folder } of found)
          out.line(`${out.style('name', tenant.padEnd(16))} ${origin}  ${folder}`);
        if (found.length === 0) out.line('No tenants. licet tenants add NAME makes one.');
        return EXIT.ok;
      }),
    );
  withMaking(withJson(tenants.command('add <name>')))
    .description('make a tenant: its plane, keys, operator token and first policy')
    .option('--data <dir>', 'folder of the tenants (default: LICET_DATA, else .licet)')
    .action(
      action<MakeOptions>(async ({ options, out }, name = '') => {
        const data = dataFolderOf(options);
        const { isPlaneFolder, tenantFolder } = await import('@licet/server');
        if (await isPlaneFolder(data))
          throw new CliError('ERR_CLI_EXISTS', `${data} is the plane of one tenant`, {
            still: 'It was not touched.',
            next: 'Name another folder with --data; tenants live side by side in it.',
          });
        // Each works in a folder of its own, unless told otherwise.
        const workspace = options.workspace ?? join(dirname(data), 'workspaces', name);
        await makePlane(
          tenantFolder(data, name),
          { tenant: name, ...options, ...storeOfTenant(options, name), workspace },
          out,
        );
        out.line(`Next: licet up --data ${data}; one that runs already serves it after a restart.`);
        return EXIT.ok;
      }),
    );
}

/**
 * Each tenant has tables of its own: a schema named after it. One that `--store` names is this tenant's; one in the
 * environment is there for all of them, and two logs do not fit into one schema.
 */
function storeOfTenant(options: MakeOptions, tenant: string): { readonly store?: string } {
  const { store } = storeOf(options);
  if (store === undefined || !URL.canParse(store)) return {};
  const url = new URL(store);
  const named = url.searchParams.get('schema');
  if (named === null || options.store === undefined)
    url.searchParams.set('schema', `${named ?? 'licet'}_${tenant.replaceAll('-', '_')}`);
  return { store: url.href };
}
