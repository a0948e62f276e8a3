/**
 * `licet mandates [list] | grant --to AGENT --may "…" --for 2h | revoke ID`: authority handed down for a task. It is
 * signed here, with the giver's key; the plane checks it and puts it into the log (RULE 17).
 */
import type { Command } from 'commander';
import type { MandateView, PlaneClient, PrivateJwk } from '@licet/api';
import type { Bundle, MandateClause } from '@licet/policy';
import { tellAnswer } from '../answers.ts';
import { attach, requirePlane, withAttached } from '../attach.ts';
import { action, confirm, withPlane, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { columns, printable, time } from '../output.ts';
import { readInput, stateFolderOf } from '../places.ts';

interface GrantOptions {
  readonly to: string;
  readonly from?: string;
  readonly key?: string;
  readonly may?: readonly string[];
  readonly policy?: string;
  readonly budget?: readonly string[];
  readonly depth?: string;
  readonly for?: string;
  readonly until?: string;
  readonly yes?: boolean;
}

/** Adds the commands. */
export function addMandates(program: Command): void {
  const mandates = program
    .command('mandates')
    .description('authority handed down for a task: it narrows, is signed by its giver, and ends');
  withPlane(mandates.command('list', { isDefault: true }))
    .description('mandates in force')
    .option('--all', 'those that are over too')
    .action(
      action<{ readonly all?: boolean }>(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const all = await client.mandates();
          const items = options.all === true ? all : all.filter(isInForce);
          out.document({ items });
          const rows = items.map((one) => [
            one.id,
            `${printable(one.from)} → ${printable(one.to)}`,
            isInForce(one) ? `until ${time(one.exp)}` : out.style('bad', one.revoked ? 'revoked' : 'over'),
            one.parent === undefined ? '' : 'handed down',
          ]);
          for (const line of columns(rows)) out.line(line);
          if (items.length === 0) out.line('No mandate is in force.');
          return EXIT.ok;
        }),
      ),
    );
  addGrant(mandates);
  withPlane(mandates.command('revoke'))
    .description('end a mandate: what runs under it, and below, halts at its next beat')
    .argument('<id>')
    .option('--yes', 'revoke without asking')
    .action(
      action<{ readonly yes?: boolean }>(({ options, out }, id) =>
        withAttached(options, async ({ client }) => {
          await confirm(out, `Revoke ${id}? What runs under it ends.`, options.yes);
          return tellAnswer(out, await client.revokeMandate(id!), `${id} is revoked`);
        }),
      ),
    );
}

const isInForce = ({ revoked, nbf, exp }: MandateView): boolean =>
  !revoked && nbf <= Date.now() && Date.now() < exp;

function addGrant(mandates: Command): void {
  withPlane(mandates.command('grant'))
    .summary('give an agent authority for a task')
    .description(
      'Sign a mandate with the key of its giver and put it into the log. Below its giver the agent may then do what the\n' +
        'mandate says and the policy allows, and nothing else; when the mandate is over, nothing at all.',
    )
    .requiredOption('--to <agent>', 'who may')
    .option('--from <subject>', 'who gives it; the key is in your state folder (default: u-owner)')
    .option('--key <file>', "the giver's private key, where it lies elsewhere")
    .option(
      '--may <sentence...>',
      'what: "files-read in /srv/notes", "mail/send", "web at https://example.org/"',
    )
    .option('--policy <file>', 'or a Cedar file')
    .option('--budget <limit=max...>', 'of a limit of the policy, how much in all: spend=50, new_folders=2')
    .option('--depth <n>', 'how many agents may act below it (default: any)')
    .option('--for <duration>', 'how long: 30m, 8h')
    .option('--until <time>', 'or until when: 18:00 today, or 2026-12-01T18:00:00Z')
    .option('--yes', 'grant without asking')
    .action(
      action<GrantOptions>(async ({ options, out }) => {
        const policies = await policiesOf(options);
        const depth = options.depth === undefined ? undefined : whole(options.depth);
        const nbf = Date.now();
        const exp = await endOf(options, nbf);
        const from = options.from ?? (await import('@licet/server')).OWNER;
        const { signMandate } = await import('@licet/api');
        const { key, origin, tenant } = await giver(options, from);
        const plane = await attach(options);
        try {
          // What is handed down by somebody who acts under a mandate ends with it.
          const own = (await plane.client.mandates()).filter((one) => one.to === from && isInForce(one));
          const limits = budgetsOf(options.budget ?? [], await amountsOf(plane.client));
          const signed = await signMandate(key, {
            origin,
            tenant,
            from,
            to: options.to,
            policies,
            nbf,
            exp,
            ...(own.length === 1 ? { parent: own[0]!.leaf } : {}),
            ...(Object.keys(limits).length === 0 ? {} : { limits }),
            ...(depth === undefined ? {} : { depth }),
          });
          for (const line of policies[0]!.text.trimEnd().split('\n')) out.line(`  ${printable(line)}`);
          await confirm(
            out,
            `${from} lets ${options.to} do this, and nothing else below it, until ${time(exp)}?`,
            options.yes,
          );
          const answer = await plane.client.grantMandate(signed);
          if (answer.verdict !== 'done') return tellAnswer(out, answer, '');
          out.document({ ok: true, id: signed.id, from, to: options.to, exp, leaf: answer.leaf });
          out.line(`${out.style('good', '✓')} ${signed.id}: ${from} → ${options.to} until ${time(exp)}`);
          out.line(`Next: licet mandates; it ends with licet mandates revoke ${signed.id}`);
          return EXIT.ok;
        } finally {
          await plane.client.close();
        }
      }),
    );
}

async function giver(
  options: CommonOptions & GrantOptions,
  from: string,
): Promise<{ readonly key: PrivateJwk; readonly origin: string; readonly tenant: string }> {
  const { readAgentKey, readPlaneFolder, statePaths } = await import('@licet/server');
  const { origin, tenant } = await readPlaneFolder(await requirePlane(options));
  const file = options.key ?? statePaths(stateFolderOf(), origin).agentKey(from);
  return { key: await readAgentKey(file), origin, tenant };
}

async function policiesOf(
  options: GrantOptions,
): Promise<readonly { readonly name: string; readonly text: string }[]> {
  const { mandatePolicy } = await import('@licet/policy');
  if (options.policy !== undefined) {
    const text = Buffer.from(await readInput(options.policy)).toString('utf8');
    return [{ name: 'mandate.cedar', text }];
  }
  const clauses = (options.may ?? []).map(clauseOf);
  // An empty mandate would be a way to bar an agent; there are others, that say so.
  if (clauses.length === 0) throw new CliError('ERR_CLI_USAGE', 'say what it may do with --may or --policy');
  return [{ name: 'mandate.cedar', text: mandatePolicy(clauses) }];
}

/** `ACTION`, `ACTION in /FOLDER`, `ACTION at URL`, `ACTION on HOST`, `ACTION with ACCOUNT`, `ACTION running /PROGRAM`. */
function clauseOf(sentence: string): MandateClause {
  const match = /^(\S+)(?:\s+(in|at|on|with|running)\s+(\S.*))?$/.exec(sentence.trim());
  const [, name, how, id] = match ?? [];
  if (name === undefined)
    throw new CliError('ERR_CLI_USAGE', `${JSON.stringify(sentence)} is not understood`, {
      next: 'Write ACTION, ACTION in /FOLDER, ACTION at URL, ACTION on HOST, ACTION with ACCOUNT or ACTION running /PROGRAM.',
    });
  if (how === undefined || id === undefined) return { action: name };
  return { action: name, in: { type: PLACES[how as keyof typeof PLACES], id } };
}

const PLACES = { in: 'Folder', at: 'Url', on: 'Host', with: 'Account', running: 'Program' } as const;

/** Names of the limits in force that are amounts of money. */
async function amountsOf(client: Pick<PlaneClient, 'bundles'>): Promise<ReadonlySet<string>> {
  const active = (await client.bundles()).filter((bundle) => bundle.active);
  const limits = active.flatMap(({ signed }) =>
    Object.entries((signed as unknown as { readonly bundle: Bundle }).bundle.limits),
  );
  return new Set(limits.flatMap(([name, { kind }]) => (kind === 'amount' ? [name] : [])));
}

function budgetsOf(
  words: readonly string[],
  amounts: ReadonlySet<string>,
): Readonly<Record<string, { readonly max: number | string }>> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name, max] = /^([A-Za-z][A-Za-z0-9_]*)=([0-9]+(?:\.[0-9]{1,4})?)$/.exec(word) ?? [];
      if (name === undefined || max === undefined)
        throw new CliError('ERR_CLI_USAGE', `${JSON.stringify(word)} is not limit=max`, {
          next: 'For example: --budget new_folders=2',
        });
      // RULE 21: money is an exact decimal in text, never a float.
      return [name, { max: amounts.has(name) ? max : Number(max) }];
    }),
  );
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new CliError('ERR_CLI_USAGE', `${text} is no count`);
  return value;
}

/** When it ends. There is no mandate without an end. */
async function endOf(options: GrantOptions, nowMs: number): Promise<number> {
  const { parseDuration } = await import('@licet/policy');
  if (options.for !== undefined && options.until === undefined) {
    const forMs = parseDuration(options.for);
    if (forMs !== undefined) return nowMs + forMs;
  }
  if (options.until !== undefined && options.for === undefined) {
    const clock = /^([01][0-9]|2[0-3]):([0-5][0-9])$/.exec(options.until);
    const at =
      clock === null
        ? Date.parse(options.until)
        : new Date(nowMs).setHours(Number(clock[1]), Number(clock[2]), 0, 0);
    if (Number.isFinite(at) && at > nowMs) return at;
  }
  throw new CliError('ERR_CLI_USAGE', 'say how long, with one of --for and --until', {
    next: 'For example --for 8h, or --until 18:00 (later today).',
  });
}
