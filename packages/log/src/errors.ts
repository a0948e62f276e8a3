/**
 * The errors of this package: one class, a closed union of codes, one table.
 */

interface ErrorRow {
  /** What was expected and not found. */
  readonly meaning: string;
  /** What the reader does next. */
  readonly next: string;
}

/** Every code this package throws, with its meaning and the reader's next step. */
export const LOG_ERRORS = {
  ERR_LOG_CORRUPT: {
    meaning: 'A stored tile is missing, too short, or longer than its size allows.',
    next: 'Stop; run the check, and rebuild the tiles from the entries or restore under a new origin.',
  },
  ERR_LOG_FORK: {
    meaning: 'Frontier, tiles and stored root do not describe the same tree.',
    next: 'Refuse to sign; keep the store as evidence; run the check.',
  },
  ERR_LOG_CLOSED: {
    meaning: 'The batcher is closed and takes nothing more.',
    next: 'Open the store again.',
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** The closed union of codes. */
export type LogErrorCode = keyof typeof LOG_ERRORS;

/** What this package throws. */
export class LogError extends Error {
  override readonly name = 'LogError';
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }
}
