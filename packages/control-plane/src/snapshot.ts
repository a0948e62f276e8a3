// A snapshot: the rows that Prepare has read, each with its version, so that Apply can refuse to go on when one of them
// has changed (RULE 4).
import type { Row, RowKey, RowKind, RowReader, RowValues, Versions } from './core/rows.ts';
import type { Store } from './ports.ts';

/** A consistent-enough view of some rows: Apply checks the versions again under the fence. */
export class Snapshot implements RowReader {
  readonly #rows = new Map<string, Row>();
  readonly #asked = new Map<string, RowKey>();
  readonly #store: Pick<Store, 'read'>;

  constructor(store: Pick<Store, 'read'>) {
    this.#store = store;
  }

  /** Reads rows that were not read yet. */
  async load(keys: readonly RowKey[]): Promise<void> {
    const missing = keys.filter((key) => !this.#asked.has(`${key.kind}/${key.id}`));
    if (missing.length === 0) return;
    const rows = await this.#store.read(missing);
    for (const [at, key] of missing.entries()) {
      this.#asked.set(`${key.kind}/${key.id}`, key);
      const row = rows[at];
      if (row !== undefined) this.#rows.set(`${key.kind}/${key.id}`, row);
    }
  }

  get<K extends RowKind>(kind: K, id: string): RowValues[K] | undefined {
    return this.#rows.get(`${kind}/${id}`)?.value as RowValues[K] | undefined;
  }

  version(kind: RowKind, id: string): number {
    return this.#rows.get(`${kind}/${id}`)?.version ?? 0;
  }

  /** Versions of what was read of these kinds, absent rows included as 0. */
  versions(kinds: readonly RowKind[]): Versions {
    return [...this.#asked.values()]
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ kind, id }) => [kind, id, this.version(kind, id)] as const);
  }
}

/** Rows whose change makes a decision stale. Meters are not among them: only the reservation enforces limits (RULE 4). */
export const FENCED: readonly RowKind[] = [
  'plane',
  'containment',
  'policy',
  'identity',
  'key',
  'fact',
  'mandate',
  'attestation',
  'hold',
];
