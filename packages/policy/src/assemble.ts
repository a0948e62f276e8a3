/**
 * A bundle on disk is a folder: `bundle.json` with everything but the policies, `*.cedar` with the policies,
 * `*.test.json` with their tests. Assembling is the same everywhere, so that the digest is.
 */
import { parseJson, type Json } from '@licet/evidence';
import { parseBundle, type Bundle } from './bundle.ts';
import { PolicyError, problem } from './errors.ts';

/** A folder's files: name → text. */
export type BundleFiles = Readonly<Record<string, string>>;

/** Returns the bundle of a folder. Tests are not part of it. Throws ERR_BUNDLE_FORMAT. */
export function assembleBundle(files: BundleFiles): Bundle {
  const head = files['bundle.json'];
  if (head === undefined) throw format('bundle.json is missing', 'bundle.json');
  const policies: { name: string; text: string }[] = [];
  for (const name of Object.keys(files).sort()) {
    if (name.endsWith('.cedar')) policies.push({ name, text: files[name]!.replaceAll('\r\n', '\n') });
    // A policy file with another ending would be left out in silence.
    else if (name !== 'bundle.json' && !name.endsWith('.test.json') && !name.endsWith('.md'))
      throw format(`${name} is neither bundle.json, *.cedar, *.test.json nor *.md`, name);
  }
  const value = readJson('bundle.json', head);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || 'policies' in value)
    throw format('expected an object without policies, which are in *.cedar', 'bundle.json');
  return parseBundle({ ...value, policies });
}

/** Returns the test files of a folder, parsed: what `runPolicyTests` takes. */
export function testFiles(files: BundleFiles): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    Object.entries(files)
      .filter(([name]) => name.endsWith('.test.json'))
      .map(([name, text]) => [name, readJson(name, text)]),
  );
}

function readJson(name: string, text: string): Json {
  try {
    return parseJson(text);
  } catch (cause) {
    throw format(cause instanceof Error ? cause.message : 'not JSON', name, cause);
  }
}

function format(message: string, file: string, cause?: unknown): PolicyError {
  return new PolicyError('ERR_BUNDLE_FORMAT', message, {
    problems: [problem('format', message, { file })],
    cause,
  });
}
