// One history (RULE 8): every checkpoint a door relies on is linked to the largest it has verified, the same or
// proven consistent, either way round. Answers bring the proof from the size the door named; where another answer
// came in between, the proof is made here from the log's tiles, which nobody has to be trusted for.
import {
  base64,
  consistencyProof,
  decodeTile,
  EvidenceError,
  ForkError,
  linkCheckpoint,
  nodeHash,
  TILE_HEIGHT,
  TILE_WIDTH,
  tilePath,
  tileWidth,
  trustedLog,
  trustedPolicy,
  unbase64,
  verifyCheckpoint,
  type Crypto,
  type HashReader,
  type LogHead,
  type Trust,
} from '@licet/evidence';
import type { PlaneClient } from '@licet/api';
import { SdkError } from './errors.ts';
import type { CheckpointStore } from './memory.ts';

/** A head whose note was verified against the trust file. */
export interface VerifiedHead extends LogHead {
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
}

/** What a linker works with. */
export interface LinkerParts {
  readonly client: Pick<PlaneClient, 'checkpoint' | 'tile'>;
  readonly trust: Trust;
  readonly crypto: Crypto;
  readonly origin: string;
  readonly store: CheckpointStore;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** How often a head may move on while a proof for it is fetched, before the door gives up and denies. */
const LINK_TRIES = 16;
/** Tiles of one proof: two paths through at most eight levels of tiles. */
const MAX_TILES = 64;

/** Holds one log to one history. */
export interface Linker {
  /** The largest verified head; undefined before the first. */
  readonly head: VerifiedHead | undefined;
  /** Why nothing is believed any more, once a fork was seen or the memory failed. */
  readonly fault: SdkError | undefined;
  /** Milliseconds since the epoch when a checkpoint was last linked. */
  readonly linkedAtMs: number;
  /**
   * Links a verified head, and remembers it when it is the largest.
   * `basis` is the head whose size was sent as `seen`; `consistency` came with the answer, base64.
   * @throws SdkError `ERR_SDK_FORK`, `ERR_SDK_UNLINKED`, `ERR_SDK_MEMORY`
   */
  link(
    head: VerifiedHead,
    answer?: {
      readonly basis: VerifiedHead | undefined;
      readonly consistency: readonly string[] | undefined;
    },
  ): Promise<void>;
  /** Asks for the newest checkpoint and links it; the first call also reads the memory. @throws as {@link link} */
  relink(signal?: AbortSignal): Promise<void>;
  /** Resolves when all that was linked so far is kept. @throws SdkError `ERR_SDK_MEMORY`, `ERR_SDK_FORK` */
  settled(): Promise<void>;
}

/** Returns a linker for one log. */
export function createLinker(parts: LinkerParts): Linker {
  return new LogLinker(parts);
}

class LogLinker implements Linker {
  #head: VerifiedHead | undefined;
  #fault: SdkError | undefined;
  #linkedAtMs = Number.NEGATIVE_INFINITY;
  #loaded: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #savingNext: Promise<void> | undefined;
  readonly #parts: LinkerParts;

  constructor(parts: LinkerParts) {
    this.#parts = parts;
  }

  get head(): VerifiedHead | undefined {
    return this.#head;
  }

  get fault(): SdkError | undefined {
    return this.#fault;
  }

  get linkedAtMs(): number {
    return this.#linkedAtMs;
  }

  async link(
    head: VerifiedHead,
    answer: {
      readonly basis: VerifiedHead | undefined;
      readonly consistency: readonly string[] | undefined;
    } = {
      basis: undefined,
      consistency: undefined,
    },
  ): Promise<void> {
    for (let tries = 0; tries < LINK_TRIES; tries++) {
      this.#check();
      const known = this.#head;
      const given =
        known !== undefined && known === answer.basis ? decodedProof(answer.consistency) : undefined;
      const needed = known !== undefined && known.size !== head.size && Math.min(known.size, head.size) > 0;
      const proof = needed ? (given ?? (await this.#proofBetween(known, head))) : [];
      // Another answer was linked while the tiles were fetched: the question is a new one.
      if (this.#head !== known) continue;
      await this.#accept(known, head, proof);
      return;
    }
    throw new SdkError('ERR_SDK_UNLINKED', `checkpoint of size ${head.size}: the head kept moving`);
  }

  async relink(signal?: AbortSignal): Promise<void> {
    await (this.#loaded ??= this.#load());
    this.#check();
    const basis = this.#head;
    const { note, consistency } = await this.#parts.client.checkpoint({
      ...(basis === undefined ? {} : { seen: basis.size }),
      ...(signal === undefined ? {} : { signal }),
    });
    await this.link(await this.#verified(note), { basis, consistency });
  }

  async settled(): Promise<void> {
    await (this.#savingNext ?? this.#saving);
    this.#check();
  }

  #check(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  async #accept(
    known: VerifiedHead | undefined,
    head: VerifiedHead,
    proof: readonly Uint8Array[],
  ): Promise<void> {
    try {
      const { kind } = linkCheckpoint(known, head, proof);
      this.#linkedAtMs = this.#parts.nowMs();
      if (kind === 'first' || kind === 'newer') {
        this.#head = head;
        this.#save();
      }
    } catch (cause) {
      if (cause instanceof ForkError) throw await this.#forked(known!, head, proof, cause);
      throw new SdkError('ERR_SDK_UNLINKED', `size ${head.size}, remembered ${known?.size ?? 0}`, { cause });
    }
  }

  /** RULE 8: both checkpoints are kept as evidence, and nothing of this log is believed from then on. */
  async #forked(
    known: VerifiedHead,
    head: VerifiedHead,
    proof: readonly Uint8Array[],
    cause: ForkError,
  ): Promise<SdkError> {
    this.#fault = new SdkError('ERR_SDK_FORK', cause.message, { cause });
    const where = await this.#parts.store
      .keepFork({
        origin: head.origin,
        notes: [known.checkpoint, head.checkpoint],
        consistency: proof.map(base64),
        atMs: this.#parts.nowMs(),
      })
      .catch((failure: unknown) => `nowhere: ${String(failure)}`);
    this.#fault = new SdkError('ERR_SDK_FORK', `${cause.message}; evidence kept in ${where}`, { cause });
    return this.#fault;
  }

  async #load(): Promise<void> {
    const { store, origin } = this.#parts;
    const kept = await store.load(origin).catch((cause: unknown) => {
      throw this.#memoryFault('cannot be read', cause);
    });
    if (kept === undefined) return;
    await this.#adopt(kept.note);
  }

  /** Takes a head that another process, or this one before, has kept: its note is verified again, and linked. */
  async #adopt(note: string): Promise<void> {
    let head: VerifiedHead;
    try {
      head = await this.#verified(note);
    } catch (cause) {
      throw this.#memoryFault('holds a checkpoint that no trusted key signed', cause);
    }
    await this.link(head);
  }

  #memoryFault(what: string, cause: unknown): SdkError {
    // Fail closed, and stay closed: a door that forgets would take a log that was set back for a new one.
    this.#fault =
      cause instanceof SdkError
        ? cause
        : new SdkError('ERR_SDK_MEMORY', `the memory of ${this.#parts.origin} ${what}`, { cause });
    return this.#fault;
  }

  /** One write at a time; what is linked meanwhile goes with the next. */
  #save(): void {
    if (this.#savingNext !== undefined) return;
    const next = this.#saving.then(async () => {
      this.#savingNext = undefined;
      await this.#write();
    });
    this.#savingNext = next;
    this.#saving = next;
  }

  async #write(): Promise<void> {
    const head = this.#head;
    if (head === undefined || this.#fault !== undefined) return;
    try {
      const kept = await this.#parts.store.save({
        origin: head.origin,
        size: head.size,
        note: head.checkpoint,
      });
      if (kept.note !== head.checkpoint) await this.#adopt(kept.note);
    } catch (cause) {
      // A head that cannot be linked now is no broken memory: it is tried again with the next write.
      if (cause instanceof SdkError && cause.code === 'ERR_SDK_UNLINKED') return;
      this.#memoryFault('cannot be written', cause);
    }
  }

  async #verified(note: string): Promise<VerifiedHead> {
    const { trust, crypto, origin, nowMs } = this.#parts;
    const {
      size,
      root,
      origin: found,
    } = await verifyCheckpoint(note, trustedPolicy(trustedLog(trust, origin)), crypto, {
      nowMs: nowMs(),
    });
    if (found !== origin)
      throw new EvidenceError('ERR_CHECKPOINT_ORIGIN', `expected ${origin}, found ${found}`);
    return { origin, size, root, checkpoint: note };
  }

  async #proofBetween(a: LogHead, b: LogHead): Promise<readonly Uint8Array[]> {
    const [older, newer] = a.size < b.size ? [a, b] : [b, a];
    try {
      return await proofFromTiles(this.#parts.client, older.size, newer.size);
    } catch (cause) {
      throw new SdkError('ERR_SDK_UNLINKED', `no proof from size ${older.size} to ${newer.size}`, { cause });
    }
  }
}

/**
 * Returns the consistency proof between two sizes, from tiles that nobody vouches for: a wrong tile gives a proof
 * that fails, never one that passes.
 */
export async function proofFromTiles(
  client: Pick<PlaneClient, 'tile'>,
  oldSize: number,
  newSize: number,
): Promise<readonly Uint8Array[]> {
  const tiles = new Map<string, readonly Uint8Array[]>();
  const missing: { level: number; index: number; width: number }[] = [];
  const reader: HashReader = (level, index) => {
    const row = level % TILE_HEIGHT;
    const tileLevel = (level - row) / TILE_HEIGHT;
    const first = index * 2 ** row;
    const tile = Math.floor(first / TILE_WIDTH);
    const width = tileWidth(tileLevel, tile, newSize);
    const hashes = tiles.get(`${tileLevel}/${tile}`);
    if (hashes === undefined) {
      missing.push({ level: tileLevel, index: tile, width });
      throw MISSING;
    }
    return subtree(hashes, first % TILE_WIDTH, 2 ** row);
  };
  for (let fetched = 0; fetched < MAX_TILES; fetched++) {
    try {
      return consistencyProof(oldSize, newSize, reader);
    } catch (error) {
      if (error !== MISSING) throw error;
    }
    const { level, index, width } = missing.pop()!;
    tiles.set(`${level}/${index}`, await readTile(client, level, index, width));
  }
  throw new EvidenceError('ERR_PROOF_RANGE', `more than ${MAX_TILES} tiles for one proof`);
}

const MISSING = new Error('a tile is missing');

async function readTile(
  client: Pick<PlaneClient, 'tile'>,
  level: number,
  index: number,
  width: number,
): Promise<readonly Uint8Array[]> {
  const partial = await client.tile(tilePath({ level, index, width }));
  if (partial !== undefined) return decodeTile(partial, width);
  // A partial tile may be gone once the full one exists (tlog-tiles, "Partial Tiles").
  const full = await client.tile(tilePath({ level, index, width: TILE_WIDTH }));
  if (full === undefined) throw new EvidenceError('ERR_TILE_FORMAT', `there is no tile ${level}/${index}`);
  return decodeTile(full, TILE_WIDTH).slice(0, width);
}

function subtree(hashes: readonly Uint8Array[], first: number, count: number): Uint8Array {
  if (count === 1) {
    const hash = hashes[first];
    if (hash === undefined) throw new EvidenceError('ERR_TILE_FORMAT', 'the tile is shorter than its width');
    return hash;
  }
  return nodeHash(subtree(hashes, first, count / 2), subtree(hashes, first + count / 2, count / 2));
}

function decodedProof(consistency: readonly string[] | undefined): readonly Uint8Array[] | undefined {
  if (consistency === undefined || consistency.length === 0) return undefined;
  try {
    return consistency.map((hash) => unbase64(hash));
  } catch {
    // Garble is no proof; the tiles are asked instead.
    return undefined;
  }
}
