/**
 * Quiet: while a page checks evidence, this browser asks the plane nothing, so that whoever watches the network sees
 * that the verdict came from nowhere else. The last known state stays on show.
 */
import { useEffect } from 'react';
import { cell, useCell } from './store.ts';

const quiet = cell(false);

/** Returns whether nothing may be asked now. */
export const isQuiet = (): boolean => quiet.read();
/** The same, following changes. */
export const useIsQuiet = (): boolean => useCell(quiet);

/** Keeps the frame quiet while mounted and `on`. */
export function useQuiet(on: boolean): void {
  useEffect(() => {
    quiet.write(on);
    return () => quiet.write(false);
  }, [on]);
}
