/** The inclusion path of one entry, level by level, with the hash computed at each (RFC 9162 §2.1.3.2). For display. */
import {
  base64url,
  leafHash,
  nodeHash,
  parseCheckpoint,
  parseNote,
  unbase64,
  utf8,
  type EvidenceFile,
} from '@licet/evidence';

/** One step up: which side the sibling stands on, and the hash above both. */
export interface PathStep {
  readonly level: number;
  readonly sibling: string;
  readonly side: 'left' | 'right';
  readonly computed: string;
}

/** The whole way from a leaf to the root that the checkpoint names. */
export interface Path {
  readonly index: number;
  readonly size: number;
  readonly leaf: string;
  readonly steps: readonly PathStep[];
  readonly computed: string;
  readonly expected: string;
}

/** Returns the path of the entry at `position` of the file to its newest checkpoint; undefined where it cannot be drawn. */
export function pathOf(file: EvidenceFile, position: number): Path | undefined {
  try {
    const one = file.entries[position]!;
    const { size, root } = parseCheckpoint(parseNote(file.checkpoints.at(-1)!.note).text);
    const leaf = leafHash(utf8(one.entry));
    const steps: PathStep[] = [];
    let [node, last, hash, level] = [one.index, size - 1, leaf, 0];
    for (const text of one.proof) {
      if (last === 0) break;
      const sibling = unbase64(text);
      const onLeft = node % 2 === 1 || node === last;
      hash = onLeft ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
      steps.push({
        level: ++level,
        sibling: base64url(sibling),
        side: onLeft ? 'left' : 'right',
        computed: base64url(hash),
      });
      // A node that is last and even has no sibling until its number is odd: those levels are passed over.
      if (onLeft && node % 2 === 0)
        while (node % 2 === 0 && node !== 0) {
          node = Math.floor(node / 2);
          last = Math.floor(last / 2);
        }
      node = Math.floor(node / 2);
      last = Math.floor(last / 2);
    }
    return {
      index: one.index,
      size,
      leaf: base64url(leaf),
      steps,
      computed: base64url(hash),
      expected: base64url(root),
    };
  } catch {
    return undefined;
  }
}
