/** Light or dark: the system's choice, or the visitor's own, kept in this browser. */
import { cell, useCell } from '../data/store.ts';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'licet.theme';
const kept = localStorage.getItem(KEY);
const theme = cell<Theme>(kept === 'light' || kept === 'dark' ? kept : 'system');

export function applyTheme(): void {
  const value = theme.read();
  if (value === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = value;
}

/** Returns the choice and how to make the next one. */
export function useTheme(): readonly [Theme, () => void] {
  const value = useCell(theme);
  const next: Theme = value === 'system' ? 'dark' : value === 'dark' ? 'light' : 'system';
  return [
    value,
    () => {
      localStorage.setItem(KEY, next);
      theme.write(next);
      applyTheme();
    },
  ];
}
