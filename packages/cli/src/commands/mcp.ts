/**
 * `licet mcp -- SERVER COMMAND`: the gateway before one tool server; `mcp import` puts it before every server of a
 * client's configuration; `mcp pin` shows what changed in a server's tools and pins them after a yes.
 */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { ClientServer } from '@licet/gateway';
import { openForDoor, requirePlane } from '../attach.ts';
import { action, confirm, withJson, withPlane, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { count, type Output, printable } from '../output.ts';
import { dataFolderOf, reason, stateFolderOf } from '../places.ts';
import { askActions, declareActions, type Declared } from '../tool-actions.ts';
import { listTools } from '../tool-list.ts';

interface McpOptions {
  readonly agent?: string;
  readonly server?: string;
  readonly firstUse?: boolean;
  readonly pins?: string;
  readonly allow?: readonly string[];
}

/** Adds the commands. */
export function addMcp(program: Command): void {
  const mcp = withPlane(program.command('mcp'))
    .summary('govern an MCP tool server')
    .description(
      'Run an MCP tool server over stdio with every call decided first. stdout is the protocol; notes go to stderr.',
    )
    .argument('[command...]', 'the server command, after --')
    .option('--server <name>', 'its name in actions, as in files/write_file (default: files)')
    .option('--agent <id>', 'the agent in whose name (default: a-default)')
    .option('--pins <file>', 'pinned tool definitions (default: in your state folder)')
    .option('--first-use', 'pin every tool as it is when nothing is pinned yet')
    .option('--allow <method...>', 'requests of the server that reach the client: sampling/createMessage …')
    .passThroughOptions()
    .action(
      action<McpOptions>(async ({ options }, ...command) => {
        if (command.length === 0)
          throw new CliError('ERR_CLI_USAGE', 'name the server command after --', {
            next: 'For example: licet mcp --server files -- npx -y @modelcontextprotocol/server-filesystem /workspace',
          });
        const server = options.server ?? 'files';
        const { runMcpProxy } = await import('@licet/gateway');
        const plane = await openForDoor(options);
        const abort = new AbortController();
        const stop = (): void => abort.abort();
        process.once('SIGTERM', stop);
        process.once('SIGINT', stop);
        try {
          const end = await runMcpProxy({
            plane,
            server,
            upstream: { command },
            input: process.stdin,
            output: process.stdout,
            pins: { file: await pinFile(options, server), firstUse: options.firstUse === true },
            signal: abort.signal,
            note: (text) => process.stderr.write(`licet: ${printable(text)}\n`),
            ...(options.allow === undefined ? {} : { serverRequests: options.allow }),
          });
          return end.why === 'halted' ? EXIT.denied : EXIT.ok;
        } finally {
          process.removeListener('SIGTERM', stop);
          process.removeListener('SIGINT', stop);
          await plane.close();
          process.stdin.pause();
        }
      }),
    );
  addPin(mcp);
  addImport(mcp);
}

/** Pins are the user's, not the plane's: whoever could write them could let a changed tool pass. */
async function pinFile(options: CommonOptions & { readonly pins?: string }, server: string): Promise<string> {
  if (options.pins !== undefined) return options.pins;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(server))
    throw new CliError('ERR_CLI_USAGE', `${JSON.stringify(server)} cannot name a server`);
  const data = await requirePlane(options);
  const { readPlaneFolder, statePaths } = await import('@licet/server');
  const { origin } = await readPlaneFolder(data);
  return join(statePaths(stateFolderOf(), origin).folder, 'pins', `${server}.json`);
}

function addPin(mcp: Command): void {
  withPlane(mcp.command('pin'))
    .summary('review and pin the tools of a server')
    .description('Start a tool server, show what changed in its tool definitions, and pin them after a yes.')
    .argument('<command...>', 'the server command, after --')
    .option('--server <name>', 'its name in actions (default: files)')
    .option('--pins <file>', 'where the pins are (default: in your state folder)')
    .option('--yes', 'pin without asking')
    .passThroughOptions()
    .action(
      action<{ readonly server?: string; readonly pins?: string; readonly yes?: boolean }>(
        async ({ options, out }, ...command) => {
          const server = options.server ?? 'files';
          const { comparePins, inspectTools, makePins, readPins, visible, writePins } =
            await import('@licet/gateway');
          const file = await pinFile(options, server);
          const tools = inspectTools(server, await listTools(command));
          const before = (await readPins(file, server)) ?? { v: 1 as const, server, tools: {} };
          const changes = comparePins(before, tools).filter(({ kind }) => kind !== 'same');
          const refused = tools.flatMap(({ name, fault }) =>
            fault === undefined ? [] : [{ name: name ?? null, why: fault }],
          );
          for (const { name, kind, diff } of changes) {
            out.line(`${out.style(kind === 'changed' ? 'warn' : 'name', kind)} ${visible(name)}`);
            for (const line of diff)
              out.line(
                `  ${line.startsWith('+') ? out.style('good', line) : line.startsWith('-') ? out.style('bad', line) : line}`,
              );
          }
          for (const { name, why } of refused)
            out.line(out.style('bad', `refused ${visible(name ?? '?')}: ${why}`));
          if (changes.length > 0) {
            await confirm(out, `Pin ${count(changes.length, 'change')} of ${server}?`, options.yes);
            await writePins(file, makePins(server, tools));
          }
          const pinned = tools.length - refused.length;
          out.document({
            ok: true,
            server,
            file,
            pinned,
            changes: changes.map(({ name, kind }) => ({ name, kind })),
            refused,
          });
          out.line(`${out.style('good', '✓')} ${count(pinned, 'tool')} of ${server} pinned in ${file}`);
          return EXIT.ok;
        },
      ),
    );
}

interface ImportCommandOptions {
  readonly undo?: boolean;
  readonly enforce?: boolean;
  readonly agent?: string;
  readonly launcher?: string;
}

function addImport(mcp: Command): void {
  withJson(mcp.command('import'))
    .summary("govern every tool server of a client's configuration")
    .description(
      "Put the gateway before every tool server that a client's configuration starts, and nothing else in that file.\n" +
        'Each server is started once and asked for its tools, so that the policy describes them; a plane that observes is\n' +
        'made when there is none. Tools are pinned as they are on first use; --undo puts the file back byte for byte.',
    )
    .argument('<file>', 'configuration of Claude Desktop, Claude Code, Cursor, VS Code …')
    .option('--data <dir>', 'data folder of the plane (default: LICET_DATA, else .licet)')
    .option('--undo', 'restore what the last import changed')
    .option('--enforce', 'ask no server and pin nothing on first use: a person describes and pins every tool')
    .option('--agent <id>', 'the agent in whose name')
    .option('--launcher <command>', 'how the client starts licet (default: this very program)')
    .action(
      action<ImportCommandOptions>(async ({ options, out }, file) => {
        const { clientServers, importClientConfig } = await import('@licet/gateway');
        const data = dataFolderOf(options);
        const undo = options.undo === true;
        const observe = options.enforce !== true;
        // Clients start programs from anywhere: everything is named in full.
        const launcher =
          options.launcher === undefined ? [process.execPath, process.argv[1]!] : options.launcher.split(' ');
        const prepared =
          undo || !observe ? undefined : await prepare(data, await clientServers(file!, { launcher }), out);
        const report = await importClientConfig(file!, {
          undo,
          observe,
          launcher,
          flags: ['--data', data, ...(options.agent === undefined ? [] : ['--agent', options.agent])],
          ...(prepared === undefined ? {} : { skip: prepared.skip }),
        });
        out.document({ ok: true, ...report, policy: prepared?.declared ?? null });
        for (const { name, server, state, why, command } of report.servers)
          out.line(
            `${out.style(state === 'skipped' ? 'warn' : 'good', state.padEnd(8))} ${printable(name)} (${server}) ${out.style('dim', printable(why ?? command.join(' ')))}`,
          );
        if (!report.changed) out.line('Nothing was changed.');
        else if (undo) out.line(`${report.file} is as it was.`);
        else {
          if (prepared?.declared === 'made')
            out.line(out.style('warn', `A plane was made in ${data}. Observing: nothing is being stopped.`));
          out.line(
            `Next: licet up --data ${data} where it does not run yet, restart the client, then licet log tail -f --data ${data}`,
          );
          out.line(`Back again: licet mcp import ${file} --undo`);
        }
        return EXIT.ok;
      }),
    );
}

/** Asks each server for its tools and has the policy describe them. One that cannot be asked is left as it is. */
async function prepare(
  data: string,
  servers: readonly ClientServer[],
  out: Output,
): Promise<{ readonly skip: ReadonlyMap<string, string>; readonly declared?: Declared }> {
  const skip = new Map<string, string>();
  const asked = await Promise.all(
    servers.map(async ({ server, command, env, cwd }) => {
      try {
        const setting = { env, quiet: true, ...(cwd === undefined ? {} : { cwd }) };
        const { actions, skipped } = await askActions(server, command, setting);
        for (const { name, why } of skipped)
          out.remark(`${server}: ${printable(name)} stays denied: ${printable(why)}`);
        return actions;
      } catch (cause) {
        // An import that would break a client is not made: it says so, and the server stays as it was.
        skip.set(server, `its tools could not be asked for: ${reason(cause)}`);
        return {};
      }
    }),
  );
  if (skip.size === servers.length) return { skip };
  return { skip, declared: await declareActions(data, Object.assign({}, ...asked)) };
}
