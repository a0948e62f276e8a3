// Records: the off-log half of an execution, which entries only commit to (RULE 40, 41). Made here before a commit, and
// read here after one.
import { commitArguments, commitInputs, commitResources, commitResult, type Json } from '@licet/evidence';
import { resourceRefs, type Arguments, type DecisionInput } from '@licet/policy';
import type { ExecutionRow } from './core/rows.ts';
import type { PreparedRecord, Random, Store } from './ports.ts';
import type { Question } from './prepare.ts';

/** The record of a decision: what the log only commits to. */
export interface RecordBody {
  readonly arguments: Arguments;
  readonly resources: DecisionInput['resources'];
  readonly disclosures: {
    readonly arguments: readonly Disclosed[];
    readonly resources: readonly Disclosed[];
    readonly inputs: readonly Disclosed[];
  };
  /** Earlier decisions about the same execution: a hold before its permit. */
  readonly earlier: readonly { readonly inputs: readonly Disclosed[] }[];
  /** What the policy was asked, for replay under another bundle. */
  readonly input?: DecisionInput;
  /** Who would be let run below it: a caller that comes back asks for the same (RULE 23). */
  readonly child?: { readonly agent: string; readonly jkt: string };
}
type Disclosed = readonly [salt: string, name: string, value: Json];

/** Commits to arguments, resources and exact inputs under one record key (RULE 40). */
export function commitRecord(
  key: Uint8Array,
  question: Pick<Question, 'args' | 'resources'>,
  decided: { readonly inputs: Json } & Pick<RecordBody, 'input' | 'child'>,
  before: RecordBody | undefined,
): {
  readonly commitments: { readonly args: string; readonly resource: string; readonly inputs: string };
  readonly body: RecordBody;
} {
  const args = commitArguments(key, question.args);
  const resources = commitResources(key, resourceRefs(question.resources));
  const exact = commitInputs(key, decided.inputs);
  return {
    commitments: { args: args.commitment, resource: resources.commitment, inputs: exact.commitment },
    body: {
      arguments: question.args,
      resources: question.resources,
      disclosures: {
        arguments: args.disclosures,
        resources: resources.disclosures,
        inputs: exact.disclosures,
      },
      earlier: before === undefined ? [] : [...before.earlier, { inputs: before.disclosures.inputs }],
      ...(decided.input === undefined ? {} : { input: decided.input }),
      ...(decided.child === undefined ? {} : { child: decided.child }),
    },
  };
}

/** Commits to the result of an execution under a key of its own. */
export function resultRecord(
  random: Random,
  exec: string,
  result: Json,
): { readonly commitment: string; readonly record: PreparedRecord } {
  const key = random.bytes(32);
  const { commitment, disclosures } = commitResult(key, result);
  return {
    commitment,
    record: {
      id: `${exec}/result`,
      key,
      body: { commitment, disclosures: disclosures as unknown as Json },
    },
  };
}

/** The record of the latest decision about an execution: a store keeps later ones under `<exec>/<index>`. */
export async function recordOf(
  store: Store,
  row: Pick<ExecutionRow, 'exec' | 'decision'>,
): Promise<{ readonly key: Uint8Array; readonly body: RecordBody } | undefined> {
  const later = await store.records.get(`${row.exec}/${row.decision.index}`);
  const record = later ?? (await store.records.get(row.exec));
  if (record === undefined || record === 'erased') return undefined;
  return { key: record.key, body: record.body as unknown as RecordBody };
}
