/**
 * Signed notes, c2sp.org/signed-note: a text, an empty line, and lines `— <key name> base64(key ID || signature)`.
 * The signature covers the text with its final newline. A note says nothing of time.
 */
import { base64, concat, equalBytes, unbase64, utf8 } from './bytes.ts';
import { verifyCosignature } from './cosignature.ts';
import type { Crypto } from './crypto.ts';
import { EvidenceError } from './errors.ts';
import { isKeyName, TYPE_ED25519, type VerifierKey } from './vkey.ts';

/** One signature line, read but not verified. */
export interface NoteSignature {
  readonly name: string;
  /** Four bytes. */
  readonly keyId: Uint8Array;
  /** What follows the key ID: a signature, or a timestamp and a signature. At least one byte. */
  readonly blob: Uint8Array;
}

/** A note taken apart, nothing verified. */
export interface Note {
  /** The text with its final newline. */
  readonly text: string;
  /** At least one. */
  readonly signatures: readonly NoteSignature[];
}

/** A signature that has been verified. */
export interface VerifiedSignature {
  readonly key: VerifierKey;
  /** Seconds since the Unix epoch; only in cosignatures (types 0x04 and 0x06). */
  readonly timestampS?: number;
}

/** A note of which at least one signature by a known key was verified, and none failed. */
export interface VerifiedNote {
  readonly text: string;
  /** Names of the keys whose signatures were verified, without repetition. */
  readonly verified: readonly string[];
  readonly signatures: readonly VerifiedSignature[];
}

/** Signs note texts with one key. The private key stays behind this port. */
export interface NoteSigner {
  readonly name: string;
  readonly vkey: string;
  /** Resolves to the signature line (with its newline) for the text; rejects when the key cannot be used. */
  sign(text: string): Promise<string>;
  /** The same at once, where the key is in the process. */
  signSync?(text: string): string;
}

/** Largest note read, bytes. Sixteen post-quantum lines are about 55,000. */
export const MAX_NOTE_BYTES = 1_000_000;
/** Most signature lines read; the standard asks for at least 16, Go accepts 100. */
export const MAX_NOTE_SIGNATURES = 100;

const DASH = '\u2014 ';
const KEY_ID_LENGTH = 4;
// oxlint-disable-next-line no-control-regex -- control characters are what is refused
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/**
 * Returns the parts of a note. Throws ERR_NOTE_FORMAT on a text that is no signed note, ERR_NOTE_LIMIT on one
 * larger than {@link MAX_NOTE_BYTES} or with more than {@link MAX_NOTE_SIGNATURES} signatures.
 */
export function parseNote(note: string): Note {
  if (note.length > MAX_NOTE_BYTES) throw overLimit(`longer than ${MAX_NOTE_BYTES} bytes`);
  checkText(note);
  if (utf8(note).length > MAX_NOTE_BYTES) throw overLimit(`longer than ${MAX_NOTE_BYTES} bytes`);
  // SPEC: "the text is separated from the signatures by the last empty line in the note"
  const split = note.lastIndexOf('\n\n');
  if (split < 0) throw malformed('no empty line between text and signatures');
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > MAX_NOTE_SIGNATURES) throw overLimit(`more than ${MAX_NOTE_SIGNATURES} signatures`);
  return { text: note.slice(0, split + 1), signatures: lines.map((line) => parseSignatureLine(`${line}\n`)) };
}

/** Returns the note of a text and its signature lines. Throws ERR_NOTE_FORMAT when it could not be read back. */
export function formatNote(text: string, lines: readonly string[]): string {
  const note = `${text}\n${lines.join('')}`;
  if (!text.endsWith('\n')) throw malformed('the text does not end in a newline');
  const parsed = parseNote(note);
  if (parsed.text !== text || parsed.signatures.length !== lines.length) {
    throw malformed('a line is not one signature line');
  }
  return note;
}

/** Returns one signature line with its newline. Throws ERR_NOTE_FORMAT on a bad name, key ID or empty blob. */
export function signatureLine(name: string, keyId: Uint8Array, blob: Uint8Array): string {
  if (!isKeyName(name)) throw malformed(`${JSON.stringify(name)} cannot be a key name`);
  if (keyId.length !== KEY_ID_LENGTH || blob.length === 0)
    throw malformed('a key ID has 4 bytes, a signature some');
  return `${DASH}${name} ${base64(concat(keyId, blob))}\n`;
}

/** Returns the parts of one signature line with its newline. Throws ERR_NOTE_FORMAT. */
export function parseSignatureLine(line: string): NoteSignature {
  if (!line.startsWith(DASH) || !line.endsWith('\n')) throw malformed('a signature line begins with "— "');
  const space = line.indexOf(' ', DASH.length);
  if (space < 0) throw malformed('a signature line has a name and a signature');
  const name = line.slice(DASH.length, space);
  if (!isKeyName(name)) throw malformed(`${JSON.stringify(name)} cannot be a key name`);
  const bytes = decoded(line.slice(space + 1, -1));
  if (bytes.length <= KEY_ID_LENGTH) throw malformed('a signature is shorter than its key ID');
  return { name, keyId: bytes.slice(0, KEY_ID_LENGTH), blob: bytes.slice(KEY_ID_LENGTH) };
}

/**
 * Resolves to the text and the signatures that the keys verify. Lines by unknown keys are ignored; a line that
 * names a known key (name and ID) and does not verify rejects the whole note with ERR_NOTE_SIGNATURE; a note
 * that none of the keys signed rejects with ERR_NOTE_UNVERIFIED, so that no unverified text is ever returned.
 * Other errors as {@link parseNote}; ERR_KEY_FORMAT when two different keys share name and ID.
 */
export async function verifyNote(
  note: string,
  keys: readonly VerifierKey[],
  crypto: Crypto,
): Promise<VerifiedNote> {
  const { text, signatures } = parseNote(note);
  const message = utf8(text);
  const verified: VerifiedSignature[] = [];
  for (const signature of signatures) {
    const key = keyFor(signature, keys);
    if (key === undefined) continue;
    const found = await verifyOne(key, text, message, signature.blob, crypto);
    if (found === undefined) {
      throw new EvidenceError('ERR_NOTE_SIGNATURE', `the signature by ${key.name} does not verify`);
    }
    verified.push(found);
  }
  if (verified.length === 0) throw new EvidenceError('ERR_NOTE_UNVERIFIED', 'no signature by a known key');
  return { text, verified: [...new Set(verified.map(({ key }) => key.name))], signatures: verified };
}

async function verifyOne(
  key: VerifierKey,
  text: string,
  message: Uint8Array,
  blob: Uint8Array,
  crypto: Crypto,
): Promise<VerifiedSignature | undefined> {
  if (key.type === TYPE_ED25519) {
    return (await crypto.verifyEd25519(key.publicKey, message, blob)) ? { key } : undefined;
  }
  const timestampS = await verifyCosignature(key, text, blob, crypto);
  return timestampS === undefined ? undefined : { key, timestampS };
}

function keyFor(signature: NoteSignature, keys: readonly VerifierKey[]): VerifierKey | undefined {
  const named = keys.filter((key) => key.name === signature.name && equalBytes(key.keyId, signature.keyId));
  if (named.some((key) => key.vkey !== named[0]!.vkey)) {
    throw new EvidenceError('ERR_KEY_FORMAT', `two keys share the name ${signature.name} and a key ID`);
  }
  return named[0];
}

function checkText(text: string): void {
  if (!text.endsWith('\n')) throw malformed('the note does not end in a newline');
  if (CONTROL.test(text) || !text.isWellFormed()) throw malformed('control characters or lone surrogates');
}

function decoded(text: string): Uint8Array {
  try {
    return unbase64(text);
  } catch (cause) {
    throw new EvidenceError('ERR_NOTE_FORMAT', 'a signature is not canonical base64', { cause });
  }
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_NOTE_FORMAT', what);
}

function overLimit(what: string): EvidenceError {
  return new EvidenceError('ERR_NOTE_LIMIT', what);
}
