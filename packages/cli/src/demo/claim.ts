// A claim of the demo: a sentence, and a check of its effect in the world: files, processes, bytes. Never only what the
// API answered.

/** What became of one claim. */
export interface ClaimResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was looked at, in words; for a failed claim, what was found instead. */
  readonly how: string;
}

/** A claim did not hold; the message says what was found. */
export class ClaimFailed extends Error {
  override readonly name = 'ClaimFailed';
}

/** Fails the claim unless `condition` holds. */
export function see(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new ClaimFailed(otherwise);
}

/** Waits until `probe` is true, at most `timeoutMs`; resolves to whether it became so. */
export async function until(
  probe: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = 50,
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    if (await probe()) return true;
    if (performance.now() >= end) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
