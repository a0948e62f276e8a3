/** A value outside React that components can follow: the smallest thing `useSyncExternalStore` needs. */
import { useSyncExternalStore } from 'react';

export interface Cell<T> {
  read(): T;
  write(next: T): void;
  subscribe(listener: () => void): () => void;
}

/** Returns a cell holding `initial`. */
export function cell<T>(initial: T): Cell<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    read: () => value,
    write(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Returns the value of a cell and renders again when it changes. */
export function useCell<T>(of: Cell<T>): T {
  return useSyncExternalStore(of.subscribe, of.read);
}
