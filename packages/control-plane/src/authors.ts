// The team's authors (RULE 20): whose keys count, and whether one may be added or retired. The trust file pins the
// first; from there each change carries the word of a key that counted. Whose key it is must still be an author.
import {
  authorId,
  authorKeys,
  equalBytes,
  KEY_PURPOSES,
  parseVkey,
  TYPE_ED25519,
  trustedKeys,
  trustedLog,
  type CountingKey,
  type Crypto,
  type KeyChange,
  type Trust,
  type VerifierKey,
} from '@licet/evidence';
import { conflict } from './answers.ts';
import type { PlaneContext } from './context.ts';
import type { AuthorKeyEffect } from './core/commands.ts';
import type { IdentityRow, PlaneRow, PolicyRow } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import type { Answered, AuthorKey } from './face.ts';
import type { Snapshot } from './snapshot.ts';

type Pinned = { readonly trust: Trust; readonly origin: string; readonly crypto: Crypto };

/** True for the person whose key may sign now; a key that names nobody is pinned. */
export type StandsFor = (subject: string | undefined) => boolean;

/** The keys that count after these changes. */
const countingKeys = (
  { trust, origin, crypto }: Pinned,
  changes: readonly KeyChange[],
): Promise<ReadonlyMap<string, CountingKey>> =>
  authorKeys(origin, trustedKeys(trustedLog(trust, origin), 'author'), changes, crypto);

/**
 * The keys whose signatures count for a bundle, each by its id: one that is to be published, by who is an author now; one
 * that was, by the keys that counted then, whoever left since.
 */
export async function signingKeys(
  pinned: Pinned,
  changes: readonly KeyChange[],
  who: { readonly stands: StandsFor } | { readonly published: PolicyRow },
): Promise<ReadonlyMap<string, Uint8Array>> {
  const until = 'published' in who ? (who.published.team?.authors ?? 0) : changes.length;
  const counting = await countingKeys(pinned, changes.slice(0, until));
  return new Map(
    [...counting]
      .filter(([, { subject }]) => 'published' in who || who.stands(subject))
      .map(([id, { publicKey }]) => [id, publicKey]),
  );
}

/** Who of those whose keys the log names is still an author; the snapshot holds it fast until the commit. */
export async function standingAuthors(
  plane: PlaneRow | undefined,
  snapshot: Snapshot,
  more: readonly string[] = [],
): Promise<StandsFor> {
  const named = (plane?.authors ?? []).flatMap(({ subject }) => subject ?? []);
  await snapshot.load([...new Set([...named, ...more])].map((id) => ({ kind: 'identity', id })));
  return (subject) => subject === undefined || isAuthor(snapshot.get('identity', subject));
}

const isAuthor = (row: IdentityRow | undefined): boolean =>
  row?.kind === 'user' && !row.revoked && row.roles.includes('author');

/** The keys of the team's authors that the trust file or the log names: those that count, and those that did. */
export async function authors(context: PlaneContext): Promise<readonly AuthorKey[]> {
  const { store, trust, origin } = context;
  const [row] = await store.read([{ kind: 'plane', id: SELF }]);
  const changes = (row?.value as PlaneRow | undefined)?.authors ?? [];
  const counting = await countingKeys(context, changes);
  const subjects = [...new Set(changes.flatMap(({ subject }) => subject ?? []))];
  const rows = await store.read(subjects.map((id) => ({ kind: 'identity', id }) as const));
  const people = new Map(subjects.map((id, at) => [id, rows[at]?.value as IdentityRow | undefined]));
  const pinned = trustedKeys(trustedLog(trust, origin), 'author');
  const named = new Map<string, { readonly key: string; readonly subject?: string }>(
    pinned.map(({ keyId, vkey }) => [authorId(keyId), { key: vkey }]),
  );
  for (const { op, key, subject } of changes) {
    const id = idOf(key);
    if (op === 'add' && id !== undefined && !named.has(id))
      named.set(id, { key, ...(subject === undefined ? {} : { subject }) });
  }
  return [...named].map(([id, { key, subject }]) => {
    const person = subject === undefined ? undefined : people.get(subject);
    return {
      id,
      key,
      ...(subject === undefined ? {} : { subject }),
      ...(person?.name === undefined ? {} : { name: person.name }),
      pinned: pinned.some(({ keyId }) => authorId(keyId) === id),
      counts: counting.has(id) && (subject === undefined || isAuthor(person)),
    };
  });
}

/** Why these changes may not be, as the rows stand that the snapshot holds fast until the commit. */
export async function checkAuthorKeys(
  context: PlaneContext,
  { changes }: AuthorKeyEffect,
  snapshot: Snapshot,
): Promise<Answered | undefined> {
  await snapshot.load([{ kind: 'plane', id: SELF }]);
  const plane = snapshot.get('plane', SELF);
  const done: KeyChange[] = [...(plane?.authors ?? [])];
  const stands = await standingAuthors(
    plane,
    snapshot,
    changes.flatMap(({ subject }) => subject ?? []),
  );
  for (const change of changes) {
    const key = parsed(change.key);
    const adds = change.op === 'add';
    if (key?.type !== TYPE_ED25519 || key.name !== `${context.origin}/author`)
      return conflict('author_key', '');
    // Whoever signs bundles signs nothing else of this log, as in a trust file.
    if (adds && isOfOtherUse(context, key)) return conflict('author_key', '');
    // A key is somebody's: whoever leaves takes its word along.
    if (adds === (change.subject === undefined)) return conflict('author_key', '');
    if (adds && !stands(change.subject)) return conflict('author_role', '');
    const before = await countingKeys(context, done);
    const { sig } = change;
    // The word of somebody who is no author any more lets nobody in.
    if (before.has(sig.by) && !stands(before.get(sig.by)!.subject)) return conflict('author_role', '');
    const id = authorId(key.keyId);
    if (before.has(id) === adds) return conflict('author_key', '');
    done.push(change);
    const after = await countingKeys(context, done);
    // A change that would have no effect is badly signed, or brings back a key that was retired.
    if (after.has(id) !== adds) return conflict('author_key_signature', '');
  }
  const left = await countingKeys(context, done);
  // Without a key that counts nothing could be published, nor any key be added, ever again.
  return [...left.values()].some(({ subject }) => stands(subject))
    ? undefined
    : conflict('author_key_in_use', '');
}

const isOfOtherUse = ({ trust, origin }: PlaneContext, key: VerifierKey): boolean =>
  KEY_PURPOSES.some(
    (purpose) =>
      purpose !== 'author' &&
      trustedKeys(trustedLog(trust, origin), purpose).some(({ publicKey }) =>
        equalBytes(publicKey, key.publicKey),
      ),
  );

function parsed(text: string): VerifierKey | undefined {
  try {
    return parseVkey(text);
  } catch {
    return undefined;
  }
}

function idOf(text: string): string | undefined {
  const key = parsed(text);
  return key === undefined ? undefined : authorId(key.keyId);
}
