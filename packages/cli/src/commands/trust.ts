/**
 * `licet trust add | list | check | rp`: whom this user believes, and whether a log only grew since it was last seen
 * (RULE 8, 43). The file comes by a way the user trusts; nothing is pinned from what is being checked.
 */
import type { Command } from 'commander';
import { parseVkey, trustedPolicy, type RelyingParty, type TrustedLog } from '@licet/evidence';
import { tellAnswer } from '../answers.ts';
import { checkSource, rememberedHead, userMemory, verifiedHead, type AppendOnly } from '../append-only.ts';
import { withAttached } from '../attach.ts';
import { action, confirm, withJson, withPlane, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { fetchBytes, planeSource, sourceAt, type LogSource } from '../log-source.ts';
import type { Output } from '../output.ts';
import { readInput } from '../places.ts';
import {
  believeRelyingParty,
  parse,
  pinLogs,
  pinnedLog,
  readTrustStore,
  standings,
  trustStorePath,
} from '../trust-store.ts';

const MAX_TRUST_BYTES = 4 * 1_048_576;

/** Adds the commands. */
export function addTrust(program: Command): void {
  const trust = program.command('trust').description('whom you believe: pinned logs and their keys');
  addAdd(trust);
  addList(trust);
  addCheck(trust);
  addRp(trust);
}

function addAdd(trust: Command): void {
  withJson(trust.command('add'))
    .summary('pin the logs of a trust file')
    .description(
      'Pin the logs of a trust file in your trust store. Keys that are pinned already are never replaced.',
    )
    .argument('<file-or-url...>', 'trust files, or https addresses of them')
    .option('--from <place>', 'address or folder that serves the log: its checkpoint is remembered')
    .option('--yes', 'pin without asking')
    .action(
      action<{ readonly from?: string; readonly yes?: boolean }>(async ({ options, out }, ...places) => {
        const logs = (await Promise.all(places.map(trustAt))).flat();
        const before = standings(await readTrustStore(), logs);
        for (const [at, log] of logs.entries())
          showLog(out, log, before[at] === 'new' ? 'new' : 'pinned already');
        const fresh = logs.filter((_, at) => before[at] === 'new');
        if (fresh.length > 0)
          await confirm(
            out,
            `Pin ${fresh.length === 1 ? 'this log' : `these ${fresh.length} logs`}?`,
            options.yes ?? places.every(isFile),
          );
        await pinLogs(logs);
        const remembered =
          options.from === undefined ? undefined : await remember(logs, sourceAt(options.from));
        out.document({
          ok: true,
          store: trustStorePath(),
          logs: logs.map(({ origin, tenant }, at) => ({ origin, tenant, added: before[at] === 'new' })),
          remembered: remembered ?? null,
        });
        out.line(`Trust store: ${trustStorePath()}`);
        if (remembered === undefined)
          out.line('The next `licet verify` or `licet trust check` remembers the checkpoint it sees.');
        else out.line(`Remembered size ${remembered.size} of ${remembered.origin}.`);
      }),
    );
}

/** A file was carried here by somebody; an address answers whatever it likes, so it needs a look. */
const isFile = (place: string): boolean => !/^https?:\/\//.test(place);

async function trustAt(place: string): Promise<readonly TrustedLog[]> {
  if (isFile(place)) return parse(await readInput(place), place).logs;
  const bytes = await fetchBytes(place, MAX_TRUST_BYTES);
  if (bytes === undefined) throw new CliError('ERR_CLI_FILE', `${place} is not there`);
  return parse(bytes, place).logs;
}

async function remember(
  logs: readonly TrustedLog[],
  source: LogSource,
): Promise<{ readonly origin: string; readonly size: number }> {
  const log = logs[0];
  if (log === undefined || logs.length > 1)
    throw new CliError('ERR_CLI_USAGE', 'with --from, give a trust file that names one log');
  const { size } = await checkSource(log, source);
  return { origin: log.origin, size };
}

function addList(trust: Command): void {
  withJson(trust.command('list'))
    .description('list the pinned logs, their keys, and the checkpoints you remember')
    .action(
      action(async ({ out }) => {
        const logs = (await readTrustStore())?.logs ?? [];
        const memory = userMemory();
        const heads = await Promise.all(logs.map((log) => rememberedHead(log, memory)));
        out.document({
          store: trustStorePath(),
          logs: logs.map((log, at) => ({
            ...log,
            remembered: heads[at] === undefined ? null : heads[at].size,
          })),
        });
        for (const [at, log] of logs.entries())
          showLog(
            out,
            log,
            heads[at] === undefined ? 'no checkpoint remembered' : `size ${heads[at].size} remembered`,
          );
        if (logs.length === 0)
          out.line('Nobody is pinned: every signer is unknown. Pin one with `licet trust add FILE`.');
        else out.line(out.style('dim', trustStorePath()));
      }),
    );
}

function addCheck(trust: Command): void {
  withPlane(trust.command('check'))
    .summary('prove that a log only grew since it was last seen')
    .description(
      'Ask a log for its newest checkpoint, verify it under your trust store, and prove that it contains everything\n' +
        'you have seen before. A fork is kept as evidence; exit 4.',
    )
    .option('--origin <origin>', 'the log that is meant; default: the only one pinned')
    .option('--from <place>', 'address or folder that serves the log; default: the running plane')
    .option('--checkpoint <file>', 'a signed checkpoint to check, from wherever you got it')
    .action(
      action<{ readonly origin?: string; readonly from?: string; readonly checkpoint?: string }>(
        async ({ options, out }) => {
          const { log, source, close } = await sourceFor(options);
          let result: AppendOnly;
          try {
            result = await checkSource(log, source);
          } finally {
            await close();
          }
          out.document({ ok: true, origin: log.origin, source: source.name, ...result });
          const style = result.status === 'pass' ? 'good' : 'warn';
          out.line(
            `${out.style(style, result.status === 'pass' ? '✓ append-only' : '· remembered')} ${log.origin}`,
          );
          out.line(`  ${result.why}`);
          return EXIT.ok;
        },
      ),
    );
}

interface RpOptions extends CommonOptions {
  readonly rpOrigin: readonly string[];
  readonly rpId?: string;
  readonly here?: string;
  readonly yes?: boolean;
}

function addRp(trust: Command): void {
  withPlane(trust.command('rp'))
    .summary('change where passkeys of a plane are used and believed')
    .description(
      'Record with the plane where its console will be, which takes a second person, and then believe it in this trust\n' +
        'store. Restart the plane with it. Keep the old address in the list for as long as approvals made there are to verify.\n' +
        'Whoever else believes the log runs it with --here.',
    )
    .requiredOption('--rp-origin <origin...>', 'every address of the console where passkeys count')
    .option(
      '--rp-id <name>',
      'name that passkeys are bound to (default: as before); another one makes all of them useless',
    )
    .option('--here <log>', 'change this trust store only, for the log of this origin; nothing is asked')
    .option('--yes', 'do it without asking')
    .action(
      action<RpOptions>(async ({ options, out }) => {
        if (options.here !== undefined) {
          const rp = await nextRp(options.here, options);
          await confirm(out, `Believe passkeys of ${options.here} at ${rp.origins.join(', ')}?`, options.yes);
          await believeRelyingParty(options.here, rp);
          return told(out, options.here, rp);
        }
        return withAttached(options, async ({ client, origin }) => {
          const rp = await nextRp(origin, options);
          await confirm(out, `Use passkeys of ${origin} at ${rp.origins.join(', ')}?`, options.yes);
          const answer = await client.changeRelyingParty(rp);
          if (answer.verdict !== 'done') return tellAnswer(out, answer, '');
          await believeRelyingParty(origin, rp);
          return told(out, origin, rp);
        });
      }),
    );
}

async function nextRp(origin: string, { rpOrigin, rpId }: RpOptions): Promise<RelyingParty> {
  const id = rpId ?? (await pinnedLog(origin)).rp?.id ?? URL.parse(rpOrigin[0]!)?.hostname;
  if (id === undefined) throw new CliError('ERR_CLI_USAGE', `${rpOrigin[0]} is no origin`);
  const rp = { id, origins: rpOrigin };
  const { requireRelyingParty } = await import('@licet/server');
  requireRelyingParty(rp);
  return rp;
}

function told(out: Output, origin: string, rp: RelyingParty): ExitCode {
  out.document({ ok: true, origin, rp: { ...rp } });
  out.line(`${out.style('good', '✓')} passkeys of ${origin}: ${rp.id} at ${rp.origins.join(', ')}`);
  out.line('Next: restart the plane with this trust store.');
  return EXIT.ok;
}

async function sourceFor(
  options: CommonOptions & { readonly origin?: string; readonly from?: string; readonly checkpoint?: string },
): Promise<{ readonly log: TrustedLog; readonly source: LogSource; close(): Promise<void> }> {
  const close = async (): Promise<void> => undefined;
  if (options.from !== undefined || options.checkpoint !== undefined) {
    const log = await pinnedLog(options.origin);
    const source = options.from === undefined ? undefined : sourceAt(options.from);
    return { log, source: await withNote(log, source, options.checkpoint), close };
  }
  const { attach } = await import('../attach.ts');
  const plane = await attach(options);
  const log = await pinnedLog(options.origin ?? plane.origin).catch(async (error: unknown) => {
    await plane.client.close();
    throw error;
  });
  return { log, source: planeSource(plane.client, plane.where), close: () => plane.client.close() };
}

/** A checkpoint from elsewhere, with tiles from the source when there is one. */
async function withNote(
  log: TrustedLog,
  source: LogSource | undefined,
  file: string | undefined,
): Promise<LogSource> {
  if (file === undefined) return source!;
  const note = new TextDecoder().decode(await readInput(file));
  await verifiedHead(log, note);
  return {
    name: file,
    checkpoint: async () => ({ note }),
    tile: async (path) => source?.tile(path),
  };
}

function showLog(out: Output, log: TrustedLog, standing: string): void {
  out.line(`${out.style('strong', log.origin)}  ${out.style('dim', standing)}`);
  out.line(`  tenant     ${log.tenant} (${log.audiences.join(', ')})`);
  for (const { key } of trustedPolicy(log).logs) out.line(`  log key    ${out.style('name', key.vkey)}`);
  for (const [purpose, keys] of Object.entries(log.keys))
    for (const vkey of keys) out.line(`  ${purpose.padEnd(10)} ${parseVkey(vkey).vkey}`);
  const { witnesses, quorum } = trustedPolicy(log);
  for (const { name, key } of witnesses) out.line(`  witness    ${name} ${key.vkey}`);
  out.line(`  quorum     ${quorum === 'none' ? 'none: nobody else vouches for this log' : quorum}`);
}
