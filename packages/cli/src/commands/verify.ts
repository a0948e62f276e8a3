/**
 * `licet verify FILE`: the ladder of an evidence bundle, offline (RULE 43, 44). No network, no server; trust comes from
 * `--trust`, else from the user's trust store, else from nowhere, and then the best answer is exit 5.
 */
import type { Command } from 'commander';
import {
  RUNG_NAMES,
  verifyBundle,
  type RungName,
  type RungStatus,
  type Trust,
  type VerifyReport,
} from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import type { AppendOnly } from '../append-only.ts';
import { cedarEngine } from '../cedar.ts';
import { action, withJson } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printable, type Output, type StyleName } from '../output.ts';
import { readInput } from '../places.ts';
import { readTrustFile, readTrustStore, trustStorePath } from '../trust-store.ts';

interface VerifyOptions {
  readonly trust?: string;
  readonly require?: readonly string[];
  readonly from?: string;
}

/** A rung of the CLI's own: this user's memory of the log. */
const APPEND_ONLY = 'append-only';

/** Adds the command. */
export function addVerify(program: Command): void {
  withJson(program.command('verify'))
    .summary('verify an evidence bundle, offline')
    .description(
      'Verify an evidence bundle, offline: every rung of the ladder with its status, why, and whom it trusts.\n' +
        'Exit 0: verified under the named trust. 4: not verified. 5: consistent with itself, signer unknown.',
    )
    .argument('<file>', 'evidence bundle (JSON)')
    .option('--trust <file>', 'trust file; default: your trust store')
    .option('--require <rung...>', `rungs that must pass: ${[...RUNG_NAMES, APPEND_ONLY].join(', ')}`)
    .option(
      '--from <place>',
      'address or folder that serves the log, to prove append-only since the last time',
    )
    .action(
      action<VerifyOptions>(async ({ options, out }, file) => {
        const required = requiredRungs(options.require ?? []);
        const bytes = await readInput(file!);
        const { trust, from } = await trustFor(bytes, options.trust);
        const report = await runLadder(out, bytes, trust, required);
        const appendOnly = await appendOnlySince(bytes, report, options);
        const exit = exitOf(report, appendOnly, required);
        out.document({
          ok: exit === EXIT.ok,
          ...report,
          exit,
          file,
          trust: from,
          appendOnly: appendOnly ?? null,
        });
        show(out, file!, report, { exit, from, appendOnly });
        return exit;
      }),
    );
}

function requiredRungs(names: readonly string[]): readonly string[] {
  const list = names.flatMap((name) => name.split(',')).filter((name) => name !== '');
  for (const name of list)
    if (name !== APPEND_ONLY && !RUNG_NAMES.includes(name as RungName))
      throw new CliError('ERR_CLI_USAGE', `there is no rung ${JSON.stringify(name)}`, {
        next: `Rungs: ${[...RUNG_NAMES, APPEND_ONLY].join(', ')}.`,
      });
  return list;
}

/** Returns whom to believe, and from where that was taken. */
async function trustFor(
  bytes: Uint8Array,
  named: string | undefined,
): Promise<{ readonly trust?: Trust; readonly from: string | null }> {
  if (named !== undefined) return { trust: await readTrustFile(named), from: named };
  const store = await readTrustStore();
  const origin = claimedOrigin(bytes);
  // RULE 43: a store that does not name this log says nothing about it, so the signer is unknown. A file whose
  // origin cannot be read is held against the store, where it fails.
  if (store === undefined || (origin !== undefined && !store.logs.some((log) => log.origin === origin)))
    return { from: null };
  return { trust: store, from: trustStorePath() };
}

/** What the file calls itself: only good for choosing whom to hold it against. */
function claimedOrigin(bytes: Uint8Array): string | undefined {
  try {
    const { origin } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly origin?: unknown };
    return typeof origin === 'string' ? origin : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes from which on verifying takes long enough to say so. */
const LARGE_FILE = 1_048_576;

async function runLadder(
  out: Output,
  bytes: Uint8Array,
  trust: Trust | undefined,
  required: readonly string[],
): Promise<VerifyReport> {
  const { createRedecide } = await import('@licet/policy');
  const redecide = createRedecide(await cedarEngine());
  const progress = out.progress('verifying');
  let decided = 0;
  try {
    return await verifyBundle(bytes, trust, {
      crypto: nodeCrypto,
      redecide: async (decision) => {
        if (bytes.length >= LARGE_FILE) progress.at(++decided, decided);
        return redecide(decision as Parameters<typeof redecide>[0]);
      },
      require: required.filter((name) => name !== APPEND_ONLY) as RungName[],
      nowMs: Date.now(),
    });
  } finally {
    progress.end();
  }
}

/** Only for what verified, and only for logs of the user's own store: what others hand us is no memory. */
async function appendOnlySince(
  bytes: Uint8Array,
  report: VerifyReport,
  options: VerifyOptions,
): Promise<AppendOnly | undefined> {
  if (report.exit !== EXIT.ok || report.origin === undefined) return undefined;
  const store = await readTrustStore();
  const log = store?.logs.find(({ origin }) => origin === report.origin);
  if (log === undefined) return undefined;
  const [{ checkEvidence }, source] = await Promise.all([
    import('../append-only.ts'),
    options.from === undefined
      ? undefined
      : import('../log-source.ts').then(({ sourceAt }) => sourceAt(options.from!)),
  ]);
  return checkEvidence(log, bytes, source);
}

function exitOf(
  report: VerifyReport,
  appendOnly: AppendOnly | undefined,
  required: readonly string[],
): ExitCode {
  if (report.exit === EXIT.notVerified) return EXIT.notVerified;
  if (required.includes(APPEND_ONLY) && appendOnly?.status !== 'pass') return EXIT.notVerified;
  return report.exit;
}

const MARKS: Readonly<Record<RungStatus, readonly [mark: string, style: StyleName]>> = {
  pass: ['✓', 'good'],
  fail: ['✗', 'bad'],
  'not checked': ['·', 'warn'],
  asserted: ['~', 'warn'],
};

function show(
  out: Output,
  file: string,
  report: VerifyReport,
  {
    exit,
    from,
    appendOnly,
  }: { readonly exit: ExitCode; readonly from: string | null; readonly appendOnly: AppendOnly | undefined },
): void {
  if (out.json) return;
  out.line(out.style('strong', printable(file)));
  if (report.origin !== undefined)
    out.line(printable(`${report.kind} ${report.subject} of ${report.origin}`));
  out.line();
  const rungs: readonly (readonly [string, RungStatus, string | undefined])[] = [
    ...report.rungs.map(({ name, status, why }) => [name, status, why] as const),
    ...(appendOnly === undefined ? [] : [[APPEND_ONLY, appendOnly.status, appendOnly.why] as const]),
  ];
  for (const [name, status, why] of rungs) {
    const [mark, style] = MARKS[status];
    out.line(
      `  ${out.style(style, `${mark} ${name.padEnd(21)}`)} ${wordOf(status)}${why === undefined ? '' : out.style('dim', `: ${printable(why)}`)}`,
    );
  }
  out.line();
  if (report.trusting.length > 0) {
    out.line('Believing this means believing:');
    for (const line of report.trusting) out.line(`  ${printable(line)}`);
    out.line();
  }
  const style = exit === EXIT.ok ? 'good' : exit === EXIT.signerUnknown ? 'warn' : 'bad';
  out.line(out.style(style, printable(report.summary)));
  if (exit === EXIT.signerUnknown)
    out.line(
      'Next: get the trust file of this log by a way you trust, then give it with --trust, or pin it: licet trust add FILE.',
    );
  else if (exit === EXIT.notVerified)
    out.line('Next: rely on nothing in this file; ask whoever gave it to you for another one.');
  else out.line(out.style('dim', `Trust: ${from}`));
}

const wordOf = (status: RungStatus): string => (status === 'asserted' ? 'asserted by the operator' : status);
