// The bundle keeper: the bundle that decides, loaded from what the log says is published, its authors checked against
// keys from outside the log (RULE 20). Without one there is nothing to decide with, and everything is denied.
import { base64url, trustedKeys, trustedLog, type Crypto, type Trust } from '@licet/evidence';
import {
  bundleDigest,
  loadBundle,
  selfTest,
  verifyBundleSignatures,
  type Bundle,
  type Engine,
  type LoadedBundle,
  type SignedBundle,
} from '@licet/policy';
import type { PolicyRow } from './core/rows.ts';
import { ControlPlaneError } from './errors.ts';
import type { Evaluator, Store } from './ports.ts';

/** The id by which a bundle's signature names its author: the key id of the note key, in hex. */
export const authorId = (keyId: Uint8Array): string =>
  [...keyId].map((byte) => byte.toString(16).padStart(2, '0')).join('');

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

  /** Loads a bundle in this thread, over or under the other layer in force, and leaves the one in force alone. Throws PolicyError. */
  trial(bundle: Bundle): LoadedBundle {
    const org = this.#loaded?.layers.org;
    const team = this.#loaded?.layers.team;
    const layers =
      bundle.layer === 'team'
        ? { team: bundle, ...(org === undefined ? {} : { org }) }
        : { org: bundle, team: team ?? EMPTY_TEAM };
    const loaded = loadBundle(this.#options.engine, layers);
    selfTest(this.#options.engine, loaded);
    return loaded;
  }

  /** Throws PolicyError unless authors pinned for this layer signed the bundle. */
  async verifyAuthors(signed: SignedBundle): Promise<void> {
    const { trust, origin, crypto } = this.#options;
    const log = trustedLog(trust, origin);
    const purpose = signed.bundle.layer === 'org' ? 'org' : 'author';
    const keys = Object.fromEntries(
      trustedKeys(log, purpose).map((key) => [authorId(key.keyId), base64url(key.publicKey)]),
    );
    await verifyBundleSignatures(signed, keys, crypto);
  }

  async #loadPublished(policy: PolicyRow | undefined): Promise<LoadedBundle | undefined> {
    if (policy?.team === undefined) return undefined;
    const layers = [policy.team, ...(policy.org === undefined ? [] : [policy.org])];
    const rows = await this.#options.store.read(
      layers.map(({ digest }) => ({ kind: 'bundle', id: digest }) as const),
    );
    const bundles: Bundle[] = [];
    for (const [at, row] of rows.entries()) {
      if (row === undefined)
        throw new ControlPlaneError('ERR_PLANE_BUNDLE', `bundle ${layers[at]!.digest} is not in the store`);
      const signed = (row.value as { readonly signed: unknown }).signed as SignedBundle;
      // Checked again at every load: what is in the store is not believed because it is in the store.
      if (bundleDigest(signed.bundle) !== layers[at]!.digest)
        throw new ControlPlaneError('ERR_PLANE_BUNDLE', 'a stored bundle is not the published one');
      await this.verifyAuthors(signed);
      bundles.push(signed.bundle);
    }
    const [team, org] = bundles as [Bundle, Bundle?];
    const loaded = await this.#options.evaluator.load({ team, ...(org === undefined ? {} : { org }) });
    selfTest(this.#options.engine, loaded);
    return loaded;
  }
}
