/** Signing as an author (RULE 20): bundles, and the word about other authors, with a key of the user's state folder. */
import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { authorId, authorKeySigningBytes, base64url, concat, hex, parseVkey, unhex } from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { bundleHash, type Bundle, type SignedBundle } from '@licet/policy';
import { isThere, privateFolder, writePrivate } from './files.ts';
import { readSeed, statePaths } from './state-folder.ts';

/** DER of PKCS #8 up to the seed of an Ed25519 key (RFC 8410). */
const PKCS8 = unhex('302e020100300506032b657004220420');

/** An author's key of one plane, as its owner's state folder holds it. */
export interface Author {
  /** By which signatures name it. */
  readonly id: string;
  /** vkey, named `<origin>/author`. */
  readonly key: string;
  readonly seed: Uint8Array;
}

/** A change of the authors, as it is handed in. */
export interface SignedAuthorChange {
  readonly op: 'add' | 'retire';
  readonly key: string;
  readonly subject?: string;
  readonly sig: { readonly by: string; readonly sig: string };
}

/** Returns the bundle, signed by the author whose seed and vkey these are. */
export function signBundle(bundle: Bundle, seed: Uint8Array, vkey: string): SignedBundle {
  return { bundle, sigs: [{ by: authorId(parseVkey(vkey).keyId), sig: signWith(seed, bundleHash(bundle)) }] };
}

/** Returns the author that the state folder holds for a plane. @throws ServerError `ERR_SERVER_DATA` */
export const readAuthor = async (stateDir: string, origin: string): Promise<Author> =>
  authorOf(origin, await readSeed(statePaths(stateDir, origin).authorSeed));

/** Returns the author's key of the state folder, made where there is none. Nobody counts a new one before the log says so. */
export async function ownAuthor(stateDir: string, origin: string): Promise<Author> {
  const { folder, authorSeed } = statePaths(stateDir, origin);
  return makeOnce(stateDir, folder, authorSeed, origin);
}

/**
 * Returns the key that is to follow the present one, made once: a rotation that waits for a second person is asked again
 * with the same words. {@link takeNextAuthor} puts it in its place.
 */
export async function nextAuthor(stateDir: string, origin: string): Promise<Author> {
  const { folder } = statePaths(stateDir, origin);
  return makeOnce(stateDir, folder, join(folder, NEXT), origin);
}

/** Puts the key of {@link nextAuthor} in the place of the present one, which is gone then. */
export async function takeNextAuthor(stateDir: string, origin: string): Promise<void> {
  const { folder, authorSeed } = statePaths(stateDir, origin);
  await rename(join(folder, NEXT), authorSeed);
}

/** Returns the change, signed by this author. @throws EvidenceError for a text that is no vkey */
export function signAuthorChange(
  author: Author,
  origin: string,
  { op, key, subject }: Omit<SignedAuthorChange, 'sig'>,
): SignedAuthorChange {
  const { publicKey } = parseVkey(key);
  const message = authorKeySigningBytes({ origin, op, publicKey, subject });
  const named = subject === undefined ? {} : { subject };
  return { op, key, ...named, sig: { by: author.id, sig: signWith(author.seed, message) } };
}

const NEXT = 'author.next.seed';

async function makeOnce(stateDir: string, folder: string, path: string, origin: string): Promise<Author> {
  if (!(await isThere(path))) {
    for (const one of [stateDir, join(stateDir, 'planes'), folder]) await privateFolder(one);
    await writePrivate(path, `${hex(new Uint8Array(randomBytes(32)))}\n`);
  }
  return authorOf(origin, await readSeed(path));
}

function authorOf(origin: string, seed: Uint8Array): Author {
  const { vkey } = ed25519NoteSigner(`${origin}/author`, seed);
  return { id: authorId(parseVkey(vkey).keyId), key: vkey, seed };
}

function signWith(seed: Uint8Array, message: Uint8Array): string {
  const key = createPrivateKey({ key: Buffer.from(concat(PKCS8, seed)), format: 'der', type: 'pkcs8' });
  return base64url(sign(null, message, key));
}
