// Passkeys: what a person signs in with and approves by. One that comes or goes is an entry of their identity, of which
// everything else stays as it is then.
import { jwkThumbprint } from '@licet/evidence';
import type { Effect } from './commands.ts';
import type { Draft } from './draft.ts';
import { appendIdentity } from './identities.ts';
import { isLastOperator } from './operators.ts';
import type { IdentityRow } from './rows.ts';

/** Passkeys of one person: what an identity entry holds. */
const MAX_PASSKEYS = 8;

type PasskeyEffect = Effect & { readonly op: 'passkey' };

/** Appends the identity with the passkey, or without it; returns the leaf. */
export function appendPasskey(draft: Draft, effect: PasskeyEffect, by: string): string {
  const { passkeys = [], ...row } = withPasskeys(draft.get('identity', effect.subject)!, effect);
  return appendIdentity(draft, { op: 'identity', change: 'update', ...row }, by, passkeys);
}

/** Why the passkey cannot come or go. */
export function impossiblePasskey(draft: Draft, effect: PasskeyEffect): string | undefined {
  const row = draft.get('identity', effect.subject);
  if (row === undefined || row.revoked) return 'unknown_identity';
  if (effect.change === 'remove') {
    if (!(row.passkeys ?? []).some(({ id }) => id === effect.id)) return 'unknown_passkey';
    return isLastOperator(draft, row, withPasskeys(row, effect)) ? 'last_operator' : undefined;
  }
  if (row.kind !== 'user') return 'not_a_person';
  if ((row.passkeys ?? []).length >= MAX_PASSKEYS) return 'too_many_passkeys';
  const names = [effect.passkey.id, jwkThumbprint(effect.passkey.key)];
  return names.some((one) => draft.get('key', one) !== undefined) ? 'key_taken' : undefined;
}

function withPasskeys(row: IdentityRow, effect: PasskeyEffect): IdentityRow {
  const { passkeys = [], ...rest } = row;
  const kept =
    effect.change === 'add'
      ? [...passkeys, { ...effect.passkey, jkt: jwkThumbprint(effect.passkey.key) }]
      : passkeys.filter(({ id }) => id !== effect.id);
  return kept.length === 0 ? rest : { ...rest, passkeys: kept };
}
