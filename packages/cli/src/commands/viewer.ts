/**
 * `licet viewer`: the proof viewer as one HTML file that works from a disk without a network. A viewer served by the
 * one who is checked is weak evidence; this one is a file whose digest is a `notice` in the log.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { tellDenial, tellHold } from '../answers.ts';
import { withAttached } from '../attach.ts';
import { action, withPlane, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { dataFolderOf, writeOutput } from '../places.ts';

/** Where the build of the pages puts it; in the published form it lies beside the code. */
const PLACES = ['../../../console/dist/licet-proof.html', './licet-proof.html'];

interface ViewerOptions extends CommonOptions {
  readonly output: string;
  readonly force?: boolean;
  readonly log?: boolean;
}

/** Adds the command. */
export function addViewer(program: Command): void {
  withPlane(program.command('viewer'))
    .summary('the proof viewer as one offline file')
    .description(
      'Write the proof viewer as one HTML file that opens from a disk and asks no network.\n' +
        'Its SHA-256 is recorded as a notice, so that anybody can tell this file from another.',
    )
    .option('-o, --output <file>', 'where to write it', 'licet-proof.html')
    .option('--force', 'replace the file')
    .option('--no-log', 'do not record its digest')
    .action(
      action<ViewerOptions>(async ({ options, out }) => {
        const html = await readViewer();
        const hash = createHash('sha256').update(html).digest();
        const digest = hash.toString('base64url');
        const sha256 = hash.toString('hex');
        // Recorded first: a file that is there and not in the log could not be told from another.
        const answer = (await isToBeLogged(options))
          ? await withAttached(options, ({ client }) => client.notice('viewer_digest', digest))
          : undefined;
        if (answer !== undefined && answer.verdict !== 'done') {
          out.document({ ok: false, sha256, digest, answer });
          if (answer.verdict === 'hold') tellHold(out, answer);
          else tellDenial(out, answer);
          return EXIT.denied;
        }
        await writeOutput(options.output, html, { replace: options.force === true });
        out.document({
          ok: true,
          file: options.output,
          bytes: html.length,
          sha256,
          digest,
          leaf: answer?.leaf,
        });
        out.line(`${out.style('good', '✓')} ${options.output}: ${html.length} bytes, SHA-256 ${sha256}`);
        if (answer === undefined) out.line('  not recorded in a log');
        else out.line(`  notice ${answer.leaf ?? ''}`);
        out.line('Next: open it from the disk, with the evidence bundle and your trust file.');
        return EXIT.ok;
      }),
    );
}

/** Without a plane here there is no log to record it in. */
async function isToBeLogged(options: ViewerOptions): Promise<boolean> {
  if (options.log === false) return false;
  if (options.url !== undefined) return true;
  const { isPlaneFolder } = await import('@licet/server');
  return isPlaneFolder(dataFolderOf(options));
}

async function readViewer(): Promise<Uint8Array> {
  for (const place of PLACES) {
    try {
      return new Uint8Array(await readFile(fileURLToPath(new URL(place, import.meta.url))));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new CliError('ERR_CLI_VIEWER', 'the offline viewer has not been built');
}
