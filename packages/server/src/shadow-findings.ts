/**
 * Shadow findings: what policies marked `@mode("shadow")` would have decided, where that differs (RULE 1). They are
 * observations in the log and have no table: a stretch of it is looked through per call, newest first.
 */
import { base64url, leafHash, parseEntry } from '@licet/evidence';
import type { ExecutionRow, Store } from '@licet/control-plane';
import type { ShadowFinding } from '@licet/api';

/** Entries looked through per call, and without a pause: a few milliseconds. */
const STRETCH = 4_000;
const CHUNK = 250;

/** Returns the findings among the newest entries before log index `before`, and where to go on, if there is more. */
export async function shadowFindingsOf(
  store: Pick<Store, 'log' | 'read'>,
  before: number | undefined,
): Promise<{ readonly items: readonly ShadowFinding[]; readonly next?: number }> {
  const { size } = await store.log.checkpoint();
  const end = Math.min(before ?? size, size);
  const start = Math.max(0, end - STRETCH);
  const found: Omit<ShadowFinding, 'was' | 'action' | 'agent'>[] = [];
  for (let upTo = end; upTo > start; upTo -= CHUNK) {
    const from = Math.max(start, upTo - CHUNK);
    for (const [at, bytes] of [...(await store.log.entries(from, upTo)).entries()].toReversed()) {
      const entry = parseEntry(bytes);
      if (entry.type !== 'observation' || entry.kind !== 'shadow' || entry.exec === undefined) continue;
      const { exec, verdict, reasons, at: atMs } = entry;
      found.push({
        executionId: exec,
        verdict,
        reasons,
        atMs,
        index: from + at,
        leaf: base64url(leafHash(bytes)),
      });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  const rows = await store.read(found.map(({ executionId }) => ({ kind: 'execution', id: executionId })));
  const items = found.map((one, at): ShadowFinding => {
    const row = rows[at]?.value as ExecutionRow | undefined;
    const agent = row?.chain.at(-1)?.id;
    return {
      ...one,
      ...(row === undefined ? {} : { was: row.verdict, action: row.action }),
      ...(agent === undefined ? {} : { agent }),
    };
  });
  return { items, ...(start === 0 ? {} : { next: start }) };
}
