/** `licet evidence EXECUTION|RUN`: an evidence bundle as a file that anybody can verify offline. */
import type { Command } from 'commander';
import type { PlaneClient } from '@licet/api';
import { withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { writeOutput } from '../places.ts';

/** Adds the command. */
export function addEvidence(program: Command): void {
  withPlane(program.command('evidence'))
    .summary('export the evidence of an execution or a run')
    .description(
      'Export an evidence bundle. The id of a root gives its whole run; --one gives only that execution.',
    )
    .argument('<id>', 'execution id, or run id (the id of its root)')
    .option('-o, --output <file>', 'write it here instead of to stdout')
    .option('--one', 'only this execution, also when it is the root of a run')
    .option('--force', 'replace the file')
    .action(
      action<{ readonly output?: string; readonly one?: boolean; readonly force?: boolean }>(
        ({ options, out }, id) =>
          withAttached(options, async ({ client }) => {
            const kind = options.one === true ? 'execution' : await kindOf(client, id!);
            const bytes = kind === 'run' ? await client.runEvidence(id!) : await client.evidence(id!);
            if (options.output === undefined) {
              out.raw(bytes);
              return EXIT.ok;
            }
            await writeOutput(options.output, bytes, { replace: options.force === true });
            out.document({ ok: true, kind, subject: id, file: options.output, bytes: bytes.length });
            out.line(`${out.style('good', '✓')} ${kind} ${id}: ${bytes.length} bytes in ${options.output}`);
            out.line(
              `Next: give it to anybody with your trust file; they run licet verify ${options.output} --trust TRUST`,
            );
            return EXIT.ok;
          }),
      ),
    );
}

async function kindOf(client: PlaneClient, id: string): Promise<'execution' | 'run'> {
  return (await client.execution(id)).run === id ? 'run' : 'execution';
}
