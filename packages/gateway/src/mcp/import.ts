// `licet mcp import`: puts the gateway in front of every tool server that a client's configuration starts, by changing
// `command` and `args` and no other byte, and takes it back byte for byte.
import { createHash } from 'node:crypto';
import { open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CLI } from '@licet/evidence';
import { GatewayError } from '../errors.ts';
import { locate, valueAt, type Located } from './jsonc.ts';

/** How the gateway is put in front. */
export interface ImportOptions {
  /** Pin every tool as it is on first use (`--first-use`), so that nothing is in the way while one observes. Default false. */
  readonly observe?: boolean;
  /** Restore what the last import changed. */
  readonly undo?: boolean;
  /** Command that starts the gateway. Default `licet`. */
  readonly launcher?: readonly string[];
  /** Servers to leave alone, by their name in actions, and why. */
  readonly skip?: ReadonlyMap<string, string>;
  /** Further words after `mcp --server NAME`, such as `--data FOLDER`. */
  readonly flags?: readonly string[];
}

/** What became of one tool server of the configuration. */
export interface ImportedServer {
  /** Its name in the configuration. */
  readonly name: string;
  /** Its name in actions. */
  readonly server: string;
  readonly state: 'governed' | 'already' | 'restored' | 'skipped';
  /** Why it was skipped. */
  readonly why?: string;
  /** The command it had, or has again. */
  readonly command: readonly string[];
}

/** What an import or its undoing came to. */
export interface ImportReport {
  readonly file: string;
  readonly changed: boolean;
  readonly servers: readonly ImportedServer[];
}

/** A tool server that a configuration starts. */
export interface ClientServer {
  /** Its name in actions. */
  readonly server: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

interface Backup {
  readonly v: 1;
  readonly steps: readonly { readonly original: string; readonly governed: string }[];
}

const SERVER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Returns where the backup of a configuration lies. */
export const backupOf = (file: string): string => `${file}.${CLI}-backup.json`;

/**
 * Changes a client's configuration (`mcpServers` of Claude Desktop, Claude Code, Cursor; `servers` of VS Code) so that
 * each tool server it starts runs behind the gateway, or undoes that.
 * @throws GatewayError `ERR_MCP_CONFIG`: nothing was changed
 */
export async function importClientConfig(path: string, options: ImportOptions = {}): Promise<ImportReport> {
  return naming(path, async () => {
    // A link to a file elsewhere stays a link.
    const file = await realpath(path);
    return options.undo === true ? undo(file) : govern(file, options);
  });
}

/**
 * Returns the tool servers that an import would put the gateway in front of. The file is only read.
 * @throws GatewayError `ERR_MCP_CONFIG`
 */
export async function clientServers(
  path: string,
  options: Pick<ImportOptions, 'launcher'> = {},
): Promise<readonly ClientServer[]> {
  return naming(path, async () => {
    const text = textOf(await readFile(path));
    const names = new Set<string>();
    return serversOf(locate(text)).flatMap(([name, place]): ClientServer[] => {
      const server = serverName(name, names);
      const { command, args } = commandOf(text, place);
      if (command === undefined || args === undefined) return [];
      if (isGoverned([command, ...args], options.launcher ?? [CLI])) return [];
      const cwd = memberOf(text, place, 'cwd');
      return [
        {
          server,
          command: [command, ...args],
          env: textsIn(memberOf(text, place, 'env')),
          ...(typeof cwd === 'string' ? { cwd } : {}),
        },
      ];
    });
  });
}

async function naming<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    throw new GatewayError(
      'ERR_MCP_CONFIG',
      `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

async function govern(file: string, options: ImportOptions): Promise<ImportReport> {
  const bytes = await readFile(file);
  const text = textOf(bytes);
  const launcher = options.launcher ?? [CLI];
  const edits: Edit[] = [];
  const names = new Set<string>();
  const servers: ImportedServer[] = [];
  for (const [name, place] of serversOf(locate(text))) {
    const server = serverName(name, names);
    const { command, args } = commandOf(text, place);
    if (command === undefined) {
      servers.push({
        name,
        server,
        state: 'skipped',
        why: 'it is not started by a command, so it does not pass through here',
        command: [],
      });
    } else if (args === undefined) {
      servers.push({
        name,
        server,
        state: 'skipped',
        why: 'its args are not a list of texts',
        command: [command],
      });
    } else if (isGoverned([command, ...args], launcher)) {
      servers.push({ name, server, state: 'already', command: [command, ...args] });
    } else if (options.skip?.has(server) === true) {
      const why = options.skip.get(server)!;
      servers.push({ name, server, state: 'skipped', why, command: [command, ...args] });
    } else {
      const [program = CLI, ...words] = launcher;
      const governed = [
        ...words,
        'mcp',
        '--server',
        server,
        ...(options.observe === true ? ['--first-use'] : []),
        ...(options.flags ?? []),
        '--',
        command,
        ...args,
      ];
      edits.push(...editsOf(place, program, governed));
      servers.push({ name, server, state: 'governed', command: [command, ...args] });
    }
  }
  if (edits.length === 0) return { file, changed: false, servers };
  const governed = Buffer.from(applied(text, edits));
  const backup = await readBackup(file);
  const step = { original: bytes.toString('base64'), governed: digestOf(governed) };
  // The way back is durable before the change is made.
  await replaceFile(
    backupOf(file),
    `${JSON.stringify({ v: 1, steps: [...(backup?.steps ?? []), step] })}\n`,
    0o600,
  );
  await replaceFile(file, governed, (await stat(file)).mode & 0o777);
  return { file, changed: true, servers };
}

async function undo(file: string): Promise<ImportReport> {
  const backup = await readBackup(file);
  const step = backup?.steps.at(-1);
  if (backup === undefined || step === undefined)
    throw new GatewayError('ERR_MCP_CONFIG', `${file} was not imported: there is no ${backupOf(file)}`);
  const now = await readFile(file);
  if (digestOf(now) !== step.governed) {
    throw new GatewayError(
      'ERR_MCP_CONFIG',
      `${file} was changed after the import; the original is in ${backupOf(file)}`,
    );
  }
  const original = Buffer.from(step.original, 'base64');
  await replaceFile(file, original, (await stat(file)).mode & 0o777);
  const steps = backup.steps.slice(0, -1);
  if (steps.length === 0) await unlink(backupOf(file));
  else await replaceFile(backupOf(file), `${JSON.stringify({ v: 1, steps })}\n`, 0o600);
  const text = textOf(original);
  const names = new Set<string>();
  const servers = serversOf(locate(text)).map(([name, place]): ImportedServer => {
    const { command, args = [] } = commandOf(text, place);
    return {
      name,
      server: serverName(name, names),
      state: command === undefined ? 'skipped' : 'restored',
      command: command === undefined ? [] : [command, ...args],
    };
  });
  return { file, changed: true, servers };
}

/** Finds the server entries: `mcpServers`, `servers`, `mcp.servers`, and `projects.*.mcpServers`. */
function serversOf(root: Located): readonly (readonly [string, Located])[] {
  const projects = [...(root.members.get('projects')?.members.values() ?? [])];
  const groups = [
    root.members.get('mcpServers'),
    root.members.get('servers'),
    root.members.get('mcp')?.members.get('servers'),
    ...projects.map((project) => project.members.get('mcpServers')),
  ];
  return groups.flatMap((group) =>
    [...(group?.members ?? [])].filter(([, place]) => place.kind === 'object'),
  );
}

function commandOf(
  text: string,
  place: Located,
): { readonly command?: string; readonly args?: readonly string[] } {
  const command = place.members.get('command');
  const value = command === undefined ? undefined : valueAt(text, command);
  if (typeof value !== 'string') return {};
  const args = place.members.get('args');
  const list = args === undefined ? [] : valueAt(text, args);
  return Array.isArray(list) && list.every((word) => typeof word === 'string')
    ? { command: value, args: list as readonly string[] }
    : { command: value };
}

function memberOf(text: string, place: Located, name: string): unknown {
  const member = place.members.get(name);
  return member === undefined ? undefined : valueAt(text, member);
}

function textsIn(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
}

function isGoverned(command: readonly string[], launcher: readonly string[]): boolean {
  return launcher.every((word, index) => command[index] === word) && command[launcher.length] === 'mcp';
}

/** Returns a name that an action can begin with, different from those given before. */
function serverName(name: string, taken: Set<string>): string {
  const plain = name
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 56);
  const base = SERVER_NAME.test(plain) ? plain : 'server';
  let chosen = base;
  for (let at = 2; taken.has(chosen); at++) chosen = `${base}-${at}`;
  taken.add(chosen);
  return chosen;
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function editsOf(place: Located, program: string, args: readonly string[]): readonly Edit[] {
  const command = place.members.get('command')!;
  const list = JSON.stringify(args);
  const words = place.members.get('args');
  if (words !== undefined) {
    return [
      { from: command.from, to: command.to, text: JSON.stringify(program) },
      { from: words.from, to: words.to, text: list },
    ];
  }
  return [{ from: command.from, to: command.to, text: `${JSON.stringify(program)}, "args": ${list}` }];
}

function applied(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.from - a.from)
    .reduce((sofar, edit) => sofar.slice(0, edit.from) + edit.text + sofar.slice(edit.to), text);
}

function textOf(bytes: Uint8Array): string {
  // What does not decode cannot be written back as it was.
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

async function readBackup(file: string): Promise<Backup | undefined> {
  let text: string;
  try {
    text = await readFile(backupOf(file), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const backup = JSON.parse(text) as Partial<Backup>;
  if (backup.v !== 1 || !Array.isArray(backup.steps)) throw new Error(`${backupOf(file)} is no backup`);
  return backup as Backup;
}

async function replaceFile(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  const handle = await open(draft, 'w', mode);
  try {
    await handle.writeFile(content);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64url');
