/**
 * One replica's hold on the database: the session that batches go through, the one that follows, a few that read, and
 * the view they keep. When any of them is lost nothing is written until {@link PostgresReplica.recover} has come to the
 * server again and found there everything that this replica knew (RULE 7, RULE 37).
 */
import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';
import { messageOf, StoreError } from './errors.ts';
import { readKnownHead, writeKnownHead, type KnownHead } from './known-head.ts';
import {
  openSession,
  sessionConfig,
  type Found,
  type PostgresTarget,
  type Session,
} from './postgres-connection.ts';
import { join, type Joined, type LogIdentity } from './postgres-fence.ts';
import { startFollower, type Follower, type Replica } from './postgres-follower.ts';
import { STATE, stateOf, type Ask } from './postgres-reader.ts';
import { migrate } from './postgres-schema.ts';
import { PostgresTiles } from './postgres-tiles.ts';
import { ReplicaView } from './postgres-view.ts';

export interface ReplicaOptions {
  readonly target: PostgresTarget;
  readonly identity: LogIdentity;
  /** File that keeps the newest tree this replica has seen; undefined: it remembers nothing over restarts. */
  readonly knownHead: string | undefined;
  readonly answerMs: number;
  /** Something was taken over from others, or all was read anew. */
  news(): void;
  /** Nothing is written any more. */
  failed(why: string): void;
}

export interface PostgresReplica {
  readonly view: ReplicaView;
  readonly tiles: PostgresTiles;
  /** Reads over any free connection. @throws StoreError `ERR_STORE_UNAVAILABLE` */
  readonly ask: Ask;
  /** The session of batches. @throws StoreError `ERR_STORE_UNAVAILABLE` */
  writing(): { readonly session: Session; readonly incarnation: string; readonly timeline: string };
  readonly incarnation: string;
  readonly replicas: readonly Replica[];
  readonly id: string;
  /** Why nothing is written; undefined when all is well. */
  readonly trouble: string | undefined;
  /** Stops writing. */
  fail(error: unknown): void;
  /** Comes to the server again. @throws StoreError; then nothing has changed */
  recover(): Promise<void>;
  /** Reads the view anew from the tables. */
  reopen(): Promise<void>;
  sync(): Promise<void>;
  /** A batch is committed: others are told, and the newest tree is kept. */
  committed(): void;
  /** A session for work that takes long: a check, a rebuild. */
  long<T>(work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const LONG_MS = 3_600_000;
const REMEMBER_MS = 1_000;
const READERS = 4;

interface Held {
  readonly writer: Session;
  readonly reading: Session;
  readonly follower: Follower;
  readonly joined: Joined;
}

/** Comes to the database for the first time in this process. @throws StoreError */
export async function openReplica(options: ReplicaOptions): Promise<PostgresReplica> {
  const { target, identity, answerMs } = options;
  const id = randomBytes(8).toString('hex');
  const channel = `${target.schema}_log`;
  let pool = readers();
  let trouble: string | undefined;
  let held: Held | undefined;
  let closed = false;
  let remembering: NodeJS.Timeout | undefined;

  const ask: Ask = async ({ name, text }, values = []) => {
    try {
      return (await pool.query({ name, text, values: [...values] })).rows as Found[];
    } catch (cause) {
      throw new StoreError('ERR_STORE_UNAVAILABLE', messageOf(cause), { cause });
    }
  };
  const tiles = new PostgresTiles(ask);
  const arrived = await arrive();
  let view: ReplicaView;
  try {
    view = await readView();
    await hold(arrived.writer, arrived.joined);
  } catch (error) {
    arrived.writer.destroy();
    await pool.end();
    throw error;
  }

  function readers(): Pool {
    const made = new Pool({ ...sessionConfig(target, { answerMs, name: `reader ${id}` }), max: READERS });
    // A connection that dies while nobody uses it is replaced when somebody does.
    made.on('error', () => undefined);
    return made;
  }

  async function arrive(): Promise<{ readonly writer: Session; readonly joined: Joined }> {
    const session = await openSession(target, { answerMs: LONG_MS, name: `opening ${id}` });
    try {
      await migrate(session, target);
    } finally {
      await session.close();
    }
    const { knownHead } = options;
    const known = knownHead === undefined ? undefined : readKnownHead(knownHead, identity.origin);
    return come(known);
  }

  async function come(
    known: ReplicaView | KnownHead | undefined,
  ): Promise<{ readonly writer: Session; readonly joined: Joined }> {
    const writer = await openSession(target, { answerMs, name: `writer ${id}` });
    try {
      return { writer, joined: await join(writer, identity, known) };
    } catch (error) {
      writer.destroy();
      if (error instanceof StoreError) throw error;
      throw new StoreError('ERR_STORE_UNAVAILABLE', `${target.where}: ${messageOf(error)}`, { cause: error });
    }
  }

  async function readView(): Promise<ReplicaView> {
    const state = stateOf((await ask(STATE))[0]);
    return new ReplicaView(await tiles.open(state), state, tiles);
  }

  async function hold(writer: Session, joined: Joined): Promise<void> {
    const reading = await openSession(target, { answerMs, name: `follower ${id}` });
    try {
      const follower = await startFollower({
        session: reading,
        id,
        channel,
        incarnation: joined.server.incarnation,
        view: () => view,
        reopen,
        news() {
          remember();
          options.news();
        },
        failed: fail,
      });
      held = { writer, reading, follower, joined };
      for (const session of [writer, reading]) session.onLost((why) => fail(new Error(why)));
    } catch (error) {
      reading.destroy();
      throw error;
    }
  }

  function fail(error: unknown): void {
    if (trouble !== undefined || closed) return;
    trouble = messageOf(error);
    letGo();
    options.failed(trouble);
  }

  function letGo(): void {
    const old = held;
    held = undefined;
    void old?.follower.stop();
    old?.writer.destroy();
    old?.reading.destroy();
  }

  async function reopen(): Promise<void> {
    const fresh = await readView();
    // What is known never goes back: a batch of ours may have been committed meanwhile.
    if (fresh.transition >= view.transition) view = fresh;
  }

  async function recover(): Promise<void> {
    letGo();
    const old = pool;
    pool = readers();
    void old.end().catch(() => undefined);
    let writer: Session | undefined;
    try {
      const again = await come(view);
      writer = again.writer;
      await hold(writer, again.joined);
    } catch (error) {
      trouble = messageOf(error);
      letGo();
      writer?.destroy();
      throw error;
    }
    trouble = undefined;
    options.news();
  }

  function remember(now = false): void {
    const file = options.knownHead;
    if (file === undefined) return;
    const write = (): void => {
      remembering = undefined;
      const { size, root } = view.log;
      writeKnownHead(file, { origin: identity.origin, size, root });
    };
    if (now) {
      clearTimeout(remembering);
      write();
    } else remembering ??= setTimeout(write, REMEMBER_MS).unref();
  }

  return {
    get view() {
      return view;
    },
    tiles,
    ask,
    writing() {
      if (held === undefined) throw new StoreError('ERR_STORE_UNAVAILABLE', trouble ?? 'not connected');
      const { writer, joined } = held;
      return { session: writer, incarnation: joined.server.incarnation, timeline: joined.state.timeline };
    },
    get incarnation() {
      return held?.joined.server.incarnation ?? '';
    },
    get replicas() {
      return held?.follower.replicas ?? [];
    },
    id,
    get trouble() {
      return trouble;
    },
    fail,
    recover,
    reopen,
    sync: async () => held?.follower.sync(),
    committed() {
      held?.follower.notify();
      remember();
    },
    async long(work) {
      const session = await openSession(target, { answerMs: LONG_MS, name: `long ${id}` });
      try {
        return await work(session);
      } finally {
        await session.close();
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      remember(true);
      const last = held;
      await last?.follower.stop();
      await ask({ name: 'leave', text: 'DELETE FROM replica WHERE id = $1' }, [id]).catch(() => undefined);
      await Promise.all([last?.writer.close(), last?.reading.close(), pool.end()]);
    },
  };
}
