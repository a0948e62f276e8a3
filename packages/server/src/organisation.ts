/**
 * The organisation's keys in the user's state folder (RULE 20): `orgs/<id>/org.json` with the public ones, the one that
 * signs last, and a seed for each. Never under a data folder: a plane holds no key that could lift what binds it.
 */
import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  base64url,
  concat,
  hex,
  orgKeyId,
  orgKeySigningBytes,
  parseJson,
  parseVkey,
  unbase64url,
  unhex,
  verifierKey,
  TYPE_ED25519,
  type PublicJwk,
} from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { bundleHash, type Bundle, type SignedBundle } from '@licet/policy';
import { ServerError } from './errors.ts';
import { isThere, privateFolder, writePrivate } from './files.ts';
import { readSeed } from './state-folder.ts';

/** An organisation: what a plane is told of it. */
export interface Organisation {
  readonly id: string;
  readonly keys: readonly PublicJwk[];
}

/** The keys of an organisation, as its own state folder holds them. */
export interface OrganisationFolder extends Organisation {
  readonly folder: string;
}

const ORG_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** DER of PKCS #8 up to the seed of an Ed25519 key (RFC 8410). */
const PKCS8 = unhex('302e020100300506032b657004220420');

/** Returns the folder of an organisation. @throws ServerError `ERR_SERVER_ORG` for an id that is none */
export function organisationFolder(stateDir: string, id: string): string {
  if (!ORG_ID.test(id))
    throw new ServerError('ERR_SERVER_ORG', `${JSON.stringify(id)} is no id of an organisation`);
  return join(stateDir, 'orgs', id);
}

/** Makes an organisation with one key. @throws ServerError `ERR_SERVER_EXISTS`, `ERR_SERVER_ORG`, `ERR_SERVER_STATE` */
export async function initOrganisation(stateDir: string, id: string): Promise<OrganisationFolder> {
  const folder = organisationFolder(stateDir, id);
  await privateFolder(stateDir);
  await privateFolder(join(stateDir, 'orgs'));
  await privateFolder(folder);
  if (await isThere(join(folder, 'org.json')))
    throw new ServerError('ERR_SERVER_EXISTS', `${folder} holds an organisation`);
  return write(folder, { id, keys: [await newKey(folder)] });
}

/** Returns an organisation. @throws ServerError `ERR_SERVER_ORG` */
export async function readOrganisation(stateDir: string, id: string): Promise<OrganisationFolder> {
  const folder = organisationFolder(stateDir, id);
  return { ...(await readOrganisationFile(join(folder, 'org.json'))), folder };
}

/** Returns what a file says of an organisation: what its folder holds, or its public half from elsewhere. @throws ServerError `ERR_SERVER_ORG` */
export async function readOrganisationFile(path: string): Promise<Organisation> {
  try {
    const { v, id, keys } = parseJson(await readFile(path)) as Record<string, unknown>;
    if (v !== 1 || typeof id !== 'string' || !ORG_ID.test(id) || !Array.isArray(keys) || keys.length === 0)
      throw new Error('not an organisation');
    const read = keys.map((key: unknown): PublicJwk => {
      const { kty, crv, x } = key as Record<string, unknown>;
      if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string' || unbase64url(x).length !== 32)
        throw new Error('not a public key');
      return { kty, crv, x };
    });
    return { id, keys: read };
  } catch (cause) {
    throw new ServerError('ERR_SERVER_ORG', `${path} holds no organisation`, { cause });
  }
}

/** Adds a key, which signs from now on; nobody counts it before the log says so. */
export async function addOrganisationKey(org: OrganisationFolder): Promise<OrganisationFolder> {
  return write(org.folder, { id: org.id, keys: [...org.keys, await newKey(org.folder)] });
}

/** Forgets a key that was retired: its public half, so that it signs nothing; the seed stays with its owner. */
export const dropOrganisationKey = (org: OrganisationFolder, id: string): Promise<OrganisationFolder> =>
  write(org.folder, { id: org.id, keys: org.keys.filter((key) => idOf(key) !== id) });

/** Returns the vkey under which a log names this key. */
export const orgVkey = (origin: string, key: PublicJwk): string =>
  verifierKey(`${origin}/org`, TYPE_ED25519, unbase64url(key.x)).vkey;

/** Returns the id of a key. */
export const idOf = (key: PublicJwk): string => orgKeyId(unbase64url(key.x));

/** Returns the bundle, signed by the newest of the keys that count, or by the newest at all where nothing is said of that. */
export async function signOrgBundle(
  org: OrganisationFolder,
  bundle: Bundle,
  counting?: ReadonlySet<string>,
): Promise<SignedBundle> {
  const key = signingKey(org, counting);
  return { bundle, sigs: [{ by: idOf(key), sig: await signWith(org, key, bundleHash(bundle)) }] };
}

/** Returns the signature that adds or retires a key, by one that counts and is not itself. @throws ServerError `ERR_SERVER_ORG` */
export async function signOrgKeyChange(
  org: OrganisationFolder,
  change: { readonly op: 'add' | 'retire'; readonly key: PublicJwk },
  counting: ReadonlySet<string>,
): Promise<{ readonly by: string; readonly sig: string }> {
  const others = { ...org, keys: org.keys.filter((key) => idOf(key) !== idOf(change.key)) };
  const key = signingKey(others, counting);
  const message = orgKeySigningBytes({
    org: org.id,
    op: change.op,
    publicKey: unbase64url(change.key.x),
  });
  return { by: idOf(key), sig: await signWith(org, key, message) };
}

function signingKey(org: OrganisationFolder, counting: ReadonlySet<string> | undefined): PublicJwk {
  const key = org.keys.findLast((one) => counting === undefined || counting.has(idOf(one)));
  if (key === undefined)
    throw new ServerError('ERR_SERVER_ORG', `${org.folder} holds no key of ${org.id} that counts`);
  return key;
}

async function signWith(org: OrganisationFolder, key: PublicJwk, message: Uint8Array): Promise<string> {
  const seed = await readSeed(seedPath(org.folder, key));
  const signer = createPrivateKey({ key: Buffer.from(concat(PKCS8, seed)), format: 'der', type: 'pkcs8' });
  return base64url(sign(null, message, signer));
}

async function newKey(folder: string): Promise<PublicJwk> {
  const seed = new Uint8Array(randomBytes(32));
  const { publicKey } = parseVkey(ed25519NoteSigner('org', seed).vkey);
  const key: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x: base64url(publicKey) };
  await writePrivate(seedPath(folder, key), `${hex(seed)}\n`);
  return key;
}

const seedPath = (folder: string, key: PublicJwk): string => join(folder, `${idOf(key)}.seed`);

async function write(folder: string, org: Organisation): Promise<OrganisationFolder> {
  await writePrivate(join(folder, 'org.json'), `${JSON.stringify({ v: 1, ...org }, null, 2)}\n`);
  return { ...org, folder };
}
