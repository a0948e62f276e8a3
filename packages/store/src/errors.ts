/**
 * The errors of this package: one class, a closed union of codes, one table.
 */

interface ErrorRow {
  /** What happened. */
  readonly meaning: string;
  /** What the reader does next. */
  readonly next: string;
}

/** Every code this package throws, with its meaning and the reader's next step. */
export const STORE_ERRORS = {
  ERR_STORE_BUSY: {
    meaning: 'The queue of this lane is full; nothing was written.',
    next: 'Deny, and tell the caller to retry a little later with the same idempotency key.',
  },
  ERR_STORE_UNAVAILABLE: {
    meaning: 'The store does not take writes; nothing of this command was written.',
    next: 'Deny. Recover the store (it is copied to a new file and verified) or restart the plane.',
  },
  ERR_STORE_UNKNOWN_RESULT: {
    meaning: 'Whether this command was made durable is not known.',
    next: 'Deny. After recovery or restart read back by idempotency key before anything else.',
  },
  ERR_STORE_FULL: {
    meaning:
      'The disk is nearly full; only halts, outcomes and containment are written. Nothing of this was.',
    next: 'Free space on the volume of the data folder; normal work resumes by itself.',
  },
  ERR_STORE_CORRUPT: {
    meaning: 'What is stored contradicts itself: bytes, hashes, tiles, heads or keys.',
    next: 'Stop writing, keep the files as evidence, restore under a new origin that names the old one.',
  },
  ERR_STORE_FORMAT: {
    meaning: 'The data folder holds a format that this version does not know.',
    next: 'Run the version that wrote it, or a newer one.',
  },
  ERR_STORE_KEY: {
    meaning: 'The store belongs to another log than the signing key given.',
    next: 'Open it with the key it was made with.',
  },
  ERR_STORE_OPEN: {
    meaning: 'The data folder, or the database, cannot be opened for writing.',
    next: 'The message says what failed: check that folder or server is there, and that this user may write.',
  },
  ERR_STORE_DURABILITY: {
    meaning: 'The database server is set up so that an acknowledged entry could be lost; nothing is written.',
    next: 'The message names the setting and its fix; docs/OPERATING.md explains each.',
  },
  ERR_STORE_INCARNATION: {
    meaning:
      'The database server was promoted, restored or copied, and it is not certain that it holds every acknowledged entry.',
    next: 'Open it from a replica that ran before; otherwise go on under a new origin: `licet store copy`.',
  },
  ERR_STORE_APPLY: {
    meaning: 'The machine refused to apply a command by throwing; nothing of this command was written.',
    next: 'The message names the invariant; report it.',
  },
  ERR_STORE_QUERY: {
    meaning: 'A list was asked for by a field that is not indexed, or a range that is not committed.',
    next: 'Ask by an indexed field, and for indexes below the size of the checkpoint.',
  },
  ERR_STORE_CLOSED: {
    meaning: 'The store is closed.',
    next: 'Open it again.',
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** The closed union of codes. */
export type StoreErrorCode = keyof typeof STORE_ERRORS;

/** What this package throws. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }
}

/** Returns the words of any thrown value. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
