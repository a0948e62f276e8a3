// Where a door keeps the largest checkpoint it has verified, over restarts too (RULE 8): a file in the user's state
// folder, never under a plane's data folder, because whoever sets the data back would set the memory back with it.
import { createHash } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFolder } from '@licet/api';
import { parseJson, type Json } from '@licet/evidence';
import { SdkError } from './errors.ts';
import { withLock } from './lock-file.ts';

/** A remembered head: the signed note proves it, size and root are read out of the note again when it is loaded. */
export interface RememberedNote {
  readonly origin: string;
  /** Number of leaves. */
  readonly size: number;
  /** The signed checkpoint, verbatim. */
  readonly note: string;
}

/** Two signed checkpoints of one log that cannot both be honest. */
export interface ForkEvidence {
  readonly origin: string;
  readonly notes: readonly string[];
  /** The consistency proof that failed, base64. */
  readonly consistency: readonly string[];
  readonly atMs: number;
}

/** Keeps heads. The largest wins, whoever writes; a failed write rejects, it is never passed over. */
export interface CheckpointStore {
  load(origin: string): Promise<RememberedNote | undefined>;
  /** Durable when it resolves. Resolves to what is kept now, which another process may have made larger. */
  save(head: RememberedNote): Promise<RememberedNote>;
  /** Keeps fork evidence; resolves to where. */
  keepFork(evidence: ForkEvidence): Promise<string>;
}

/**
 * Returns the memory kept in `<folder>/memory/<origin hash>.json`: written to a new file, synced, renamed, the folder
 * synced, under a lock that processes share. Default folder:
 * that of the user's state (`$LICET_STATE`, `$XDG_STATE_HOME/licet`, `~/.local/state/licet`).
 * Its methods throw SdkError `ERR_SDK_MEMORY`.
 */
export function fileMemory(folder: string = stateFolder()): CheckpointStore {
  const directory = join(folder, 'memory');
  const fileOf = (origin: string): string =>
    join(directory, `${createHash('sha256').update(origin).digest('hex').slice(0, 32)}.json`);
  return {
    load: (origin) => readHead(fileOf(origin), origin),
    async save(head) {
      const file = fileOf(head.origin);
      return inTurn(file, head, (largest) =>
        guarded(file, async () => {
          await mkdir(directory, { recursive: true, mode: 0o700 });
          return withLock(`${file}.lock`, async (stillHeld) => {
            const kept = await readHead(file, largest.origin);
            // The largest wins: an older process must not make the memory smaller.
            if (kept !== undefined && kept.size >= largest.size) return kept;
            await replaceFile(directory, file, JSON.stringify({ v: 1, ...largest }), stillHeld);
            return largest;
          });
        }),
      );
    },
    async keepFork(evidence) {
      const file = join(
        directory,
        `${fileOf(evidence.origin).slice(directory.length + 1, -5)}.fork-${evidence.atMs}.json`,
      );
      return guarded(file, async () => {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        // A file of its own: nobody else writes there.
        await replaceFile(directory, file, JSON.stringify({ v: 1, ...evidence }), async () => undefined);
        return file;
      });
    },
  };
}

/** Returns a memory that ends with the process: for tests, and where a door is told so on purpose. */
export function processMemory(): CheckpointStore & { readonly forks: readonly ForkEvidence[] } {
  const heads = new Map<string, RememberedNote>();
  const forks: ForkEvidence[] = [];
  return {
    forks,
    load: async (origin) => heads.get(origin),
    async save(head) {
      const kept = heads.get(head.origin);
      if (kept !== undefined && kept.size >= head.size) return kept;
      heads.set(head.origin, head);
      return head;
    },
    async keepFork(evidence) {
      forks.push(evidence);
      return 'process memory';
    },
  };
}

async function readHead(file: string, origin: string): Promise<RememberedNote | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new SdkError('ERR_SDK_MEMORY', `${file} cannot be read`, { cause });
  }
  // A broken memory is not an empty one: taking it for new would be what an attacker wants.
  const value = parsed(text, file);
  const { size, note } = value;
  if (
    value['v'] !== 1 ||
    value['origin'] !== origin ||
    typeof size !== 'number' ||
    typeof note !== 'string'
  ) {
    throw new SdkError('ERR_SDK_MEMORY', `${file} is not the memory of ${origin}`);
  }
  return { origin, size, note };
}

function parsed(text: string, file: string): { readonly [name: string]: Json } {
  try {
    const value = parseJson(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as { readonly [name: string]: Json };
  } catch (cause) {
    throw new SdkError('ERR_SDK_MEMORY', `${file} is not JSON`, { cause });
  }
  throw new SdkError('ERR_SDK_MEMORY', `${file} is not an object`);
}

/** Puts the text in the place of the file, when it is durable and `mayReplace` has not thrown. */
async function replaceFile(
  directory: string,
  file: string,
  text: string,
  mayReplace: () => Promise<void>,
): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(draft, 0o600);
  await mayReplace();
  await rename(draft, file);
  const folder = await open(directory, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What waits for its turn at a file, and what is being written: one of each per file in this process. */
interface Turns {
  waiting: { head: RememberedNote; readonly kept: Promise<RememberedNote> } | undefined;
  writing: Promise<unknown>;
}
const turns = new Map<string, Turns>();

/**
 * Takes turns at a file within this process, so that its many doors want the lock once: the largest of the heads that
 * wait is written for all of them, and each learns what is kept and links it to its own.
 */
async function inTurn(
  file: string,
  head: RememberedNote,
  write: (largest: RememberedNote) => Promise<RememberedNote>,
): Promise<RememberedNote> {
  const turn = turns.get(file) ?? { waiting: undefined, writing: Promise.resolve() };
  turns.set(file, turn);
  if (turn.waiting !== undefined) {
    if (head.size > turn.waiting.head.size) turn.waiting.head = head;
    return turn.waiting.kept;
  }
  const kept = turn.writing.then(async () => {
    const largest = turn.waiting!.head;
    turn.waiting = undefined;
    return write(largest);
  });
  turn.waiting = { head, kept };
  turn.writing = kept
    .catch(() => undefined)
    .finally(() => {
      if (turn.waiting === undefined) turns.delete(file);
    });
  return kept;
}

async function guarded<T>(file: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof SdkError) throw cause;
    throw new SdkError('ERR_SDK_MEMORY', `${file} cannot be written`, { cause });
  }
}
