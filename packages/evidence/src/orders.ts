/**
 * Orders and shares that are notes of their own: the emergency containment order (docs/formats/contain-order.md;
 * RULE 34), which works when disk, database, policy and login do not, and the plane's half of a session's key
 * exchange (DESIGN §10).
 */
import { base64url, utf8 } from './bytes.ts';
import type { Crypto } from './crypto.ts';
import { digest, origin, scopeId, scopeKind, time } from './entries.ts';
import { EvidenceError } from './errors.ts';
import { sha256 } from './sha256.ts';
import * as s from './shape.ts';
import { formatFields, parseFields, verifyFields, type FieldsNote } from './signed-fields.ts';
import type { Trust } from './trust.ts';

interface OrderContext {
  readonly trust: Trust;
  readonly crypto: Crypto;
  readonly origin: string;
  readonly nowMs: number;
}

const orderShape = s.object({
  origin,
  scope: s.object({ kind: scopeKind, id: scopeId }),
  /** Rises with each order of a key; a lifted one never acts again. */
  serial: s.integer(1),
  /** The order is not obeyed from then on. */
  exp: time,
});
/** An emergency order to contain. */
export type ContainOrder = s.Of<typeof orderShape>;

const ORDER: FieldsNote<ContainOrder> = {
  kind: 'contain',
  purpose: 'contain',
  shape: orderShape,
  errors: { format: 'ERR_ORDER_FORMAT', signer: 'ERR_ORDER_SIGNER' },
};

/** Returns the text of an order, to be signed by `<origin>/contain`. @throws EvidenceError `ERR_ORDER_FORMAT` */
export const formatContainOrder = (fields: ContainOrder): string => formatFields(ORDER, fields);

/** Returns what an order's text says, whoever signed it. @throws EvidenceError `ERR_ORDER_FORMAT` */
export const parseContainOrder = (text: string): ContainOrder => parseFields(ORDER, text);

/** Returns base64url(SHA-256(text)), the name by which a lift and the `containment` entry know the order. */
export const containOrderDigest = (order: ContainOrder): string =>
  base64url(sha256(utf8(formatContainOrder(order))));

/**
 * Returns the order when a pinned contain key signed it, it has not run out and it was never lifted.
 * @throws EvidenceError `ERR_ORDER_FORMAT`, `ERR_ORDER_SIGNER`, `ERR_ORDER_EXPIRED`, `ERR_ORDER_LIFTED`, `ERR_TRUST_ORIGIN`
 */
export async function verifyContainOrder(
  note: string,
  context: OrderContext & { readonly lifted?: ReadonlySet<number> },
): Promise<{ readonly order: ContainOrder; readonly digest: string }> {
  const order = await verifyFields(ORDER, note, context);
  if (!(context.nowMs < order.exp))
    throw new EvidenceError('ERR_ORDER_EXPIRED', `serial ${order.serial} ran out at ${order.exp}`);
  // RULE 34: a lifted serial never acts again, however often its note is played.
  if (context.lifted?.has(order.serial) === true)
    throw new EvidenceError('ERR_ORDER_LIFTED', `serial ${order.serial} was lifted`);
  return { order, digest: containOrderDigest(order) };
}

const shareShape = s.object({
  origin,
  session: s.text(/^[A-Za-z0-9_-]{22,64}$/, 'a session id'),
  /** The plane's X25519 public key, 32 bytes, base64url. */
  share: digest,
  /** The agent's key that the session is bound to. */
  jkt: digest,
  exp: time,
});
/** The plane's half of a session's key exchange. */
export type SessionShare = s.Of<typeof shareShape>;

const SHARE: FieldsNote<SessionShare> = {
  kind: 'session',
  purpose: 'session',
  shape: shareShape,
  errors: { format: 'ERR_SESSION_FORMAT', signer: 'ERR_SESSION_SIGNER' },
};

/** Returns the text of a share, to be signed by `<origin>/session`. @throws EvidenceError `ERR_SESSION_FORMAT` */
export const formatSessionShare = (fields: SessionShare): string => formatFields(SHARE, fields);

/** Returns what a share's text says, whoever signed it. @throws EvidenceError `ERR_SESSION_FORMAT` */
export const parseSessionShare = (text: string): SessionShare => parseFields(SHARE, text);

/**
 * Returns the share when a pinned session key signed it for this agent's key.
 * @throws EvidenceError `ERR_SESSION_FORMAT`, `ERR_SESSION_SIGNER`, `ERR_SESSION_KEY`, `ERR_SESSION_EXPIRED`, `ERR_TRUST_ORIGIN`
 */
export async function verifySessionShare(
  note: string,
  context: OrderContext & { readonly jkt: string },
): Promise<SessionShare> {
  const share = await verifyFields(SHARE, note, context);
  if (share.jkt !== context.jkt)
    throw new EvidenceError('ERR_SESSION_KEY', `bound to ${share.jkt}, not to ${context.jkt}`);
  if (!(context.nowMs < share.exp)) throw new EvidenceError('ERR_SESSION_EXPIRED', `ended at ${share.exp}`);
  return share;
}
