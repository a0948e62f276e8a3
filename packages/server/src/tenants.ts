/**
 * Several tenants in one server (DESIGN §2, §9): each has a data folder of its own, `DATA/tenants/<tenant>`, and so its
 * own log, keys, bundle, people, quotas, worker threads and lock. They share two listeners and nothing else, so that no
 * row, limit, feed or proof can cross: there is no place where it could.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isPlaneFolder } from './data-folder.ts';
import { ServerError } from './errors.ts';
import { openFront, TENANT_NAME } from './front.ts';
import { requireTls, type Fronts } from './listeners.ts';
import { openPlane, type OpenedPlane, type OpenPlaneOptions } from './open-plane.ts';

export interface TenantsOptions extends Pick<
  OpenPlaneOptions,
  | 'controlPort'
  | 'controlHost'
  | 'publicPort'
  | 'publicHost'
  | 'hosts'
  | 'tls'
  | 'stateDir'
  | 'deadlineMs'
  | 'ports'
> {
  /** The folder that holds `tenants/`. */
  readonly data: string;
}

/** One tenant of the server: its plane, or why there is none. */
export type Tenant =
  | { readonly name: string; readonly plane: OpenedPlane; readonly url?: string; readonly publicUrl?: string }
  | { readonly name: string; readonly failure: unknown };

export interface Tenants {
  readonly tenants: readonly Tenant[];
  /** Address of the shared listeners. */
  readonly url?: string;
  readonly publicUrl?: string;
  close(): Promise<void>;
}

/** Returns where a tenant's plane is kept. @throws ServerError `ERR_SERVER_TENANT` for a name that is none */
export function tenantFolder(data: string, tenant: string): string {
  if (!TENANT_NAME.test(tenant))
    throw new ServerError('ERR_SERVER_TENANT', `${JSON.stringify(tenant)} is no name of a tenant`);
  return join(data, 'tenants', tenant);
}

/** Returns the names of the tenants that have a plane, in order. */
export async function tenantsOf(data: string): Promise<readonly string[]> {
  const names = await readdir(join(data, 'tenants')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new ServerError('ERR_SERVER_DATA', `${data} cannot be read`, { cause: error });
  });
  const planes = await Promise.all(
    names.map(async (name) => TENANT_NAME.test(name) && (await isPlaneFolder(join(data, 'tenants', name)))),
  );
  return names.filter((_, at) => planes[at]).toSorted();
}

/**
 * Opens the planes of all tenants behind shared listeners. A tenant whose plane cannot be opened is denied everything,
 * with its failure told; the others are not touched by it.
 * @throws ServerError `ERR_SERVER_LISTEN`, `ERR_SERVER_TLS`, `ERR_SERVER_TENANT` when there is no tenant
 */
export async function openTenants(options: TenantsOptions): Promise<Tenants> {
  const names = await tenantsOf(options.data);
  if (names.length === 0) throw new ServerError('ERR_SERVER_TENANT', `${options.data} holds no tenant`);
  const fronts = await openFronts(options);
  const tenants = await Promise.all(names.map((name) => openTenant(name, options, fronts)));
  const { control, public: open } = fronts;
  return {
    tenants,
    ...(control === undefined ? {} : { url: control.url }),
    ...(open === undefined ? {} : { publicUrl: open.url }),
    async close() {
      await Promise.allSettled(tenants.map(async (tenant) => 'plane' in tenant && tenant.plane.close()));
      await Promise.all([control?.close(), open?.close()]);
    },
  };
}

async function openTenant(name: string, options: TenantsOptions, fronts: Fronts): Promise<Tenant> {
  const { controlPort: _control, publicPort: _public, ...common } = options;
  try {
    const plane = await openPlane({
      ...common,
      data: tenantFolder(options.data, name),
      init: false,
      shared: { name, fronts },
    });
    const { url, publicUrl } = plane;
    return {
      name,
      plane,
      ...(url === undefined ? {} : { url }),
      ...(publicUrl === undefined ? {} : { publicUrl }),
    };
  } catch (failure) {
    return { name, failure };
  }
}

async function openFronts(options: TenantsOptions): Promise<Fronts> {
  requireTls(options);
  const { controlPort, controlHost = '127.0.0.1', publicPort, publicHost = '127.0.0.1', tls } = options;
  const control =
    controlPort === undefined
      ? undefined
      : await openFront({ host: controlHost, port: controlPort, ...(tls === undefined ? {} : { tls }) });
  try {
    const open =
      publicPort === undefined ? undefined : await openFront({ host: publicHost, port: publicPort });
    return {
      ...(control === undefined ? {} : { control }),
      ...(open === undefined ? {} : { public: open }),
    };
  } catch (error) {
    await control?.close();
    throw error;
  }
}
