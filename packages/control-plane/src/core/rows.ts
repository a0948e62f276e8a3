// Rows: the projections that the core reads and writes. Every row can be rebuilt from log and records by `project`;
// none is a source of truth (DESIGN §9). Values are plain JSON; `version` rises with every write of the row.
import type {
  Assertion,
  Assurance,
  BundleRef,
  ChainLink,
  Confine,
  Custody,
  Grade,
  Heads,
  HoldGroup,
  IdentityEntry,
  Json,
  KeyChange,
  Meter,
  Passkey,
  PublicJwk,
  ScopeKind,
  StandingScope,
} from '@licet/evidence';
import type { AttestationKind, AttestationStatus, AttesterRole, MandateBody } from '@licet/policy';

/** The plane itself: what genesis and boot said. */
export interface PlaneRow {
  readonly origin: string;
  readonly tenant: string;
  readonly genesis: string;
  readonly custody: Custody;
  readonly public: boolean;
  /** How many people a lift, a floor change and a return to observing need (RULE 34). */
  readonly people: 1 | 2;
  /** The origin that goes on in this one's place, once it does. */
  readonly successor?: string;
  /** The organisation above: its keys as genesis names them, and how they changed since, oldest first (RULE 20). */
  readonly org?: {
    readonly id: string;
    readonly keys: readonly PublicJwk[];
    readonly changes?: readonly (KeyChange & { readonly leaf: string })[];
  };
  /** How the keys of the team's authors changed, by signature, oldest first; the trust file pins the first (RULE 20). */
  readonly authors?: readonly (KeyChange & { readonly leaf: string })[];
  /** Changes at every start of the store (RULE 7). */
  readonly incarnation: string;
  readonly operatorPolicy: string;
}

/** One containment in force. */
export interface ActiveContainment {
  readonly leaf: string;
  readonly scope: { readonly kind: ScopeKind; readonly id: string };
  readonly atMs: number;
  readonly cause: 'operator' | 'rule' | 'order';
  /** The kill order that made it, so that its lift is remembered by serial (RULE 34). */
  readonly order?: { readonly digest: string; readonly serial: number };
}

export interface ContainmentRow {
  readonly epoch: number;
  readonly head: string | null;
  readonly active: readonly ActiveContainment[];
}

export interface PolicyRow {
  readonly head: string | null;
  readonly team?: {
    readonly digest: string;
    readonly version: number;
    readonly leaf: string;
    readonly atMs: number;
    /** How many changes of the authors' keys came before it: by those that counted then it is believed. */
    readonly authors?: number;
  };
  readonly org?: {
    readonly digest: string;
    readonly version: number;
    readonly leaf: string;
    readonly atMs: number;
  };
  readonly floors: { readonly team: number; readonly org: number };
}

export interface IdentityRow {
  readonly subject: string;
  readonly kind: IdentityEntry['kind'];
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly keys: readonly PublicJwk[];
  /** RFC 7638 thumbprints of `keys`, in the same order. */
  readonly jkts: readonly string[];
  /** Passkeys of a person, each with the thumbprint of its key. */
  readonly passkeys?: readonly (Passkey & { readonly jkt: string })[];
  /** The user this agent acts for. */
  readonly for?: string;
  readonly root?: { readonly perDay: number; readonly concurrent: number };
  readonly revoked: boolean;
  readonly leaf: string;
  /** Shown to people; kept in the record, never in the entry (RULE 42). */
  readonly name?: string;
  /** The issuer that enrolled it: when that is no longer trusted, this is nobody. */
  readonly issuer?: string;
  /** Of an issuer: how its tokens are checked and mapped. Without the value, as after an erasure, none is. */
  readonly settings?: { readonly digest: string; readonly value?: Json };
  /** Of an issuer: leaf of its registration or last rotation. What it vouched for before counts no more. */
  readonly since?: string;
}

/** An issuer's word, by a token that was checked here, that a key speaks for an identity. */
export interface Vouching {
  /** Leaf of the attestation. */
  readonly leaf: string;
  readonly issuer: string;
  /** `since` of the issuer at that time. */
  readonly since: string;
  readonly untilMs: number;
}

/** Whose key it is. */
export interface KeyRow {
  readonly subject: string;
  /** A passkey's: it opens no session and signs no request. */
  readonly passkey?: true;
  /** Where it is none of the identity's own keys. */
  readonly vouched?: Vouching;
  /** Whom its bearer acts for, by that person's own token (RFC 8693). */
  readonly behalf?: Vouching & { readonly subject: string };
}

/** States of DESIGN §7. */
export type ExecutionState =
  | 'refused'
  | 'held'
  | 'approved'
  | 'denied'
  | 'permitted'
  | 'expired'
  | 'running'
  | 'completed'
  | 'failed'
  | 'halted'
  | 'in_doubt';

export interface ApprovalRow {
  readonly leaf: string;
  readonly group: string;
  readonly by: string;
  readonly verdict: 'approve' | 'reject';
  readonly method: 'token' | 'passkey';
  readonly atMs: number;
  readonly expiresAtMs: number;
  /** The approver's identity as it stood. */
  readonly identity?: string;
  /** Of a rejection: why, as a code. */
  readonly reason?: string;
  /** What the person wrote beside it; kept with the record, never in the entry (RULE 42). */
  readonly note?: string;
  /** Leaf of the standing approval that gave it. */
  readonly standing?: string;
}

export interface ExecutionRow {
  readonly exec: string;
  readonly run: string;
  readonly parent?: { readonly exec: string; readonly start: string };
  readonly depth: number;
  readonly state: ExecutionState;
  readonly verdict: 'allow' | 'deny' | 'hold';
  readonly code?: string;
  readonly reasons: readonly string[];
  readonly action: string;
  readonly aud: string;
  readonly args?: string;
  readonly resource?: string;
  readonly inputs?: string;
  readonly chain: readonly ChainLink[];
  readonly bundles: readonly BundleRef[];
  readonly jkt: string;
  readonly grade: Grade;
  readonly custody: Custody;
  readonly confine: Confine;
  readonly atMs: number;
  readonly decision: { readonly leaf: string; readonly index: number };
  readonly failedLink?: number;
  /** HMAC that recognises the caller of a hold when it is there again (RULE 23). */
  readonly recognition?: string;
  readonly hold?: {
    readonly leaf: string;
    readonly index: number;
    readonly groups: readonly HoldGroup[];
    readonly untilMs: number;
    /** Groups that earlier holds of this execution asked for: their approvals still count (finance, then legal). */
    readonly earlier?: readonly HoldGroup[];
  };
  readonly approvals?: readonly ApprovalRow[];
  readonly permit?: {
    readonly leaf: string;
    readonly index: number;
    readonly nbf: number;
    readonly exp: number;
    readonly ttlMs: number;
    readonly maxMs: number;
    readonly spend: string;
    readonly assurance: Assurance;
    readonly incarnation: string;
    readonly approvals: readonly string[];
    readonly child?: { readonly agent: string; readonly jkt: string };
  };
  readonly start?: {
    readonly leaf: string;
    readonly index: number;
    readonly instance: string;
    readonly atMs: number;
    readonly heads: Heads;
  };
  /** The last lease given: by the start, then by each renewal. */
  readonly lease?: {
    readonly untilMs: number;
    readonly counter: number;
    readonly atMs: number;
    readonly longestGapMs: number;
  };
  readonly reserved: readonly Meter[];
  readonly outcome?: {
    readonly leaf: string;
    readonly index: number;
    readonly status: string;
    readonly reason?: string;
    readonly atMs: number;
    readonly exit?: number;
    readonly by: string;
  };
  /** Indexes of the entries about it, oldest first, at most 64. */
  readonly entries: readonly number[];
  /** When a timer must look at it again; absent in a final state. */
  readonly dueAtMs?: number;
}

/** A tree of executions under one root. */
export interface RunRow {
  readonly run: string;
  readonly agent: string;
  /** Keys that acted in it: barred from new roots while the run is contained (RULE 18). */
  readonly keys: readonly string[];
  readonly executions: number;
  readonly open: number;
  /** Times of the latest denials, for containment by consequence (RULE 33). */
  readonly denials: readonly number[];
  readonly atMs: number;
}

/** One counter of one limit in one window. Amounts are exact decimals (RULE 21). */
export interface MeterRow {
  readonly name: string;
  readonly reserved: string;
  readonly spent: string;
  readonly currency?: string;
}

/** Root executions of one identity: today's count and those open now (RULE 18). */
export interface RootsRow {
  readonly day: number;
  readonly today: number;
  readonly open: number;
}

export interface FactRow {
  readonly name: string;
  readonly value: boolean | number | string;
  readonly expMs: number;
  readonly leaf: string;
  readonly index: number;
}

/** One thing that was attested. */
export interface AttestedItem {
  readonly kind: AttestationKind;
  readonly status: AttestationStatus;
  readonly measured: string;
  readonly by: AttesterRole;
  /** Who that is. */
  readonly attester: string;
  /** When the challenge was given out: what was measured is no older. */
  readonly sinceMs: number;
  readonly expMs: number;
  readonly leaf: string;
  readonly index: number;
}

/** What was attested of a subject, or of one running execution: the newest of each kind. */
export interface AttestationRow {
  /** Identity or execution. */
  readonly about: string;
  /** By kind; of a subject's programs and tools, by kind and measurement. */
  readonly items: { readonly [key: string]: AttestedItem };
  /** Indexes of the entries, oldest first. */
  readonly entries: readonly number[];
}

/** Challenges that a subject spent a short while ago, with when. */
export interface ChallengeRow {
  readonly spent: readonly (readonly [nonce: string, atMs: number])[];
}

/** A mandate as it was granted last. It is found by its id, and by who gave it to whom. */
export interface MandateRow {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly leaf: string;
  readonly index: number;
  readonly nbfMs: number;
  readonly expMs: number;
  /** Leaf of the giver's own mandate, under which this was handed down. */
  readonly parent?: string;
  readonly revoked: boolean;
  /** Thumbprint of the key that signed it. Absent, as after an erasure: it allows nothing. */
  readonly jkt?: string;
  /** What opens its body. */
  readonly opened?: OpenedMandate;
}

/** The body of a mandate with the key of its commitment, 32 bytes in base64url. */
export interface OpenedMandate {
  readonly key: string;
  readonly body: MandateBody;
}

/** A standing approval: a person's word in advance, named by the leaf of its grant. */
export interface StandingRow {
  readonly leaf: string;
  readonly index: number;
  readonly group: string;
  readonly by: string;
  readonly atMs: number;
  readonly expMs: number;
  readonly count: number;
  readonly used: number;
  readonly revoked: boolean;
  /** What it covers. Absent, as after an erasure: it covers nothing. */
  readonly opened?: OpenedScope;
}

/** The scope of a standing approval with the key of its commitment, 32 bytes in base64url. */
export interface OpenedScope {
  readonly key: string;
  readonly scope: StandingScope;
  /** By which the granter's passkey signed it. */
  readonly assertion?: Assertion;
}

export interface IdemRow {
  readonly exec: string;
  readonly leaf: string;
  /** Digest of the request without `instance`; absent when its record was erased (RULE 6). */
  readonly request?: string;
}

/** Values by kind of row. */
export interface RowValues {
  readonly plane: PlaneRow;
  readonly containment: ContainmentRow;
  readonly policy: PolicyRow;
  readonly identity: IdentityRow;
  /** By thumbprint. */
  readonly key: KeyRow;
  /** Every issuer that was ever registered. */
  readonly issuers: { readonly subjects: readonly string[] };
  /** A token that was used, by its mark, and the thumbprint of the key that it was used with. */
  readonly token: { readonly jkt: string };
  readonly execution: ExecutionRow;
  readonly run: RunRow;
  readonly meter: MeterRow;
  readonly roots: RootsRow;
  readonly fact: FactRow;
  readonly mandate: MandateRow;
  readonly standing: StandingRow;
  /** By subject, or by execution. */
  readonly attestation: AttestationRow;
  /** By subject. */
  readonly challenge: ChallengeRow;
  readonly idem: IdemRow;
  /** recognition → execution. */
  readonly hold: { readonly exec: string };
  /** A kill order that acted, by digest and by `serial:<n>`; a lifted serial never acts again (RULE 34). */
  readonly order: { readonly digest: string; readonly leaf: string; readonly lifted: boolean };
  /** The signed bundle of a published version, so that it can be loaded and shown again. */
  readonly bundle: { readonly layer: 'org' | 'team'; readonly version: number; readonly signed: unknown };
  /** Time of the last entry; the segment of the clock and the index at which it began (RULE 39). */
  readonly clock: { readonly atMs: number; readonly segment: number; readonly segmentStart: number };
  /** Counters: unspent permits by identity and identities by issuer (RULE 38), and under `operators` the people who can still govern. */
  readonly tally: { readonly count: number };
}
export type RowKind = keyof RowValues;
export interface RowKey {
  readonly kind: RowKind;
  readonly id: string;
}
export interface Row<K extends RowKind = RowKind> {
  readonly kind: K;
  readonly id: string;
  /** Rises with each write of this row; 0 = absent. */
  readonly version: number;
  /** Position of the last write in the order of the log; lists are sorted by it. */
  readonly order: number;
  readonly value: RowValues[K];
}
/** `[kind, id, version]` of everything a decision read. */
export type Versions = readonly (readonly [kind: RowKind, id: string, version: number])[];

/** The core's view of the rows inside the write transaction, including what earlier commands of the batch did. */
export interface RowReader {
  get<K extends RowKind>(kind: K, id: string): RowValues[K] | undefined;
  /** 0 when the row does not exist. */
  version(kind: RowKind, id: string): number;
}

/** The single ids of rows that exist once. */
export const SELF = 'self';

/** Fields of an execution row that `list` can filter by; a store keeps an index for each. */
export const executionIndex = (row: ExecutionRow): Readonly<Record<string, string>> => ({
  state: row.state,
  run: row.run,
  parent: row.parent?.exec ?? '',
  agent: row.chain.at(-1)?.id ?? '',
  action: row.action,
  verdict: row.verdict,
});
