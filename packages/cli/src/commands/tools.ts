/** `licet policy tools DIR --server NAME -- COMMAND`: describes the tools of an MCP server in a bundle folder. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { action, withJson } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { printable } from '../output.ts';
import { readBundleFolder } from '../policy-folder.ts';
import { askActions, undescribed } from '../tool-actions.ts';

/** Adds the command. */
export function addTools(policy: Command): void {
  withJson(policy.command('tools'))
    .summary('describe the tools of an MCP server in a bundle folder')
    .description(
      'Start an MCP server, ask it for its tools, and add each as an action to bundle.json. Their arguments are not mapped\n' +
        'to files, addresses or accounts yet: "resources" of each action is where you say which argument is one.',
    )
    .argument('<dir>')
    .argument('<command...>', 'the server command, after --')
    .requiredOption('--server <name>', 'its name in actions, as in mail/send')
    .action(
      action<{ readonly server: string }>(async ({ options, out }, dir, ...command) => {
        const { assembleBundle } = await import('@licet/policy');
        const files = await readBundleFolder(dir!);
        const bundle = assembleBundle(files);
        const { actions, skipped } = await askActions(options.server, command);
        const added = undescribed(bundle, actions);
        const names = Object.keys(added);
        const other = names.filter((name) => Object.hasOwn(bundle.actions, name));
        // What an author wrote about an action is not replaced by what its server says of itself.
        if (other.length > 0)
          throw new CliError('ERR_CLI_POLICY', `described with other arguments: ${other.join(', ')}`, {
            still: 'Nothing was changed.',
            next: 'Correct or delete these actions in bundle.json, then run it again.',
          });
        if (names.length > 0) {
          const head = JSON.parse(files['bundle.json']!) as { readonly actions: object };
          const text = `${JSON.stringify({ ...head, actions: { ...head.actions, ...added } }, null, 2)}\n`;
          assembleBundle({ ...files, 'bundle.json': text });
          await writeFile(join(dir!, 'bundle.json'), text);
        }
        out.document({ ok: true, dir, server: options.server, added: names, skipped });
        for (const name of names) out.line(`${out.style('good', '+')} ${name}`);
        for (const { name, why } of skipped)
          out.line(out.style('warn', `- ${printable(name)}: ${printable(why)}`));
        out.line(
          names.length === 0
            ? 'All of them are described already.'
            : `Next: write policies for action in Action::"${options.server}", then licet policy test ${dir}.`,
        );
        return EXIT.ok;
      }),
    );
}
