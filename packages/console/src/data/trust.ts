/**
 * Whom the visitor believes: a trust file, pasted or opened by hand and kept in this browser. It never comes from the
 * plane that is being checked (RULE 43): a plane that vouches for itself proves nothing.
 */
import { useMemo } from 'react';
import type { Trust } from '@licet/evidence';
import { cell, useCell } from './store.ts';

const KEY = 'licet.trust';
const text = cell<string | undefined>(localStorage.getItem(KEY) ?? undefined);

/** Keeps a trust file. @throws EvidenceError when it is none */
export async function keepTrust(file: string): Promise<Trust> {
  const { parseTrust } = await import('@licet/evidence');
  const trust = parseTrust(file);
  localStorage.setItem(KEY, file);
  text.write(file);
  return trust;
}

export function forgetTrust(): void {
  localStorage.removeItem(KEY);
  text.write(undefined);
}

/** Returns the text of the trust file, where one is kept. */
export const useTrustText = (): string | undefined => useCell(text);

/** Returns the origins that the kept trust file names, without loading the verifier. Only for display. */
export function useTrustedOrigins(): readonly string[] {
  const kept = useTrustText();
  return useMemo(() => {
    if (kept === undefined) return [];
    try {
      return (JSON.parse(kept) as Trust).logs.map(({ origin }) => origin);
    } catch {
      return [];
    }
  }, [kept]);
}

addEventListener('storage', ({ key, newValue }) => {
  if (key === KEY) text.write(newValue ?? undefined);
});
