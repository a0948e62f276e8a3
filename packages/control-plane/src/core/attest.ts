// Attest: what was appraised becomes an entry, once for each challenge, in the name of whoever asked (DESIGN §7). What an
// attestation is worth is said where it is used: by the bundle when deciding, by standing while something runs.
import type { AttestCommand } from './commands.ts';
import type { Draft } from './draft.ts';
import type { AttestationRow, AttestedItem, RowReader } from './rows.ts';
import type { Transition } from './transition.ts';
import { speaks } from './vouching.ts';

/** A challenge is good this long. */
export const CHALLENGE_TTL_MS = 30_000;
/** No attestation counts longer than this; bundles ask for less. */
export const ATTESTATION_TTL_MS = 3_600_000;
/** Attestations of one identity within the life of a challenge (RULE 38). */
export const MAX_ATTESTATIONS = 256;

/** Applies an `attest` command. */
export function attest(draft: Draft, command: AttestCommand): Transition {
  const { caller, exec } = command;
  const conflict = (code: string): Transition =>
    draft.reply({ kind: 'conflict', code, ...(exec === undefined ? {} : { exec }) });
  const identity = draft.get('identity', caller.subject);
  if (identity === undefined || !speaks(draft, identity, caller.jkt, draft.nowMs))
    return conflict('unidentified');
  if (draft.nowMs >= command.sinceMs + CHALLENGE_TTL_MS) return conflict('challenge_expired');
  const spent = draft.get('challenge', caller.subject)?.spent ?? [];
  // Under the fence: of two who present one challenge at once, one is too late.
  if (spent.some(([nonce]) => nonce === command.challenge)) return conflict('challenge_used');
  if (spent.filter(([, atMs]) => draft.nowMs - atMs < CHALLENGE_TTL_MS).length >= MAX_ATTESTATIONS)
    return conflict('too_many_attestations');
  if (exec !== undefined) {
    const row = draft.get('execution', exec);
    if (row?.state !== 'running' || row.jkt !== caller.jkt) return conflict('not_running');
  }
  const { attested, status, measured, evidence, challenge, sinceMs, by } = command;
  // By the keys that it lists the evidence is checked, for ever: they may be others tomorrow.
  const attester = draft.get('identity', by)?.leaf;
  const exp = Math.min(command.expMs ?? Infinity, sinceMs + ATTESTATION_TTL_MS);
  const { leaf, position } = draft.append('attestation', {
    subject: caller.subject,
    ...(exec === undefined ? {} : { exec }),
    kind: attested,
    status,
    measured,
    evidence,
    challenge,
    since: sinceMs,
    exp,
    by,
    ...(attester === undefined ? {} : { identity: attester }),
  });
  return draft.reply({
    kind: 'attested',
    position,
    leaf,
    status,
    measured,
    expMs: exp,
    ...(exec === undefined ? {} : { exec }),
    ...(command.why === undefined ? {} : { why: command.why }),
  });
}

/** True when something about this execution was measured that is not what was permitted. There is no way back. */
export const isContraindicated = (rows: Pick<RowReader, 'get'>, exec: string): boolean =>
  itemsOf(rows.get('attestation', exec)).some(({ status }) => status === 'contraindicated');

/** What is known of a subject or an execution. */
export const itemsOf = (row: AttestationRow | undefined): readonly AttestedItem[] =>
  Object.values(row?.items ?? {});
