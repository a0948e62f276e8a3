/**
 * One function per vector format: it takes a vector's `input` and returns what `expected` must equal. Bytes are hex.
 * Pure, so that the same file runs in Node and, bundled, in a browser.
 */
import {
  base64,
  base64url,
  batchProofs,
  appendLeaves,
  canonicalBytes,
  canonicalize,
  decodeEntryBundle,
  decodeTile,
  emptyFrontier,
  frontierRoot,
  hex,
  jwkThumbprint,
  leafHash,
  parseCheckpoint,
  parseJson,
  parseNote,
  parseTilePath,
  parseTlogPolicy,
  parseTlogProof,
  parseTrust,
  parseVkey,
  serializeFrontier,
  sha256,
  unbase64,
  unbase64url,
  unhex,
  utf8,
  verifyBundle,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
  verifyNote,
  EvidenceError,
  type Crypto,
  type Json,
} from '../../src/index.ts';

/** A vector as it lies in `vectors/<format>/<case>.json`. */
export interface Vector {
  readonly title: string;
  /** The sentence or section that settles the case. */
  readonly spec: string;
  readonly input: Json;
  /** A value, or `{ "error": "ERR_…" }`. */
  readonly expected: Json;
}

/** A vector with the format that says how to run it, and where it came from. */
export interface Case extends Vector {
  readonly format: string;
  readonly source: string;
}

// The inputs are this repository's own data, so they are read without checks.
// oxlint-disable-next-line typescript/no-explicit-any -- see above
type Input = any;
type Runner = (input: Input, crypto: Crypto) => Json | Promise<Json>;

const hashes = (list: readonly string[]): Uint8Array[] => list.map((hash) => unhex(hash));

/** The one table from format to function. */
export const RUNNERS: Readonly<Record<string, Runner>> = {
  async evidence({ file, trust }, crypto) {
    const report = await verifyBundle(utf8(file), trust === null ? undefined : parseTrust(trust), { crypto });
    return { exit: report.exit, rungs: Object.fromEntries(report.rungs.map(({ name, status }) => [name, status])) };
  },
  json: ({ text, bytes, limits }) => ({
    canonical: canonicalize(parseJson(text ?? unhex(bytes), limits)),
  }),
  canonical: ({ text }) => ({ bytes: hex(canonicalBytes(JSON.parse(text))) }),
  numbers: ({ first, serial, lines }) => ({ sha256: numberSequence(first, serial, lines) }),
  bytes: ({ codec, text }) => {
    const decode = { hex: unhex, base64: unbase64, base64url: unbase64url }[codec as 'hex'];
    const encode = { hex, base64, base64url }[codec as 'hex'];
    const bytes = decode(text);
    return { bytes: hex(bytes), again: encode(bytes) };
  },
  tree: ({ entries }) => {
    const leaves = entries.map((entry: string) => leafHash(unhex(entry)));
    const frontier = appendLeaves(emptyFrontier(), leaves);
    const batch = batchProofs(emptyFrontier(), leaves);
    return {
      root: hex(frontierRoot(frontier)),
      frontier: hex(serializeFrontier(frontier)),
      proofs: leaves.map((_: Uint8Array, i: number) => batch.proofs(i).map(hex)),
    };
  },
  inclusion: ({ index, size, leaf, proof, root }) => ({
    verified: verifyInclusion({ index, size, leaf: unhex(leaf), proof: hashes(proof), root: unhex(root) }),
  }),
  consistency: ({ oldSize, newSize, oldRoot, newRoot, proof }) => ({
    verified: verifyConsistency({
      oldSize,
      newSize,
      oldRoot: unhex(oldRoot),
      newRoot: unhex(newRoot),
      proof: hashes(proof),
    }),
  }),
  vkey: ({ vkey }) => {
    const { name, type, keyId, publicKey } = parseVkey(vkey);
    return { name, type, keyId: hex(keyId), publicKey: hex(publicKey) };
  },
  jwk: ({ jwk }) => ({ thumbprint: jwkThumbprint(jwk) }),
  note: async ({ note, vkeys }, crypto) => {
    if (vkeys === undefined) {
      const { text, signatures } = parseNote(note);
      return { text, names: signatures.map(({ name }) => name) };
    }
    const { text, verified } = await verifyNote(note, vkeys.map(parseVkey), crypto);
    return { text, verified };
  },
  checkpoint: ({ text }) => {
    const { origin, size, root, extensions } = parseCheckpoint(text);
    return { origin, size, root: hex(root), extensions };
  },
  'tlog-proof': ({ text }) => {
    const { index, proof, checkpoint, extra } = parseTlogProof(text);
    return { index, proof: proof.map(hex), checkpoint, ...(extra === undefined ? {} : { extra: hex(extra) }) };
  },
  'tlog-policy': async ({ policy, checkpoint, nowMs }, crypto) => {
    const parsed = parseTlogPolicy(policy);
    if (checkpoint === undefined) {
      return {
        logs: parsed.logs.map(({ key }) => key.name),
        witnesses: parsed.witnesses.map(({ name }) => name),
        groups: parsed.groups.map(({ name, threshold, members }) => ({ name, threshold, members })),
        quorum: parsed.quorum,
      };
    }
    const found = await verifyCheckpoint(checkpoint, parsed, crypto, nowMs === undefined ? {} : { nowMs });
    const witnesses = found.witnesses.map(({ name, timestampS }) => ({ name, timestampS }));
    return { origin: found.origin, size: found.size, root: hex(found.root), witnesses, quorum: found.quorum };
  },
  tiles: ({ path, bundle, tile, width }) => {
    if (path !== undefined) return { ...parseTilePath(path) };
    if (tile !== undefined) return { hashes: decodeTile(unhex(tile), width).map(hex) };
    return { entries: decodeEntryBundle(unhex(bundle), width).map(hex) };
  },
  signature: async ({ alg, publicKey, message, signature }, crypto) => {
    const verify = { Ed25519: 'verifyEd25519', 'ML-DSA-44': 'verifyMlDsa44', ES256: 'verifyEs256' } as const;
    const method = verify[alg as keyof typeof verify];
    return { verified: await crypto[method](unhex(publicKey), unhex(message), unhex(signature)) };
  },
};

/** Returns a sentence for each case that does not come out as expected; empty when all do. */
export async function failures(cases: readonly Case[], crypto: Crypto): Promise<string[]> {
  const found: string[] = [];
  for (const { format, source, title, input, expected } of cases) {
    const actual = await outcome(RUNNERS[format], input, crypto);
    if (canonicalize(actual) !== canonicalize(expected)) {
      found.push(`${source}: ${title}: expected ${canonicalize(expected)}, found ${canonicalize(actual)}`);
    }
  }
  return found;
}

async function outcome(runner: Runner | undefined, input: Json, crypto: Crypto): Promise<Json> {
  if (runner === undefined) return { error: 'no runner for this format' };
  try {
    return await runner(input, crypto);
  } catch (error) {
    return { error: error instanceof EvidenceError ? error.code : String(error) };
  }
}

/**
 * Returns the SHA-256 of the first lines `<bits in hex>,<canonical number>` of the sequence that RFC 8785's author
 * defines: given doubles, then doubles with consecutive bits, then what a chain of SHA-256 over zeroes yields.
 */
function numberSequence(first: readonly string[], serial: { from: string; count: number }, lines: number): string {
  const view = new DataView(new ArrayBuffer(8));
  let text = '';
  let count = 0;
  const emit = (bits: bigint): void => {
    view.setBigUint64(0, bits);
    text += `${bits.toString(16)},${canonicalize(view.getFloat64(0))}\n`;
    count++;
  };
  for (const bits of first) emit(BigInt(`0x${bits}`));
  for (let i = 0; i < serial.count; i++) emit(BigInt(`0x${serial.from}`) + BigInt(i));
  let block: Uint8Array = new Uint8Array(32);
  while (count < lines) {
    block = sha256(block);
    const words = new DataView(block.buffer, block.byteOffset, 32);
    for (let at = 0; at < 32 && count < lines; at += 8) {
      const value = words.getFloat64(at, true);
      if (value !== 0 && Number.isFinite(value)) emit(words.getBigUint64(at, true));
    }
  }
  return hex(sha256(utf8(text)));
}
