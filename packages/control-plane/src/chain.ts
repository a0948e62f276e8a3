// The chain: on whose behalf a request is made, from the person down to the agent that asks. It is made from identity and
// parent records, never from the request (RULE 17).
import type { ChainLink } from '@licet/evidence';
import type { Caller } from './core/commands.ts';
import { bindings, mandateKeys } from './core/mandates.ts';
import type { IdentityRow, MandateRow } from './core/rows.ts';
import { stands, vouchedFor } from './core/vouching.ts';
import type { BoundMandate } from './mandates.ts';
import type { Snapshot } from './snapshot.ts';
import { loadPeople, loadSpeaker } from './speakers.ts';

/** A denial that needs no policy: a code of the table. */
export interface Refused {
  readonly deny: string;
  readonly failedLink?: number;
}

/** The chain of a request, made from records and never from the request (RULE 17). */
export interface Chain {
  readonly links: readonly ChainLink[];
  readonly identities: readonly IdentityRow[];
  /** What binds it besides the bundle. */
  readonly mandates: readonly BoundMandate[];
  readonly run: string;
  readonly parent?: { readonly exec: string; readonly start: string };
  readonly depth: number;
}

/** Builds the chain of `caller`, below `parentId` when given. `exec` is the run of a root. */
export async function chainOf(
  snapshot: Snapshot,
  caller: Caller,
  parentId: string | undefined,
  exec: string,
  nowMs: number,
): Promise<Chain | Refused> {
  await loadPeople(snapshot, [caller.subject]);
  await loadSpeaker(snapshot, caller.jkt);
  const self = snapshot.get('identity', caller.subject);
  if (self === undefined || !stands(snapshot, self) || (self.kind !== 'agent' && self.kind !== 'user'))
    return { deny: 'unidentified' };
  const own = self.jkts.includes(caller.jkt);
  const vouched = own ? undefined : vouchedFor(snapshot, self, caller.jkt, nowMs);
  const tokens = new Map<string, string>();
  if (vouched !== undefined) tokens.set(self.subject, vouched.leaf);
  if (parentId === undefined) {
    const root = { run: exec, depth: 0, tokens };
    if (self.for === undefined) return withLinks(snapshot, [self], root, nowMs);
    await loadPeople(snapshot, [self.for]);
    const user = snapshot.get('identity', self.for);
    if (vouched?.behalf !== undefined) tokens.set(vouched.behalf.subject, vouched.behalf.leaf);
    return user === undefined || !stands(snapshot, user)
      ? { deny: 'revoked', failedLink: 0 }
      : withLinks(snapshot, [user, self], root, nowMs);
  }
  await snapshot.load([{ kind: 'execution', id: parentId }]);
  const parent = snapshot.get('execution', parentId);
  const speaks = parent?.jkt === caller.jkt || parent?.permit?.child?.jkt === caller.jkt;
  if (parent?.start === undefined || !speaks) return { deny: 'parent' };
  await loadPeople(
    snapshot,
    parent.chain.map(({ id }) => id),
  );
  const above = parent.chain.map(({ id }) => snapshot.get('identity', id));
  const gone = above.findIndex(
    (row, at) => row === undefined || !stands(snapshot, row) || row.leaf !== parent.chain[at]!.identity,
  );
  if (gone >= 0) return { deny: 'revoked', failedLink: gone };
  const identities = above as IdentityRow[];
  const acting = identities.at(-1)?.subject === self.subject ? identities : [...identities, self];
  if (acting.length > 8) return { deny: 'too_large' };
  const place = {
    run: parent.run,
    parent: { exec: parentId, start: parent.start.leaf },
    depth: parent.depth + 1,
    tokens,
  };
  // Whoever acts above does so by what vouched for it there.
  for (const { id, token } of parent.chain)
    if (token !== undefined && id !== self.subject) tokens.set(id, token);
  return withLinks(snapshot, acting, place, nowMs);
}

async function withLinks(
  snapshot: Snapshot,
  identities: readonly IdentityRow[],
  {
    tokens,
    ...rest
  }: Pick<Chain, 'run' | 'parent' | 'depth'> & {
    readonly tokens: ReadonlyMap<string, string>;
  },
  nowMs: number,
): Promise<Chain | Refused> {
  const ids = identities.map(({ subject }) => subject);
  await snapshot.load(mandateKeys(ids));
  const bound = bindings(snapshot, ids, nowMs);
  const broken = bound.indexOf('broken');
  if (broken >= 0) return { deny: 'mandate', failedLink: broken };
  const rows = bound as readonly (MandateRow | undefined)[];
  return {
    identities,
    links: identities.map((row, at) => ({
      kind: row.kind === 'user' ? 'user' : 'agent',
      id: row.subject,
      identity: row.leaf,
      ...(rows[at] === undefined ? {} : { mandate: rows[at].leaf }),
      ...(tokens.has(row.subject) ? { token: tokens.get(row.subject)! } : {}),
    })),
    mandates: rows.flatMap((row, at) => (row === undefined ? [] : [{ row, at }])),
    ...rest,
  };
}
