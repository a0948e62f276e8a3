/** A bundle on disk: a folder of bundle.json, *.cedar, *.test.json and *.md, read and written as text. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleFiles } from '@licet/policy';
import { CliError } from './errors.ts';
import { reason } from './places.ts';

/** Returns the files of a folder that belong to a bundle. Hidden files are left aside. @throws CliError `ERR_CLI_FILE` */
export async function readBundleFolder(folder: string): Promise<BundleFiles> {
  let names: readonly string[];
  try {
    const found = await readdir(folder, { withFileTypes: true });
    const other = found.find((item) => !item.name.startsWith('.') && !item.isFile());
    // A folder inside could hold policies that somebody believes in force.
    if (other !== undefined)
      throw new CliError(
        'ERR_CLI_POLICY',
        `${join(folder, other.name)} is no file; a bundle is one folder of files`,
      );
    names = found.map(({ name }) => name).filter((name) => !name.startsWith('.'));
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError('ERR_CLI_FILE', `${folder} cannot be read: ${reason(cause)}`, { cause });
  }
  const files: Record<string, string> = {};
  for (const name of names.toSorted()) files[name] = await readFile(join(folder, name), 'utf8');
  return files;
}

/** Writes a new bundle folder. @throws CliError `ERR_CLI_EXISTS` when any of its files is there */
export async function writeBundleFolder(folder: string, files: BundleFiles): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    const there = new Set(await readdir(folder));
    const taken = Object.keys(files).find((name) => there.has(name));
    if (taken !== undefined)
      throw new CliError('ERR_CLI_EXISTS', `${join(folder, taken)} is there already`, {
        still: 'It was not touched.',
      });
    for (const [name, text] of Object.entries(files))
      await writeFile(join(folder, name), text, { flag: 'wx' });
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError('ERR_CLI_FILE', `${folder} cannot be written: ${reason(cause)}`, { cause });
  }
}

/**
 * Sets `version` in the folder's bundle.json, changing nothing else in the text. @throws CliError `ERR_CLI_POLICY`
 * when the number stands nowhere that can be changed by itself.
 */
export async function writeVersion(folder: string, text: string, version: number): Promise<string> {
  const changed = text.replace(/("version"\s*:\s*)\d+/, `$1${version}`);
  if ((JSON.parse(changed) as { readonly version?: unknown }).version !== version)
    throw new CliError('ERR_CLI_POLICY', `set "version" to ${version} in bundle.json and publish again`);
  await writeFile(join(folder, 'bundle.json'), changed);
  return changed;
}
