/**
 * The newest tree that a replica has seen, kept beside its keys: what tells a restart from a server that was set back or
 * restored meanwhile (RULE 7). Written at most once a second; what is in memory is exact.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { base64url, unbase64url } from '@licet/evidence';
import { messageOf, StoreError } from './errors.ts';

export interface KnownHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Returns what is kept; undefined when there is none yet. @throws StoreError `ERR_STORE_OPEN` when it cannot be read */
export function readKnownHead(file: string, origin: string): KnownHead | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new StoreError('ERR_STORE_OPEN', `${file}: ${messageOf(cause)}`, { cause });
  }
  try {
    const kept = JSON.parse(text) as {
      readonly origin: string;
      readonly size: number;
      readonly root: string;
    };
    if (!Number.isSafeInteger(kept.size)) throw new RangeError('no size');
    return kept.origin === origin ? { origin, size: kept.size, root: unbase64url(kept.root) } : undefined;
  } catch (cause) {
    // Forgetting it in silence would let a restored server pass.
    throw new StoreError('ERR_STORE_OPEN', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** Replaces what is kept: the old one is there until the new one is. */
export function writeKnownHead(file: string, { origin, size, root }: KnownHead): void {
  writeFileSync(`${file}.new`, `${JSON.stringify({ v: 1, origin, size, root: base64url(root) })}\n`, {
    mode: 0o600,
  });
  renameSync(`${file}.new`, file);
}
