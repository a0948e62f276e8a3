/** Handlers of the public projection (RULE 42): opaque ids, verdicts and codes, nothing else. */
import { base64url, leafHash, parseEntry } from '@licet/evidence';
import { notFound, type Handlers, type Parts } from './handlers.ts';
import { forEachOfRun } from './run-executions.ts';
import { publicEntryOf, publicViewOf } from './views.ts';

const PAGE = 50;

/** Returns the handlers. */
export function publicHandlers({ plane, store }: Parts): Handlers {
  return {
    async publicFeed({ query }) {
      const { size } = await store.log.checkpoint();
      const start = Math.min(Number(query['after'] ?? -1) + 1, size);
      const end = Math.min(start + Number(query['limit'] ?? PAGE), size);
      const entries = start < end ? await store.log.entries(start, end) : [];
      return {
        items: entries.map((bytes, at) =>
          publicEntryOf(start + at, base64url(leafHash(bytes)), parseEntry(bytes)),
        ),
        size,
      };
    },
    async publicExecution({ id }) {
      const row = await plane.execution(id);
      if (row === undefined) throw notFound();
      return publicViewOf(row);
    },
    async publicLineage({ id }) {
      const executions = new Map<string, ReturnType<typeof publicViewOf>>();
      await forEachOfRun(store, id, (row) => executions.set(row.exec, publicViewOf(row)));
      if (executions.size === 0) throw notFound();
      return { run: id, executions: [...executions.values()] };
    },
  };
}
