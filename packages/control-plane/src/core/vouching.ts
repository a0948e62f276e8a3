// Vouching: by a token that was checked here, a trusted issuer says that a key speaks for an identity, until a time. It
// ends with the token, with the issuer, and with the identity: asked at every decision, redemption and renewal (RULE 4).
import type { EntryOf } from '@licet/evidence';
import type { IdentityRow, RowReader, Vouching } from './rows.ts';
import { put, type Put } from './transition.ts';

type Rows = Pick<RowReader, 'get'>;

/** What an issuer's word about a key makes of the rows; other attestations say nothing about keys. */
export function vouching(rows: RowReader, entry: EntryOf<'attestation'>, leaf: string): readonly Put[] {
  const { kind, subject, measured: jkt, challenge, by: issuer, exp: untilMs } = entry;
  if (kind !== 'token' && kind !== 'on_behalf') return [];
  const since = rows.get('identity', issuer)?.since;
  if (since === undefined) return [];
  const word: Vouching = { leaf, issuer, since, untilMs };
  const used = put('token', challenge, { jkt });
  if (kind === 'token') return [used, put('key', jkt, { subject, vouched: word })];
  const key = rows.get('key', jkt);
  return key === undefined ? [used] : [used, put('key', jkt, { ...key, behalf: { ...word, subject } })];
}

/** Whether an issuer is trusted now. */
export const issuerStands = (rows: Rows, subject: string): boolean => {
  const issuer = rows.get('identity', subject);
  return issuer?.kind === 'issuer' && !issuer.revoked;
};

/** Whether an identity is one now: not revoked, and whoever enrolled it is still trusted. */
export const stands = (rows: Rows, row: IdentityRow): boolean =>
  !row.revoked && (row.issuer === undefined || issuerStands(rows, row.issuer));

/** What vouches for a key that speaks for this identity; undefined when nothing does any more. */
export function vouchedFor(
  rows: Rows,
  row: IdentityRow,
  jkt: string,
  nowMs: number,
):
  | { readonly leaf: string; readonly behalf?: { readonly leaf: string; readonly subject: string } }
  | undefined {
  const key = rows.get('key', jkt);
  if (key?.vouched === undefined || key.subject !== row.subject) return undefined;
  const inForce = ({ issuer, since, untilMs }: Vouching): boolean =>
    nowMs < untilMs && issuerStands(rows, issuer) && rows.get('identity', issuer)?.since === since;
  if (!inForce(key.vouched)) return undefined;
  const { behalf } = key;
  if (behalf === undefined) return { leaf: key.vouched.leaf };
  const person = rows.get('identity', behalf.subject);
  // Came in on somebody's behalf: acts for that person, for as long as that person's token says.
  const acts = row.for === behalf.subject && person !== undefined && stands(rows, person);
  return acts && inForce(behalf) ? { leaf: key.vouched.leaf, behalf } : undefined;
}

/** Whether a key speaks for an identity now: one of its own, or one that an issuer vouches for. */
export const speaks = (rows: Rows, row: IdentityRow, jkt: string, nowMs: number): boolean =>
  stands(rows, row) && (row.jkts.includes(jkt) || vouchedFor(rows, row, jkt, nowMs) !== undefined);

/** Whether this is a person or program now, by one of its keys or by a passkey that signed it in. */
export const isPresent = (rows: Rows, row: IdentityRow, jkt: string, nowMs: number): boolean =>
  rows.get('key', jkt)?.passkey === true
    ? stands(rows, row) && (row.passkeys ?? []).some((one) => one.jkt === jkt)
    : speaks(rows, row, jkt, nowMs);
