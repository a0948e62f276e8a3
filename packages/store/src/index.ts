/** The face of @licet/store: durable state behind the port `Store`, in memory, in SQLite and in PostgreSQL. */
export { STORE_ERRORS, StoreError, type StoreErrorCode } from './errors.ts';
export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from './sqlite.ts';
export { openPostgresStore, type PostgresStore, type PostgresStoreOptions } from './postgres.ts';
export {
  createMemoryStore,
  type Faults,
  type MemorySnapshot,
  type MemoryStore,
  type MemoryStoreOptions,
} from './memory.ts';
export { FAULT_POINTS, PERSISTED, UNKNOWN, type FaultPoint } from './faults.ts';
export { inspectDataFolder, type Inspection } from './inspect.ts';
export { readStoreFile, writeStoreFile, type StoreFile } from './store-file.ts';
export { holdDataFolder, type DataFolderLock } from './lock.ts';
export { STORE_VERSION, KEYS_VERSION } from './schema.ts';
export type { FaultPlan, KeySeed } from './wire.ts';
