// The guard's operating failures: what is wrong with this door itself, never with an honest answer of the plane.
// A denial is `Denied`, a stopped execution is `Halted` (denied.ts).

/** Every code an `SdkError` can carry, with what it means and what the reader can do next. */
export const SDK_ERRORS = {
  ERR_SDK_ARGUMENTS: {
    meaning:
      'The arguments cannot be committed to: they are not plain JSON, or hold accessors, cycles or unsafe numbers.',
    next: 'Pass plain objects, arrays, strings, safe numbers, booleans and null.',
  },
  ERR_SDK_TRUST: {
    meaning: 'The trust file does not say whom this door should believe.',
    next: 'Name the origin, and an audience that the trust file lists for it.',
  },
  ERR_SDK_MEMORY: {
    meaning: 'The memory of the largest checkpoint cannot be read, verified or written.',
    next: 'Look at the file named in the message. Remove it only if you know why it is broken: without it a log that was set back looks new.',
  },
  ERR_SDK_FORK: {
    meaning: 'The log showed two histories, so nothing it says is believed any more.',
    next: 'Keep the fork evidence that the message names, and give it to the operator and the witnesses.',
  },
  ERR_SDK_UNLINKED: {
    meaning: 'A checkpoint could not be linked to the largest one that this door has verified.',
    next: 'Retry; if it lasts, the log was set back or cannot serve its tiles.',
  },
  ERR_SDK_STATE: {
    meaning: 'An execution was used after it had ended.',
    next: 'Open a new execution.',
  },
} as const satisfies Readonly<Record<string, { readonly meaning: string; readonly next: string }>>;

/** The closed union of this package's error codes. */
export type SdkErrorCode = keyof typeof SDK_ERRORS;

/** An operating failure of a door, with a stable code. */
export class SdkError extends Error {
  override readonly name = 'SdkError';
  readonly code: SdkErrorCode;

  constructor(code: SdkErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }
}
