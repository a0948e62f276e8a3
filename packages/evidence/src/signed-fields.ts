/**
 * Notes of one purpose: a signed note whose text is a tag line and one line of canonical JSON. Renewals, status
 * notes, containment orders and session shares share this frame and differ in tag, fields and key.
 *
 *     licet/<kind>/v1\n
 *     <JCS of the fields>\n
 *     \n
 *     — <origin>/<purpose> <base64(key id ‖ signature)>\n
 */
import { canonicalize } from './canonical.ts';
import type { Crypto } from './crypto.ts';
import { EvidenceError, type EvidenceErrorCode } from './errors.ts';
import { parseJson, type Json } from './json.ts';
import { domainTag } from './name.ts';
import { parseNote, verifyNote } from './note.ts';
import type { Shape } from './shape.ts';
import { trustedKeys, trustedLog, type KeyPurpose, type Trust } from './trust.ts';

/** What one kind of note says, who may sign it, and which errors tell what is wrong with it. */
export interface FieldsNote<T extends { readonly origin: string }> {
  readonly kind: string;
  readonly purpose: KeyPurpose;
  readonly shape: Shape<T>;
  readonly errors: { readonly format: EvidenceErrorCode; readonly signer: EvidenceErrorCode };
}

const MAX_NOTE_FIELDS_BYTES = 65_536;

/** Returns the text to sign. @throws EvidenceError the kind's format error */
export function formatFields<T extends { readonly origin: string }>(note: FieldsNote<T>, fields: T): string {
  return `${domainTag(note.kind)}${canonicalize(checkFields(note, fields as unknown as Json) as unknown as Json)}\n`;
}

/**
 * Returns the fields of a note's text, without any claim about who signed it.
 * @throws EvidenceError the kind's format error, also when the line is not canonical
 */
export function parseFields<T extends { readonly origin: string }>(note: FieldsNote<T>, text: string): T {
  const tag = domainTag(note.kind);
  if (!text.startsWith(tag) || !text.endsWith('\n')) {
    throw new EvidenceError(note.errors.format, `expected a ${tag.trimEnd()} text`);
  }
  const line = text.slice(tag.length, -1);
  let value: Json;
  try {
    value = parseJson(line, { maxBytes: MAX_NOTE_FIELDS_BYTES, maxDepth: 6 });
  } catch (cause) {
    throw new EvidenceError(note.errors.format, `the second line of ${tag.trimEnd()} is not JSON`, { cause });
  }
  if (canonicalize(value) !== line)
    throw new EvidenceError(note.errors.format, 'the second line is not canonical');
  return checkFields(note, value);
}

/**
 * Returns the fields of a note signed by a trusted key of its origin and purpose.
 * Keys come from the trust file, never from the sender (RULE 5).
 * @throws EvidenceError the kind's format or signer error, `ERR_TRUST_ORIGIN`
 */
export async function verifyFields<T extends { readonly origin: string }>(
  note: FieldsNote<T>,
  signed: string,
  { trust, crypto, origin }: { readonly trust: Trust; readonly crypto: Crypto; readonly origin: string },
): Promise<T> {
  const log = trustedLog(trust, origin);
  let text: string;
  try {
    text = parseNote(signed).text;
  } catch (cause) {
    throw new EvidenceError(note.errors.format, `not a signed note`, { cause });
  }
  const fields = parseFields(note, text);
  // RULE 3: the text's origin is the one whose key signs it.
  if (fields.origin !== origin) {
    throw new EvidenceError(
      note.errors.format,
      `expected a note of ${origin}, found one of ${fields.origin}`,
    );
  }
  try {
    await verifyNote(signed, trustedKeys(log, note.purpose), crypto);
  } catch (cause) {
    throw new EvidenceError(note.errors.signer, `not signed by a trusted ${origin}/${note.purpose} key`, {
      cause,
    });
  }
  return fields;
}

function checkFields<T extends { readonly origin: string }>(note: FieldsNote<T>, value: Json): T {
  return note.shape.check(value, note.kind, (path, expected, found) => {
    throw new EvidenceError(
      note.errors.format,
      `${path}: expected ${expected}, found ${found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 80)}`,
    );
  });
}
