// Answers of the plane that more than one of its parts gives.
import type { Reply } from './core/commands.ts';
import type { Answered } from './face.ts';
import type { CommitResult } from './ports.ts';
import type { RecordBody } from './records.ts';

/** What a commit says, as it is. */
export const answered = ({ reply, entries, notes, consistency }: CommitResult): Answered => ({
  reply,
  entries,
  notes,
  ...(consistency === undefined ? {} : { consistency }),
});

/** What is asked cannot be, whatever the policy: nothing was appended for it. */
export const conflict = (code: string, exec: string, detail?: string): Answered => ({
  reply: { kind: 'conflict', code, exec, ...(detail === undefined ? {} : { detail }) },
  entries: [],
  notes: [],
});

/** The reply of a denial with this code and nothing more. */
export const refusedReply = (exec: string, code: string): Reply => ({
  kind: 'refused',
  exec,
  code,
  verdict: 'deny',
  reasons: [],
  holds: [],
});

/** A denial that no entry stands for. */
export const refusedUnrecorded = (exec: string, code: string): Answered => ({
  reply: refusedReply(exec, code),
  entries: [],
  notes: [],
});

/** What opens the commitments of a permit, for the door that runs it (RULE 40). */
export const disclosuresOf = ({ disclosures }: RecordBody): NonNullable<Answered['disclosures']> => ({
  arguments: disclosures.arguments,
  resources: disclosures.resources,
});
