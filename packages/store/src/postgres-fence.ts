/**
 * Coming to a server, the first time or again: which one it is, that it holds all that was acknowledged (RULE 7), and a
 * commit of our own before anything of it is believed. The commit is a barrier: it waits for a batch of ours whose
 * outcome is not known, and, where standbys are synchronous, for all that a crashed server may have kept to itself.
 */
import { equalBytes, emptyFrontier, emptyRoot, serializeFrontier } from '@licet/evidence';
import { messageOf, StoreError } from './errors.ts';
import type { KnownHead } from './known-head.ts';
import type { Session } from './postgres-connection.ts';
import { FENCE, HEADS, headOf, stateOf, type PostgresState } from './postgres-reader.ts';
import { inspectServer, type ServerFacts } from './postgres-server.ts';
import { rolledBack, type ReplicaView } from './postgres-view.ts';
import { BEGIN } from './postgres-writer.ts';

/** Whose log it has to be. */
export interface LogIdentity {
  readonly origin: string;
  /** The log's vkey. */
  readonly key: string;
}

export interface Joined {
  readonly state: PostgresState;
  readonly server: ServerFacts;
}

/**
 * Takes the fence, checks, and commits.
 * @throws StoreError `ERR_STORE_KEY`, `ERR_STORE_INCARNATION`, `ERR_STORE_DURABILITY`, `ERR_STORE_CORRUPT`
 */
export async function join(
  session: Session,
  identity: LogIdentity,
  /** What this replica has seen before: in memory, or kept from before a restart. */
  known: ReplicaView | KnownHead | undefined,
): Promise<Joined> {
  const server = await inspectServer(session);
  await session.ask(BEGIN);
  try {
    await makeState(session, identity);
    const [found] = await session.ask(FENCE);
    const state = stateOf(found);
    // RULE 3: the key's name is the origin; another key would sign this tree under another name.
    if (state.origin !== identity.origin || state.key !== identity.key)
      throw new StoreError(
        'ERR_STORE_KEY',
        `the store is that of ${state.key}, the key given is ${identity.key}`,
      );
    requireSameServer(state, server, known !== undefined);
    if (known !== undefined) await requireContinued(session, state, known);
    await session.ask({ name: 'barrier', text: 'UPDATE state SET barrier = barrier + 1' });
    session.warned();
    const ended = await session.end('COMMIT').catch((cause: unknown) => {
      const why = server.synchronous ? '; is its synchronous standby there?' : '';
      throw new StoreError('ERR_STORE_UNAVAILABLE', `no commit was confirmed (${messageOf(cause)})${why}`, {
        cause,
      });
    });
    if (ended !== 'COMMIT') throw new StoreError('ERR_STORE_UNAVAILABLE', 'the server rolled back');
    const warning = session.warned();
    if (warning !== undefined) throw new StoreError('ERR_STORE_UNAVAILABLE', warning);
    return { state, server };
  } catch (error) {
    await session.end('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** The empty log, where there is none yet. Two replicas that come first make one. */
async function makeState(session: Session, { origin, key }: LogIdentity): Promise<void> {
  await session.ask(
    {
      name: 'make-state',
      text: `INSERT INTO state (origin, key, size, root, frontier, transition) VALUES ($1, $2, 0, $3, $4, 0)
        ON CONFLICT (one) DO NOTHING`,
    },
    [origin, key, Buffer.from(emptyRoot()), Buffer.from(serializeFrontier(emptyFrontier()))],
  );
}

/**
 * RULE 7: a server that was promoted or restored goes on with this log only when no acknowledged entry can be missing:
 * every commit waited for a standby, and this replica remembers a tree that the server must still hold.
 */
function requireSameServer(state: PostgresState, server: ServerFacts, remembers: boolean): void {
  if (state.incarnation === undefined || state.incarnation === server.incarnation) return;
  if (state.synchronous && remembers) return;
  throw new StoreError(
    'ERR_STORE_INCARNATION',
    state.synchronous
      ? 'the server was promoted or restored, and this replica remembers nothing to compare it with; open it from a replica that ran before'
      : 'the server was promoted or restored, and commits had not waited for a standby: acknowledged entries may be missing',
  );
}

/** The tree that was known must be part of the one that is there. */
async function requireContinued(
  session: Session,
  state: PostgresState,
  known: ReplicaView | KnownHead,
): Promise<void> {
  const { size, root } = 'log' in known ? known.log : known;
  if (size === 0) return;
  if (state.size < size) throw rolledBack(size, state.size);
  const [found] = await session.ask(HEADS, [size - 1, size, 1]);
  if (found === undefined || !equalBytes(headOf(found).root, root))
    throw new StoreError(
      'ERR_STORE_CORRUPT',
      `the tree of size ${size} is not the one that this replica has seen`,
    );
}
