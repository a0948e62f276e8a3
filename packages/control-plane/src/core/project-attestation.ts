// Projection of attestations: the newest of each kind, for the subject or for one execution, and the challenges that
// were spent a short while ago.
import type { EntryOf } from '@licet/evidence';
import { ATTESTATION_KINDS, BOUND_BY, type AttestationKind } from '@licet/policy';
import { CHALLENGE_TTL_MS, MAX_ATTESTATIONS } from './attest.ts';
import type { AttestationRow, AttestedItem, RowReader } from './rows.ts';
import { put, type Put } from './transition.ts';

/** Measurements remembered for one subject; the oldest go first. */
const MAX_ITEMS = 32;
/** Entries remembered for one execution, for its evidence. */
const MAX_ENTRIES = 64;

/** The rows that an attestation changes. */
export function attestation(
  rows: RowReader,
  entry: EntryOf<'attestation'>,
  leaf: string,
  index: number,
): readonly Put[] {
  const { subject, exec, challenge, at } = entry;
  const kind = ATTESTATION_KINDS.find((known) => known === entry.kind);
  // An issuer's word about a key is another matter: `vouching`.
  if (kind === undefined) return [];
  // A challenge cannot come back once it has run out, so that is how long it has to be remembered.
  const spent = (rows.get('challenge', subject)?.spent ?? []).filter(
    ([, atMs]) => at - atMs < CHALLENGE_TTL_MS,
  );
  const puts: Put[] = [
    put('challenge', subject, { spent: [...spent, [challenge, at] as const].slice(-MAX_ATTESTATIONS) }),
  ];
  const about = exec ?? subject;
  const before = rows.get('attestation', about);
  const item: AttestedItem = {
    kind,
    status: entry.status,
    measured: entry.measured,
    by: roleOf(rows, entry),
    attester: entry.by,
    sinceMs: entry.since ?? at,
    expMs: entry.exp,
    leaf,
    index,
  };
  const key = keyOf(kind, entry);
  // INVARIANT: what was contraindicated about an execution stays so, whatever is attested later ("no way back").
  const final = exec !== undefined && before?.items[key]?.status === 'contraindicated';
  return [
    ...puts,
    put(
      'attestation',
      about,
      withItem(before, about, { key, item: final ? before.items[key]! : item, index, atMs: at }),
    ),
  ];
}

/** A program or tool is one of several that a subject may use; of everything else the newest counts. */
function keyOf(kind: AttestationKind, { exec, measured }: EntryOf<'attestation'>): string {
  return exec === undefined && BOUND_BY[kind] !== undefined ? `${kind} ${measured}` : kind;
}

function withItem(
  before: AttestationRow | undefined,
  about: string,
  {
    key,
    item,
    index,
    atMs,
  }: { readonly key: string; readonly item: AttestedItem; readonly index: number; readonly atMs: number },
): AttestationRow {
  const others = Object.entries(before?.items ?? {}).filter(
    ([name, { expMs, status }]) => name !== key && (expMs > atMs || status === 'contraindicated'),
  );
  return {
    about,
    items: Object.fromEntries([...others, [key, item] as const].slice(-MAX_ITEMS)),
    entries: [...(before?.entries ?? []), index].slice(-MAX_ENTRIES),
  };
}

function roleOf(rows: RowReader, { by, subject }: EntryOf<'attestation'>): AttestedItem['by'] {
  if (by === subject) return 'self';
  return rows.get('identity', by)?.kind === 'verifier' ? 'verifier' : 'door';
}
