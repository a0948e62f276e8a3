/** In which order Vitest hands the files out. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes a minute or much of it, longest first: begun last, one of these would run alone at the end. */
const LONG: readonly string[] = [
  'simulator/test/simulate.test.ts',
  'tests/kill/kill.test.ts',
  'packages/policy/test/slices.test.ts',
  'tests/races/containment.test.ts',
  'packages/cli/test/plane.test.ts',
  'packages/control-plane/test/delegation.test.ts',
  'packages/store/test/files.test.ts',
  'packages/store/test/postgres.test.ts',
  'packages/store/test/sqlite.test.ts',
  'tests/races/emergency.test.ts',
  'packages/cli/test/mcp-import.test.ts',
  'packages/cli/test/mandates.test.ts',
  'packages/gateway/test/runner-confinement.test.ts',
  'packages/server/test/ownership.test.ts',
  'packages/gateway/test/plane.test.ts',
  'packages/cli/test/pack.test.ts',
  'tests/replicas/failover.test.ts',
  'tests/examples.test.ts',
  'packages/console/test/console.e2e.test.ts',
];

/** The long ones first; Vitest orders the rest, what took longest before or is the largest file ahead. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(name));
      return at === -1 ? LONG.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
