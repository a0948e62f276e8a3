// Somebody between an agent and the plane: hears some of the calls, or answers them in the plane's place.
import type { PlaneClient } from '@licet/api';

/** Returns the client with these calls in place of its own; every other one goes straight through. */
export const between = (client: PlaneClient, calls: Partial<PlaneClient>): PlaneClient =>
  new Proxy(client, {
    get(target, name) {
      if (Object.hasOwn(calls, name)) return Reflect.get(calls, name) as unknown;
      const member = Reflect.get(target, name) as unknown;
      return typeof member === 'function'
        ? (member as (...words: unknown[]) => unknown).bind(target)
        : member;
    },
  });
