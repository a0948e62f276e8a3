/** What a data folder's `provenance.json` expects. Read for each appraisal, so that a change needs no restart. */
import type { Expectations } from './verifier.ts';
import { parseProvenance, readProvenanceText } from './settings.ts';

/** Returns the look-up. What cannot be read or does not fit rejects: then nothing is verified. */
export function expectationsOf(data: string): () => Promise<Expectations | undefined> {
  let known: { readonly text: string; readonly expected: Expectations } | undefined;
  return async () => {
    const text = await readProvenanceText(data);
    if (text === undefined) return undefined;
    if (known?.text !== text) {
      const { settings, trust } = await parseProvenance(text);
      const { openProvenance } = await import('./sigstore.ts');
      const open: Expectations['open'] = (provenance) => openProvenance(provenance, trust);
      known = { text, expected: { packages: settings.packages, open } };
    }
    return known.expected;
  };
}
