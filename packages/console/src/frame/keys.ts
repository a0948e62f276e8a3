/**
 * Keys of the frame: `g` then `c d p h l`, `j`/`k`, `y`, `p`, `?`, `/`, `esc`. No single key approves, contains or
 * kills. Rows take part by carrying `data-row` on what can be focused, and `data-proof` for their place in the log.
 */
import { useEffect, useRef } from 'react';

export interface KeyActions {
  go(path: string): void;
  search(): void;
  help(): void;
  close(): void;
  proof(place: string): void;
  copied(): void;
}

const PLACES: Readonly<Record<string, string>> = {
  c: '/console',
  d: '/demo',
  p: '/proof',
  h: '/health',
  l: '/lineage',
};
const CHORD_MS = 1_200;

/** Names and meanings, for the help. */
export const KEY_HELP: readonly (readonly [keys: string, meaning: string])[] = [
  ['g c · g d · g p · g h · g l', 'Console, Demo, Proof, Health, Lineage'],
  ['/', 'Search by id, hash, action or agent'],
  ['j · k', 'Next row, previous row'],
  ['enter', 'Open the row'],
  ['p', 'Proof of the row'],
  ['space', 'Pause or resume the decision feed'],
  ['y', 'Copy the address of this view'],
  ['esc', 'Close the drawer'],
  ['?', 'These keys'],
];

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    target.shadowRoot !== null);

function moveRow(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')];
  const at = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = at < 0 ? rows[by > 0 ? 0 : rows.length - 1] : rows[at + by];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

/** Listens to the keys while mounted. */
export function useKeys(given: KeyActions): void {
  // One listener for as long as the frame stands: a page that renders between `g` and `c` must not break the chord.
  const newest = useRef(given);
  newest.current = given;
  useEffect(() => {
    let chordUntil = 0;
    const press = (event: KeyboardEvent): void => {
      const actions = newest.current;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === 'Escape') return actions.close();
      if (typing(event.target)) return;
      const chord = event.timeStamp < chordUntil;
      chordUntil = 0;
      const place = PLACES[event.key];
      if (chord && place !== undefined) {
        event.preventDefault();
        return actions.go(place);
      }
      const act = (todo: () => void): void => {
        event.preventDefault();
        todo();
      };
      switch (event.key) {
        case 'g':
          chordUntil = event.timeStamp + CHORD_MS;
          return;
        case '/':
          return act(() => actions.search());
        case '?':
          return act(() => actions.help());
        case 'j':
          return act(() => moveRow(1));
        case 'k':
          return act(() => moveRow(-1));
        case 'y':
          return act(() => {
            void navigator.clipboard.writeText(location.href).then(
              () => actions.copied(),
              () => undefined,
            );
          });
        case 'p': {
          const found = document.activeElement?.closest<HTMLElement>('[data-proof]')?.dataset['proof'];
          if (found !== undefined) act(() => actions.proof(found));
          return;
        }
        default:
      }
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}
