// Identities: who is known to the plane, in what roles and groups, by which keys, and for whom (RULE 17). Each change is
// an entry that says all of it anew; whoever comes from genesis or from an issuer is written the same way.
import { jwkThumbprint } from '@licet/evidence';
import type { Effect } from './commands.ts';
import type { Draft } from './draft.ts';
import { isLastOperator } from './operators.ts';
import type { IdentityRow } from './rows.ts';

type IdentityEffect = Effect & { readonly op: 'identity' };

/** Appends an identity entry; shared with genesis and with issuers that enrol. Passkeys stay as they are unless others are given. */
export function appendIdentity(
  draft: Draft,
  effect: IdentityEffect,
  by: string,
  passkeys: NonNullable<IdentityRow['passkeys']> = draft.get('identity', effect.subject)?.passkeys ?? [],
): string {
  const { change, subject: who, kind, roles, groups, keys, root, name, settings } = effect;
  return draft.append(
    'identity',
    {
      op: change,
      subject: who,
      kind,
      roles,
      groups,
      keys,
      by,
      ...(effect.for === undefined ? {} : { for: effect.for }),
      ...(root === undefined ? {} : { root }),
      ...(passkeys.length === 0 ? {} : { passkeys: passkeys.map(({ id, key }) => ({ id, key })) }),
      ...(settings === undefined ? {} : { settings: settings.digest }),
    },
    {
      detail: {
        ...(name === undefined ? {} : { name }),
        ...(settings?.value === undefined ? {} : { settings: settings.value }),
      },
    },
  ).leaf;
}

/** Why the change of an identity cannot be. */
export function impossibleIdentity(draft: Draft, effect: IdentityEffect): string | undefined {
  const row = draft.get('identity', effect.subject);
  if (effect.change === 'register') {
    if (row !== undefined) return 'already_registered';
  } else if (row === undefined || row.revoked) return 'unknown_identity';
  // What cannot be settled cannot be trusted: an issuer says how its tokens are checked, and nobody else does.
  if ((effect.kind === 'issuer') !== (effect.settings !== undefined)) return 'issuer_settings';
  // One key, one identity: a key that another identity holds or held proves nothing. One key, one use: a passkey's
  // key never becomes an ordinary one.
  const taken = effect.keys.some((key) => {
    const owner = draft.get('key', jwkThumbprint(key));
    return owner !== undefined && (owner.subject !== effect.subject || owner.passkey === true);
  });
  if (taken) return 'key_taken';
  const { roles, keys } = effect;
  const after = row && { ...row, roles, keys, revoked: effect.change === 'revoke' };
  return row !== undefined && isLastOperator(draft, row, after!) ? 'last_operator' : undefined;
}
