/**
 * Where npm packages have to come from, and whom that is believed of: `provenance.json` in the data folder. Without it
 * every provenance is `none`. The root is the operator's copy; nobody is asked for a newer one (RULE 47).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrustMaterial } from '@sigstore/verify';
import { fromUtf8, parseJson, type Json } from '@licet/evidence';
import { misfit, ProvenanceSettings } from '@licet/api';
import { ServerError } from '../errors.ts';
import { writePrivate } from '../files.ts';

const pathOf = (data: string): string => join(data, 'provenance.json');

/** Returns the text of the settings; undefined when there are none. */
export async function readProvenanceText(data: string): Promise<string | undefined> {
  try {
    return await readFile(pathOf(data), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Settings, and the root in them as it verifies. */
export interface ReadProvenance {
  readonly settings: ProvenanceSettings;
  readonly trust: TrustMaterial;
}

/** Returns the settings of a text. @throws ServerError `ERR_SERVER_PROVENANCE` */
export async function parseProvenance(text: string): Promise<ReadProvenance> {
  let value: Json;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new ServerError('ERR_SERVER_PROVENANCE', 'the settings are no JSON', { cause });
  }
  const wrong = misfit(ProvenanceSettings, value);
  if (wrong !== undefined) throw new ServerError('ERR_SERVER_PROVENANCE', wrong);
  const settings = value as unknown as ProvenanceSettings;
  // Two answers for one package would make which counts a matter of order.
  const named = settings.packages.map(({ name, version }) => `${name}@${version ?? ''}`);
  if (new Set(named).size < named.length)
    throw new ServerError('ERR_SERVER_PROVENANCE', 'packages: one is there twice');
  // A plane without settings never loads it.
  const { trustedRootOf } = await import('./sigstore.ts');
  return { settings, trust: trustedRootOf(settings.trustedRoot) };
}

/** Returns the settings of a data folder; undefined when there are none. @throws ServerError */
export async function readProvenance(data: string): Promise<ProvenanceSettings | undefined> {
  const text = await readProvenanceText(data);
  return text === undefined ? undefined : (await parseProvenance(text)).settings;
}

/** Puts settings in force: from the next appraisal on. @throws ServerError; then the ones before stay in force */
export async function writeProvenance(data: string, bytes: Uint8Array): Promise<ProvenanceSettings> {
  const text = fromUtf8(bytes);
  const { settings } = await parseProvenance(text);
  await writePrivate(pathOf(data), text);
  return settings;
}
