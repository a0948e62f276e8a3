// The bundle keeper: the bundle that decides, loaded from what the log says is published, its authors checked against
// keys from outside the log (RULE 20). Without one there is nothing to decide with, and everything is denied.
import { base64url, type Crypto, type Trust } from '@licet/evidence';
import {
  bundleDigest,
  loadBundle,
  selfTest,
  verifyBundleSignatures,
  type Bundle,
  type Engine,
  type Layer,
  type LoadedBundle,
  type SignedBundle,
} from '@licet/policy';
import { signingKeys, type StandsFor } from './authors.ts';
import type { PlaneRow, PolicyRow } from './core/rows.ts';
import { SELF } from './core/rows.ts';
import { ControlPlaneError } from './errors.ts';
import { orgKeysOf } from './organisation.ts';
import type { Evaluator, Store } from './ports.ts';

/** What the keeper needs: where bundles are, who loads them, whose signature counts. */
export interface BundleKeeperOptions {
  readonly store: Store;
  readonly evaluator: Evaluator;
  readonly engine: Engine;
  readonly crypto: Crypto;
  readonly trust: Trust;
  readonly origin: string;
}

const EMPTY_TEAM: Bundle = {
  v: 1,
  layer: 'team',
  version: 1,
  policies: [],
  actions: {},
  limits: {},
  pins: {},
};

export class BundleKeeper {
  readonly #options: BundleKeeperOptions;
  #loaded: LoadedBundle | undefined;
  #problem: string | undefined = 'no bundle has been published';
  #publishedAtMs = 0;
  #loading: Promise<void> = Promise.resolve();

  constructor(options: BundleKeeperOptions) {
    this.#options = options;
  }

  /** The bundle in memory; undefined while there is no usable one. */
  get loaded(): LoadedBundle | undefined {
    return this.#loaded;
  }

  /** Why there is no usable bundle, in words. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Loads the published bundle when it is not the one in memory. A bundle that cannot be loaded leaves none. */
  async ensure(policy: PolicyRow | undefined): Promise<void> {
    const current = (): boolean => {
      const team = this.#loaded?.refs.find(({ layer }) => layer === 'team');
      const org = this.#loaded?.refs.find(({ layer }) => layer === 'org');
      return team?.digest === policy?.team?.digest && org?.digest === policy?.org?.digest;
    };
    if (current() || this.#isNewer(policy)) return;
    this.#loading = this.#loading.then(async () => {
      if (current() || this.#isNewer(policy)) return;
      try {
        this.#loaded = await this.#loadPublished(policy);
        this.#publishedAtMs = policy?.team?.atMs ?? 0;
        this.#problem = this.#loaded === undefined ? 'no bundle has been published' : undefined;
      } catch (error) {
        this.#loaded = undefined;
        this.#problem = error instanceof Error ? error.message : 'the bundle cannot be loaded';
      }
    });
    await this.#loading;
  }

  /** Versions only rise: what a request read before a publication never brings the old bundle back. */
  #isNewer(policy: PolicyRow | undefined): boolean {
    return (this.#loaded?.refs ?? []).some(({ layer, version }) => version > (policy?.[layer]?.version ?? 0));
  }

  /** True when the bundle in memory was published longer ago than it allows. */
  tooOld(loaded: LoadedBundle, nowMs: number): boolean {
    return loaded.maxAgeMs !== undefined && nowMs - this.#publishedAtMs > loaded.maxAgeMs;
  }

  /**
   * Loads a bundle in this thread, over or under the other layer in force, and leaves the one in force alone. The other
   * layer is read from the store: what cannot be loaded together must not be published. Throws PolicyError.
   */
  async trial(bundle: Bundle, policy: PolicyRow | undefined): Promise<LoadedBundle> {
    const [org, team] = [
      bundle.layer === 'team' ? await this.#published(policy, 'org') : bundle,
      bundle.layer === 'org' ? await this.#published(policy, 'team') : bundle,
    ];
    const layers = { team: team ?? EMPTY_TEAM, ...(org === undefined ? {} : { org }) };
    const loaded = loadBundle(this.#options.engine, layers);
    selfTest(this.#options.engine, loaded);
    return loaded;
  }

  /**
   * Throws PolicyError unless authors signed the bundle whose keys count: now, and each of somebody who is still an
   * author, or those that counted when it was published (RULE 20).
   */
  async verifyAuthors(
    signed: SignedBundle,
    plane: PlaneRow | undefined,
    who: { readonly stands: StandsFor } | { readonly published: PolicyRow },
  ): Promise<void> {
    const { crypto } = this.#options;
    const keys =
      signed.bundle.layer === 'org'
        ? await orgKeysOf(this.#options, plane?.org)
        : await signingKeys(this.#options, plane?.authors ?? [], who);
    const known = Object.fromEntries([...keys].map(([id, key]) => [id, base64url(key)]));
    await verifyBundleSignatures(signed, known, crypto);
  }

  async #loadPublished(policy: PolicyRow | undefined): Promise<LoadedBundle | undefined> {
    if (policy?.team === undefined) return undefined;
    const team = (await this.#published(policy, 'team'))!;
    // RULE 20: once the organisation has published, nothing is decided without its bundle.
    const org = await this.#published(policy, 'org');
    const loaded = await this.#options.evaluator.load({ team, ...(org === undefined ? {} : { org }) });
    selfTest(this.#options.engine, loaded);
    return loaded;
  }

  /** A published bundle from the store; undefined when its layer has none. Throws when it is not there, or not it. */
  async #published(policy: PolicyRow | undefined, of: Layer): Promise<Bundle | undefined> {
    const layer = policy?.[of];
    if (policy === undefined || layer === undefined) return undefined;
    if (layer.version < policy.floors[of])
      throw new ControlPlaneError(
        'ERR_PLANE_BUNDLE',
        `${of} version ${layer.version} is below the floor ${policy.floors[of]}`,
      );
    const [row] = await this.#options.store.read([{ kind: 'bundle', id: layer.digest }]);
    if (row === undefined)
      throw new ControlPlaneError('ERR_PLANE_BUNDLE', `bundle ${layer.digest} is not in the store`);
    const signed = (row.value as { readonly signed: unknown }).signed as SignedBundle;
    // Checked again at every load: what is in the store is not believed because it is in the store.
    if (bundleDigest(signed.bundle) !== layer.digest || signed.bundle.version !== layer.version)
      throw new ControlPlaneError('ERR_PLANE_BUNDLE', 'a stored bundle is not the published one');
    const [plane] = await this.#options.store.read([{ kind: 'plane', id: SELF }]);
    await this.verifyAuthors(signed, plane?.value as PlaneRow | undefined, { published: policy });
    return signed.bundle;
  }
}
