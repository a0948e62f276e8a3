// The tool server behind the gateway: a child process in a group of its own, spoken to by lines. It gets none of the
// plane's secrets (RULE 28), and its whole group is killed when the session ends.
import { spawn, type ChildProcess } from 'node:child_process';
import { ENV_PREFIX } from '@licet/evidence';
import { GatewayError } from '../errors.ts';
import { readLines } from './lines.ts';

/** What is started. */
export interface UpstreamSpec {
  /** The program and its words; no shell. */
  readonly command: readonly string[];
  readonly cwd?: string;
  /** Default: this process's environment. Variables of the product are taken out in any case. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A running tool server. */
export interface Upstream {
  send(line: string): void;
  /** Its lines; ends when it ends. Throws as `readLines`. */
  readonly lines: AsyncGenerator<string>;
  /** Resolves once it has ended: its exit code, or null after a signal. */
  readonly ended: Promise<number | null>;
  /** Closes its input, then asks it and after `graceMs` (default 500) makes its group end. Resolves when it has. */
  stop(graceMs?: number): Promise<void>;
}

/** More than this waiting for a server that does not read, bytes, and it is taken for hung. */
const MAX_WAITING_BYTES = 64 * 1_048_576;

/** Starts the server. @throws GatewayError `ERR_MCP_SERVER` when it cannot be started */
export async function startUpstream(spec: UpstreamSpec): Promise<Upstream> {
  const [program, ...words] = spec.command;
  if (program === undefined) throw new GatewayError('ERR_MCP_SERVER', 'there is no command to start');
  const child = spawn(program, words, {
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    env: withoutSecrets(spec.env ?? process.env),
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: process.platform !== 'win32',
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', () => resolve(null));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(new GatewayError('ERR_MCP_SERVER', `${program} cannot be started`, { cause })),
    );
  });
  // A server that closes its input is heard of by its end.
  child.stdin.on('error', () => undefined);
  return {
    send(line) {
      if (child.stdin.writableLength > MAX_WAITING_BYTES) {
        killGroup(child, 'SIGKILL');
        return;
      }
      child.stdin.write(`${line}\n`);
    },
    lines: readLines(child.stdout),
    ended,
    async stop(graceMs = 500) {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) {
        killGroup(child, 'SIGTERM');
        const timer = setTimeout(() => killGroup(child, 'SIGKILL'), graceMs);
        await ended;
        clearTimeout(timer);
      }
      // Whatever the server left behind in its group.
      killGroup(child, 'SIGKILL');
    },
  };
}

/** RULE 28: no variable of the product reaches a governed child: data folder, socket, token, keys. */
export function withoutSecrets(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !entry[0].toUpperCase().startsWith(ENV_PREFIX),
    ),
  );
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined && process.platform !== 'win32') process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    // Nobody left to kill.
  }
}
