// Bundles: which one of each layer is in force, and the version below which none comes back. Prepare has checked the
// signatures and run the tests; here the version rises under the fence (RULE 20).
import type { Effect } from './commands.ts';
import type { Draft } from './draft.ts';
import { SELF } from './rows.ts';

type PublishEffect = Effect & { readonly op: 'publish' };
type FloorEffect = Effect & { readonly op: 'floor' };

/** Appends a publication; returns the leaf. */
export function appendPublication(draft: Draft, effect: PublishEffect): string {
  const floor = draft.get('policy', SELF)?.floors[effect.layer] ?? 1;
  const { layer, digest, version, sigs, signed } = effect;
  const prev = draft.get('policy', SELF)?.head ?? null;
  return draft.append(
    'policy',
    { op: 'publish', layer, digest, version, floor, sigs, prev },
    { detail: { signed } },
  ).leaf;
}

/** Why the bundle cannot be published. */
export function impossiblePublication(draft: Draft, effect: PublishEffect): string | undefined {
  // RULE 20: a plane that no organisation stands above takes no bundle of one.
  if (effect.layer === 'org' && draft.plane.org === undefined) return 'no_organisation';
  const policy = draft.get('policy', SELF);
  const current = policy?.[effect.layer];
  if (current !== undefined && effect.version <= current.version) return 'version_not_rising';
  return effect.version < (policy?.floors[effect.layer] ?? 1) ? 'below_floor' : undefined;
}

/** Appends a floor under the versions of a layer; returns the leaf. */
export function appendFloor(draft: Draft, effect: FloorEffect): string {
  const policy = draft.get('policy', SELF)!;
  const current = policy[effect.layer]!;
  const { digest, version } = current;
  return draft.append('policy', {
    op: 'floor',
    layer: effect.layer,
    digest,
    version,
    floor: effect.floor,
    sigs: [],
    prev: policy.head,
  }).leaf;
}

/** Why the floor cannot be there: it would be above what is in force. */
export function impossibleFloor(draft: Draft, effect: FloorEffect): string | undefined {
  const current = draft.get('policy', SELF)?.[effect.layer];
  return current === undefined || effect.floor > current.version ? 'floor_above_version' : undefined;
}
