/**
 * Append-only since last time (RULE 8): the newest checkpoint of a log that this user has verified is remembered in
 * the state folder, and every later one must be linked to it. Two that cannot be are kept as fork evidence.
 */
import {
  base64,
  ForkError,
  linkCheckpoint,
  parseCheckpoint,
  parseEvidence,
  parseNote,
  trustedPolicy,
  verifyCheckpoint,
  type LogHead,
  type TrustedLog,
} from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { fileMemory, type CheckpointStore } from '@licet/sdk';
import { CliError } from './errors.ts';
import { proofFromTiles, type LogSource } from './log-source.ts';
import { stateFolderOf } from './places.ts';

/** What could be said. */
export interface AppendOnly {
  readonly status: 'pass' | 'not checked';
  /** Why it is not a plain pass, or what was linked to what. */
  readonly why: string;
  /** Size of the remembered checkpoint before, when there was one. */
  readonly rememberedSize?: number;
  /** Size of the checkpoint that was looked at. */
  readonly size: number;
}

interface Seen extends LogHead {
  readonly note: string;
}

/** Returns the memory of this user; doors of this user share it. */
export const userMemory = (): CheckpointStore => fileMemory(stateFolderOf());

/** Returns the verified head that is remembered of a log. @throws EvidenceError when it no longer verifies */
export async function rememberedHead(log: TrustedLog, memory: CheckpointStore): Promise<Seen | undefined> {
  const kept = await memory.load(log.origin);
  // Verified again: what is on disk is believed only for its signature.
  return kept === undefined ? undefined : verifiedHead(log, kept.note);
}

/** Returns the head that a signed note says. @throws EvidenceError */
export async function verifiedHead(log: TrustedLog, note: string): Promise<Seen> {
  const { origin, size, root } = await verifyCheckpoint(note, trustedPolicy(log), nodeCrypto, {
    nowMs: Date.now(),
  });
  if (origin !== log.origin)
    throw new CliError('ERR_CLI_TRUST_UNKNOWN', `the checkpoint is of ${origin}, not of ${log.origin}`);
  return { origin, size, root, note };
}

/**
 * Asks a source for its newest checkpoint, verifies it, links it to the remembered one and remembers it.
 * @throws CliError `ERR_CLI_FORK`, `ERR_CLI_UNLINKED`
 */
export async function checkSource(log: TrustedLog, source: LogSource): Promise<AppendOnly> {
  const memory = userMemory();
  const remembered = await rememberedHead(log, memory);
  const answer = await source.checkpoint(remembered?.size);
  const seen = await verifiedHead(log, answer.note);
  if (remembered === undefined) {
    await memory.save(seen);
    return {
      status: 'not checked',
      why: 'the first checkpoint of this log; remembered from now on',
      size: seen.size,
    };
  }
  const proof = await proofBetween(remembered, seen, source, answer.consistency);
  await link(memory, remembered, seen, proof);
  if (seen.size < remembered.size)
    // Older and consistent is no fork, but a log that shows an old state hides what came since.
    throw new CliError(
      'ERR_CLI_UNLINKED',
      `it shows size ${seen.size}, which is older than ${remembered.size}`,
      {
        still: `Size ${remembered.size} is what you remember.`,
        next: 'Ask again; when it stays so, the log was set back or a part of it is withheld.',
      },
    );
  await memory.save(seen);
  return {
    status: 'pass',
    why: `size ${seen.size} contains all that size ${remembered.size} held, unchanged`,
    rememberedSize: remembered.size,
    size: seen.size,
  };
}

/**
 * Links the last checkpoint of a verified evidence file to the remembered one: by the file itself, else through a
 * source, else it stays unchecked. Never asks anybody but the source that was named.
 * @throws CliError `ERR_CLI_FORK`, `ERR_CLI_UNLINKED`
 */
export async function checkEvidence(
  log: TrustedLog,
  bytes: Uint8Array,
  source?: LogSource,
): Promise<AppendOnly> {
  const memory = userMemory();
  const remembered = await rememberedHead(log, memory);
  const file = parseEvidence(bytes);
  const seen = await verifiedHead(log, file.checkpoints.at(-1)!.note);
  const { size } = seen;
  if (remembered === undefined) {
    await memory.save(seen);
    return {
      status: 'not checked',
      why: 'no checkpoint of this log was remembered; this one is, from now on',
      size,
    };
  }
  const rememberedSize = remembered.size;
  // A checkpoint of the file at the remembered size links both without any further proof.
  const same = file.checkpoints
    .map(({ note }) => ({ ...parseCheckpoint(parseNote(note).text), note }))
    .find((checkpoint) => checkpoint.size === rememberedSize);
  if (same !== undefined) {
    await link(memory, remembered, same, []);
    await memory.save(seen);
    return { status: 'pass', why: `linked to the remembered size ${rememberedSize}`, rememberedSize, size };
  }
  if (source === undefined) {
    return {
      status: 'not checked',
      why: `the file does not link its size ${size} to the remembered size ${rememberedSize}; name a place with --from`,
      rememberedSize,
      size,
    };
  }
  await checkSource(log, source);
  const newest = (await rememberedHead(log, memory))!;
  await link(memory, newest, seen, await proofBetween(seen, newest, source, undefined));
  return {
    status: 'pass',
    why: `sizes ${rememberedSize}, ${size} and ${newest.size} are one history`,
    rememberedSize,
    size,
  };
}

async function proofBetween(
  a: LogHead,
  b: LogHead,
  source: LogSource,
  given: readonly Uint8Array[] | undefined,
): Promise<readonly Uint8Array[]> {
  const [oldSize, newSize] = a.size <= b.size ? [a.size, b.size] : [b.size, a.size];
  if (oldSize === newSize || oldSize === 0) return [];
  if (given !== undefined && given.length > 0) return given;
  return proofFromTiles(source, { oldSize, newSize, treeSize: newSize });
}

async function link(
  memory: CheckpointStore,
  remembered: Seen,
  seen: Seen,
  proof: readonly Uint8Array[],
): Promise<void> {
  try {
    linkCheckpoint(remembered, seen, proof);
  } catch (error) {
    if (!(error instanceof ForkError)) {
      if (error instanceof CliError) throw error;
      throw new CliError('ERR_CLI_UNLINKED', error instanceof Error ? error.message : String(error), {
        cause: error,
      });
    }
    // RULE 8: keep both as fork evidence, stop.
    const kept = await memory.keepFork({
      origin: seen.origin,
      notes: [remembered.note, seen.note],
      consistency: proof.map(base64),
      atMs: Date.now(),
    });
    throw new CliError('ERR_CLI_FORK', `${seen.origin}: ${error.message}`, {
      still: `Both signed checkpoints are kept in ${kept}; the remembered one was not replaced.`,
      detail: { evidence: kept, remembered: remembered.size, seen: seen.size },
      cause: error,
    });
  }
}
