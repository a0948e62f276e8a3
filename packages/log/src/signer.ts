/**
 * The port by which a log's head gets its signature. Text by c2sp.org/tlog-checkpoint, note by c2sp.org/signed-note.
 */
import { base64url, formatCheckpoint, formatNote, type NoteSigner } from '@licet/evidence';

/**
 * Signs tree heads of one origin. Synchronous and deterministic (Ed25519): the same size and root give the same
 * note, so a note that was lost is made again from the stored head (RULE 36).
 */
export interface CheckpointSigner {
  /** Line 1 of every checkpoint and the name of the key (RULE 3). */
  readonly origin: string;
  /** Returns the signed note. To be called for committed heads only. */
  signCheckpoint(size: number, root: Uint8Array): string;
}

/** A note signer whose key is in the process. */
export type SyncNoteSigner = NoteSigner & Required<Pick<NoteSigner, 'signSync'>>;

/** Returns the checkpoint signer of a log from its note signer, whose name is the origin (RULE 3). */
export function checkpointSigner(signer: SyncNoteSigner): CheckpointSigner {
  return {
    origin: signer.name,
    signCheckpoint(size, root) {
      const text = formatCheckpoint({ origin: signer.name, size, root });
      return formatNote(text, [signer.signSync(text)]);
    },
  };
}

/**
 * Returns a signer that never signs two roots at one size, whoever asks (RULE 36).
 * It remembers the largest size it signed; a smaller one is signed only when `known` vouches for its root.
 */
export function guardSigner(
  signer: CheckpointSigner,
  known: (size: number) => Uint8Array | undefined,
  refuse: (message: string) => Error,
): CheckpointSigner {
  let largest = -1;
  let root = '';
  return {
    origin: signer.origin,
    signCheckpoint(size, asked) {
      const text = base64url(asked);
      if (size === largest ? text !== root : size < largest && !same(known(size), text)) {
        throw refuse(`asked to sign another root at size ${size}`);
      }
      const note = signer.signCheckpoint(size, asked);
      if (size > largest) {
        largest = size;
        root = text;
      }
      return note;
    },
  };
}

const same = (root: Uint8Array | undefined, text: string): boolean =>
  root !== undefined && base64url(root) === text;
