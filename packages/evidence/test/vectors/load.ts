/**
 * Reads vectors: ours from `vectors/`, and, where the folder is present, those that others wrote, turned into
 * the same shape.
 */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { basename, dirname, join } from 'node:path';
import { hex, unbase64, type Json } from '../../src/index.ts';
import type { Case, Vector } from './runners.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const OWN = join(ROOT, 'vectors');
const FOREIGN = join(ROOT, '..', 'shared', 'vectors');

/** Returns every vector under `vectors/`, with the folder as its format. */
export function ownCases(): Case[] {
  return globSync('*/*.json', { cwd: OWN }).map((path) => {
    const vector = JSON.parse(readFileSync(join(OWN, path), 'utf8')) as Vector;
    return { ...vector, format: dirname(path), source: path };
  });
}

/** Returns the vectors of others, or undefined where they are absent. */
export function foreignCases(): Case[] | undefined {
  if (!existsSync(FOREIGN)) return undefined;
  return [...merkleCases(), ...canonicalCases(), ...wycheproofCases()];
}

// oxlint-disable-next-line typescript/no-explicit-any -- data of others, shaped by their own schemas
function read(path: string): any {
  return JSON.parse(readFileSync(join(FOREIGN, path), 'utf8'));
}

function merkleCases(): Case[] {
  const decode = (text: string): string => hex(unbase64(text));
  return globSync('rfc6962/testdata/**/*.json', { cwd: FOREIGN }).map((path) => {
    const v = read(path);
    const proof = (v.proof ?? []).map(decode);
    // One case of theirs calls two equal roots of 13 bytes consistent; here a root has 32 bytes or verifies nothing.
    const cut = [v.root, v.root1, v.root2].some((root) => root && unbase64(root).length !== 32);
    const common = { title: v.desc, spec: 'RFC 6962 §2.1', source: path, expected: { verified: !v.wantErr && !cut } };
    if ('leafIdx' in v) {
      const { leafIdx: index, treeSize: size } = v;
      const input: Json = { index, size, leaf: decode(v.leafHash ?? ''), proof, root: decode(v.root ?? '') };
      return { ...common, format: 'inclusion', input };
    }
    const { size1: oldSize, size2: newSize } = v;
    const input: Json = { oldSize, newSize, oldRoot: decode(v.root1 ?? ''), newRoot: decode(v.root2 ?? ''), proof };
    return { ...common, format: 'consistency', input };
  });
}

function canonicalCases(): Case[] {
  return readdirSync(join(FOREIGN, 'jcs/testdata/input')).map((file) => {
    const name = basename(file, '.json');
    const bytes = readFileSync(join(FOREIGN, `jcs/testdata/outhex/${name}.txt`), 'utf8').replaceAll(/\s/g, '');
    const text = readFileSync(join(FOREIGN, `jcs/testdata/input/${file}`), 'utf8');
    return { title: name, spec: 'RFC 8785', format: 'canonical', source: file, input: { text }, expected: { bytes } };
  });
}

function wycheproofCases(): Case[] {
  return [
    ...signatureCases('ed25519_test.json', 'Ed25519', (group) => group.publicKey.pk),
    ...signatureCases('mldsa_44_verify_test.json', 'ML-DSA-44', (group) => group.publicKey),
    ...signatureCases('ecdsa_secp256r1_sha256_p1363_test.json', 'ES256', (group) => group.publicKey.uncompressed),
  ];
}

// oxlint-disable-next-line typescript/no-explicit-any -- data of others, shaped by their own schemas
function signatureCases(file: string, alg: string, keyOf: (group: any) => string): Case[] {
  const cases: Case[] = [];
  for (const group of read(`wycheproof/${file}`).testGroups) {
    for (const { tcId, comment, msg, sig, result, ctx } of group.tests) {
      // A context string is no part of any format here, so those few cases have nothing to run against.
      if (ctx) continue;
      cases.push({
        title: `${tcId} ${comment}`,
        spec: 'wycheproof testvectors_v1',
        format: 'signature',
        source: file,
        input: { alg, publicKey: keyOf(group), message: msg, signature: sig },
        expected: { verified: result === 'valid' },
      });
    }
  }
  return cases;
}
