/** What each rung asks, in words, and the bytes it looks at: input, computed and expected value (UI: Proof). */
import {
  base64url,
  bundleDigest,
  commitmentOf,
  disclosureDigest,
  leafHash,
  parseCheckpoint,
  parseNote,
  utf8,
  type Disclosure,
  type EvidenceFile,
  type RungName,
} from '@licet/evidence';

/** Title and question of a rung. */
export const RUNGS: Readonly<Record<RungName, { readonly title: string; readonly question: string }>> = {
  format: {
    title: 'Format',
    question: 'Is the file the canonical form of what it says, ending in its own digest?',
  },
  'entry-hashes': {
    title: 'Entry hashes',
    question: 'Is every entry a well-formed entry of this log, and is the file about its subject?',
  },
  inclusion: {
    title: 'Inclusion',
    question: 'Does a path of hashes lead from every entry to the root of the newest checkpoint?',
  },
  'checkpoint-signature': {
    title: 'Checkpoint signature',
    question: 'Did a key that you trust for this log sign each checkpoint?',
  },
  consistency: {
    title: 'Consistency',
    question: 'Does each checkpoint continue the one before, with nothing rewritten?',
  },
  'witness-quorum': {
    title: 'Witness quorum',
    question: 'Did the witnesses that your trust file asks for cosign what the permit needed?',
  },
  'bundle-signature': {
    title: 'Policy signature',
    question: 'Is the policy that decided signed by an author you trust, and was it in force?',
  },
  arguments: {
    title: 'Arguments',
    question: 'Do the disclosed arguments, resources and inputs open what the log committed to?',
  },
  'principal-chain': {
    title: 'Principal chain',
    question: 'Was everybody in the chain registered, with these keys, and not revoked?',
  },
  approvals: { title: 'Approvals', question: 'Did the people whom the hold named approve this very hold?' },
  attestation: {
    title: 'Attestation',
    question: 'Is what was measured the thing that was permitted to act?',
  },
  're-decision': {
    title: 'Policy re-decision',
    question: 'Does Cedar, here and now, decide the recorded request the same way?',
  },
  'one-start': {
    title: 'One start',
    question: 'Was the permit spent at most once, by the one who redeemed it?',
  },
  'order-and-timing': {
    title: 'Order and timing',
    question: 'Did decision, start and outcome happen in that order and within their times?',
  },
  lease: {
    title: 'Lease',
    question: 'Was the lease renewed without a gap, by notes that a trusted lease key signed?',
  },
  outcome: {
    title: 'Outcome',
    question: 'Does the outcome belong to its start, and is the result the one committed to?',
  },
  containment: { title: 'Containment at start', question: 'Was nothing of it contained when it started?' },
};

/** One thing a rung looks at. Texts are the file's own and shown as text. */
export interface RungPart {
  readonly label: string;
  readonly input?: string;
  readonly computed?: string;
  readonly expected?: string;
}

const MAX_PARTS = 40;

/** Returns what a rung looks at, from the file as it stands. Empty where the file is too broken to show it. */
export function partsOf(name: RungName, file: EvidenceFile): readonly RungPart[] {
  try {
    return (PARTS[name]?.(file) ?? []).slice(0, MAX_PARTS);
  } catch {
    return [];
  }
}

const PARTS: Partial<Readonly<Record<RungName, (file: EvidenceFile) => readonly RungPart[]>>> = {
  'entry-hashes': ({ entries }) =>
    entries.map(({ index, entry }) => ({
      label: `Entry ${index}`,
      input: entry,
      computed: base64url(leafHash(utf8(entry))),
    })),
  'checkpoint-signature': ({ checkpoints }) =>
    checkpoints.map(({ note }) => ({ label: `Checkpoint of size ${sizeOf(note)}`, input: note })),
  'witness-quorum': ({ checkpoints }) =>
    checkpoints.map(({ note }) => ({
      label: `Signatures at size ${sizeOf(note)}`,
      input: signaturesOf(note),
    })),
  consistency: ({ checkpoints }) =>
    checkpoints.map(({ note, consistency }, at) => ({
      label:
        at === 0
          ? `Begins at size ${sizeOf(note)}`
          : `${sizeOf(checkpoints[at - 1]!.note)} → ${sizeOf(note)}`,
      ...(consistency.length === 0 ? {} : { input: consistency.join('\n') }),
      expected: rootOf(note),
    })),
  'bundle-signature': ({ bundles }) =>
    bundles.map(({ bundle, sigs }) => ({
      label: `Bundle signed by ${sigs.map(({ by }) => by).join(', ')}`,
      input: JSON.stringify(bundle),
      computed: bundleDigest(bundle),
    })),
  arguments: (file) =>
    Object.entries(file.executions).flatMap(([exec, record]) => {
      const entry = decisionOf(file, exec);
      return (
        [
          ['argument', 'args', record.arguments],
          ['resource', 'resource', record.resources],
          ['input', 'inputs', record.inputs],
        ] as const
      ).flatMap(([kind, field, part]): readonly RungPart[] => {
        const expected = entry?.[field];
        if (typeof expected !== 'string') return [];
        const digests = [
          ...part.disclosed.map((one) => disclosureDigest(one as Disclosure)),
          ...part.withheld,
        ];
        return [
          {
            label: `${NAMES[kind]}: ${part.disclosed.length} disclosed, ${part.withheld.length} withheld`,
            input: part.disclosed.map((one) => JSON.stringify(one)).join('\n'),
            computed: commitmentOf(kind, digests.toSorted()),
            expected,
          },
        ];
      });
    }),
  lease: ({ executions }) =>
    Object.values(executions).flatMap(({ renewals }) =>
      renewals.map((note, at) => ({ label: `Renewal ${at + 1}`, input: note })),
    ),
  ...Object.fromEntries(
    (
      [
        ['principal-chain', ['identity', 'mandate']],
        ['approvals', ['approval']],
        ['attestation', ['attestation']],
        ['re-decision', ['permit', 'refusal']],
        ['one-start', ['permit', 'start']],
        ['order-and-timing', ['permit', 'refusal', 'start', 'outcome']],
        ['outcome', ['outcome']],
        ['containment', ['containment', 'start']],
      ] as const
    ).map(([rung, types]) => [rung, (file: EvidenceFile) => entriesOf(file, types)]),
  ),
};

const NAMES = { argument: 'Arguments', resource: 'Resources', input: 'Inputs of the decision' } as const;

function entriesOf({ entries }: EvidenceFile, types: readonly string[]): readonly RungPart[] {
  return entries.flatMap(({ index, entry }) => {
    const { type } = JSON.parse(entry) as { readonly type?: string };
    return type !== undefined && types.includes(type)
      ? [{ label: `Entry ${index}, ${type}`, input: entry, computed: base64url(leafHash(utf8(entry))) }]
      : [];
  });
}

/** The newest decision about an execution: the one whose commitments the record opens. */
function decisionOf({ entries }: EvidenceFile, exec: string): Readonly<Record<string, unknown>> | undefined {
  return entries
    .map(({ entry }) => JSON.parse(entry) as Readonly<Record<string, unknown>>)
    .findLast(
      (entry) => entry['exec'] === exec && (entry['type'] === 'permit' || entry['type'] === 'refusal'),
    );
}

const headOf = (note: string) => parseCheckpoint(parseNote(note).text);
const sizeOf = (note: string): number => headOf(note).size;
const rootOf = (note: string): string => base64url(headOf(note).root);
const signaturesOf = (note: string): string => note.slice(note.indexOf('\n\n') + 2);
