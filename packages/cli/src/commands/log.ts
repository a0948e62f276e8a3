/** `licet log fsck | tail | export`: the log computed again, followed, and written out as static tlog-tiles. */
import type { Command } from 'commander';
import { base64url, type Entry } from '@licet/evidence';
import { requirePlane, withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { checkMeaning } from '../fsck.ts';
import { printable, time, type Output } from '../output.ts';

/** Adds the commands. */
export function addLog(program: Command): void {
  const log = program.command('log').description('the log itself');
  addFsck(log);
  addTail(log);
  addExport(log);
}

function addFsck(log: Command): void {
  withPlane(log.command('fsck'))
    .summary('compute the whole log again and compare')
    .description(
      'Compute the whole log again: every entry, leaf, tile and head, every permit, start and outcome, and the root you\n' +
        'remember. Reads only, so a plane may run meanwhile.',
    )
    .action(
      action(async ({ options, out }) => {
        const data = await requirePlane(options);
        const { inspectDataFolder } = await import('@licet/store');
        const inspection = await inspectDataFolder(data);
        const progress = out.progress('fsck');
        try {
          const { size, root } = await inspection.check((done, total) => progress.at(done, total));
          const { counts, remembered } = await checkMeaning(inspection, (done, total) =>
            progress.at(done, total),
          );
          progress.end();
          const { origin, poisoned } = inspection;
          out.document({
            ok: true,
            origin,
            size,
            root: base64url(root),
            counts,
            remembered: remembered ?? null,
            poisoned,
          });
          out.line(`${out.style('good', '✓')} ${origin}: ${size} entries, root ${base64url(root)}`);
          out.line(`  every leaf, tile and head is that of the entries`);
          out.line(
            `  ${counts.permit ?? 0} permits, ${counts.start ?? 0} starts, ${counts.outcome ?? 0} outcomes; none started twice, none without its permit`,
          );
          out.line(
            remembered === undefined
              ? '  you remember no checkpoint of it: run licet trust check'
              : `  it contains the ${remembered} entries that you remember, unchanged`,
          );
          if (poisoned)
            out.line(out.style('warn', '  the last commit failed; the plane recovers when it starts'));
          return EXIT.ok;
        } finally {
          progress.end();
          await inspection.close();
        }
      }),
    );
}

function addTail(log: Command): void {
  withPlane(log.command('tail'))
    .description('the newest entries; -f follows')
    .option('-f, --follow', 'go on until interrupted')
    .option('-n, --lines <n>', 'how many to begin with (default: 20)')
    .action(
      action<{ readonly follow?: boolean; readonly lines?: string }>(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const lines = options.lines === undefined ? 20 : Number(options.lines);
          if (!Number.isSafeInteger(lines) || lines < 0)
            throw new CliError('ERR_CLI_USAGE', `${options.lines} is no count`);
          const { size } = await client.status();
          const abort = new AbortController();
          const stop = (): void => abort.abort();
          process.once('SIGINT', stop);
          process.once('SIGTERM', stop);
          try {
            if (options.follow !== true && (size === 0 || lines === 0)) return EXIT.ok;
            for await (const { index, leaf, entry } of client.events({
              after: Math.max(-1, size - lines - 1),
              signal: abort.signal,
            })) {
              out.record({ index, leaf, entry });
              out.line(describeEntry(out, index, entry));
              if (options.follow !== true && index >= size - 1) break;
            }
          } catch (error) {
            if (!abort.signal.aborted) throw error;
          } finally {
            abort.abort();
            process.removeListener('SIGINT', stop);
            process.removeListener('SIGTERM', stop);
          }
          return EXIT.ok;
        }),
      ),
    );
}

function describeEntry(out: Output, index: number, entry: Entry): string {
  const field = (name: string): string => {
    const value = (entry as unknown as Readonly<Record<string, unknown>>)[name];
    return typeof value === 'string' ? value : '';
  };
  const words = ['verdict', 'code', 'status', 'op', 'action', 'exec', 'subject', 'reason']
    .map(field)
    .filter((word) => word !== '');
  return `${String(index).padStart(7)}  ${out.style('dim', time(entry.at))}  ${out.style('name', entry.type.padEnd(11))} ${printable(words.join(' '))}`;
}

function addExport(log: Command): void {
  withPlane(log.command('export'))
    .summary('write the log as a static tlog-tiles tree')
    .description(
      'Write checkpoint, tile/… and tile/entries/… into a folder, as any static server or object store can serve them.\n' +
        'Files are written once and never change; an export that was cut short goes on. The checkpoint comes last, when\n' +
        'its root was computed from the tiles in the folder.',
    )
    .argument('<dir>', 'a new or earlier export; what is there is kept')
    .option('--hashes', 'only hashes, no entries: what the public listener serves')
    .action(
      action<{ readonly hashes?: boolean }>(({ options, out }, dir) =>
        withAttached(options, async ({ client }) => {
          const progress = out.progress('export');
          const { exportTiles } = await import('../export-tiles.ts');
          const { origin, size, files, written } = await exportTiles(client, dir!, {
            entries: options.hashes !== true,
            progress: (done, total) => progress.at(done, total),
          });
          progress.end();
          out.document({ ok: true, dir, origin, size, files, written });
          out.line(
            `${out.style('good', '✓')} ${origin}, size ${size}: ${files} files in ${dir}, ${written} new`,
          );
          return EXIT.ok;
        }),
      ),
    );
}
