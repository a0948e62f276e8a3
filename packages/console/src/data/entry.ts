/** The bytes of one entry from its bundle, with its leaf hash computed here. */
import { base64url, decodeEntryBundle, leafHash, TILE_WIDTH, tilePath, tileWidth } from '@licet/evidence';
import type { PlaneStatus } from '@licet/api';
import { get, getBytes } from './call.ts';
import type { LogPlace } from './proof-state.ts';

/** Returns the text of an entry and whether it hashes to the leaf. @throws CallError, EvidenceError */
export async function readEntryAt({
  index,
  leaf,
}: LogPlace): Promise<{ readonly text: string; readonly matches: boolean }> {
  const { size } = await get<PlaneStatus>('/status');
  const tileIndex = Math.floor(index / TILE_WIDTH);
  const width = tileWidth('entries', tileIndex, size);
  const entries = decodeEntryBundle(
    await getBytes(`/${tilePath({ level: 'entries', index: tileIndex, width })}`),
    width,
  );
  const bytes = entries[index % TILE_WIDTH];
  if (bytes === undefined) throw new Error(`There is no entry ${index} in a log of ${size}.`);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  return {
    text: JSON.stringify(JSON.parse(text), undefined, 2),
    matches: base64url(leafHash(bytes)) === leaf,
  };
}
