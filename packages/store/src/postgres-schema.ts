/**
 * The tables in PostgreSQL: two schemas, migrations, version. Migrations go forward only; newer tables are refused.
 *
 *     <schema>        log, rows, records (sealed)        <schema>_keys   record keys, sessions: outside dumps (RULE 41)
 */
import type { PostgresTarget, Session } from './postgres-connection.ts';
import { messageOf, StoreError } from './errors.ts';

/** One list of statements per version: the i-th brings version i to i + 1. Never changed once published. */
const STORE_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    origin text NOT NULL,
    key text NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    frontier bytea NOT NULL,
    transition bigint NOT NULL,
    -- Whose boot entry is the newest (RULE 7); null before the first.
    incarnation text,
    -- Rises when rows are rebuilt: what replicas remember of them is void then.
    era bigint NOT NULL DEFAULT 0,
    -- Rises when a replica (re)connects: whoever has committed this knows that all before it is durable.
    barrier bigint NOT NULL DEFAULT 0,
    -- Whether the newest commit waited for a synchronous standby, and with it all before it.
    synchronous boolean NOT NULL DEFAULT false
  );
  -- \`root\`: that of the tree which this entry was the last one of when a batch ended.
  CREATE TABLE entry (
    idx bigint PRIMARY KEY,
    transition bigint NOT NULL,
    leaf bytea NOT NULL,
    root bytea,
    exec text COLLATE "C",
    record text COLLATE "C",
    detail bytea,
    bytes bytea NOT NULL
  );
  CREATE INDEX entry_leaf ON entry (substring(leaf FROM 1 FOR 6));
  CREATE INDEX entry_exec ON entry (exec, idx) WHERE exec IS NOT NULL;
  -- Rising with the rows' places on disk: some bytes per hundred pages are enough to find a stretch of transitions.
  CREATE INDEX entry_transition ON entry USING brin (transition) WITH (autosummarize = on);
  CREATE TABLE tile (
    level integer NOT NULL,
    idx bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (level, idx)
  );
  CREATE TABLE record (id text COLLATE "C" PRIMARY KEY, body bytea NOT NULL);
  CREATE TABLE note (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exec text COLLATE "C" NOT NULL,
    note text NOT NULL,
    transition bigint NOT NULL
  );
  CREATE INDEX note_exec ON note (exec, n);
  CREATE INDEX note_transition ON note USING brin (transition) WITH (autosummarize = on);
  CREATE TABLE projection (
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    ord bigint NOT NULL,
    value text NOT NULL,
    -- Whether anybody lists rows of this kind.
    listed boolean NOT NULL,
    state text COLLATE "C",
    run text COLLATE "C",
    parent text COLLATE "C",
    agent text COLLATE "C",
    action text COLLATE "C",
    verdict text COLLATE "C",
    due bigint,
    PRIMARY KEY (kind, id)
  );
  -- What is new since a transition: how replicas follow each other.
  CREATE INDEX projection_news ON projection (ord);
  CREATE INDEX projection_order ON projection (kind, ord) WHERE listed;
  CREATE INDEX projection_state ON projection (state, ord) WHERE state IS NOT NULL;
  CREATE INDEX projection_run ON projection (run, ord) WHERE run IS NOT NULL;
  CREATE INDEX projection_parent ON projection (parent, ord) WHERE parent > '';
  CREATE INDEX projection_agent ON projection (agent, ord) WHERE agent IS NOT NULL;
  CREATE INDEX projection_action ON projection (action, ord) WHERE action IS NOT NULL;
  CREATE INDEX projection_verdict ON projection (verdict, ord) WHERE verdict IS NOT NULL;
  CREATE INDEX projection_due ON projection (due) WHERE due IS NOT NULL;
  CREATE TABLE replica (
    id text PRIMARY KEY,
    at timestamptz NOT NULL,
    size bigint NOT NULL
  );
  `,
];

const KEYS_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE record_key (id text COLLATE "C" PRIMARY KEY, key bytea);
  CREATE TABLE session (
    id text COLLATE "C" PRIMARY KEY,
    subject text COLLATE "C",
    value text NOT NULL,
    expires bigint NOT NULL
  );
  CREATE INDEX session_subject ON session (subject) WHERE subject IS NOT NULL;
  `,
];

/**
 * Makes the schemas, or brings them to the newest version; replicas that start together take turns.
 * @throws StoreError `ERR_STORE_FORMAT`, `ERR_STORE_OPEN`
 */
export async function migrate(session: Session, target: PostgresTarget): Promise<void> {
  await session.run('BEGIN');
  try {
    await session.run(`SELECT pg_advisory_xact_lock(hashtextextended('${target.schema}', 1280524872))`);
    for (const [schema, migrations] of [
      [target.schema, STORE_MIGRATIONS],
      [target.keysSchema, KEYS_MIGRATIONS],
    ] as const) {
      const version = await versionOf(session, schema);
      if (version > migrations.length) {
        throw new StoreError(
          'ERR_STORE_FORMAT',
          `schema ${schema} has version ${version}, this code knows ${migrations.length}`,
        );
      }
      if (version === migrations.length) continue;
      await session.run(`SET LOCAL search_path = "${schema}"`);
      for (const sql of migrations.slice(version)) await session.run(sql);
      await session.run(`
        CREATE TABLE IF NOT EXISTS version (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL);
        INSERT INTO version (version) VALUES (${migrations.length})
          ON CONFLICT (one) DO UPDATE SET version = excluded.version`);
    }
    await session.end('COMMIT');
  } catch (cause) {
    await session.end('ROLLBACK').catch(() => undefined);
    if (cause instanceof StoreError) throw cause;
    throw new StoreError('ERR_STORE_OPEN', `${target.where}: ${messageOf(cause)}`, { cause });
  }
}

/** Returns the version of a schema, made when it is not there; 0 when it holds nothing yet. */
async function versionOf(session: Session, schema: string): Promise<number> {
  const [found] = await session.ask(
    {
      name: 'schema',
      text: `SELECT to_regnamespace(quote_ident($1)) IS NOT NULL AS made, to_regclass(quote_ident($1) || '.version') IS NOT NULL AS versioned,
        EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1))) AS filled`,
    },
    [schema],
  );
  if (found?.['versioned'] === true) {
    const [row] = await session.ask({
      name: `version-${schema}`,
      text: `SELECT version FROM "${schema}".version`,
    });
    return Number(row?.['version'] ?? 0);
  }
  if (found?.['filled'] === true)
    throw new StoreError('ERR_STORE_FORMAT', `schema ${schema} holds tables of another program`);
  if (found?.['made'] !== true) await session.run(`CREATE SCHEMA "${schema}"`);
  return 0;
}
