/** `licet facts [list] | set NAME=VALUE --for 2h | clear NAME`: what operators state for policies to go by. */
import type { Command } from 'commander';
import type { FactsView } from '@licet/api';
import { tellAnswer } from '../answers.ts';
import { withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { columns, printable, time } from '../output.ts';

type Declared = FactsView['declared'][number];

/** Adds the commands. */
export function addFacts(program: Command): void {
  const facts = program
    .command('facts')
    .description("operators' facts: statements that policies go by, each with an end");
  withPlane(facts.command('list', { isDefault: true }))
    .description('facts in force, and those that the policy knows of')
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const view = await client.facts();
          out.document(view);
          const stated = new Map(view.items.map((item) => [item.name, item]));
          const rows = view.declared.map(({ name, type, values }) => {
            const fact = stated.get(name);
            return [
              printable(name),
              fact === undefined ? 'not stated' : `= ${printable(String(fact.value))}`,
              fact === undefined ? '' : `until ${time(fact.exp)}`,
              out.style('dim', values === undefined ? type : values.map(printable).join(' | ')),
            ];
          });
          for (const line of columns(rows)) out.line(line);
          if (rows.length === 0)
            out.line('The policy knows of no fact: "facts" in bundle.json declares them.');
          return EXIT.ok;
        }),
      ),
    );
  withPlane(facts.command('set'))
    .summary('state a fact for a time')
    .description(
      'State a fact for a time. It is in the log before it counts, decides what is asked from then on, and ends what runs\n' +
        'and is no longer permitted at its next beat.',
    )
    .argument('<name=value>', 'as the policy declares it: freeze=true, load=3, stage=canary')
    .requiredOption('--for <duration>', 'how long it holds: 30s, 10m, 2h, 7d')
    .action(
      action<{ readonly for: string }>(async ({ options, out }, text) => {
        const { name, value } = assignment(text!);
        const { parseDuration } = await import('@licet/policy');
        const forMs = parseDuration(options.for);
        if (forMs === undefined)
          throw new CliError('ERR_CLI_USAGE', `${JSON.stringify(options.for)} is no duration`, {
            next: 'Write 30s, 10m, 2h or 7d; at most 31d.',
          });
        return withAttached(options, async ({ client }) => {
          const declared = (await client.facts()).declared.find((fact) => fact.name === name);
          const answer = await client.setFact({ name, value: typed(declared, value), forMs });
          return tellAnswer(out, answer, `${name} is ${value} for ${options.for}`);
        });
      }),
    );
  withPlane(facts.command('clear'))
    .description('end a fact now')
    .argument('<name>')
    .action(
      action(({ options, out }, name) =>
        withAttached(options, async ({ client }) => {
          const stated = (await client.facts()).items.find((fact) => fact.name === name);
          if (stated === undefined) {
            out.document({ ok: true, verdict: 'done' });
            out.line(`${printable(name!)} is not stated.`);
            return EXIT.ok;
          }
          const answer = await client.setFact({ name: name!, value: stated.value, forMs: 1 });
          return tellAnswer(out, answer, `${name} is over`);
        }),
      ),
    );
}

function assignment(text: string): { readonly name: string; readonly value: string } {
  const at = text.indexOf('=');
  if (at <= 0 || at === text.length - 1)
    throw new CliError('ERR_CLI_USAGE', `${JSON.stringify(text)} is not name=value`, {
      next: 'For example: licet facts set freeze=true --for 2h',
    });
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

/** The value in its declared type; one that cannot be read so goes as text, and the plane says what is wrong. */
function typed(declared: Declared | undefined, value: string): boolean | number | string {
  if (declared?.type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  if (declared?.type === 'integer' && /^-?[0-9]{1,15}$/.test(value)) return Number(value);
  return value;
}
