/**
 * Shadow: policies marked `@mode("shadow")` are not in force; what they would have changed is recorded as an
 * observation and never as authority (RULE 1).
 */
import type { ExactInputs } from './decision-input.ts';
import type { DenyCode } from './deny-codes.ts';
import type { Verdict } from './evaluate.ts';
import type { LoadedBundle } from './load.ts';
import { sliceOf, type PolicySet } from './slices.ts';

/** The verdict that would have been reached with the shadow policies in force. */
export interface ShadowResult {
  readonly verdict: 'allow' | 'deny' | 'hold';
  readonly code?: DenyCode;
  readonly reasons: readonly string[];
}

/** Returns nothing when no shadow policy bears on the request, else the one result. */
export function shadowOf(
  loaded: LoadedBundle,
  inputs: ExactInputs,
  decide: (set: PolicySet) => Verdict,
): readonly ShadowResult[] {
  const { observed } = loaded;
  const plan = loaded.actions.get(inputs.action);
  if (observed === undefined || plan === undefined) return [];
  const bears = inputs.links.some(({ principal }) =>
    inputs.resources.some((resource) =>
      sliceOf(observed, plan, principal.type, resource.type).policies.some(
        ({ annotations }) => annotations.shadow,
      ),
    ),
  );
  if (!bears) return [];
  const { verdict, code, reasons } = decide(observed);
  return [{ verdict, reasons, ...(code === undefined ? {} : { code }) }];
}
