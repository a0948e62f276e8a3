/** The face of @licet/log: appending to a Merkle log and publishing it. Pure: no clock, no I/O. */
export { LOG_ERRORS, LogError, type LogErrorCode } from './errors.ts';
export {
  createTileReader,
  readTile,
  tileHashes,
  type TileReader,
  type TileStore,
  type TileWrite,
} from './tile-store.ts';
export { appendBatch, openLogState, type Appended, type LogState, type StoredHead } from './log-state.ts';
export { checkpointSigner, guardSigner, type CheckpointSigner, type SyncNoteSigner } from './signer.ts';
export {
  createBatcher,
  type Batcher,
  type BatcherOptions,
  type BatchItem,
  type BatchLane,
  type Settled,
} from './batcher.ts';
export { serveTile, type PublishedLog } from './publish.ts';
