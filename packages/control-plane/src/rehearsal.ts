// The rehearsal of a publication: its tests are run and recorded decisions are decided again, here and not by whoever
// asks, so that the second person judges what the plane has seen. Its report is committed to in the operation's inputs.
import { base64url, canonicalBytes, domainTag, sha256, utf8, type Json } from '@licet/evidence';
import { runPolicyTests, type Bundle, type LoadedBundle } from '@licet/policy';
import type { PlaneContext } from './context.ts';
import type { Effect } from './core/commands.ts';
import type { ExecutionRow } from './core/rows.ts';
import type { Plane, Proposal } from './face.ts';
import { replayOn } from './publication.ts';
import { recordOf } from './records.ts';
import { SECOND_PERSON } from './core/approvals.ts';

type Publishing = Effect & { readonly op: 'publish' };

/** The newest recorded decisions that every publication is tried on. */
const REPLAYED = 200;
const MAX_PROPOSALS = 50;

/** What the plane saw when it tried a bundle. */
export interface Rehearsal {
  readonly tests: { readonly digest: string; readonly passed: number };
  readonly replay: Awaited<ReturnType<Plane['replay']>> & { readonly digest: string };
}

/** Why a bundle cannot be published, by its own tests. */
export interface Failing {
  readonly code: 'tests_missing' | 'tests_failed';
  readonly detail: string;
}

/** Returns the digest of test files: SHA-256("licet/policy-tests/v1\n" ‖ JCS(files)). */
export const testsDigest = (tests: Publishing['tests']): string => digestOf('policy-tests', tests as Json);

/** Runs the tests of a bundle and decides recorded decisions again under it. Throws PolicyError for malformed tests. */
export async function rehearse(
  context: PlaneContext,
  effect: Publishing,
  loaded: LoadedBundle,
): Promise<Rehearsal | Failing> {
  const results = runPolicyTests(context.engine, loaded, effect.tests);
  // Fail closed: a team's bundle whose tests were lost has not passed them. What stands above knows no team's actions.
  if (results.length === 0 && effect.layer === 'team')
    return { code: 'tests_missing', detail: 'a bundle comes with at least one test' };
  const failed = results.filter(({ passed }) => !passed);
  if (failed.length > 0)
    return {
      code: 'tests_failed',
      detail: `${failed.length} of ${results.length} do not hold: ${failed.map(({ name }) => name).join('; ')}`,
    };
  const replay = await replayOn(context, loaded, REPLAYED);
  return {
    tests: { digest: testsDigest(effect.tests), passed: results.length },
    replay: { ...replay, digest: digestOf('policy-replay', replay as unknown as Json) },
  };
}

/** Publications that wait for a second person, newest first, each with all that there is to judge. */
export async function proposals({ store }: PlaneContext): Promise<readonly Proposal[]> {
  const where = { action: 'licet/publish', state: 'held' };
  const rows = await store.list({ kind: 'execution', where, limit: MAX_PROPOSALS });
  const found = await Promise.all(
    rows.map(async ({ value }): Promise<readonly Proposal[]> => {
      const row = value as ExecutionRow;
      const record = await recordOf(store, row);
      const inputs = record?.body.disclosures.inputs[0]?.[2] as
        { readonly signed?: Json; readonly tests?: Json; readonly rehearsal?: Rehearsal } | undefined;
      if (row.hold === undefined || inputs?.signed === undefined || inputs.rehearsal === undefined) return [];
      const { layer, version } = (inputs.signed as unknown as { readonly bundle: Bundle }).bundle;
      const digest = (record?.body.arguments as { readonly digest?: string } | undefined)?.digest ?? '';
      return [
        {
          exec: row.exec,
          hold: row.hold.leaf,
          group: SECOND_PERSON,
          untilMs: row.hold.untilMs,
          by: row.chain.at(-1)?.id ?? '',
          layer,
          version,
          digest,
          signed: inputs.signed,
          tests: inputs.tests ?? {},
          rehearsal: inputs.rehearsal,
        },
      ];
    }),
  );
  return found.flat();
}

const digestOf = (tag: string, value: Json): string =>
  base64url(sha256(utf8(domainTag(tag)), canonicalBytes(value)));
