/**
 * `licet up`: runs the plane of a data folder until it is asked to end; a fresh folder is made first. With `--json` one
 * line with its addresses is printed when it is ready, and nothing after it.
 */
import { createServer } from 'node:net';
import type { Command } from 'commander';
import { action, withJson } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { openOptions, organisationOf, publishFirst, type MakeOptions } from '../make-plane.ts';
import { dataFolderOf, readInput, stateFolderOf } from '../places.ts';
import { withMaking } from './init.ts';

/** Ports that are tried first when none is named; that of the control listener is what passkeys are bound to. */
const CONTROL_PORT = 4_840;
const PUBLIC_PORT = 4_841;

interface UpOptions extends MakeOptions {
  readonly init?: boolean;
  readonly port?: string;
  readonly publicPort?: string;
  readonly host?: readonly string[];
  readonly listen?: string;
  readonly publicListen?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Adds the command. */
export function addUp(program: Command): void {
  withMaking(withJson(program.command('up')))
    .summary('run the plane')
    .description(
      'Run the plane of a data folder, or those of all its tenants, until SIGTERM or Ctrl-C. A fresh folder is made first.',
    )
    .option('--data <dir>', 'data folder (default: LICET_DATA, else .licet)')
    .option('--no-init', 'do not make a plane where there is none')
    .option('--port <n>', `control listener on loopback (default: ${CONTROL_PORT}, or any free port)`)
    .option('--public-port <n>', `public, redacted listener (default: ${PUBLIC_PORT}, or any free port)`)
    .option('--host <name...>', 'further host names that are accepted, as name:port')
    .option('--listen <address>', 'address of the control listener; beyond loopback it needs TLS')
    .option('--public-listen <address>', 'address of the public listener')
    .option('--tls-cert <file>', 'certificate chain of the control listener, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .action(
      action<UpOptions>(async ({ options, out }) => {
        const data = dataFolderOf(options);
        const ending = untilAsked();
        const { openPlane, statePaths, tenantsOf } = await import('@licet/server');
        if ((await tenantsOf(data)).length > 0) {
          await upTenants(data, options, out, ending);
          return EXIT.ok;
        }
        const opened = await openPlane({
          ...openOptions(data, options),
          ...(await organisationOf(options.org)),
          init: options.init !== false,
          controlPort: await portOf(options.port, CONTROL_PORT),
          publicPort: await portOf(options.publicPort, PUBLIC_PORT),
          ...(await listening(options)),
        });
        try {
          if (opened.role === 'attached')
            throw new CliError('ERR_CLI_EXISTS', `another process runs the plane of ${data}`, {
              still: opened.url === undefined ? 'It goes on.' : `It goes on at ${opened.url}.`,
              next: 'Use it, or end it first.',
            });
          const first =
            opened.operatorToken === undefined ? undefined : await publishFirst(opened, data, options);
          const { state, why, size } = await opened.status();
          const token = statePaths(stateFolderOf(), opened.origin).operatorToken;
          const { url, publicUrl, origin, trustPath } = opened;
          out.document({
            ok: true,
            url,
            publicUrl,
            origin,
            data,
            trust: trustPath,
            token,
            state,
            why,
            size,
            made: first !== undefined,
          });
          out.line(`${out.style(state === 'enforcing' ? 'good' : 'warn', `■ ${state}`)} ${why}`);
          out.line(`  control  ${out.style('name', url ?? '')}`);
          out.line(`  public   ${out.style('name', publicUrl ?? '')}`);
          out.line(`  origin   ${origin} (${size} entries)`);
          out.line(`  trust    ${trustPath}`);
          out.line(`  token    ${token}`);
          if (first !== undefined) out.line(`  made     ${data}; agents may work in ${first.workspace}`);
          if (state === 'observing') out.line(out.style('warn', 'Observing: nothing is being stopped.'));
          out.line('Ctrl-C ends it; running executions end with their leases.');
          await ending;
        } finally {
          await opened.close();
        }
        return EXIT.ok;
      }),
    );
}

/** Serves every tenant of the folder, each below its own path, until asked to end. */
async function upTenants(
  data: string,
  options: UpOptions,
  out: Output,
  ending: Promise<void>,
): Promise<void> {
  const { openTenants, statePaths } = await import('@licet/server');
  const house = await openTenants({
    data,
    controlPort: await portOf(options.port, CONTROL_PORT),
    publicPort: await portOf(options.publicPort, PUBLIC_PORT),
    ...(await listening(options)),
  });
  try {
    const tenants = await Promise.all(
      house.tenants.map(async (tenant) => {
        if (!('plane' in tenant)) {
          const why = tenant.failure instanceof Error ? tenant.failure.message : String(tenant.failure);
          return { tenant: tenant.name, ok: false, state: 'fail-closed', why };
        }
        const { origin, trustPath } = tenant.plane;
        const { state, why } = await tenant.plane.status();
        const token = statePaths(stateFolderOf(), origin).operatorToken;
        const { url, publicUrl } = tenant;
        return { tenant: tenant.name, ok: true, url, publicUrl, origin, trust: trustPath, token, state, why };
      }),
    );
    out.document({ ok: true, url: house.url, publicUrl: house.publicUrl, data, tenants });
    for (const { tenant, state, why, url, token } of tenants) {
      const mark = out.style(state === 'enforcing' ? 'good' : 'warn', `■ ${state}`);
      out.line(`${mark} ${out.style('name', tenant)}: ${why}`);
      if (url !== undefined) out.line(`  control  ${out.style('name', url)}   token ${token}`);
    }
    out.line('Ctrl-C ends it; running executions end with their leases.');
    await ending;
  } finally {
    await house.close();
  }
}

/** Where to listen besides loopback, and as whom. */
async function listening(options: UpOptions): Promise<{
  readonly hosts?: readonly string[];
  readonly controlHost?: string;
  readonly publicHost?: string;
  readonly tls?: { readonly cert: Uint8Array; readonly key: Uint8Array };
}> {
  const { host, listen, publicListen, tlsCert, tlsKey } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new CliError('ERR_CLI_USAGE', '--tls-cert and --tls-key go together');
  return {
    ...(host === undefined ? {} : { hosts: host }),
    ...(listen === undefined ? {} : { controlHost: listen }),
    ...(publicListen === undefined ? {} : { publicHost: publicListen }),
    ...(tlsCert === undefined || tlsKey === undefined
      ? {}
      : { tls: { cert: await readInput(tlsCert), key: await readInput(tlsKey) } }),
  };
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once, as usual. */
function untilAsked(): Promise<void> {
  return new Promise((resolve) => {
    const signals = ['SIGTERM', 'SIGINT'] as const;
    const asked = (): void => {
      for (const signal of signals) process.removeListener(signal, asked);
      clearInterval(awake);
      resolve();
    };
    // Listeners of signals keep no process alive; a plane without ports must not end by itself.
    const awake = setInterval(() => undefined, 60_000);
    awake.unref();
    for (const signal of signals) process.on(signal, asked);
  });
}

/** A port that was named is used or fails; otherwise the usual one, or any when that is taken. */
async function portOf(named: string | undefined, usual: number): Promise<number> {
  if (named !== undefined) {
    const port = Number(named);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new CliError('ERR_CLI_USAGE', `${named} is no port`);
    return port;
  }
  return new Promise((resolve) => {
    const probe = createServer()
      .once('error', () => resolve(0))
      .listen(usual, '127.0.0.1', () => probe.close(() => resolve(usual)));
  });
}
