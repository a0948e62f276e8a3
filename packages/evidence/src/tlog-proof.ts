/**
 * Proofs that travel: c2sp.org/tlog-proof@v1, an inclusion proof with the checkpoint it leads to. The leaf is not
 * in the file.
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64>          (optional, authenticated by nothing)
 *     index <n>
 *     <base64 hash> ...       (the leaf's sibling first)
 *
 *     <checkpoint, signed>
 */
import { base64, unbase64 } from './bytes.ts';
import { parseDecimal } from './checkpoint.ts';
import { EvidenceError } from './errors.ts';
import { HASH_LENGTH } from './merkle.ts';
import { MAX_NOTE_BYTES, parseNote } from './note.ts';

/** A proof of inclusion with its checkpoint, nothing verified. */
export interface TlogProof {
  /** Position of the leaf, from 0. */
  readonly index: number;
  /** Sibling hashes, the leaf's first; at most 63. */
  readonly proof: readonly Uint8Array[];
  /** The checkpoint as a signed note, verbatim. */
  readonly checkpoint: string;
  /** Bytes of an `extra` line. They are authenticated by nothing: never rest anything on them. */
  readonly extra?: Uint8Array;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
const MAX_PROOF_LENGTH = 63;
const MAX_PROOF_BYTES = MAX_NOTE_BYTES + 8_192;

/** Returns the file of a proof; it never writes an `extra` line. Throws ERR_PROOF_FORMAT, ERR_NOTE_FORMAT. */
export function formatTlogProof(proof: Omit<TlogProof, 'extra'>): string {
  checkParts(proof.index, proof.proof);
  checkNote(proof.checkpoint);
  const lines = [HEADER, `index ${proof.index}`, ...proof.proof.map((hash) => base64(hash))];
  return `${lines.join('\n')}\n\n${proof.checkpoint}`;
}

/**
 * Returns the parts of a proof file. Throws ERR_PROOF_FORMAT on any other text, ERR_NOTE_FORMAT or ERR_NOTE_LIMIT
 * when what follows the proof is no signed note.
 */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > MAX_PROOF_BYTES) throw malformed(`longer than ${MAX_PROOF_BYTES} bytes`);
  const split = text.indexOf('\n\n');
  if (split < 0) throw malformed('no empty line before the checkpoint');
  const lines = text.slice(0, split).split('\n');
  if (lines.shift() !== HEADER) throw malformed(`the first line is not ${HEADER}`);
  const extra = lines[0]?.startsWith('extra ') ? decoded(lines.shift()!.slice('extra '.length)) : undefined;
  const indexLine = lines.shift() ?? '';
  const index = indexLine.startsWith('index ') ? parseDecimal(indexLine.slice('index '.length)) : undefined;
  if (index === undefined) throw malformed('no index line');
  const proof = lines.map(decoded);
  checkParts(index, proof);
  const checkpoint = text.slice(split + 2);
  parseNote(checkpoint);
  return { index, proof, checkpoint, ...(extra === undefined ? {} : { extra }) };
}

/** The proofs of a batch lead to one checkpoint: it is looked at once. */
let lastNote = '';
function checkNote(text: string): void {
  if (text === lastNote) return;
  parseNote(text);
  lastNote = text;
}

function checkParts(index: number, proof: readonly Uint8Array[]): void {
  if (!Number.isSafeInteger(index) || index < 0) throw malformed(`${index} is not an index`);
  if (proof.length > MAX_PROOF_LENGTH) throw malformed(`more than ${MAX_PROOF_LENGTH} hashes`);
  if (proof.some((hash) => hash.length !== HASH_LENGTH)) throw malformed('a hash does not have 32 bytes');
}

function decoded(text: string): Uint8Array {
  try {
    return unbase64(text);
  } catch (cause) {
    throw new EvidenceError('ERR_PROOF_FORMAT', 'a line is not canonical base64', { cause });
  }
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_PROOF_FORMAT', what);
}
