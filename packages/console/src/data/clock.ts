/** The clock port of the pages. */

/** Returns milliseconds since the Unix epoch, by the visitor's clock. */
export const nowMs = (): number => Date.now();
