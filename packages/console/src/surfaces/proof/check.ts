/**
 * One check of one file: the verifier of `@licet/evidence` on the bytes as they are, under the visitor's own trust
 * (RULE 43). Everything happens here; nothing is asked of anybody.
 */
import {
  parseTrust,
  utf8,
  verifyBundle,
  type EvidenceFile,
  type Redecide,
  type RungReport,
  type VerifyReport,
} from '@licet/evidence';
import { webCrypto } from '@licet/evidence/web';
import { nowMs } from '../../data/clock.ts';

/** A file as checked here. */
export interface Checked {
  readonly bytes: Uint8Array;
  readonly report: VerifyReport;
  /** The file as far as it can be read; for display only, the report judges it. */
  readonly file?: EvidenceFile;
  readonly tookMs: number;
}

/** Checks a file. Never throws for what the file or the trust text says. */
export async function checkEvidence(
  bytes: Uint8Array,
  trustText: string | undefined,
  redecide: Redecide | undefined,
): Promise<Checked> {
  const began = performance.now();
  const report = await verifyBundle(bytes, trustText === undefined ? undefined : parseTrust(trustText), {
    crypto: webCrypto,
    nowMs: nowMs(),
    ...(redecide === undefined ? {} : { redecide }),
  });
  const file = readLoosely(bytes);
  return { bytes, report, tookMs: performance.now() - began, ...(file === undefined ? {} : { file }) };
}

/** What is shown of a file that may be broken: each view guards itself, and none of them decides anything. */
function readLoosely(bytes: Uint8Array): EvidenceFile | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as EvidenceFile;
    return Array.isArray(value.entries) && Array.isArray(value.checkpoints) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes of what was pasted, opened, or carried in a fragment. */
export const textBytes = (text: string): Uint8Array => utf8(text.trim());

/** The first rung that failed. */
export const firstFailure = (report: VerifyReport): RungReport | undefined =>
  report.rungs.find(({ status }) => status === 'fail');

/** Evidence in a `#` fragment: only as much as browsers take, and it never reaches a server. */
const MAX_FRAGMENT = 30_000;
const NAME = '#evidence=';

/** Returns an address with the evidence inside, or undefined when the file is too large for that. */
export async function fragmentOf(bytes: Uint8Array): Promise<string | undefined> {
  const packed = new Uint8Array(
    await new Response(
      new Blob([bytes.slice()]).stream().pipeThrough(new CompressionStream('deflate-raw')),
    ).arrayBuffer(),
  );
  const text = btoa(Array.from(packed, (byte) => String.fromCharCode(byte)).join(''))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
  return text.length > MAX_FRAGMENT ? undefined : `${NAME}${text}`;
}

/** Largest file that a fragment may unfold to, bytes: a small fragment could hold a bomb. */
const MAX_UNFOLDED = 4_000_000;

/** Returns the evidence that the fragment of an address carries. @throws Error when it carries something else */
export async function evidenceOfFragment(hash: string): Promise<Uint8Array | undefined> {
  if (!hash.startsWith(NAME)) return undefined;
  const packed = atob(hash.slice(NAME.length).replaceAll('-', '+').replaceAll('_', '/'));
  const stream = new Blob([Uint8Array.from(packed, (character) => character.charCodeAt(0))])
    .stream()
    .pipeThrough(new DecompressionStream('deflate-raw'));
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream as unknown as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > MAX_UNFOLDED) throw new Error('the evidence in this address is too large');
    parts.push(part);
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}
