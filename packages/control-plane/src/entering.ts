// Entering: tokens of trusted issuers that the shell has checked become an identity and a key that speaks for it. Nothing
// of a token, and nobody's name, reaches the log: ids and marks are HMACs under the tenant's key (RULE 42).
import {
  base64url,
  canonicalBytes,
  commitAttestation,
  concat,
  domainTag,
  hex,
  hmacSha256,
  utf8,
  type Json,
} from '@licet/evidence';
import { answered, conflict } from './answers.ts';
import { commit } from './commits.ts';
import type { PlaneContext } from './context.ts';
import type { CheckedToken, EnterCommand } from './core/commands.ts';
import type { IdentityRow, RowValues } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import type { ClaimedChain, IssuerRow, Plane, TokenPresented } from './face.ts';
import { executionOf } from './look-up.ts';

/** Returns the digest by which an issuer's entry commits to its settings. */
export const settingsDigest = (tenantKey: Uint8Array, settings: Json): string =>
  base64url(mac(tenantKey, 'issuer-settings', settings));

/** Lets the holder of a key in by a token, and by that of the person on whose behalf it is. */
export async function enter(
  context: PlaneContext,
  jkt: string,
  token: TokenPresented,
  claimed?: ClaimedChain,
): ReturnType<Plane['enter']> {
  const { random, tenantKey } = context;
  const behalf = claimed?.behalf;
  const both = behalf === undefined ? [token] : [token, behalf];
  const key = random.bytes(32);
  const { commitment, disclosures } = commitAttestation(
    key,
    both.map(({ said }) => said),
  );
  const checked = both.map((one): CheckedToken => checkedToken(tenantKey, one, commitment));
  const command: EnterCommand = {
    kind: 'enter',
    jkt,
    token: checked[0]!,
    ...(checked[1] === undefined ? {} : { behalf: checked[1] }),
  };
  const chain = await chainById(context, command, claimed?.parent);
  if (claimed !== undefined) {
    // RULE 17: the tokens may say who acted before; records say who did.
    const before = claimed.actors.map((named) => subjectOf(tenantKey, 'agent', named));
    const said = [command.behalf?.subject, ...before, command.token.subject];
    if (chain.length !== said.length || chain.some((id, at) => id !== said[at]))
      return { ...conflict('chain', ''), chain };
  }
  const body = { commitment, disclosures } as unknown as Json;
  const record = { id: tokenRecord(command.token.mark), key, body };
  return { ...answered(await commit(context, command, { record })), chain };
}

/** Ids from the person down to who comes in, by the records: of its parent, or of itself. */
async function chainById(
  { store }: PlaneContext,
  { token }: EnterCommand,
  parent: string | undefined,
): Promise<readonly string[]> {
  if (parent !== undefined) {
    const row = await executionOf(store, parent);
    return row?.state === 'running' ? [...row.chain.map(({ id }) => id), token.subject] : [];
  }
  const [row] = await store.read([{ kind: 'identity', id: token.subject }]);
  const whom = token.enrol === undefined ? (row?.value as IdentityRow | undefined)?.for : token.enrol.for;
  return whom === undefined ? [token.subject] : [whom, token.subject];
}

/** Record of what a token said. */
export const tokenRecord = (mark: string): string => `token/${mark}`;

function checkedToken(tenantKey: Uint8Array, one: TokenPresented, evidence: string): CheckedToken {
  const { issuer, settings, kind, subject, enrol, token, untilMs } = one;
  const named = 'is' in subject ? subject.is : subjectOf(tenantKey, kind, subject.named);
  const whom = enrol?.for === undefined ? undefined : personOf(tenantKey, enrol.for);
  const { for: _, ...rest } = enrol ?? { granted: false, roles: [], groups: [] };
  return {
    issuer,
    settings,
    kind,
    subject: named,
    ...(enrol === undefined ? {} : { enrol: { ...rest, ...(whom === undefined ? {} : { for: whom }) } }),
    mark: base64url(mac(tenantKey, 'token-mark', token).subarray(0, 16)),
    evidence,
    untilMs,
  };
}

const personOf = (tenantKey: Uint8Array, whom: TokenPresented['subject']): string =>
  'is' in whom ? whom.is : subjectOf(tenantKey, 'user', whom.named);

/** The opaque id of whom an issuer names so. */
const subjectOf = (tenantKey: Uint8Array, kind: 'user' | 'agent', named: readonly string[]): string =>
  `${kind === 'user' ? 'u' : 'a'}-${hex(mac(tenantKey, `subject-${kind}`, named).subarray(0, 8))}`;

const mac = (tenantKey: Uint8Array, tag: string, value: Json): Uint8Array =>
  hmacSha256(tenantKey, concat(utf8(domainTag(tag)), canonicalBytes(value)));

/** The issuers that are trusted now, each with settings that are the ones in its entry. */
export async function issuers({ store, tenantKey }: PlaneContext): Promise<readonly IssuerRow[]> {
  const [known] = await store.read([{ kind: 'issuers', id: SELF }]);
  const { subjects = [] } = (known?.value ?? {}) as Partial<RowValues['issuers']>;
  const rows = await store.read(subjects.map((id) => ({ kind: 'identity', id })));
  return rows.flatMap((row): readonly IssuerRow[] => {
    const { subject = '', name = subject, settings, revoked } = (row?.value ?? {}) as Partial<IdentityRow>;
    const value = settings?.value;
    // The pair of what was made when it was registered: settings that are not those of the entry are none.
    if (revoked !== false || value === undefined || settingsDigest(tenantKey, value) !== settings?.digest)
      return [];
    return [{ subject, name, settings: value, digest: settings.digest }];
  });
}
