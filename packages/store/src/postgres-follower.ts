/**
 * Following the other replicas: woken by NOTIFY, and by a poll in case a notification was lost; telling the others that
 * this one is alive; and looking again whether the server is still as safe as it was (see postgres-server.ts).
 */
import type { Session } from './postgres-connection.ts';
import { STATE, stateOf } from './postgres-reader.ts';
import { inspectServer } from './postgres-server.ts';
import type { ReplicaView } from './postgres-view.ts';

const POLL_MS = 500;
const HEARTBEAT_MS = 2_000;
/** A replica that has said nothing for so long is not counted. */
const ALIVE_MS = 10_000;

export interface Replica {
  readonly id: string;
  readonly size: number;
  /** Milliseconds since it was last heard, by the server's clock. */
  readonly ageMs: number;
}

export interface FollowerParts {
  readonly session: Session;
  readonly id: string;
  readonly channel: string;
  readonly incarnation: string;
  view(): ReplicaView;
  reopen(): Promise<void>;
  /** Something was taken over. */
  news(): void;
  failed(error: unknown): void;
}

export interface Follower {
  /** The replicas that are alive, this one too, by id. */
  readonly replicas: readonly Replica[];
  /** Tells the others that there is something new. Not waited for: a lost notification costs latency. */
  notify(): void;
  /** Brings the view up to date. */
  sync(): Promise<void>;
  stop(): Promise<void>;
}

const READ = { name: 'read', text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' };
const END = { name: 'end', text: 'COMMIT' };

/** Starts following over a session of its own. */
export async function startFollower(parts: FollowerParts): Promise<Follower> {
  const { session, id, channel, incarnation } = parts;
  let replicas: readonly Replica[] = [];
  let stopped = false;
  let syncing: Promise<void> | undefined;
  let again = false;
  let notifying = false;
  let beatAtMs = -Infinity;

  async function syncOnce(): Promise<void> {
    const view = parts.view();
    const asked = view.ask();
    const before = view.transition;
    // One snapshot: rows, leaves and state belong together.
    const [, state, leaves, rows] = await session.askAll([[READ], [STATE], ...asked.statements, [END]]);
    if (view.absorb(stateOf(state![0]), asked, leaves!, rows!) === 'behind') await parts.reopen();
    if (view.transition !== before || parts.view() !== view) parts.news();
  }

  function sync(): Promise<void> {
    if (syncing !== undefined) {
      again = true;
      return syncing;
    }
    syncing = (async () => {
      try {
        do {
          again = false;
          await syncOnce();
        } while (again && !stopped);
      } finally {
        syncing = undefined;
      }
    })();
    return syncing;
  }

  async function beat(): Promise<void> {
    const found = await session.ask(
      {
        name: 'beat',
        text: `WITH alive AS (
            INSERT INTO replica (id, at, size) VALUES ($1, clock_timestamp(), $2)
              ON CONFLICT (id) DO UPDATE SET at = excluded.at, size = excluded.size
          ), gone AS (DELETE FROM replica WHERE at < clock_timestamp() - interval '1 minute' AND id <> $1)
          SELECT id, size, extract(epoch FROM clock_timestamp() - at) * 1000 AS age FROM replica
          WHERE id <> $1 AND at > clock_timestamp() - interval '${ALIVE_MS} milliseconds'`,
      },
      [id, parts.view().log.size],
    );
    const others = found.map((row) => ({
      id: String(row['id']),
      size: Number(row['size']),
      ageMs: Math.max(0, Math.round(Number(row['age']))),
    }));
    replicas = [...others, { id, size: parts.view().log.size, ageMs: 0 }].toSorted((a, b) =>
      a.id < b.id ? -1 : 1,
    );
    const facts = await inspectServer(session);
    if (facts.incarnation !== incarnation) throw new Error('the server was promoted');
  }

  async function round(): Promise<void> {
    await sync();
    if (performance.now() - beatAtMs < HEARTBEAT_MS) return;
    await beat();
    beatAtMs = performance.now();
  }

  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const failed = (error: unknown): void => {
    if (!stopped) parts.failed(error);
  };
  const later = (): void => {
    timer = setTimeout(() => {
      running = (async () => {
        try {
          await round();
          if (!stopped) later();
        } catch (error) {
          failed(error);
        }
      })();
    }, POLL_MS);
    timer.unref();
  };

  session.onNotification(() => {
    if (!stopped) sync().catch(failed);
  });
  await session.run(`LISTEN ${channel}`);
  await round();
  later();
  return {
    get replicas() {
      return replicas;
    },
    notify() {
      if (notifying || stopped) return;
      notifying = true;
      session
        .run(`NOTIFY ${channel}`)
        .catch(() => undefined)
        .finally(() => (notifying = false));
    },
    sync,
    async stop() {
      if (stopped) return;
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
