/**
 * `licet policy sign FILE`: signs a bundle that was written elsewhere, as the console's workbench gives it out, with the
 * author's key of this machine (RULE 20). Nothing is sent; what is printed can be pasted there, or published from a file.
 */
import type { Command } from 'commander';
import { parseJson } from '@licet/evidence';
import { action, withJson } from '../command.ts';
import { cedarEngine } from '../cedar.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { readInput, stateFolderOf, writeOutput } from '../places.ts';

/** Adds the command. */
export function addSign(policy: Command): void {
  withJson(policy.command('sign'))
    .summary('sign a bundle with your author key')
    .description(
      'Sign a bundle, one JSON file as the console gives it out, with the author key of this machine, and print it signed.\n' +
        'It is loaded first: what the plane would refuse is not signed.',
    )
    .argument('<file>', 'the bundle, JSON')
    .option('-o, --output <file>', 'write it there instead of printing it')
    .action(
      action<{ readonly output?: string }>(async ({ options, out }, file) => {
        const { parseBundle, loadBundle, bundleDigest } = await import('@licet/policy');
        const bundle = parseBundle(parseJson(await readInput(file!)));
        if (bundle.origin === undefined)
          throw new CliError('ERR_CLI_POLICY', `${file} names no log; only a team's bundle is signed here`);
        loadBundle(await cedarEngine(), { team: bundle });
        const { readAuthor, signBundle } = await import('@licet/server');
        const { seed, key } = await readAuthor(stateFolderOf(), bundle.origin);
        const signed = JSON.stringify(signBundle(bundle, seed, key));
        const { output } = options;
        if (output === undefined) {
          process.stdout.write(`${signed}\n`);
          return EXIT.ok;
        }
        await writeOutput(output, `${signed}\n`);
        out.document({ ok: true, digest: bundleDigest(bundle), version: bundle.version, file: output });
        out.line(`${out.style('good', '✓')} version ${bundle.version} is signed: ${output}`);
        return EXIT.ok;
      }),
    );
}
