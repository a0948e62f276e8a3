// Mandates as they are asked for: what their giver signed is checked before it is recorded, and what bodies say is read
// when something is decided under them (RULE 17).
import {
  commitMandateBody,
  mandateSigningBytes,
  jwkThumbprint,
  unbase64url,
  type Json,
  type PublicJwk,
} from '@licet/evidence';
import {
  loadMandates,
  meterCosts,
  parseMandateBody,
  PolicyError,
  type ActionPlan,
  type Arguments,
  type LoadedBundle,
  type MandateAt,
} from '@licet/policy';
import type { PlaneContext } from './context.ts';
import type { MandateEffect, Reservation } from './core/commands.ts';
import { meterId } from './core/meters.ts';
import type { IdentityRow, MandateRow } from './core/rows.ts';
import { policyOf } from './look-up.ts';

/** A mandate that binds a chain, and the link it was given to. */
export interface BoundMandate {
  readonly row: MandateRow;
  readonly at: number;
}

/** Returns the effect with what is wrong with it: body, commitment, policies, signature. */
export async function checkedMandate(context: PlaneContext, effect: MandateEffect): Promise<MandateEffect> {
  if (effect.change === 'revoke') return effect;
  const fault = await mandateFault(context, effect);
  if (typeof fault === 'string') return { ...effect, fault };
  return { ...effect, opened: { ...effect.opened!, jkt: fault.jkt } };
}

async function mandateFault(
  { store, keeper, engine, origin, tenant, crypto }: PlaneContext,
  effect: MandateEffect,
): Promise<NonNullable<MandateEffect['fault']> | { readonly jkt: string }> {
  const { id, from, to, parent, body, nbfMs, expMs, sig, opened } = effect;
  if (opened === undefined) return 'mandate_body';
  try {
    const read = parseMandateBody(opened.body);
    const { commitment } = commitMandateBody(unbase64url(opened.key), opened.body as unknown as Json);
    if (read.id !== id || commitment !== body) return 'mandate_body';
  } catch {
    return 'mandate_body';
  }
  await keeper.ensure(await policyOf(store));
  if (keeper.loaded === undefined) return 'mandate_policy';
  try {
    loadMandates(engine, keeper.loaded, [{ body: opened.body, from: 0 }]);
  } catch (error) {
    if (error instanceof PolicyError) return 'mandate_policy';
    throw error;
  }
  const signed = mandateSigningBytes({
    origin,
    tenant,
    op: 'grant',
    id,
    from,
    to,
    body,
    nbf: nbfMs,
    exp: expMs,
    ...(parent === undefined ? {} : { parent }),
  });
  const [row] = await store.read([{ kind: 'identity', id: from }]);
  for (const key of (row?.value as IdentityRow | undefined)?.keys ?? []) {
    if (await signedBy(crypto, key, signed, sig)) return { jkt: jwkThumbprint(key) };
  }
  return 'mandate_signature';
}

async function signedBy(
  crypto: PlaneContext['crypto'],
  key: PublicJwk,
  signed: Uint8Array,
  sig: string,
): Promise<boolean> {
  if (key.kty !== 'OKP') return false;
  try {
    return await crypto.verifyEd25519(unbase64url(key.x), signed, unbase64url(sig));
  } catch {
    return false;
  }
}

/** Returns what policies are asked under, or undefined when a mandate cannot be read or the chain is longer than it lets. */
export function bodiesOf(mandates: readonly BoundMandate[], links: number): readonly MandateAt[] | undefined {
  const found: MandateAt[] = [];
  for (const { row, at } of mandates) {
    const body = row.opened?.body;
    if (body === undefined || (body.depth !== undefined && links - 1 - at > body.depth)) return undefined;
    found.push({ body, from: at });
  }
  return found;
}

/** The budgets that a request would use: a limit of the bundle, counted for the mandate alone, without a window. */
export function budgetsOf(
  loaded: LoadedBundle,
  plan: ActionPlan,
  args: Arguments,
  mandates: readonly BoundMandate[],
): readonly Reservation[] {
  const costs = meterCosts(plan, loaded.limits, args);
  if ('deny' in costs) return [];
  // Whoever stands twice on a chain is bound twice by one mandate, and uses it once.
  const rows = new Map(mandates.map(({ row }) => [row.id, row]));
  return [...rows.values()].flatMap((row) =>
    Object.entries(row.opened?.body.limits ?? {}).flatMap(([name, { max }]): Reservation[] => {
      const limit = loaded.limits[name];
      const cost = costs.find((one) => one.limit === name);
      if (limit === undefined || cost === undefined) return [];
      const open = limit.kind === 'concurrency';
      const settles = limit.settleLower === true;
      return [
        {
          meter: meterId(name, row.id, open ? 'open' : { startMs: 0, settles }),
          name,
          per: 'mandate',
          amount: cost.amount,
          max: String(max),
          ...(cost.currency === undefined ? {} : { currency: cost.currency }),
          kind: open ? 'open' : 'window',
          settles,
        },
      ];
    }),
  );
}
