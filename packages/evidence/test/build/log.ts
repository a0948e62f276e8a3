/**
 * A log for tests: real Ed25519 keys from seeds, real trees, nothing random, so that what is built today is built
 * byte for byte again tomorrow.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import {
  base64,
  base64url,
  consistencyProof,
  cosignatureBlob,
  cosignatureMessage,
  entryBytes,
  formatCheckpoint,
  formatNote,
  formatTlogProof,
  inclusionProof,
  KEY_PURPOSES,
  leafHash,
  nodeHash,
  parseTrust,
  sha256,
  signatureLine,
  treeRoot,
  TYPE_COSIGNATURE,
  TYPE_ED25519,
  utf8,
  verifierKey,
  type Entry,
  type HashReader,
  type KeyPurpose,
  type KeyType,
  type LogHead,
  type Trust,
} from '../../src/index.ts';

/** Beginning of time in tests, milliseconds. */
export const T0 = 1_790_000_000_000;

/** A key made from a label. */
export interface TestKey {
  readonly name: string;
  readonly vkey: string;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
  line(text: string): string;
}

export function testKey(name: string, label: string = name, type: KeyType = TYPE_ED25519): TestKey {
  const secret = sha256(utf8(`test key ${label}`));
  const publicKey = ed25519.getPublicKey(secret);
  const key = verifierKey(name, type, publicKey);
  const sign = (message: Uint8Array): Uint8Array => ed25519.sign(message, secret);
  return {
    name,
    vkey: key.vkey,
    publicKey,
    sign,
    line: (text) => signatureLine(name, key.keyId, sign(utf8(text))),
  };
}

export interface PlacedEntry<E extends Entry = Entry> {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** base64url leaf hash. */
  readonly id: string;
  readonly entry: E;
}

/** An entry without what the log fills in. */
export type Draft<E extends Entry> = Omit<E, 'v' | 'origin' | 'tenant' | 'at' | 'nonce'> & {
  readonly at?: number;
};

export class TestLog {
  readonly origin: string;
  readonly tenant = 'acme';
  readonly entries: PlacedEntry[] = [];
  readonly key: TestKey;
  readonly witness: TestKey;
  readonly #leaves: Uint8Array[] = [];
  readonly #label: string;

  constructor(origin = 'licet.local/00112233445566ff', label = 'honest') {
    this.origin = origin;
    this.#label = label;
    this.key = testKey(origin, `${label} log`);
    this.witness = testKey('witness.example/w1', `${label} witness`, TYPE_COSIGNATURE);
  }

  get size(): number {
    return this.entries.length;
  }

  noteKey(purpose: KeyPurpose): TestKey {
    return testKey(`${this.origin}/${purpose}`, `${this.#label} ${purpose}`);
  }

  append<E extends Entry>(draft: Draft<E>): PlacedEntry<E> {
    const index = this.size;
    const entry = {
      v: 1,
      origin: this.origin,
      tenant: this.tenant,
      at: T0 + index * 10,
      nonce: base64url(sha256(utf8(`nonce ${index}`)).subarray(0, 16)),
      ...draft,
    } as unknown as E;
    const bytes = entryBytes(entry);
    return this.appendBytes(bytes, entry);
  }

  /** Appends bytes as they are, canonical or not. */
  appendBytes<E extends Entry>(bytes: Uint8Array, entry: E): PlacedEntry<E> {
    const leaf = leafHash(bytes);
    const placed = { index: this.size, bytes, id: base64url(leaf), entry };
    this.#leaves.push(leaf);
    this.entries.push(placed);
    return placed;
  }

  root(size = this.size): Uint8Array {
    return treeRoot(size, this.#reader);
  }

  head(size = this.size): LogHead {
    return { origin: this.origin, size, root: this.root(size) };
  }

  /** A signed checkpoint; with a cosignature when `witnessedAtMs` is given. */
  checkpoint(size = this.size, witnessedAtMs?: number): string {
    const text = formatCheckpoint({ origin: this.origin, size, root: this.root(size) });
    const lines = [this.key.line(text)];
    if (witnessedAtMs !== undefined) lines.push(this.cosignature(text, Math.floor(witnessedAtMs / 1_000)));
    return formatNote(text, lines);
  }

  cosignature(text: string, timestampS: number): string {
    const key = verifierKey(this.witness.name, TYPE_COSIGNATURE, this.witness.publicKey);
    const signature = this.witness.sign(cosignatureMessage(text, timestampS));
    return signatureLine(key.name, key.keyId, cosignatureBlob(timestampS, signature));
  }

  inclusion(index: number, size = this.size): Uint8Array[] {
    return inclusionProof(index, size, this.#reader);
  }

  consistency(from: number, to = this.size): Uint8Array[] {
    return consistencyProof(from, to, this.#reader);
  }

  /** What a caller gets: the entry's bytes and their proof. */
  proven(
    index: number,
    size = this.size,
    witnessedAtMs?: number,
  ): { readonly entry: Uint8Array; readonly proof: string } {
    return {
      entry: this.entries[index]!.bytes,
      proof: formatTlogProof({
        index,
        proof: this.inclusion(index, size),
        checkpoint: this.checkpoint(size, witnessedAtMs),
      }),
    };
  }

  /** A note of a purpose. */
  note(purpose: KeyPurpose, text: string, key: TestKey = this.noteKey(purpose)): string {
    return formatNote(text, [key.line(text)]);
  }

  trustJson(): { v: 1; logs: Record<string, unknown>[] } {
    const policy = `log ${this.key.vkey}\nwitness w1 ${this.witness.vkey}\nquorum w1\n`;
    const keys = Object.fromEntries(KEY_PURPOSES.map((purpose) => [purpose, [this.noteKey(purpose).vkey]]));
    return {
      v: 1,
      logs: [
        {
          origin: this.origin,
          tenant: this.tenant,
          audiences: ['files'],
          policy,
          keys,
          rp: { id: 'localhost', origins: ['http://localhost:8484'] },
        },
      ],
    };
  }

  trust(): Trust {
    return parseTrust(JSON.stringify(this.trustJson()));
  }

  readonly #reader: HashReader = (level, index) => {
    if (level === 0) return this.#leaves[index]!;
    return nodeHash(this.#reader(level - 1, 2 * index), this.#reader(level - 1, 2 * index + 1));
  };
}

export const hashes = (list: readonly Uint8Array[]): string[] => list.map(base64);
export const digestOf = (label: string): string => base64url(sha256(utf8(label)));
