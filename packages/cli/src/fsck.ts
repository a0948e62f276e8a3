/**
 * What the entries mean, beyond their hashes: each is well-formed and of this log, every start names a permit before
 * it, no permit is started twice, every outcome names its start, heads of containment and policy are a chain (RULE 35),
 * and the tree contains the one that this user remembers (RULE 8).
 */
import {
  appendLeaves,
  base64url,
  emptyFrontier,
  equalBytes,
  frontierRoot,
  leafHash,
  parseEntry,
  type Entry,
  type EntryType,
} from '@licet/evidence';
import type { Inspection } from '@licet/store';
import { rememberedHead, userMemory } from './append-only.ts';
import { CliError } from './errors.ts';
import { readTrustStore } from './trust-store.ts';

/** What was found, when nothing was wrong. */
export interface Meaning {
  readonly counts: Readonly<Partial<Record<EntryType, number>>>;
  /** Size of the remembered checkpoint that the log was seen to contain. */
  readonly remembered?: number;
}

const BATCH = 256;

/** Returns what the entries amount to. @throws CliError `ERR_CLI_LOG`, `ERR_CLI_FORK` naming the first bad index */
export async function checkMeaning(
  log: Pick<Inspection, 'origin' | 'size' | 'entries'>,
  progress: (done: number, total: number) => void,
): Promise<Meaning> {
  const pinned = (await readTrustStore())?.logs.find(({ origin }) => origin === log.origin);
  const remembered = pinned === undefined ? undefined : await rememberedHead(pinned, userMemory());
  if (remembered !== undefined && remembered.size > log.size)
    throw new CliError(
      'ERR_CLI_FORK',
      `you remember ${remembered.size} entries, it holds ${log.size}: it was set back`,
      {
        still: 'Your remembered checkpoint proves what was there.',
      },
    );
  const reader = openReader(log.origin);
  let frontier = emptyFrontier();
  for (let start = 0; start < log.size; start += BATCH) {
    const end = Math.min(start + BATCH, log.size);
    const leaves = (await log.entries(start, end)).map(({ index, bytes }) => {
      const leaf = leafHash(bytes);
      reader.read(index, bytes, base64url(leaf));
      return leaf;
    });
    if (remembered !== undefined && start < remembered.size && remembered.size <= end) {
      const then = appendLeaves(frontier, leaves.slice(0, remembered.size - start));
      if (!equalBytes(frontierRoot(then), remembered.root))
        throw new CliError(
          'ERR_CLI_FORK',
          `the first ${remembered.size} entries are not those that you remember`,
          {
            still: 'Your remembered checkpoint is signed and proves another history.',
          },
        );
    }
    frontier = appendLeaves(frontier, leaves);
    progress(end, log.size);
    await new Promise((resolve) => void setImmediate(resolve));
  }
  return { counts: reader.counts, ...(remembered === undefined ? {} : { remembered: remembered.size }) };
}

interface Reader {
  readonly counts: Partial<Record<EntryType, number>>;
  read(index: number, bytes: Uint8Array, leaf: string): void;
}

function openReader(origin: string): Reader {
  const counts: Partial<Record<EntryType, number>> = {};
  const types = new Map<string, EntryType>();
  const started = new Map<string, number>();
  const heads: { containment: string | null; policy: string | null } = { containment: null, policy: null };

  const refuse = (index: number, what: string): never => {
    throw new CliError('ERR_CLI_LOG', `entry ${index}: ${what}`);
  };
  const named = (index: number, leaf: string, type: EntryType): void => {
    if (types.get(leaf) !== type) refuse(index, `it names ${leaf}, which is no ${type} before it`);
  };
  const check = (index: number, entry: Entry, leaf: string): void => {
    if (entry.origin !== origin) refuse(index, `it is of ${entry.origin}`);
    if ((index === 0) !== (entry.type === 'genesis'))
      refuse(index, 'the first entry, and no other, is the genesis');
    switch (entry.type) {
      case 'start': {
        named(index, entry.permit, 'permit');
        const before = started.get(entry.permit);
        if (before !== undefined) refuse(index, `its permit was started at ${before} already`);
        started.set(entry.permit, index);
        break;
      }
      case 'outcome':
        if (entry.start !== undefined) named(index, entry.start, 'start');
        break;
      case 'approval':
        named(index, entry.hold.leaf, 'refusal');
        break;
      case 'containment':
        if (entry.prev !== heads.containment) refuse(index, 'it does not follow the containment before it');
        heads.containment = leaf;
        break;
      case 'policy':
        if (entry.prev !== heads.policy) refuse(index, 'it does not follow the policy entry before it');
        heads.policy = leaf;
        break;
      default:
    }
  };
  return {
    counts,
    read(index, bytes, leaf) {
      let entry: Entry;
      try {
        entry = parseEntry(bytes);
      } catch (cause) {
        throw new CliError(
          'ERR_CLI_LOG',
          `entry ${index} is no entry: ${cause instanceof Error ? cause.message : ''}`,
          { cause },
        );
      }
      check(index, entry, leaf);
      types.set(leaf, entry.type);
      counts[entry.type] = (counts[entry.type] ?? 0) + 1;
    },
  };
}
