// Signing keys: whose signatures count on bundles, the organisation's and the authors' (RULE 20). Prepare has checked
// under the same fence by whose word each key comes or goes: signatures are not the core's to check.
import type { AuthorKeyEffect, OrgKeyEffect } from './commands.ts';
import type { Draft } from './draft.ts';

/** Appends a change of the organisation's keys; returns the leaf. */
export function appendOrgKey(draft: Draft, { change, key, sig }: OrgKeyEffect, by: string): string {
  return draft.append('key', { op: change, purpose: 'org', key, by, sig }).leaf;
}

/** Appends changes of the authors' keys, in their order; returns the last leaf. */
export function appendAuthorKeys(draft: Draft, { changes }: AuthorKeyEffect, by: string): string {
  const leaves = changes.map(
    ({ op, key, subject: whose, sig }) =>
      draft.append('key', {
        op,
        purpose: 'author',
        key,
        by,
        ...(whose === undefined ? {} : { subject: whose }),
        sig,
      }).leaf,
  );
  return leaves.at(-1)!;
}
