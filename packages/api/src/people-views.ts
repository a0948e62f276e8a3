// Who acts, and on whose word: identities, mandates, authors, the organisation above, issuers, passkeys, and what
// people do to the plane.
import type { Json, Passkey, PublicJwk } from '@licet/evidence';
import type { Denial, Held, Linked, ProvenEntry } from './execution.ts';
import type { IssuerSettings } from './issuer-settings.ts';

/** A mandate as the plane shows it. Times in milliseconds since the Unix epoch. */
export interface MandateView {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Its entry. */
  readonly leaf: string;
  readonly index: number;
  readonly nbf: number;
  readonly exp: number;
  /** Leaf of the giver's own mandate, under which this was handed down. */
  readonly parent?: string;
  readonly revoked: boolean;
  /** What it allows; absent when it was erased. */
  readonly body?: Json;
}

/** A publication that waits for a second person: what there is to judge. */
export interface ProposalView {
  readonly executionId: string;
  /** Leaf of the hold. */
  readonly hold: string;
  readonly group: string;
  /** Milliseconds since the Unix epoch. */
  readonly until: number;
  readonly by: string;
  readonly layer: 'org' | 'team';
  readonly version: number;
  readonly digest: string;
  readonly signed: Json;
  readonly tests: Json;
  /** How many tests hold: all of them. */
  readonly passed: number;
  readonly replay: {
    readonly decided: number;
    readonly digest: string;
    readonly changed: readonly {
      readonly executionId: string;
      readonly from: string;
      readonly to: string;
      readonly reasons: readonly string[];
    }[];
  };
}

/** The organisation above a plane; without `id` there is none. */
export interface OrganisationView {
  readonly id?: string;
  readonly keys: readonly { readonly id: string; readonly publicKey: string; readonly counts: boolean }[];
}

/** An author's key. */
export interface AuthorView {
  /** By which signatures name it: 8 hex digits. */
  readonly id: string;
  /** vkey, named `<origin>/author`. */
  readonly key: string;
  /** Whose it is; absent for one that the trust file alone names. */
  readonly subject?: string;
  readonly name?: string;
  readonly pinned: boolean;
  /** Whether what it signs may be published now. */
  readonly counts: boolean;
}

/** A change of the authors' keys, signed by one that counts: `authorKeySigningBytes` of `@licet/evidence`. */
export interface AuthorChange {
  readonly op: 'add' | 'retire';
  readonly key: string;
  readonly subject?: string;
  readonly sig: { readonly by: string; readonly sig: string };
}

export interface IdentityView {
  readonly subject: string;
  readonly name?: string;
  readonly kind: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly keys: readonly PublicJwk[];
  readonly passkeys?: readonly Passkey[];
  readonly for?: string;
  readonly root?: { readonly perDay: number; readonly concurrent: number };
  readonly revoked: boolean;
}

/** What a browser needs to make a passkey; `challenge` in base64url. */
export interface PasskeyOptions {
  readonly challenge: string;
  /** Milliseconds since the Unix epoch. */
  readonly exp: number;
  readonly rp: { readonly id: string; readonly name: string };
  readonly user: { readonly id: string; readonly name: string };
}

/** What a browser gives when it made one (WebAuthn §5.2.1), its parts in base64url. */
export interface PasskeyRegistration {
  readonly credential: string;
  readonly clientDataJSON: string;
  readonly attestationObject: string;
}

/** What an operator action came to: done, or held for a second person, or denied. */
export type OperatorAnswer =
  | ({
      readonly verdict: 'done';
      readonly executionId: string;
      readonly epoch?: number;
      readonly leaf?: string;
      readonly entries: readonly ProvenEntry[];
    } & Linked)
  | Held
  | Denial;

/** An issuer that the plane trusts, and the state of its keys. */
export interface IssuerView extends IssuerKeys {
  readonly subject: string;
  readonly name: string;
  readonly settings: IssuerSettings;
}

export interface IssuerKeys {
  /** Usable ones. */
  readonly keys: number;
  /** Whether the last attempt to fetch them failed. */
  readonly failing: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly fetchedMs?: number;
}

export interface NewIdentity {
  /** Default: made by the plane. */
  readonly subject?: string;
  readonly kind: 'user' | 'agent' | 'door' | 'issuer' | 'verifier';
  readonly name: string;
  readonly roles?: readonly string[];
  readonly groups?: readonly string[];
  readonly keys?: readonly PublicJwk[];
  readonly for?: string;
  readonly root?: { readonly perDay: number; readonly concurrent: number };
  /** Of an issuer: how its tokens are checked and mapped. */
  readonly settings?: IssuerSettings;
}

/** What an operator had recorded beside executions: a drill, the digest of the offline viewer. */
export interface NoticeView {
  readonly kind: string;
  readonly digest: string;
  readonly by?: string;
  readonly index: number;
  readonly leaf: string;
  readonly atMs: number;
}
