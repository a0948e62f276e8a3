/** `licet exec -- COMMAND`: one command, decided before it runs, confined, under a lease (RULES 26, 28, 29). */
import type { Command } from 'commander';
import type { Confinement } from '@licet/gateway';
import { openForDoor } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { readInput } from '../places.ts';

interface ExecOptions {
  readonly agent?: string;
  readonly cwd?: string;
  readonly env?: readonly string[];
  readonly stdin?: string;
  readonly measure?: readonly string[];
  readonly confine?: string;
  readonly parent?: string;
  readonly wait?: string;
}

/** Adds the command. */
export function addExec(program: Command): void {
  withPlane(program.command('exec'))
    .summary('run one command, decided before it runs')
    .description(
      'Run one command, without a shell: measured, decided, recorded, then run confined under a lease.\n' +
        'Exit 0: it ended with 0. 1: it ended otherwise (the code is printed). 3: denied, held or halted.',
    )
    .argument('<command...>', 'the program and its words, after --')
    .option('--agent <id>', 'the agent in whose name (default: a-default)')
    .option('--cwd <path>', 'where it runs (default: here)')
    .option('--env <name=value...>', 'its whole environment, beside a PATH of system folders')
    .option('--stdin <file>', 'what it reads; committed to by digest')
    .option('--measure <file...>', 'files that are measured with it: an entry script, a lock file')
    .option('--confine <kind>', 'namespace, cgroup, swept, group-only (default: the strongest here)')
    .option('--parent <id>', 'the running execution on whose behalf')
    .option('--wait <seconds>', 'how long to wait for a person, at most 45 (default: 45)')
    .passThroughOptions()
    .action(
      action<ExecOptions>(async ({ options, out }, ...argv) => {
        const { execGoverned } = await import('@licet/gateway');
        const plane = await openForDoor(options);
        const abort = new AbortController();
        const stop = (): void => abort.abort();
        process.once('SIGINT', stop);
        process.once('SIGTERM', stop);
        try {
          const show = (stream: 'stdout' | 'stderr') => {
            const decoder = new TextDecoder();
            return (chunk: Uint8Array): void => {
              if (out.json) out.record({ stream, text: decoder.decode(chunk, { stream: true }) });
              else process[stream].write(chunk);
            };
          };
          const end = await execGoverned({
            plane,
            argv,
            signal: abort.signal,
            env: environment(options.env ?? []),
            onStdout: show('stdout'),
            onStderr: show('stderr'),
            onHold: ({ executionId, holds }) =>
              out.remark(
                `held: ${executionId} waits for ${holds.map(({ group }) => group).join(', ')}; licet approve ${executionId}`,
              ),
            ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
            ...(options.stdin === undefined ? {} : { stdin: await readInput(options.stdin) }),
            ...(options.measure === undefined ? {} : { measure: options.measure }),
            ...(options.confine === undefined ? {} : { confinement: options.confine as Confinement }),
            ...(options.parent === undefined ? {} : { parent: options.parent }),
            ...(options.wait === undefined ? {} : { holdWaitMs: seconds(options.wait) * 1_000 }),
          });
          const { executionId, confinement, haltCode, exit, signal } = end;
          const ok = haltCode === undefined && exit === 0;
          out.record({
            ok,
            executionId,
            confinement,
            exit,
            signal,
            ...(haltCode === undefined ? {} : { haltCode }),
          });
          if (haltCode !== undefined) {
            out.remark(`halted (${haltCode}): ${executionId}`);
            return EXIT.denied;
          }
          if (ok) return EXIT.ok;
          out.remark(`ended with ${exit ?? signal}: ${executionId}`);
          return EXIT.failed;
        } finally {
          process.removeListener('SIGINT', stop);
          process.removeListener('SIGTERM', stop);
          await plane.close();
        }
      }),
    );
}

/** The environment is committed to as it stands: nothing is taken over from this process. */
function environment(pairs: readonly string[]): Readonly<Record<string, string>> {
  const env: Record<string, string> = { PATH: '/usr/local/bin:/usr/bin:/bin' };
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new CliError('ERR_CLI_USAGE', `--env ${pair} is not NAME=VALUE`);
    env[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return env;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 45))
    throw new CliError('ERR_CLI_USAGE', `--wait ${text} is not between 0 and 45`);
  return value;
}
