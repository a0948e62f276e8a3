/**
 * What must hold in a log whose server was killed: read from the files, with the plane down, by nothing but the
 * store's own check and the entries themselves.
 */
import { idemDigest, parseEntry, permitId, utf8, type Entry } from '@licet/evidence';
import { inspectDataFolder } from '@licet/store';
import type { Ledger } from './load.ts';

/** What one look at a killed log found. */
export interface Audit {
  readonly size: number;
  readonly permits: number;
  readonly starts: number;
  /** Index of the decision by idempotency digest. */
  readonly decided: ReadonlyMap<string, number>;
}

/** Computes the tree again and holds the entries against what was promised. Reads only. */
export async function audit(data: string, ledger: Ledger): Promise<Audit> {
  const inspection = await inspectDataFolder(data);
  try {
    const { size } = await inspection.check();
    const entries = (await inspection.entries(0, size)).map(({ bytes }) => bytes);
    for (const [index, text] of ledger.acknowledged) {
      const found = entries[index];
      if (found === undefined) ledger.violations.push(`the acknowledged entry ${index} is gone`);
      else if (Buffer.compare(found, utf8(text)) !== 0)
        ledger.violations.push(`the acknowledged entry ${index} has other bytes`);
    }
    return auditEntries(entries, ledger);
  } finally {
    await inspection.close();
  }
}

function auditEntries(entries: readonly Uint8Array[], ledger: Ledger): Audit {
  const permits = new Set<string>();
  const startOf = new Map<string, number>();
  const decided = new Map<string, number>();
  entries.forEach((bytes, index) => {
    const entry: Entry = parseEntry(bytes);
    if (entry.type === 'permit' || (entry.type === 'refusal' && entry.idem !== undefined)) {
      // RULE 6: one decision under one key, whatever was lost between.
      if (decided.has(entry.idem!))
        ledger.violations.push(`entry ${index} decides a key for the second time`);
      decided.set(entry.idem!, index);
    }
    if (entry.type === 'permit') permits.add(permitId(bytes));
    if (entry.type !== 'start') return;
    if (!permits.has(entry.permit))
      ledger.violations.push(`start ${index} names a permit that is not before it`);
    const other = startOf.get(entry.permit);
    if (other !== undefined) ledger.violations.push(`the permit of start ${index} was spent at ${other} too`);
    startOf.set(entry.permit, index);
  });
  return { size: entries.length, permits: permits.size, starts: startOf.size, decided };
}

/** Where the decision about a request stands, if it was made before the kill. */
export const decisionOf = (found: Audit, jkt: string, idempotencyKey: string): number | undefined =>
  found.decided.get(idemDigest(jkt, idempotencyKey));
