/** `licet runs list | show ID | resolve ID`: runs as trees, each node with its verdict, its state and its proof. */
import type { Command } from 'commander';
import type { ExecutionView } from '@licet/api';
import type { Lineage, LineageNode } from '@licet/evidence';
import { tellAnswer } from '../answers.ts';
import { withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { columns, count, type Output, printable, type StyleName, time } from '../output.ts';

/** Adds the commands. */
export function addRuns(program: Command): void {
  const runs = program.command('runs').description('executions and the runs they belong to');
  addList(runs);
  addShow(runs);
  addResolve(runs);
}

interface ListOptions {
  readonly state?: string;
  readonly verdict?: string;
  readonly agent?: string;
  readonly action?: string;
  readonly run?: string;
  readonly limit?: string;
}

function addList(runs: Command): void {
  withPlane(runs.command('list'))
    .description('the newest executions')
    .option(
      '--state <state>',
      'held, permitted, running, completed, failed, halted, in_doubt, expired, denied',
    )
    .option('--verdict <verdict>', 'allow, deny, hold')
    .option('--agent <id>')
    .option('--action <action>')
    .option('--run <id>')
    .option('--limit <n>', 'default 50, at most 200')
    .action(
      action<ListOptions>(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const { state, verdict, agent, action: what, run } = options;
          const limit = options.limit === undefined ? 50 : Number(options.limit);
          if (!Number.isInteger(limit) || limit < 1 || limit > 200)
            throw new CliError('ERR_CLI_USAGE', `--limit ${options.limit} is not between 1 and 200`);
          const { items, next } = await client.executions({
            limit,
            ...(state === undefined ? {} : { state }),
            ...(verdict === undefined ? {} : { verdict }),
            ...(agent === undefined ? {} : { agent }),
            ...(what === undefined ? {} : { action: what }),
            ...(run === undefined ? {} : { run }),
          });
          out.document({ items, ...(next === undefined ? {} : { next }) });
          for (const line of columns(items.map((view) => rowOf(out, view)))) out.line(line);
          if (items.length === 0) out.line('None.');
          return EXIT.ok;
        }),
      ),
    );
}

const rowOf = (out: Output, view: ExecutionView): readonly string[] => [
  time(view.atMs),
  view.executionId,
  out.style(styleOf(view.state), view.state),
  printable(view.action),
  printable(view.chain.at(-1)?.name ?? view.chain.at(-1)?.id ?? ''),
  view.code ?? '',
];

function addShow(runs: Command): void {
  withPlane(runs.command('show'))
    .description('a run as a tree: who caused what, verdict, state, and where each proof lies in the log')
    .argument('<id>', 'run id, or the id of any execution in it')
    .action(
      action(({ options, out }, id) =>
        withAttached(options, async ({ client }) => {
          const { run } = await client.execution(id!);
          const lineage = (await client.lineage(run)) as unknown as Lineage;
          out.document(lineage);
          if (!out.json) showTree(out, lineage, id!);
          return EXIT.ok;
        }),
      ),
    );
}

function showTree(out: Output, { run, nodes, edges }: Lineage, marked: string): void {
  out.line(`${out.style('strong', 'run')} ${run ?? 'unknown'}  ${count(nodes.length, 'execution')}`);
  const byId = new Map(nodes.map((node) => [node.exec, node]));
  const children = (id: string): readonly LineageNode[] => nodes.filter(({ parent }) => parent === id);
  const shown = new Set<string>();
  const walk = (node: LineageNode, lead: string, last: boolean): void => {
    // A forged lineage could hold a circle; each node is shown once.
    if (shown.has(node.exec)) return;
    shown.add(node.exec);
    const lifted = edges.find(({ kind, to }) => kind === 'lifted' && to === node.exec)?.from;
    out.line(
      `${lead}${last ? '└─ ' : '├─ '}${describe(out, node)}${node.exec === marked ? out.style('strong', '  ←') : ''}`,
    );
    const deeper = `${lead}${last ? '   ' : '│  '}`;
    out.line(
      out.style(
        'dim',
        `${deeper}${proofs(node)}${lifted === undefined ? '' : `; lifted the hold of ${lifted}`}`,
      ),
    );
    for (const gap of node.gaps) out.line(`${deeper}${out.style('warn', `! ${gap}`)}`);
    const below = children(node.exec);
    below.forEach((child, at) => walk(child, deeper, at === below.length - 1));
  };
  const roots = nodes.filter(({ parent }) => parent === undefined || !byId.has(parent));
  roots.forEach((root, at) => walk(root, '', at === roots.length - 1));
}

function describe(out: Output, node: LineageNode): string {
  const state = node.outcome?.status ?? (node.start === undefined ? (node.verdict ?? 'unknown') : 'running');
  const who = node.chain.map(({ id }) => id).join(' → ');
  const touched = Object.values(node.resources ?? {}).map(({ type, id }) => `${type} ${id}`);
  return [
    out.style(styleOf(state), state),
    out.style('name', printable(node.action ?? '?')),
    printable(touched.join(', ')),
    node.code === undefined ? '' : out.style('bad', node.code),
    out.style('dim', `${printable(who)} ${time(node.atMs)}`),
  ]
    .filter((part) => part !== '')
    .join('  ');
}

function proofs(node: LineageNode): string {
  const parts = [
    node.permit === undefined ? undefined : `permit #${node.permit.index}`,
    ...node.refusals.map(({ index }) => `refusal #${index}`),
    ...node.approvals.map(({ index }) => `approval #${index}`),
    node.start === undefined ? undefined : `start #${node.start.index}`,
    node.outcome === undefined ? undefined : `outcome #${node.outcome.index}`,
    node.renewals > 0 ? count(node.renewals, 'renewal') : undefined,
  ];
  return `${node.exec}  ${parts.filter((part) => part !== undefined).join(' · ')}`;
}

const STYLE_OF_STATE: Readonly<Record<string, StyleName>> = {
  completed: 'good',
  running: 'good',
  permitted: 'good',
  allow: 'good',
  held: 'warn',
  hold: 'warn',
  approved: 'warn',
  in_doubt: 'warn',
  expired: 'dim',
};
const styleOf = (state: string): StyleName => STYLE_OF_STATE[state] ?? 'bad';

const ENDS = ['completed', 'failed', 'halted'] as const;

function addResolve(runs: Command): void {
  withPlane(runs.command('resolve'))
    .description('say what became of an execution that is in doubt; logged under your name')
    .argument('<id>', 'execution id')
    .requiredOption('--as <status>', ENDS.join(', '))
    .requiredOption('--reason <code>', 'a code such as plane_lost, never free text')
    .action(
      action<{ readonly as: string; readonly reason: string }>(({ options, out }, id) => {
        const status = ENDS.find((end) => end === options.as);
        if (status === undefined)
          throw new CliError('ERR_CLI_USAGE', `--as ${options.as} is none of ${ENDS.join(', ')}`);
        return withAttached(options, async ({ client }) =>
          tellAnswer(
            out,
            await client.resolve(id!, { status, reason: options.reason }),
            `${id} is ${status}`,
          ),
        );
      }),
    );
}
