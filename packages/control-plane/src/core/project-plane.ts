// Projection of what the plane says of itself and of its people: genesis, boot, containment, policy, identity.
import { jwkThumbprint, type EntryOf } from '@licet/evidence';
import { containmentOf } from './containment.ts';
import { OPERATORS, operatorsAfter } from './operators.ts';
import { pairOf } from './mandates.ts';
import type { IdentityRow, MandateRow, RowReader } from './rows.ts';
import { SELF } from './rows.ts';
import { put, type EntryDetail, type Put } from './transition.ts';

/** Row id of the number of identities that an issuer enrolled. */
export const enrolledBy = (issuer: string): string => `enrolled:${issuer}`;
/** Row id of the order with this serial. */
export const orderOfSerial = (serial: number): string => `serial:${serial}`;

/** The plane as its first entry states it; `boot` adds the rest. */
export const genesis = (entry: EntryOf<'genesis'>, leaf: string): readonly Put[] => [
  put('plane', SELF, {
    origin: entry.origin,
    tenant: entry.tenant,
    genesis: leaf,
    custody: entry.custody,
    public: entry.public,
    people: entry.people === 1 ? 1 : 2,
    ...(entry.org === undefined ? {} : { org: entry.org }),
    incarnation: '',
    operatorPolicy: '',
  }),
];

/** The plane as it is after opening. */
export function boot(rows: RowReader, entry: EntryOf<'boot'>): readonly Put[] {
  const plane = rows.get('plane', SELF);
  if (plane === undefined) return [];
  const { incarnation, custody, operatorPolicy } = entry;
  return [put('plane', SELF, { ...plane, incarnation, custody, operatorPolicy })];
}

/** The plane has ended in favour of another. */
export function successor(rows: RowReader, entry: EntryOf<'successor'>): readonly Put[] {
  const plane = rows.get('plane', SELF);
  return plane === undefined ? [] : [put('plane', SELF, { ...plane, successor: entry.successor })];
}

/** Keys of the organisation or of authors change by signature; every other key is only named by its entry. */
export function key(rows: RowReader, entry: EntryOf<'key'>, leaf: string): readonly Put[] {
  const plane = rows.get('plane', SELF);
  if (plane === undefined) return [];
  const { purpose, op, key: vkey, sig, subject } = entry;
  const change = {
    op,
    key: vkey,
    leaf,
    ...(sig === undefined ? {} : { sig }),
    ...(subject === undefined ? {} : { subject }),
  };
  // The first author's key is pinned, and named at the beginning without a signature.
  if (purpose === 'author' && sig !== undefined)
    return [put('plane', SELF, { ...plane, authors: [...(plane.authors ?? []), change] })];
  if (plane.org === undefined || purpose !== 'org') return [];
  const changes = [...(plane.org.changes ?? []), change];
  return [put('plane', SELF, { ...plane, org: { ...plane.org, changes } })];
}

/** The containments in force, and the kill order that one came from (RULE 34). */
export function containment(rows: RowReader, entry: EntryOf<'containment'>, leaf: string): readonly Put[] {
  const before = containmentOf(rows);
  const active =
    entry.op === 'contain'
      ? [
          ...before.active,
          {
            leaf,
            scope: entry.scope,
            atMs: entry.at,
            cause: entry.cause,
            ...(entry.order === undefined ? {} : { order: entry.order }),
          },
        ]
      : before.active.filter((one) => one.leaf !== entry.lifts);
  const puts: Put[] = [put('containment', SELF, { epoch: entry.epoch, head: leaf, active })];
  const lifted = before.active.find((one) => one.leaf === entry.lifts);
  const order = entry.order ?? lifted?.order;
  if (order !== undefined) {
    const row = { digest: order.digest, leaf: lifted?.leaf ?? leaf, lifted: lifted !== undefined };
    puts.push(put('order', order.digest, row), put('order', orderOfSerial(order.serial), row));
  }
  return puts;
}

/** The bundles in force and their floors; a published bundle is kept whole. */
export function policy(
  rows: RowReader,
  entry: EntryOf<'policy'>,
  leaf: string,
  detail?: EntryDetail,
): readonly Put[] {
  const before = rows.get('policy', SELF) ?? { head: null, floors: { team: 1, org: 1 } };
  const floors = { ...before.floors, [entry.layer]: entry.floor };
  if (entry.op === 'floor') return [put('policy', SELF, { ...before, head: leaf, floors })];
  const changed = entry.layer === 'team' ? (rows.get('plane', SELF)?.authors?.length ?? 0) : 0;
  const layer = {
    digest: entry.digest,
    version: entry.version,
    leaf,
    atMs: entry.at,
    ...(changed === 0 ? {} : { authors: changed }),
  };
  const puts: Put[] = [put('policy', SELF, { ...before, head: leaf, floors, [entry.layer]: layer })];
  if (detail?.signed !== undefined) {
    puts.push(
      put('bundle', entry.digest, { layer: entry.layer, version: entry.version, signed: detail.signed }),
    );
  }
  return puts;
}

/** An identity, and the keys by which it is found. */
export function identity(
  rows: RowReader,
  entry: EntryOf<'identity'>,
  leaf: string,
  detail?: EntryDetail,
): readonly Put[] {
  const before = rows.get('identity', entry.subject);
  const jkts = entry.keys.map((key) => jwkThumbprint(key));
  const passkeys = (entry.passkeys ?? []).map(({ id, key }) => ({ id, key, jkt: jwkThumbprint(key) }));
  const name = detail?.name ?? before?.name;
  const issuer = before === undefined ? issuerOf(rows, entry.by) : before.issuer;
  const known = before?.settings?.digest === entry.settings ? before?.settings?.value : undefined;
  const value = detail?.settings ?? known;
  const row: IdentityRow = {
    subject: entry.subject,
    kind: entry.kind,
    roles: entry.roles,
    groups: entry.groups,
    keys: entry.keys,
    jkts,
    ...(passkeys.length === 0 ? {} : { passkeys }),
    ...(entry.for === undefined ? {} : { for: entry.for }),
    ...(entry.root === undefined ? {} : { root: entry.root }),
    // A revoked identity stays revoked: coming back takes a new one.
    revoked: entry.op === 'revoke' || before?.revoked === true,
    leaf,
    ...(name === undefined ? {} : { name }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(entry.settings === undefined
      ? {}
      : { settings: { digest: entry.settings, ...(value === undefined ? {} : { value }) } }),
    ...(entry.kind === 'issuer' ? { since: entry.op === 'rotate' ? leaf : (before?.since ?? leaf) } : {}),
  };
  return [
    ...(before === undefined && issuer !== undefined
      ? [put('tally', enrolledBy(issuer), { count: (rows.get('tally', enrolledBy(issuer))?.count ?? 0) + 1 })]
      : []),
    ...(before === undefined && entry.kind === 'issuer'
      ? [put('issuers', SELF, { subjects: [...(rows.get('issuers', SELF)?.subjects ?? []), entry.subject] })]
      : []),
    put('identity', entry.subject, row),
    ...jkts.map((jkt) => put('key', jkt, { subject: entry.subject })),
    // By its key, and by the credential that a person shows at sign-in.
    ...passkeys.flatMap(({ id, jkt }) =>
      [id, jkt].map((one) => put('key', one, { subject: entry.subject, passkey: true as const })),
    ),
    put('tally', OPERATORS, { count: operatorsAfter(rows, before, row) }),
  ];
}

/** An identity that an issuer enrolled hangs on it. */
const issuerOf = (rows: RowReader, by: string): string | undefined =>
  rows.get('identity', by)?.kind === 'issuer' ? by : undefined;

/** A mandate, by its id and, when it is the newest one, by who gave it to whom. */
export function mandate(
  rows: RowReader,
  entry: EntryOf<'mandate'>,
  leaf: string,
  index: number,
  detail?: EntryDetail,
): readonly Put[] {
  const { id, from, to, parent } = entry;
  const pair = pairOf(from, to);
  if (entry.op === 'revoke') {
    const before = rows.get('mandate', id);
    if (before === undefined) return [];
    const ended = { ...before, revoked: true };
    return [
      put('mandate', id, ended),
      ...(rows.get('mandate', pair)?.id === id ? [put('mandate', pair, ended)] : []),
    ];
  }
  const row: MandateRow = {
    id,
    from,
    to,
    leaf,
    index,
    nbfMs: entry.nbf,
    expMs: entry.exp,
    ...(parent === undefined ? {} : { parent }),
    revoked: false,
    ...(detail?.mandate === undefined
      ? {}
      : { jkt: detail.mandate.jkt, opened: { key: detail.mandate.key, body: detail.mandate.body } }),
  };
  return [put('mandate', id, row), put('mandate', pair, row)];
}

/** A standing approval, by the leaf of its grant. */
export function standing(
  rows: RowReader,
  entry: EntryOf<'standing'>,
  leaf: string,
  index: number,
  detail?: EntryDetail,
): readonly Put[] {
  if (entry.op === 'revoke') {
    const before = entry.of === undefined ? undefined : rows.get('standing', entry.of);
    return before === undefined ? [] : [put('standing', before.leaf, { ...before, revoked: true })];
  }
  return [
    put('standing', leaf, {
      leaf,
      index,
      group: entry.group ?? '',
      by: entry.by,
      atMs: entry.at,
      expMs: entry.exp ?? 0,
      count: entry.count ?? 0,
      used: 0,
      revoked: false,
      ...(detail?.standing === undefined ? {} : { opened: detail.standing }),
    }),
  ];
}
