/**
 * What every command shares: the common options, how an action is run, and the questions it may ask. A command is a
 * function that adds itself to a commander program and returns its exit code from its action.
 */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { CliError } from './errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { createOutput, type Output } from './output.ts';

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly data?: string;
  readonly url?: string;
}

/** What an action gets besides its arguments. */
export interface Run<O> {
  readonly options: O & CommonOptions;
  readonly out: Output;
}

/** Adds `--json`. */
export const withJson = (command: Command): Command =>
  command.option('--json', 'print JSON and nothing else on stdout');

/** Adds `--json` and where the plane is. */
export const withPlane = (command: Command): Command =>
  withJson(command)
    .option('--data <dir>', 'data folder of the plane (default: LICET_DATA, else .licet)')
    .option('--url <url>', 'address of a plane elsewhere (its control listener)');

/** 32 bytes in base64url that begin with a hyphen, as one in 64 do: a leaf or a thumbprint, which no option looks like. */
const HYPHENATED = /^-[A-Za-z0-9_-]{42}$/;
/** No argument of a process can hold it. */
const SHIELD = '\0';

/** Returns the arguments with those digests marked, which the parser would else take for options; `action` unmarks them. */
export function shieldDigests(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const shield = (arg: string, at: number): string =>
    (end < 0 || at < end) && HYPHENATED.test(arg) ? SHIELD + arg : arg;
  return args.map(shield);
}

const unshield = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(unshield)
    : typeof value === 'string' && value.startsWith(SHIELD)
      ? value.slice(SHIELD.length)
      : value;

/** The exit code of the command that ran; `main` reads it. */
let exitCode: ExitCode | undefined;
export const lastExitCode = (): ExitCode | undefined => exitCode;

/**
 * Returns a commander action for `run`. The positional arguments come as they were given; the returned code becomes
 * the exit code, nothing returned is 0.
 */
export function action<O>(
  run: (context: Run<O>, ...positional: readonly string[]) => Promise<ExitCode | void>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command;
    const options = Object.fromEntries(
      Object.entries(command.optsWithGlobals()).map(([name, value]) => [name, unshield(value)]),
    ) as O & CommonOptions;
    const positional = given.slice(0, -2).flat().map(unshield) as string[];
    const out = createOutput(options.json === true);
    exitCode = (await run({ options, out }, ...positional)) ?? EXIT.ok;
  };
}

/**
 * Asks a question that must be answered with yes. Without a terminal, and with `--json`, nobody can answer: it fails
 * closed unless `--yes` was given.
 */
export async function confirm(out: Output, question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (out.json || !process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CliError('ERR_CLI_CONFIRM', `this needs a yes: ${question}`, {
      still: 'Nothing was changed.',
      next: 'Give --yes when you mean it.',
    });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new CliError('ERR_CLI_CONFIRM', 'it was not confirmed', { still: 'Nothing was changed.' });
  } finally {
    lines.close();
  }
}
