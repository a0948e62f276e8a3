/** Signing and publishing a bundle, as `policy publish` and the first start do (RULE 20). */
import { createTwoFilesPatch } from 'diff';
import type { OperatorAnswer, PlaneClient } from '@licet/api';
import type { Json } from '@licet/evidence';
import type { Bundle } from '@licet/policy';
import { stateFolderOf } from './places.ts';
import type { Output } from './output.ts';

/** Signs with the author key of the state folder, and publishes. @throws ServerError, PlaneError */
export async function signAndPublish(
  client: Pick<PlaneClient, 'publish'>,
  bundle: Bundle,
  plane: {
    readonly origin: string;
    readonly tests: Readonly<Record<string, Json>>;
  },
): Promise<OperatorAnswer> {
  const { readAuthor, signBundle } = await import('@licet/server');
  const { seed, key } = await readAuthor(stateFolderOf(), plane.origin);
  return client.publish(signBundle(bundle, seed, key) as unknown as Json, plane.tests);
}

/** Returns a unified diff from the active bundle to the new one, file by file; empty when they say the same. */
export function bundleDiff(before: Bundle | undefined, after: Bundle): string {
  const old = textsOf(before);
  const now = textsOf(after);
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].toSorted();
  return names
    .filter((name) => old[name] !== now[name])
    .map((name) =>
      createTwoFilesPatch(`active/${name}`, `new/${name}`, old[name] ?? '', now[name] ?? '', '', '', {
        context: 3,
      }),
    )
    .map((patch) => patch.replace(/^=+\n/, ''))
    .join('');
}

/** Everything that a bundle says, as readable files. */
function textsOf(bundle: Bundle | undefined): Readonly<Record<string, string>> {
  if (bundle === undefined) return {};
  const { policies, ...head } = bundle;
  return {
    'bundle.json': `${JSON.stringify(sorted(head), null, 2)}\n`,
    ...Object.fromEntries(policies.map(({ name, text }) => [name, text])),
  };
}

/** The active one comes back in canonical order: members are sorted, so that order is no difference. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

/** Prints a diff in colour. */
export function showDiff(out: Output, diff: string): void {
  for (const line of diff.split('\n')) {
    if (line.startsWith('+')) out.line(out.style('good', line));
    else if (line.startsWith('-')) out.line(out.style('bad', line));
    else if (line.startsWith('@@')) out.line(out.style('name', line));
    else out.line(line);
  }
}
