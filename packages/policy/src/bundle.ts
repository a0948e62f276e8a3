/**
 * The bundle: policies, schema mapping, limits and pins as one canonical JSON value, named by its digest and
 * signed by authors' keys (DESIGN §6; RULE 20). On disk it is a folder of `bundle.json`, `*.cedar` and
 * `*.test.json`. This file reads, digests and verifies; `load.ts` decides whether it may be used.
 */
import { base64url, canonicalBytes, domainTag, sha256, unbase64url, utf8, type Json } from '@licet/evidence';
import type { AttestSpec } from './attestation.ts';
import { checkBundle } from './bundle-shape.ts';
import { PolicyError, type Problem } from './errors.ts';
import type { ResourceKind } from './resources.ts';
import type { Assurance, Grade } from './terms.ts';

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = { readonly [keyword: string]: Json };

/** How one argument becomes a resource. `type` is the Cedar entity type, such as `Folder` or `Url`. */
export interface ResourceSpec {
  readonly kind: ResourceKind;
  readonly type?: string;
  /** Paths only: the absolute folder that relative values are meant from. */
  readonly base?: string;
  /** URLs only: the accepted schemes. */
  readonly schemes?: readonly string[];
  /** True when the action touches nothing through this argument while it is absent. Default false. */
  readonly optional?: true;
}

/** What one call of an action uses up. */
export interface MeterRef {
  readonly limit: string;
  /** A whole number, an exact decimal, or the argument that holds the amount. Default 1. */
  readonly cost?: number | string | { readonly argument: string };
}

/** The floor of an action's terms (RULE 16). Durations as in `30s`, `10m`, `12h`. */
export interface FloorSpec {
  readonly lease?: string;
  readonly max?: string;
  readonly grade?: Grade;
  readonly assurance?: Assurance;
  readonly confine?: true;
}

/** One action `<server>/<tool>`: its arguments and what of them policies see. */
export interface ActionSpec {
  readonly schema: JsonSchema;
  readonly resources: { readonly [argument: string]: ResourceSpec };
  /** Arguments that are validated and committed to, and that no policy can see (RULE 11). */
  readonly opaque?: readonly string[];
  /** Array arguments whose order has no meaning; only these, and `uniqueItems` ones, become sets. */
  readonly unordered?: readonly string[];
  readonly floor?: FloorSpec;
  /** Action groups besides `<server>` and `licet/governed`. */
  readonly groups?: readonly string[];
  /** Parts that a door must bind for this action: `resource`, `input`, `input.<argument>`, … (RULE 26). */
  readonly bound?: readonly string[];
  readonly meters?: readonly MeterRef[];
}

/** A limit; who counts and reserves is the plane. Amounts are exact decimals with a currency (RULE 21). */
export type LimitSpec = {
  /** Whom it counts. `tool`: calls of one action by anybody; `group`: all agents of the named group together. */
  readonly per: 'execution' | 'run' | 'agent' | 'user' | 'tool' | 'group' | 'tenant';
  /** For `per: group`. */
  readonly group?: string;
  /** Length of the window, as in `1h`. Absent: for the whole life of what it is counted per. */
  readonly window?: string;
  /** True when the executor's authenticated outcome may settle below the reservation (RULE 25). */
  readonly settleLower?: true;
} &
  /** `fan-out`: children of one parent (`per: execution`), or all of one run but its root. */
  (
    | { readonly kind: 'count' | 'concurrency' | 'depth' | 'fan-out'; readonly max: number }
    | { readonly kind: 'amount'; readonly max: string; readonly currency: string }
  );

/** The type of an operators' fact. */
export type FactType = 'boolean' | 'integer' | 'decimal' | { readonly enum: readonly string[] };

/** Containment by consequence (RULE 33). */
export interface ContainmentRule {
  readonly id: string;
  readonly on: 'outcome_without_start' | 'foreign_permit' | 'replayed_permit' | 'unpinned_tool' | 'denials';
  readonly scope: 'run' | 'agent';
  /** For `denials`: how many of them … */
  readonly count?: number;
  /** … within what time, as in `1m`. */
  readonly within?: string;
}

/** How a group approves: who of it, how many, how long, and what then (RULE 22). Durations as in `10m`. */
export interface ApprovalSpec {
  /** How many different people. Default 1; a policy's `@hold("group:n")` can only raise it. */
  readonly quorum?: number;
  /** Each approver must stand for another one of these groups: two signatures from two departments. */
  readonly apart?: readonly string[];
  /** How long a hold waits for the group. Default 15 min; a policy's `@until` can only shorten it. */
  readonly wait?: string;
  /** How long an approval counts. Default and most: 15 min. */
  readonly ttl?: string;
  /** From when on members of another group may approve as well. */
  readonly escalation?: readonly { readonly after: string; readonly to: string }[];
  /** Who rejects must say why. */
  readonly reason?: 'required';
  /** `passkey`: only approvals that a passkey signed count. */
  readonly method?: 'passkey';
}

export type Layer = 'org' | 'team';

export interface Bundle {
  readonly v: 1;
  readonly layer: Layer;
  /** Of a team bundle: the log it is for. */
  readonly origin?: string;
  readonly tenant?: string;
  /** Of an organisation bundle: who it is. */
  readonly org?: string;
  /** Rises with every publication. */
  readonly version: number;
  readonly policies: readonly { readonly name: string; readonly text: string }[];
  readonly actions: { readonly [action: string]: ActionSpec };
  readonly limits: { readonly [name: string]: LimitSpec };
  /** Digest of each tool's pinned definition. */
  readonly pins: { readonly [action: string]: string };
  readonly facts?: { readonly [name: string]: FactType };
  readonly containment?: readonly ContainmentRule[];
  readonly approvals?: { readonly [group: string]: ApprovalSpec };
  /** What has to be attested, by action or action group; all that apply do. */
  readonly attest?: { readonly [actionOrGroup: string]: readonly AttestSpec[] };
  /** What a denial shows of policies that have no `@explain`. Default `code` (RULE 45). */
  readonly explain?: 'full' | 'code';
  /** Age after which the bundle decides nothing any more, as in `30d`. Default: none. */
  readonly maxAge?: string;
}

/** A bundle as entries and evidence name it. */
export interface BundleRef {
  readonly layer: Layer;
  /** base64url SHA-256. */
  readonly digest: string;
  readonly version: number;
}

export interface SignedBundle {
  readonly bundle: Bundle;
  /** `sig` is base64url Ed25519 over {@link bundleHash}. */
  readonly sigs: readonly { readonly by: string; readonly sig: string }[];
}

/** Checks one Ed25519 signature. Resolves to false for anything but a valid one. */
export interface SignatureVerifier {
  verifyEd25519(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean | Promise<boolean>;
}

/** Returns SHA-256("licet/bundle/v1\n" ‖ JCS(bundle)), 32 bytes: what authors sign. */
export function bundleHash(bundle: Bundle): Uint8Array {
  return sha256(utf8(domainTag('bundle')), canonicalBytes(bundle as unknown as Json));
}

/** Returns {@link bundleHash} as base64url: the bundle's name in entries. */
export function bundleDigest(bundle: Bundle): string {
  return base64url(bundleHash(bundle));
}

/** Returns layer, digest and version. */
export function bundleRef(bundle: Bundle): BundleRef {
  return { layer: bundle.layer, digest: bundleDigest(bundle), version: bundle.version };
}

/** Returns the bundle that a JSON value is. Throws ERR_BUNDLE_FORMAT with every fault. */
export function parseBundle(value: unknown): Bundle {
  const problems: Problem[] = [];
  checkBundle(value, problems);
  if (problems.length > 0) throw new PolicyError('ERR_BUNDLE_FORMAT', 'not a bundle', { problems });
  return value as Bundle;
}

/**
 * Returns the ids of the authors whose signatures verify. `authorKeys`: key id → base64url Ed25519 public key,
 * from the trust file and never from the bundle. Throws ERR_BUNDLE_SIGNATURE when no listed signature is by a
 * trusted author, when one of a trusted author's is wrong, or when an author signs twice.
 */
export async function verifyBundleSignatures(
  signed: SignedBundle,
  authorKeys: Readonly<Record<string, string>>,
  verifier: SignatureVerifier,
): Promise<readonly string[]> {
  const message = bundleHash(signed.bundle);
  const authors: string[] = [];
  for (const { by, sig } of signed.sigs) {
    if (!Object.hasOwn(authorKeys, by)) continue; // an unknown signer adds nothing and proves nothing
    if (authors.includes(by)) throw refused(`author ${by} is listed twice`);
    let valid: boolean;
    try {
      valid =
        (await verifier.verifyEd25519(unbase64url(authorKeys[by]!), message, unbase64url(sig))) === true;
    } catch (cause) {
      throw refused(`the signature by ${by} cannot be checked`, cause);
    }
    if (!valid) throw refused(`the signature by ${by} does not verify`);
    authors.push(by);
  }
  // RULE 20: signed by authors' keys; an empty list is no signature.
  if (authors.length === 0) throw refused('no trusted author signed the bundle');
  return authors.sort();
}

function refused(message: string, cause?: unknown): PolicyError {
  return new PolicyError('ERR_BUNDLE_SIGNATURE', message, { cause });
}
