/**
 * The rungs about who: the principal chain and its mandates (RULE 17, 18).
 */
import { unbase64url } from '../bytes.ts';
import { verifyCommitment } from '../commitments.ts';
import type { ChainLink, PermitEntry } from '../entries.ts';
import type { Json } from '../json.ts';
import { jwkThumbprint } from '../jwk.ts';
import { mandateSigningBytes } from '../signing.ts';
import {
  attempt,
  byLeaf,
  check,
  isOperation,
  ofType,
  sum,
  type Case,
  type Finding,
  type Placed,
  type RungItem,
} from './case.ts';

/** Each link of each chain is a registered, unrevoked identity; the key is the acting agent's; mandates cover it. */
export async function principalChainRung(c: Case): Promise<Finding> {
  const items: RungItem[] = [];
  for (const { index, entry } of [...ofType(c, 'permit'), ...ofType(c, 'refusal')]) {
    if (entry.chain === undefined) continue;
    if (entry.chain.length === 0) items.push({ status: 'fail', what: `decision ${index} acts for nobody` });
    for (const link of entry.chain) {
      items.push(checkLink(c, index, link));
      if (link.token !== undefined) items.push(checkToken(c, index, entry.at, link));
      if (link.mandate !== undefined)
        items.push(await checkMandate(c, index, entry.at, link.mandate, link, entry.chain));
    }
    const acting = entry.chain.at(-1);
    if (entry.type !== 'permit' || acting === undefined) continue;
    items.push(
      check(
        holdsKey(c, entry, acting),
        `permit ${index}: key of ${acting.id}`,
        `permit ${index}: ${entry.jkt} is not a key of ${acting.id}`,
      ),
    );
    if (entry.parent !== undefined) items.push(checkParent(c, index, entry));
  }
  return sum(items, 'no decision in this file has a principal chain');
}

function checkLink(c: Case, index: number, link: ChainLink): RungItem {
  const name = `decision ${index}: ${link.kind} ${link.id}`;
  const identity = byLeaf(c, link.identity, 'identity');
  if (identity === undefined)
    return { status: 'fail', what: `${name}: identity entry ${link.identity} is not in this file` };
  const { entry } = identity;
  if (
    entry.subject !== link.id ||
    entry.kind !== link.kind ||
    identity.index >= index ||
    entry.op === 'revoke'
  ) {
    return { status: 'fail', what: `${name}: entry ${identity.index} does not register it` };
  }
  const later = ofType(c, 'identity').find(
    (other) => other.entry.subject === link.id && other.index > identity.index && other.index < index,
  );
  if (later !== undefined) {
    return {
      status: 'fail',
      what: `${name}: ${later.entry.op === 'revoke' ? 'revoked' : 'changed'} by entry ${later.index} before the decision`,
    };
  }
  return { status: 'pass', what: name };
}

/** Kinds of attestation by which an issuer vouches for a key: as somebody's own, and as acting for somebody. */
export const VOUCHING: readonly string[] = ['token', 'on_behalf'];

/** An issuer that was in force vouched for a key of this link. What the issuer signed is the operator's to say. */
function checkToken(c: Case, index: number, atMs: number, link: ChainLink): RungItem {
  const name = `decision ${index}: token of ${link.id}`;
  const token = link.token === undefined ? undefined : byLeaf(c, link.token, 'attestation');
  if (token === undefined)
    return { status: 'fail', what: `${name}: entry ${link.token} is not in this file` };
  const { entry } = token;
  const fits =
    VOUCHING.includes(entry.kind) &&
    entry.subject === link.id &&
    entry.status === 'affirming' &&
    token.index < index &&
    atMs < entry.exp;
  if (!fits) return { status: 'fail', what: `${name}: entry ${token.index} does not vouch for it now` };
  const issuer = ofType(c, 'identity').findLast((i) => i.entry.subject === entry.by && i.index < index);
  if (issuer !== undefined && (issuer.entry.kind !== 'issuer' || issuer.entry.op === 'revoke'))
    return { status: 'fail', what: `${name}: ${entry.by} was no issuer in force` };
  return { status: 'asserted', what: `${name}: vouched for by ${entry.by}; only the operator says so` };
}

/** RULE 17: the mandate reaches this link, is signed by its giver, who is on the chain, and is not revoked. */
async function checkMandate(
  c: Case,
  index: number,
  atMs: number,
  leaf: string,
  link: ChainLink,
  chain: readonly ChainLink[],
): Promise<RungItem> {
  const name = `decision ${index}: mandate of ${link.id}`;
  const mandate = byLeaf(c, leaf, 'mandate');
  if (mandate === undefined) return { status: 'fail', what: `${name}: entry ${leaf} is not in this file` };
  const { entry } = mandate;
  const reaches =
    entry.op === 'grant' &&
    entry.to === link.id &&
    mandate.index < index &&
    entry.nbf <= atMs &&
    atMs < entry.exp;
  const revoked = ofType(c, 'mandate').some(
    (other) => other.entry.op === 'revoke' && other.entry.id === entry.id && other.index < index,
  );
  const giver = chain.find(({ id }) => id === entry.from);
  if (!reaches || revoked || giver === undefined)
    return { status: 'fail', what: `${name}: entry ${mandate.index} does not cover it` };
  const signature = attempt(() => unbase64url(entry.sig));
  const keys = byLeaf(c, giver.identity, 'identity')?.entry.keys ?? [];
  for (const key of keys) {
    if (key.kty !== 'OKP' || signature === undefined) continue;
    if (await c.crypto.verifyEd25519(unbase64url(key.x), mandateSigningBytes(entry), signature)) {
      const opened = openedMandate(c, leaf);
      return opened === 'other'
        ? { status: 'fail', what: `${name}: the body in this file is not the one that was signed` }
        : { status: 'pass', what: name };
    }
  }
  return { status: 'fail', what: `${name}: not signed by ${entry.from}` };
}

/** The body of a mandate, once its commitment is proven; `other` when the file shows another one. */
function openedMandate(c: Case, leaf: string): Json | 'other' | undefined {
  const part = c.file.mandates?.find((one) => one.leaf === leaf)?.body;
  const entry = byLeaf(c, leaf, 'mandate')?.entry;
  if (part === undefined || entry === undefined) return undefined;
  const fields = attempt(() => verifyCommitment('mandate', entry.body, part.disclosed, part.withheld));
  if (fields === undefined) return 'other';
  return fields['body'];
}

/** The bodies of the mandates on a chain that this file opens, for the policy engine. */
export const openedMandates = (c: Case, chain: readonly ChainLink[]): readonly Json[] =>
  chain.flatMap(({ mandate }) => {
    const body = mandate === undefined ? undefined : openedMandate(c, mandate);
    return body === undefined || body === 'other' ? [] : [body];
  });

function holdsKey(c: Case, entry: PermitEntry, acting: ChainLink): boolean {
  const identity = byLeaf(c, acting.identity, 'identity')?.entry;
  // Whoever signed in by passkey acts under its key: people, and only on the plane itself.
  const passkeys = acting.kind === 'user' && isOperation(entry) ? (identity?.passkeys ?? []) : [];
  const keys = [...(identity?.keys ?? []), ...passkeys.map(({ key }) => key)];
  if (keys.some((key) => attempt(() => jwkThumbprint(key)) === entry.jkt)) return true;
  const token = acting.token === undefined ? undefined : byLeaf(c, acting.token, 'attestation')?.entry;
  if (token?.kind === 'token' && token.subject === acting.id && token.measured === entry.jkt) return true;
  // RULE 18: a spawn's permit may name the child and its key.
  const spawn = parentPermit(c, entry)?.entry.child;
  return spawn !== undefined && spawn.agent === acting.id && spawn.jkt === entry.jkt;
}

/** The parent had started, in the same run, and the child's chain continues the parent's. */
function checkParent(c: Case, index: number, entry: PermitEntry): RungItem {
  const name = `permit ${index}: parent ${entry.parent?.exec}`;
  const start = entry.parent === undefined ? undefined : byLeaf(c, entry.parent.start, 'start');
  const parent = parentPermit(c, entry);
  if (start === undefined || parent === undefined)
    return { status: 'not checked', what: `${name} is not in this file` };
  const prefix = parent.entry.chain.every(({ id }, i) => entry.chain[i]?.id === id);
  const ended = ofType(c, 'outcome').some(
    (outcome) =>
      outcome.entry.exec === entry.parent?.exec && outcome.entry.late !== true && outcome.index < index,
  );
  const good =
    start.entry.exec === entry.parent?.exec &&
    start.index < index &&
    parent.entry.run === entry.run &&
    prefix &&
    !ended;
  return check(good, name, `${name} does not lead to this permit`);
}

function parentPermit(c: Case, entry: PermitEntry): Placed<'permit'> | undefined {
  const start = entry.parent === undefined ? undefined : byLeaf(c, entry.parent.start, 'start');
  return start === undefined ? undefined : byLeaf(c, start.entry.permit, 'permit');
}
