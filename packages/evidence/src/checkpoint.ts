/**
 * The text of a checkpoint, c2sp.org/tlog-checkpoint: origin, size, root. Who signed it is the note's matter.
 */
import { base64, equalBytes, unbase64 } from './bytes.ts';
import { EvidenceError } from './errors.ts';
import { emptyRoot, HASH_LENGTH } from './merkle.ts';

/** What a log says of its tree. */
export interface Checkpoint {
  /** Identity of the log, one line. */
  readonly origin: string;
  /** Number of leaves. */
  readonly size: number;
  /** Root hash, 32 bytes. */
  readonly root: Uint8Array;
  /** Opaque lines after the third. We write none: a 0x06 cosignature does not cover them. */
  readonly extensions: readonly string[];
}

// oxlint-disable-next-line no-control-regex -- control characters are what is refused
const LINE = /^[^\u0000-\u001f]+$/u;
const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;

/** Returns a decimal number without leading zeroes, at most 2^53 - 1; undefined for any other text. */
export function parseDecimal(text: string): number | undefined {
  if (!DECIMAL.test(text)) return undefined;
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : undefined;
}

/**
 * Returns the checkpoint that a note's text (without its signatures) says. Throws ERR_CHECKPOINT_FORMAT on any
 * other text, and on an empty tree with a root that is not the empty root.
 */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw malformed('the text does not end in a newline');
  const [origin, sizeLine, rootLine, ...extensions] = text.slice(0, -1).split('\n');
  if (origin === undefined || sizeLine === undefined || rootLine === undefined) {
    throw malformed('fewer than three lines');
  }
  const size = parseDecimal(sizeLine);
  if (size === undefined) throw malformed(`${JSON.stringify(sizeLine)} is not a tree size`);
  return checked({ origin, size, root: decoded(rootLine), extensions });
}

/** Returns the note text of a checkpoint. Throws ERR_CHECKPOINT_FORMAT on one that could not be read back. */
export function formatCheckpoint(checkpoint: {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly extensions?: readonly string[];
}): string {
  const { origin, size, root, extensions } = checked({ extensions: [], ...checkpoint });
  return [origin, String(size), base64(root), ...extensions].map((line) => `${line}\n`).join('');
}

function checked(checkpoint: Checkpoint): Checkpoint {
  const { origin, size, root, extensions } = checkpoint;
  if (![origin, ...extensions].every((line) => LINE.test(line) && line.isWellFormed())) {
    throw malformed('a line is empty or holds control characters');
  }
  if (!Number.isSafeInteger(size) || size < 0) throw malformed(`${size} is not a tree size`);
  if (root.length !== HASH_LENGTH) throw malformed(`a root has 32 bytes, found ${root.length}`);
  if (size === 0 && !equalBytes(root, emptyRoot())) throw malformed('an empty tree with another root');
  return checkpoint;
}

function decoded(line: string): Uint8Array {
  try {
    return unbase64(line);
  } catch (cause) {
    throw new EvidenceError('ERR_CHECKPOINT_FORMAT', 'the root is not canonical base64', { cause });
  }
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_CHECKPOINT_FORMAT', what);
}
