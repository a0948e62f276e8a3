/**
 * Notices: what an operator had recorded in the log beside executions (a drill, the digest of the offline viewer), as
 * `notice` entries. There is no table of them: each is found through the operator's own execution that appended it.
 */
import { base64url, leafHash, parseEntry } from '@licet/evidence';
import type { ExecutionRow, Store } from '@licet/control-plane';

/** One notice with its place in the log. */
export interface Notice {
  readonly kind: string;
  readonly digest: string;
  readonly by?: string;
  readonly index: number;
  readonly leaf: string;
  readonly atMs: number;
}

/** The operations that append one; see `control-plane`. */
const ACTIONS = ['licet/notice', 'licet/relying-party'] as const;
/** An operation appends permit, start, its effect and outcome in one commit. */
const MAX_BETWEEN = 8;

/** Returns the newest notices, newest first. */
export async function noticesOf(store: Pick<Store, 'list' | 'log'>, limit = 50): Promise<readonly Notice[]> {
  const rows = await Promise.all(
    ACTIONS.map((action) => store.list({ kind: 'execution', where: { action }, limit })),
  );
  const found = await Promise.all(rows.flat().map(({ value }) => noticeOf(store, value as ExecutionRow)));
  return found
    .filter((notice) => notice !== undefined)
    .toSorted((a, b) => b.index - a.index)
    .slice(0, limit);
}

async function noticeOf({ log }: Pick<Store, 'log'>, row: ExecutionRow): Promise<Notice | undefined> {
  const { start, outcome } = row;
  if (start === undefined || outcome === undefined) return undefined;
  const first = start.index + 1;
  const entries = await log.entries(first, Math.min(outcome.index, first + MAX_BETWEEN));
  for (const [at, bytes] of entries.entries()) {
    const entry = parseEntry(bytes);
    if (entry.type !== 'notice') continue;
    const { kind, digest, by } = entry;
    return {
      kind,
      digest,
      ...(by === undefined ? {} : { by }),
      index: first + at,
      leaf: base64url(leafHash(bytes)),
      atMs: entry.at,
    };
  }
  return undefined;
}
