/** Handlers that give evidence: bundles, checkpoints, tiles, the status note (DESIGN §5, §10). */
import {
  base64,
  base64url,
  encodeEntryBundle,
  formatEvidence,
  formatNote,
  formatStatus,
  parseTilePath,
  TILE_WIDTH,
  tileWidth,
  type EvidenceParts,
  type TileRef,
} from '@licet/evidence';
import type { PlaneRow } from '@licet/control-plane';
import { PlaneError } from '@licet/api';
import { healthOf } from './health.ts';
import { notFound, readsArguments, visible, type Context, type Handlers, type Parts } from './handlers.ts';

/** A status note is made at most this often, milliseconds: strangers may ask for it. */
const STATUS_EVERY_MS = 250;

/** Returns the handlers. */
export function evidenceHandlers(parts: Parts): Handlers {
  const { plane, store, clock } = parts;
  const health = healthOf(parts);

  async function bundle(context: Context, kind: 'execution' | 'run'): Promise<Uint8Array> {
    const row = await visible(parts, context);
    // An evidence bundle opens arguments; a viewer gets the lineage instead.
    if (context.principal === undefined || !readsArguments(context.principal, row)) {
      throw new PlaneError(
        'forbidden',
        'forbidden: evidence holds arguments; it needs approver, operator or auditor',
      );
    }
    const found = await plane.evidence(kind, context.id);
    if (found === undefined) throw notFound();
    const { entries, checkpoints, ...rest } = found;
    return formatEvidence({
      v: 1,
      type: 'licet/evidence',
      ...rest,
      entries: entries.map(({ index, bytes, proof }) => ({
        index,
        entry: Buffer.from(bytes).toString('utf8'),
        proof: proof.map(base64),
      })),
      checkpoints: checkpoints.map(({ note, consistency }) => ({
        note,
        consistency: consistency.map(base64),
      })),
    } as unknown as EvidenceParts);
  }

  async function consistency(
    { seen }: Context,
    size: number,
  ): Promise<{ readonly consistency?: readonly string[] }> {
    // For a size that this log has not reached there is no proof; the door keeps that as evidence (RULE 8).
    if (seen === undefined || seen > size) return {};
    return { consistency: (await store.log.consistency(seen, size)).map(base64) };
  }

  let status: { readonly atMs: number; readonly value: Promise<StatusParts> } | undefined;
  async function makeStatus(): Promise<StatusParts> {
    const [state, checkpoint, rows] = await Promise.all([
      stateOf(parts),
      store.log.checkpoint(),
      store.read([{ kind: 'plane', id: 'self' }]),
    ]);
    const self = rows[0]?.value as PlaneRow | undefined;
    if (self === undefined) throw new PlaneError('unavailable', 'unavailable: this log has no genesis');
    const { size, root } = checkpoint;
    const text = formatStatus({
      at: clock.nowMs(),
      origin: plane.origin,
      size,
      root: base64url(root),
      epoch: state.epoch,
      bundles: state.bundles,
      revoked: [],
    });
    return {
      origin: plane.origin,
      tenant: plane.tenant,
      audience: plane.audience,
      state: state.state,
      why: state.why,
      size,
      root: base64url(root),
      epoch: state.epoch,
      custody: self.custody,
      people: self.people,
      bundles: state.bundles,
      note: formatNote(text, [parts.statusSigner.signSync(text)]),
    };
  }

  return {
    evidence: (context) => bundle(context, 'execution'),
    runEvidence: (context) => bundle(context, 'run'),
    async status(context) {
      const now = clock.nowMs();
      if (status === undefined || !(Math.abs(now - status.atMs) < STATUS_EVERY_MS)) {
        const value = makeStatus();
        status = { atMs: now, value };
        // A failure is not remembered: the next caller asks again.
        value.catch(() => (status = undefined));
      }
      const made = await status.value;
      return { ...made, ...(await consistency(context, made.size)) };
    },
    checkpoint: async () => (await store.log.checkpoint()).note,
    async linkedCheckpoint(context) {
      const { note, size } = await store.log.checkpoint();
      return { note, ...(await consistency(context, size)) };
    },
    async tile({ rest, principal }) {
      let ref: TileRef;
      try {
        ref = parseTilePath(`tile/${rest}`);
      } catch {
        throw notFound();
      }
      const { level, index, width } = ref;
      // RULE 42: entry bundles need an auditor unless genesis declares the log public.
      if (level === 'entries' && !parts.isPublic && principal?.roles.includes('auditor') !== true)
        throw notFound();
      const { size } = await store.log.checkpoint();
      if (width > tileWidth(level, index, size)) throw notFound();
      if (level === 'entries') {
        const start = index * TILE_WIDTH;
        return encodeEntryBundle(await store.log.entries(start, start + width));
      }
      const tile = await store.log.tile(level, index, width === TILE_WIDTH ? undefined : width);
      if (tile === undefined) throw notFound();
      return tile;
    },
    health: ({ query }) => health(typeof query['since'] === 'number' ? query['since'] : undefined),
  };
}

/** What the plane says of itself, and what bars it from outside the log. */
export async function stateOf({ plane, barred }: Parts): ReturnType<Parts['plane']['state']> {
  const state = await plane.state();
  const why = barred();
  return why === undefined ? state : { ...state, state: 'fail-closed', why: `Nothing is permitted: ${why}.` };
}

interface StatusParts {
  readonly origin: string;
  readonly tenant: string;
  readonly audience: string;
  readonly state: string;
  readonly why: string;
  readonly size: number;
  readonly root: string;
  readonly epoch: number;
  readonly custody: string;
  readonly people: number;
  readonly bundles: readonly {
    readonly layer: 'org' | 'team';
    readonly digest: string;
    readonly version: number;
  }[];
  readonly note: string;
}
