// The context: what every part of the plane works with. Ports and options from outside, and the two things that the
// plane remembers between requests: the bundle in force and the kill orders that are not in the log yet.
import { formatTrust, parseTrust, trustedLog, type Crypto, type Trust } from '@licet/evidence';
import type { Engine } from '@licet/policy';
import { BundleKeeper } from './bundle-keeper.ts';
import type { BootCommand } from './core/commands.ts';
import { Emergency } from './emergency.ts';
import type { Attestation, Clock, Evaluator, Random, Resolver, Store } from './ports.ts';

export interface PlaneOptions {
  readonly store: Store;
  readonly evaluator: Evaluator;
  /** The same engine in this thread: for loading, self-test, checks and replay. */
  readonly engine: Engine;
  readonly resolver: Resolver;
  /** Appraises evidence. Default: nothing can be attested. */
  readonly attestation?: Attestation;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  /** 32 bytes: recognises held callers, hides resource ids. */
  readonly tenantKey: Uint8Array;
  /** Whom this plane believes about authors and contain orders: pinned outside the log. */
  readonly trust: Trust;
  readonly origin: string;
  /** Where permits of this plane are spent unless a request says otherwise. */
  readonly audience: string;
  /** Lets what else waits in this thread go on, between the parts of a long reading. Default: does not wait. */
  readonly pause?: () => Promise<void>;
  readonly boot: Omit<BootCommand, 'kind' | 'incarnation' | 'operatorPolicy'>;
}

/** One plane: its options, its tenant, and its memory. */
export interface PlaneContext extends PlaneOptions {
  /** As the trust file names it for this origin. */
  readonly tenant: string;
  readonly keeper: BundleKeeper;
  readonly emergency: Emergency;
}

/** Returns the context of a plane that has not been opened yet. Throws EvidenceError when the trust does not name its origin. */
export const planeContext = (options: PlaneOptions): PlaneContext => ({
  ...options,
  tenant: trustedLog(parseTrust(formatTrust(options.trust)), options.origin).tenant,
  keeper: new BundleKeeper(options),
  emergency: new Emergency(),
});
