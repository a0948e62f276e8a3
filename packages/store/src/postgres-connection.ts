/**
 * Connections to a PostgreSQL server: where it is, how a session is set up, and how several statements go in one round
 * trip. What a session waits for has an end everywhere but at COMMIT: a wait for a synchronous standby that is cut short
 * would look like success (see {@link Session.warned}).
 */
import { Client, types, type ClientConfig, type Notification, type QueryResult } from 'pg';
import { messageOf, StoreError } from './errors.ts';

/** Where a plane's tables are. */
export interface PostgresTarget {
  /** Without user, password or parameters: for messages. */
  readonly where: string;
  /** Schema of log and rows; keys and sessions are in `<schema>_keys`. */
  readonly schema: string;
  readonly keysSchema: string;
  readonly config: ClientConfig;
}

export interface Statement {
  /** Prepared once per session under this name. */
  readonly name: string;
  readonly text: string;
}

export type Found = Readonly<Record<string, unknown>>;

/** One session with the server, statements in the order they are given. */
export interface Session {
  /** Sends one statement. */
  ask(statement: Statement, values?: readonly unknown[]): Promise<readonly Found[]>;
  /** Sends several at once and waits for all; rejects with the error of the first that failed. */
  askAll(
    asked: readonly (readonly [statement: Statement, values?: readonly unknown[]])[],
  ): Promise<readonly (readonly Found[])[]>;
  /** Runs plain SQL, several statements where there are several. */
  run(sql: string): Promise<void>;
  /** Ends the transaction. The words that the server answers: `COMMIT`, or `ROLLBACK` when there was nothing to commit. */
  end(how: 'COMMIT' | 'ROLLBACK'): Promise<string>;
  /** The newest warning of the server, cleared by reading it. */
  warned(): string | undefined;
  onNotification(listener: (notification: Notification) => void): void;
  /** Called once, when the connection is gone without {@link close} having been called. */
  onLost(listener: (why: string) => void): void;
  /** Cuts the connection: what the server has not committed it rolls back. */
  destroy(): void;
  close(): Promise<void>;
}

const SCHEMA = /^[a-z][a-z0-9_]{0,39}$/;
const INT8 = 20;
const KEEPALIVE = '-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3';

/**
 * Parses `postgres://user@host:port/database?schema=NAME&sslmode=…`. `schema` is ours (default `licet`); everything else
 * means what it means to libpq.
 * @throws StoreError `ERR_STORE_OPEN`
 */
export function parsePostgresUrl(text: string): PostgresTarget {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new StoreError('ERR_STORE_OPEN', 'the store is no address like postgres://user@host/database');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw new StoreError('ERR_STORE_OPEN', `${url.protocol} is no store; postgres:// is`);
  const schema = url.searchParams.get('schema') ?? 'licet';
  if (!SCHEMA.test(schema))
    throw new StoreError(
      'ERR_STORE_OPEN',
      `${JSON.stringify(schema)} is no name of a schema: a-z, 0-9 and _`,
    );
  const host = url.searchParams.get('host') ?? url.hostname;
  const where = `${host === '' ? 'the local socket' : host}${url.pathname}`;
  // Record keys and session rows travel here: in the clear only on this machine, or when somebody has said so.
  const near =
    host === '' || host.startsWith('/') || ['localhost', '127.0.0.1', '[::1]', '::1'].includes(host);
  if (!near && !url.searchParams.has('sslmode') && !url.searchParams.has('ssl'))
    throw new StoreError(
      'ERR_STORE_OPEN',
      `${where} is not on this machine: add ?sslmode=verify-full (or sslmode=disable where the network is yours alone)`,
    );
  url.searchParams.delete('schema');
  return { where, schema, keysSchema: `${schema}_keys`, config: { connectionString: url.href } };
}

/** Milliseconds within which the server must answer; and how a session is to be called in `pg_stat_activity`. */
export interface SessionOptions {
  readonly answerMs: number;
  readonly name: string;
}

/**
 * Returns the settings of a session. Ours for durability, whatever the role or database says: an acknowledged entry is
 * on disk, here and at the synchronous standbys. A session whose client is gone gives the fence back within seconds.
 */
export function sessionConfig(target: PostgresTarget, { answerMs, name }: SessionOptions): ClientConfig {
  return {
    ...target.config,
    application_name: `licet ${name}`,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
    pipeline: true,
    types: { getTypeParser: parserOf as typeof types.getTypeParser },
    options: [
      `-c search_path="${target.schema}","${target.keysSchema}"`,
      '-c synchronous_commit=on -c statement_timeout=0 -c client_min_messages=warning',
      '-c default_transaction_isolation=read\\ committed -c default_transaction_read_only=off',
      `-c lock_timeout=${Math.floor(answerMs * 0.8)} -c idle_in_transaction_session_timeout=${2 * answerMs}`,
      KEEPALIVE,
    ].join(' '),
  };
}

/** Sizes, indexes and numbers of transitions are safe integers. */
const parserOf = (oid: number, format?: 'text'): unknown =>
  oid === INT8 ? Number : types.getTypeParser(oid, format);

/** Opens a session. @throws StoreError `ERR_STORE_OPEN` */
export async function openSession(target: PostgresTarget, options: SessionOptions): Promise<Session> {
  const client = new Client(sessionConfig(target, options));
  let warning: string | undefined;
  let lost: string | undefined;
  let closing = false;
  const listeners: ((why: string) => void)[] = [];
  const lose = (why: string): void => {
    if (lost !== undefined || closing) return;
    lost = why;
    for (const listener of listeners) listener(why);
  };
  client.on('error', (error) => lose(messageOf(error)));
  client.on('end', () => lose('the connection ended'));
  client.on('notice', ({ severity, message }) => {
    if (severity === 'WARNING') warning = message;
  });
  try {
    await client.connect();
  } catch (cause) {
    throw new StoreError('ERR_STORE_OPEN', `${target.where}: ${messageOf(cause)}`, { cause });
  }
  const send = ({ name, text }: Statement, values: readonly unknown[] = []): Promise<QueryResult> =>
    client.query({ name, text, values: [...values] });
  return {
    ask: async (statement, values) => (await send(statement, values)).rows as Found[],
    async askAll(asked) {
      const all = await Promise.allSettled(asked.map(([statement, values]) => send(statement, values)));
      return all.map((one) => {
        if (one.status === 'rejected') throw one.reason;
        return one.value.rows as Found[];
      });
    },
    run: async (sql) => void (await client.query(sql)),
    end: async (how) => (await client.query(how)).command,
    warned() {
      const newest = warning;
      warning = undefined;
      return newest;
    },
    onNotification: (listener) => void client.on('notification', listener),
    onLost(listener) {
      if (lost === undefined) listeners.push(listener);
      else listener(lost);
    },
    destroy() {
      closing = true;
      (
        client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
      ).connection.stream.destroy();
    },
    async close() {
      if (closing) return;
      closing = true;
      await client.end().catch(() => undefined);
    },
  };
}
