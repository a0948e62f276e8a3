// Grants of mandates: one that its giver signed is put in force, or ended (RULE 17). What it then binds on a chain is the
// matter of `mandates.ts`.
import type { MandateEffect } from './commands.ts';
import type { Draft } from './draft.ts';

/** Appends a grant or its end; returns the leaf. */
export function appendMandate(draft: Draft, effect: MandateEffect, by: string): string {
  const { change, id, from, to, parent, body, nbfMs, expMs, sig, opened } = effect;
  return draft.append(
    'mandate',
    {
      op: change,
      id,
      from,
      to,
      ...(parent === undefined ? {} : { parent }),
      body,
      nbf: nbfMs,
      exp: expMs,
      sig,
      by,
    },
    opened === undefined ? {} : { detail: { mandate: opened } },
  ).leaf;
}

/** Why the grant, or its end, cannot be. */
export function impossibleMandate(draft: Draft, effect: MandateEffect): string | undefined {
  const before = draft.get('mandate', effect.id);
  if (effect.change === 'revoke')
    return before === undefined || before.revoked ? 'unknown_mandate' : undefined;
  // A grant counts once: after it was revoked, the same signed words are a replay.
  if (before !== undefined) return 'mandate_known';
  const [from, to] = [draft.get('identity', effect.from), draft.get('identity', effect.to)];
  if (from === undefined || from.revoked || to === undefined || to.revoked) return 'unknown_identity';
  if (to.kind !== 'agent' || from.subject === to.subject) return 'mandate_receiver';
  if (effect.expMs <= draft.nowMs || effect.expMs <= effect.nbfMs) return 'mandate_expired';
  return effect.fault;
}
