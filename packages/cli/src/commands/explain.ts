/**
 * `licet explain ID`: why a decision came out as it did, from its own evidence: code, policies with their text, and what
 * each link of the chain was told about each resource. `--as-test` turns it into a policy test (RULE 45 is for agents;
 * whoever runs this may read the record).
 */
import type { Command } from 'commander';
import { parseEntry, parseEvidence, utf8, type EntryOf, type EvidenceFile, type Json } from '@licet/evidence';
import type { Bundle, DecisionInput, DenyCode, ExactInputs, PolicyTest } from '@licet/policy';
import { withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { count, type Output, printable } from '../output.ts';
import { readInput, writeOutput } from '../places.ts';

interface ExplainOptions {
  readonly asTest?: boolean;
  readonly output?: string;
  readonly file?: string;
}

type DecisionEntry = EntryOf<'permit'> | EntryOf<'refusal'>;

/** A decision, opened. */
interface Opened {
  readonly entry: DecisionEntry;
  readonly inputs: ExactInputs | undefined;
  readonly args: { readonly [name: string]: Json };
  readonly withheld: number;
  readonly bundles: readonly Bundle[];
}

/** Adds the command, to the program and to `policy`. */
export function addExplain(parent: Command): void {
  withPlane(parent.command('explain'))
    .description('say why an execution was allowed, held or denied; --as-test makes a policy test of it')
    .argument('<id>', 'execution id')
    .option('--as-test', 'print it as a case for a *.test.json file')
    .option('-o, --output <file>', 'with --as-test: write a new test file')
    .option('--file <file>', 'read this evidence bundle instead of asking the plane')
    .action(
      action<ExplainOptions>(async ({ options, out }, id) => {
        const bytes =
          options.file === undefined
            ? await withAttached(options, ({ client }) => client.evidence(id!))
            : await readInput(options.file);
        const opened = openDecision(parseEvidence(bytes), id!);
        if (options.asTest === true) return asTest(out, opened, id!, options.output);
        await tell(out, opened, id!);
        return EXIT.ok;
      }),
    );
}

function openDecision(file: EvidenceFile, id: string): Opened {
  const entries = file.entries.map(({ entry }) => parseEntry(utf8(entry)));
  const entry = entries.findLast(
    (found): found is DecisionEntry =>
      (found.type === 'permit' || found.type === 'refusal') &&
      found.exec === id &&
      found.action !== undefined,
  );
  if (entry === undefined) throw new CliError('ERR_CLI_NOT_FOUND', `no decision on ${id} is in its evidence`);
  const record = Object.hasOwn(file.executions, id) ? file.executions[id] : undefined;
  return {
    entry,
    inputs: record?.inputs.disclosed.find(([, name]) => name === 'inputs')?.[2] as ExactInputs | undefined,
    args: Object.fromEntries((record?.arguments.disclosed ?? []).map(([, name, value]) => [name, value])),
    withheld: (record?.arguments.withheld.length ?? 0) + (record?.inputs.withheld.length ?? 0),
    bundles: file.bundles.map(({ bundle }) => bundle as unknown as Bundle),
  };
}

const verdictOf = (entry: DecisionEntry): 'allow' | 'deny' | 'hold' =>
  entry.type === 'permit' ? 'allow' : entry.verdict;

async function tell(
  out: Output,
  { entry, inputs, args, withheld, bundles }: Opened,
  id: string,
): Promise<void> {
  const { DENY_CODES } = await import('@licet/policy');
  const verdict = verdictOf(entry);
  const code = entry.type === 'refusal' ? entry.code : undefined;
  const row =
    code === undefined || !Object.hasOwn(DENY_CODES, code) ? undefined : DENY_CODES[code as DenyCode];
  const policies = (entry.reasons ?? []).map((reason) => ({ id: reason, ...policyText(bundles, reason) }));
  out.document({
    executionId: id,
    verdict,
    ...(code === undefined ? {} : { code, meaning: row?.meaning ?? null, next: row?.next ?? null }),
    action: entry.action,
    chain: entry.chain ?? [],
    arguments: args,
    withheld,
    policies,
    holds: entry.type === 'refusal' ? (entry.holds ?? []) : [],
    ...(entry.type === 'refusal' && entry.failedLink !== undefined ? { failedLink: entry.failedLink } : {}),
    bundles: entry.bundles ?? [],
    inputs: inputs ?? null,
  });
  const style = verdict === 'allow' ? 'good' : verdict === 'deny' ? 'bad' : 'warn';
  out.line(`${out.style(style, verdict)}${code === undefined ? '' : ` ${code}`}  ${entry.action}  ${id}`);
  if (row !== undefined) out.line(`  ${row.meaning}`);
  out.line(
    `  chain      ${(entry.chain ?? []).map(({ kind, id: who }) => `${kind} ${who}`).join(' → ') || 'unknown'}`,
  );
  for (const [name, value] of Object.entries(args))
    out.line(`  ${name.padEnd(10)} ${printable(JSON.stringify(value))}`);
  if (withheld > 0) out.line(`  ${count(withheld, 'part')} withheld`);
  if (entry.type === 'refusal' && entry.failedLink !== undefined)
    out.line(
      `  refused for link ${entry.failedLink}: ${JSON.stringify(entry.chain?.[entry.failedLink]?.id ?? '?')}`,
    );
  if (policies.length === 0)
    out.line(verdict === 'deny' ? '  No policy permits it: what is not permitted is denied.' : '');
  for (const policy of policies) {
    out.line();
    out.line(
      `  ${out.style('name', policy.id)} ${out.style('dim', policy.file ?? 'its text is not in the evidence')}`,
    );
    for (const line of policy.text?.split('\n') ?? []) out.line(`    ${printable(line)}`);
  }
  if (row !== undefined) out.line(`Next: ${row.next}`);
}

/** Returns the text of the policy with this @id, as written in its bundle. */
function policyText(
  bundles: readonly Bundle[],
  id: string,
): { readonly file?: string; readonly text?: string } {
  for (const { policies } of bundles) {
    for (const { name, text } of policies) {
      const at = text.indexOf(`@id("${id}")`);
      if (at < 0) continue;
      const end = text.indexOf(';', at);
      return { file: name, text: text.slice(at, end < 0 ? undefined : end + 1) };
    }
  }
  return {};
}

async function asTest(out: Output, opened: Opened, id: string, file: string | undefined): Promise<void> {
  const { entry, inputs } = opened;
  if (inputs === undefined || opened.withheld > 0)
    throw new CliError('ERR_CLI_POLICY', `the inputs of ${id} are withheld or were never made`, {
      next: 'Only a decision that the policy made, with everything disclosed, can become a test.',
    });
  const { asTest: testOf } = await import('@licet/policy');
  const test: PolicyTest = testOf({
    name: `${verdictOf(entry)} of ${entry.action} as decided in ${id}`,
    input: decisionInput(opened, inputs),
    verdict: verdictOf(entry),
    reasons: entry.reasons ?? [],
    ...(entry.type === 'refusal' && entry.code !== undefined ? { code: entry.code as DenyCode } : {}),
    ...(entry.type === 'refusal' && entry.holds !== undefined ? { holds: entry.holds } : {}),
  });
  const content = `${JSON.stringify({ tests: [test] }, null, 2)}\n`;
  if (file === undefined) {
    out.raw(out.json ? `${JSON.stringify({ tests: [test] })}\n` : content);
    return;
  }
  if (!file.endsWith('.test.json')) throw new CliError('ERR_CLI_USAGE', `${file} does not end in .test.json`);
  await writeOutput(file, content);
  out.document({ ok: true, file, test });
  out.line(`${out.style('good', '✓')} ${file}: put it beside the policies and run licet policy test.`);
}

/** The recorded Cedar requests, as the input they were made from. */
function decisionInput({ entry, args }: Opened, inputs: ExactInputs): DecisionInput {
  const context = inputs.context as unknown as {
    readonly approvals: readonly string[];
    readonly meters: { readonly [name: string]: { readonly used: unknown; readonly left: unknown } };
    readonly attestation: DecisionInput['attestation'];
    readonly facts: { readonly [name: string]: unknown };
    readonly labels: readonly string[];
    readonly depth: number;
    readonly door: DecisionInput['door'];
    readonly now: { readonly ms: number };
  };
  return {
    action: entry.action!,
    args,
    chain: inputs.links.map(({ principal, entities }) => ({
      uid: { type: principal.type as 'User' | 'Agent', id: principal.id },
      attrs: { roles: (entities[0]?.attrs['roles'] ?? []) as readonly string[] },
      groups: entities
        .slice(1)
        .map(({ uid, parents }) => ({ id: uid.id, parents: parents.map((parent) => parent.id) })),
    })),
    resources: [],
    approvals: context.approvals,
    meters: Object.fromEntries(
      Object.entries(context.meters).map(([name, { used, left }]) => [
        name,
        { used: plain(used) as number | string, left: plain(left) as number | string },
      ]),
    ),
    attestation: context.attestation,
    facts: Object.fromEntries(
      Object.entries(context.facts).map(([name, value]) => [
        name,
        { value: plain(value) as boolean | number | string },
      ]),
    ),
    labels: context.labels,
    depth: context.depth,
    door: context.door,
    nowMs: context.now.ms,
  };
}

/** Cedar's decimals are written as a call; tests write them as text. */
function plain(value: unknown): unknown {
  const call = (value as { readonly __extn?: { readonly arg?: unknown } } | null)?.__extn;
  return call === undefined ? value : call.arg;
}
