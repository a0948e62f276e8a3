// The organisation above (RULE 20): which of its keys count, and whether one may be added or retired. The log alone
// cannot say so: a key counts that the log names and that leads back, signature by signature, to one pinned outside it.
import {
  base64url,
  equalBytes,
  organisationKeys,
  orgKeyId,
  parseVkey,
  TYPE_ED25519,
  trustedKeys,
  trustedLog,
  unbase64url,
  type Crypto,
  type KeyChange,
  type Trust,
  type VerifierKey,
} from '@licet/evidence';
import type { SignedBundle } from '@licet/policy';
import { conflict } from './answers.ts';
import type { PlaneContext } from './context.ts';
import type { OrgKeyEffect } from './core/commands.ts';
import type { PlaneRow } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import type { Answered, Organisation } from './face.ts';
import type { Snapshot } from './snapshot.ts';

type Pinned = { readonly trust: Trust; readonly origin: string; readonly crypto: Crypto };

/** The keys of the organisation that count now, each by its id. Empty for a plane without one. */
export async function orgKeysOf(
  { trust, origin, crypto }: Pinned,
  org: PlaneRow['org'],
): Promise<ReadonlyMap<string, Uint8Array>> {
  if (org === undefined) return new Map();
  const changes = org.changes ?? [];
  const founding = org.keys.flatMap((key) => (key.kty === 'OKP' ? [unbase64url(key.x)] : []));
  const pinned = trustedKeys(trustedLog(trust, origin), 'org').map(({ publicKey }) => publicKey);
  const [named, believed] = [
    await organisationKeys(org.id, founding, changes, crypto),
    await organisationKeys(org.id, pinned, changes, crypto),
  ];
  return new Map(
    named
      .filter((key) => believed.some((other) => equalBytes(other, key)))
      .map((key) => [orgKeyId(key), key]),
  );
}

/** The organisation above, with the keys that count and those that were retired or are not believed. */
export async function organisation(context: PlaneContext): Promise<Organisation | undefined> {
  const [row] = await context.store.read([{ kind: 'plane', id: SELF }]);
  const org = (row?.value as PlaneRow | undefined)?.org;
  if (org === undefined) return undefined;
  const counting = await orgKeysOf(context, org);
  const named = [
    ...org.keys.flatMap((key) => (key.kty === 'OKP' ? [unbase64url(key.x)] : [])),
    ...(org.changes ?? []).flatMap(({ key }) => readKey(key)?.publicKey ?? []),
  ];
  const keys = new Map(named.map((key) => [orgKeyId(key), key]));
  return {
    id: org.id,
    keys: [...keys].map(([id, key]) => ({ id, publicKey: base64url(key), counts: counting.has(id) })),
  };
}

/** Why this key may not be added or retired, as the rows stand that the snapshot holds fast until the commit. */
export async function checkOrgKey(
  context: PlaneContext,
  effect: OrgKeyEffect,
  snapshot: Snapshot,
): Promise<Answered | undefined> {
  await snapshot.load([
    { kind: 'plane', id: SELF },
    { kind: 'policy', id: SELF },
  ]);
  const org = snapshot.get('plane', SELF)?.org;
  if (org === undefined) return conflict('no_organisation', '');
  const key = readKey(effect.key);
  if (key?.type !== TYPE_ED25519 || key.name !== `${context.origin}/org`) return conflict('org_key', '');
  const id = orgKeyId(key.publicKey);
  const change: KeyChange & { readonly leaf: string } = {
    op: effect.change,
    key: effect.key,
    sig: effect.sig,
    leaf: '',
  };
  const before = await orgKeysOf(context, org);
  const after = await orgKeysOf(context, { ...org, changes: [...(org.changes ?? []), change] });
  if (before.has(id) === (effect.change === 'add')) return conflict('org_key', '');
  // A change that would have no effect is badly signed, or brings back a key that was retired.
  if (after.has(id) !== (effect.change === 'add')) return conflict('org_key_signature', '');
  // Retiring the only key, or the only one that signed the bundle in force, would deny everything from the next start.
  return after.size > 0 && (await stillSigned(context, snapshot, after))
    ? undefined
    : conflict('org_key_in_use', '');
}

async function stillSigned(
  { store }: PlaneContext,
  snapshot: Snapshot,
  keys: ReadonlyMap<string, Uint8Array>,
): Promise<boolean> {
  const digest = snapshot.get('policy', SELF)?.org?.digest;
  if (digest === undefined) return true;
  const [row] = await store.read([{ kind: 'bundle', id: digest }]);
  const signed = (row?.value as { readonly signed?: unknown } | undefined)?.signed as
    SignedBundle | undefined;
  return signed?.sigs.some(({ by }) => keys.has(by)) === true;
}

function readKey(text: string): VerifierKey | undefined {
  try {
    return parseVkey(text);
  } catch {
    return undefined;
  }
}
