/** `licet init`: makes a plane and its first policy; starts nothing. */
import { Option, type Command } from 'commander';
import { action, withJson } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { openOptions, organisationOf, publishFirst, type MakeOptions } from '../make-plane.ts';
import { dataFolderOf, stateFolderOf } from '../places.ts';

/** Adds the options of a plane that is to be made. */
export function withMaking(command: Command): Command {
  return command
    .option('--solo', 'one person suffices where otherwise two must act')
    .option('--observe', 'begin with a policy that stops nothing and records everything')
    .option(
      '--workspace <path>',
      'folder that agents may work in (default: workspace beside the data folder)',
    )
    .option('--program <path...>', 'programs that agents may run (default: a few that only print)')
    .option('--policy <dir>', 'publish this bundle folder instead of the starter')
    .option('--tenant <name>')
    .option('--org <id|file>', 'the organisation above: its id in your state folder, or its org.json')
    .addOption(new Option('--origin <origin>', 'name of the log (default: licet.local/ and 16 hex digits)'))
    .addOption(
      new Option('--custody <kind>', 'whether agents share the OS account of the plane').choices([
        'same-user',
        'separate',
      ]),
    )
    .option(
      '--store <url>',
      'PostgreSQL database that keeps the plane (default: LICET_STORE, else SQLite in the folder)',
    )
    .option('--public', 'entries are public too, not only hashes')
    .option('--rp-id <name>', 'name that passkeys are bound to (default: the host of --rp-origin)')
    .option(
      '--rp-origin <origin...>',
      'addresses of the console where passkeys are used (default: http://localhost and its port)',
    );
}

/** Adds the command. */
export function addInit(program: Command): void {
  withMaking(withJson(program.command('init')))
    .description('make a plane: data folder, keys, trust store, operator token, first policy')
    .option('--data <dir>', 'data folder (default: LICET_DATA, else .licet)')
    .action(
      action<MakeOptions>(async ({ options, out }) => {
        await makePlane(dataFolderOf(options), options, out);
        if (options.solo !== true)
          out.line(
            'Publishing over this policy, and lifting, take two people; for one person alone: --solo.',
          );
        out.line('Next: licet up');
        return EXIT.ok;
      }),
    );
}

/** Makes a plane and its first policy, and says where everything is. @throws CliError `ERR_CLI_EXISTS`, `ERR_CLI_POLICY` */
export async function makePlane(data: string, options: MakeOptions, out: Output): Promise<void> {
  const { isPlaneFolder, openPlane, statePaths } = await import('@licet/server');
  if (await isPlaneFolder(data))
    throw new CliError('ERR_CLI_EXISTS', `${data} holds a plane already`, {
      still: 'It was not touched.',
      next: 'Start it with licet up.',
    });
  const opened = await openPlane({
    ...openOptions(data, options),
    ...(await organisationOf(options.org)),
    socket: false,
  });
  try {
    const first = await publishFirst(opened, data, options);
    const paths = statePaths(stateFolderOf(), opened.origin);
    const { state, why } = await opened.status();
    out.document({
      ok: true,
      data,
      origin: opened.origin,
      trust: opened.trustPath,
      token: paths.operatorToken,
      workspace: first.workspace,
      state,
    });
    out.line(`${out.style('good', '✓')} ${opened.origin}`);
    out.line(`  data       ${data}`);
    out.line(`  workspace  ${first.workspace}`);
    out.line(`  trust      ${opened.trustPath}`);
    out.line(`  token      ${paths.operatorToken} (yours: approve, contain, publish)`);
    out.line(`  ${state}: ${why}`);
    if (first.observing) out.line(out.style('warn', 'Observing: nothing is being stopped.'));
  } finally {
    await opened.close();
  }
}
