/** Asking an MCP server over stdio for its tools, once, so that a person can review and pin them. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ENV_PREFIX, NAME, parseJson, type Json } from '@licet/evidence';
import { CliError } from './errors.ts';
import { VERSION } from './version.ts';

/** The revision this asks in; servers of later ones answer it too. */
const PROTOCOL = '2025-11-25';
/** The first start of a server may have to download it. */
const DEADLINE_MS = 90_000;
const MAX_PAGES = 100;

/** How a server is started besides its command. */
export interface ServerSetting {
  /** Variables besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Hides what the server says on stderr. */
  readonly quiet?: boolean;
}

/** Returns the tool definitions of a server. It is started, asked, and ended. @throws CliError `ERR_CLI_FILE` */
export async function listTools(
  command: readonly string[],
  setting: ServerSetting = {},
): Promise<readonly Json[]> {
  const [program, ...words] = command;
  if (program === undefined) throw new CliError('ERR_CLI_USAGE', 'name the server command after --');
  // RULE 28: no variable of ours reaches a tool server.
  const env = Object.fromEntries(
    Object.entries({ ...process.env, ...setting.env }).filter(
      ([name]) => !name.toUpperCase().startsWith(ENV_PREFIX),
    ),
  );
  const child = spawn(program, words, {
    env,
    stdio: ['pipe', 'pipe', setting.quiet === true ? 'ignore' : 'inherit'],
    ...(setting.cwd === undefined ? {} : { cwd: setting.cwd }),
  });
  const waiting = new Map<number, (answer: { readonly [name: string]: Json }) => void>();
  const failed = new Promise<never>((_, reject) => {
    const fail = (what: string): void => reject(new CliError('ERR_CLI_FILE', `${program}: ${what}`));
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`it ended with ${code} before it had answered`));
    setTimeout(() => fail('it did not answer in time'), DEADLINE_MS).unref();
  });
  failed.catch(() => undefined);
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    try {
      const message = parseJson(line, { maxBytes: 16 * 1_048_576, maxDepth: 128 }) as {
        readonly [name: string]: Json;
      };
      if (typeof message['id'] === 'number') waiting.get(message['id'])?.(message);
    } catch {
      // Not a message: it answers nothing.
    }
  });
  let serial = 0;
  const send = (message: object): void =>
    void child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const ask = async (method: string, params: object): Promise<{ readonly [name: string]: Json }> => {
    const id = ++serial;
    const answered = new Promise<{ readonly [name: string]: Json }>((resolve) => waiting.set(id, resolve));
    send({ id, method, params });
    const { result, error } = await Promise.race([answered, failed]);
    if (typeof result !== 'object' || result === null || Array.isArray(result))
      throw new CliError(
        'ERR_CLI_FILE',
        `${program}: ${method} failed: ${JSON.stringify(error ?? null).slice(0, 200)}`,
      );
    return result as { readonly [name: string]: Json };
  };
  try {
    await ask('initialize', {
      protocolVersion: PROTOCOL,
      capabilities: {},
      clientInfo: { name: NAME, version: VERSION },
    });
    send({ method: 'notifications/initialized' });
    const tools: Json[] = [];
    let cursor: Json | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const answer = await ask('tools/list', cursor === undefined ? {} : { cursor });
      if (Array.isArray(answer['tools'])) tools.push(...(answer['tools'] as readonly Json[]));
      cursor = answer['nextCursor'];
      if (cursor === undefined || cursor === null) return tools;
    }
    throw new CliError('ERR_CLI_FILE', `${program} has more than ${MAX_PAGES} pages of tools`);
  } finally {
    child.removeAllListeners('exit');
    child.stdin.end();
    child.kill();
  }
}
