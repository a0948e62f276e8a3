// `PlaneClient`: the one interface to a plane, with three implementations that keep the same promises: HTTP, unix
// socket and in process (DESIGN §10). Everything here is JSON-shaped; entries travel as their canonical text.
import type { IssuerSettings } from './issuer-settings.ts';
import type { SignedMandate } from './mandate.ts';
import type {
  ApprovalSubject,
  Assertion,
  ProofRef,
  Assurance,
  ChainLink,
  Confine,
  Custody,
  Entry,
  Grade,
  HoldGroup,
  Json,
  Passkey,
  PublicJwk,
  ScopeKind,
  StandingScope,
} from '@licet/evidence';

/** `[salt, name, value]`: one opened field of a commitment (RULE 40). */
export type Disclosure = readonly [salt: string, name: string, value: Json];

/** An entry with its proof: `entry` is the JCS text, `proof` a `c2sp.org/tlog-proof@v1` text. */
export interface ProvenEntry {
  readonly entry: string;
  readonly proof: string;
}

/** Reaches every call: the largest checkpoint size the door has verified (RULE 8), and a way to give up. */
export interface CallOptions {
  readonly seen?: number;
  readonly signal?: AbortSignal;
}

/** Carried by every answer with proofs: hashes in base64 from `seen` to the tree of those proofs. */
export interface Linked {
  readonly consistency?: readonly string[];
}

/** What a door says of itself; recorded in permit and start, visible to policies (RULE 27). */
export interface DoorClaim {
  readonly grade: Grade;
  readonly confine: Confine;
  /** Names of parts that the door binds (`upstream`, `body` …) beside the arguments (RULE 26). */
  readonly bound?: readonly string[];
}

export interface ExecutionRequest {
  /** `<server>/<tool>`. */
  readonly action: string;
  readonly arguments: { readonly [name: string]: Json };
  /** The running execution on whose behalf this happens; absent for a root (RULE 18). */
  readonly parent?: string;
  /** ≥ 128 random bits, base64url; the same key never mints twice (RULE 6). */
  readonly idempotencyKey: string;
  /** 128 random bits of the acting process, base64url; held in memory only (RULE 6). */
  readonly instance: string;
  /** Decide and start in one commit: for a door that is also the executor. Default false. */
  readonly start?: boolean;
  /** The one place that will spend the permit. Default: this tenant's default audience. */
  readonly audience?: string;
  /** For a spawn: the agent and key that may run below this execution. */
  readonly child?: { readonly agent: string; readonly jkt: string };
  readonly door: DoorClaim;
}

/** Permission, with all that a door needs to check it offline and to run exactly what was committed. */
export interface Permitted extends Linked {
  readonly verdict: 'allow';
  readonly executionId: string;
  readonly permit: ProvenEntry;
  /** Present when the request said `start`. */
  readonly start?: ProvenEntry;
  readonly disclosures: {
    readonly arguments: readonly Disclosure[];
    readonly resources: readonly Disclosure[];
  };
}

/** A denial that an agent can use (RULE 45). */
export interface Denial extends Linked {
  readonly verdict: 'deny';
  readonly code: string;
  readonly decisionId: string;
  readonly executionId: string;
  /** One sentence for the agent and its people. */
  readonly reason: string;
  /** Ids of the determining policies, where the policy allows them to be shown. */
  readonly policies: readonly string[];
  readonly failedLink?: number;
  /** What to do next, in one sentence. */
  readonly next: string;
  readonly retryAfterMs?: number;
  /** Of the code `limit`: which one, and whom it counts. */
  readonly limit?: LimitExceeded;
  readonly refusal?: ProvenEntry;
}

/** A limit that is used up. */
export interface LimitExceeded {
  readonly name: string;
  readonly per: string;
  /** How much it is, where the policy shows it. */
  readonly max?: string;
  /** When its window ends, milliseconds since the Unix epoch. */
  readonly resetsAt?: number;
}

/** A denial that named approvals would lift. */
export interface Held extends Linked {
  readonly verdict: 'hold';
  readonly executionId: string;
  readonly decisionId: string;
  readonly code: string;
  readonly reason: string;
  readonly policies: readonly string[];
  readonly holds: readonly HoldGroup[];
  readonly next: string;
  readonly refusal?: ProvenEntry;
  /** The same for those who speak AuthZEN's Access Request: where to ask, and until when. */
  readonly context?: {
    readonly evaluation_id: string;
    readonly access_request: { readonly endpoint: string; readonly expires_at: string };
  };
}

export type Answer = Permitted | Denial | Held;

export type RedeemAnswer =
  | ({ readonly verdict: 'started'; readonly executionId: string; readonly start: ProvenEntry } & Linked)
  | Denial;
/** `note` is signed by a lease key (RULE 5); a denial means halt now. */
export type RenewAnswer = { readonly verdict: 'renewed'; readonly note: string } | Denial;

export interface Report {
  readonly instance: string;
  readonly status: 'completed' | 'failed' | 'halted';
  readonly result?: Json;
  readonly exit?: number;
  /** A code, never free text. */
  readonly reason?: string;
  /** Lower actual amounts, where the limit lets them be settled (RULE 25). */
  readonly settled?: readonly { readonly name: string; readonly amount: string }[];
}
export interface ReportAnswer extends Linked {
  readonly executionId: string;
  readonly status: string;
  readonly late: boolean;
  readonly outcome: ProvenEntry;
}

/** One execution among all of its run: its places in the log, what was decided, what caused it. */
export interface RunExecution {
  readonly executionId: string;
  readonly parent?: string;
  /** Position in `RunExecutions.chains`. */
  readonly chain: number;
  readonly action: string;
  readonly verdict: string;
  readonly code?: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly decision: ProofRef;
  /** Where it is another entry than the decision. */
  readonly permit?: ProofRef;
  readonly start?: ProofRef;
  readonly outcome?: ProofRef & { readonly status: string; readonly atMs: number };
  readonly renewals: number;
}

/** A decision that a policy in shadow would have made otherwise (RULE 1). */
export interface ShadowFinding extends ProofRef {
  readonly executionId: string;
  /** What it would have been. */
  readonly verdict: string;
  /** The policies that would have determined it. */
  readonly reasons: readonly string[];
  readonly atMs: number;
  /** What it was. */
  readonly was?: string;
  readonly action?: string;
  readonly agent?: string;
}

/** All executions of a run. */
export interface RunExecutions {
  readonly run: string;
  readonly chains: readonly (readonly ChainLink[])[];
  readonly items: readonly RunExecution[];
}

/** A person's word on a hold. */
export interface GivenApproval {
  readonly group: string;
  readonly by: string;
  readonly verdict: string;
  readonly atMs?: number;
  /** Until when it counts, milliseconds since the Unix epoch. */
  readonly expires?: number;
  /** Of a rejection: why, as a code, and in their words for people who may read them. */
  readonly reason?: string;
  readonly note?: string;
  /** Leaf of the standing approval that gave it. */
  readonly standing?: string;
}

/** Of a rejection: a code for the log, and words that are kept beside it. */
export interface Rejection {
  readonly code: string;
  /** At most 500 characters. */
  readonly text?: string;
}

/** What came of one of several words. */
export type ApprovedOne =
  | {
      readonly executionId: string;
      readonly ok: true;
      readonly complete: boolean;
      readonly approval: ProvenEntry;
    }
  | { readonly executionId: string; readonly ok: false; readonly code: string; readonly message: string };

/** A standing approval (docs/formats/standing.md). Times in milliseconds since the Unix epoch. */
export interface StandingView {
  readonly leaf: string;
  readonly index: number;
  readonly group: string;
  readonly by: string;
  readonly atMs: number;
  readonly exp: number;
  readonly count: number;
  readonly used: number;
  readonly revoked: boolean;
  /** What it covers; absent when it was erased. */
  readonly scope?: Json;
}

/** Where the plane tells of holds. */
export interface Webhook {
  readonly id: string;
  readonly url: string;
  /** Whether the arguments of held calls are in what is sent, in the clear. */
  readonly arguments: boolean;
}

/** A webhook and how it fares, since this process began. */
export interface WebhookView extends Webhook {
  readonly waiting: number;
  readonly delivered: number;
  readonly dropped: number;
  readonly lastError?: string;
}

export interface WebhooksView {
  readonly items: readonly WebhookView[];
  /** `whpk_…`: verifies what is sent (Standard Webhooks, Ed25519). */
  readonly publicKey?: string;
}

/** An access request of AuthZEN: how a hold stands. Approved is not permitted: the call is to be made again. */
export interface AccessTask {
  readonly task: {
    readonly id: string;
    readonly status: 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled';
    readonly status_endpoint: string;
    readonly expires_at: string;
  };
}

/** One execution as its page shows it. */
export interface ExecutionView {
  readonly executionId: string;
  readonly run: string;
  readonly parent?: string;
  readonly state: string;
  readonly verdict: 'allow' | 'deny' | 'hold';
  readonly code?: string;
  readonly reasons: readonly string[];
  readonly action: string;
  readonly chain: readonly (ChainLink & { readonly name?: string })[];
  readonly grade: Grade;
  readonly custody: Custody;
  readonly confine: Confine;
  readonly atMs: number;
  readonly depth: number;
  /** The leaf hashes and indexes of its entries so far. */
  readonly decision: { readonly leaf: string; readonly index: number };
  readonly permit?: {
    readonly leaf: string;
    readonly index: number;
    readonly exp: number;
    readonly assurance: Assurance;
  };
  readonly start?: { readonly leaf: string; readonly index: number; readonly atMs: number };
  readonly lease?: { readonly untilMs: number; readonly counter: number };
  readonly outcome?: {
    readonly leaf: string;
    readonly index: number;
    readonly status: string;
    readonly reason?: string;
    readonly atMs: number;
  };
  readonly hold?: {
    readonly leaf: string;
    readonly index: number;
    readonly untilMs: number;
    readonly groups: readonly HoldGroup[];
    readonly approvals: readonly GivenApproval[];
  };
  /** Only for callers who may read arguments. */
  readonly arguments?: { readonly [name: string]: Json } | 'erased';
  readonly resources?: readonly { readonly type: string; readonly id: string }[];
}

export interface ExecutionQuery {
  readonly state?: string;
  readonly verdict?: string;
  readonly agent?: string;
  readonly action?: string;
  readonly run?: string;
  readonly after?: number;
  readonly limit?: number;
}

/** One committed entry on the feed; `id` is the log index. */
export interface FeedEvent {
  readonly index: number;
  readonly leaf: string;
  readonly entry: Entry;
}

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

/** Operators' facts: those in force, each with its entry, and those that can be stated. */
export interface FactsView {
  readonly items: readonly {
    readonly name: string;
    readonly value: boolean | number | string;
    /** Milliseconds since the Unix epoch. */
    readonly exp: number;
    readonly leaf: string;
    readonly index: number;
  }[];
  readonly declared: readonly {
    readonly name: string;
    /** `boolean`, `integer`, `decimal`, or `enum` of `values`. */
    readonly type: string;
    readonly values?: readonly string[];
  }[];
}

/** One counter of a limit. Amounts are exact decimals. */
export interface LimitView {
  readonly name: string;
  readonly kind: string;
  readonly per: string;
  readonly whom: string;
  readonly max: string;
  readonly currency?: string;
  readonly reserved: string;
  readonly spent: string;
  readonly left: string;
  /** Milliseconds since the Unix epoch. */
  readonly resetsAtMs?: number;
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

/** What a passkey signs to answer a hold (RULE 22). */
export interface SigningSubject {
  readonly subject: ApprovalSubject;
  /** Its digest: the WebAuthn challenge. Compute it again before signing. */
  readonly challenge: string;
  readonly rpId: string;
  /** Opens `subject.args`; absent when the record was erased. */
  readonly disclosures?: readonly Disclosure[];
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

export interface PlaneStatus {
  readonly origin: string;
  readonly tenant: string;
  readonly audience: string;
  readonly state: 'enforcing' | 'observing' | 'contained' | 'fail-closed';
  /** The reason in words. */
  readonly why: string;
  readonly size: number;
  readonly root: string;
  readonly epoch: number;
  readonly custody: Custody;
  readonly people: 1 | 2;
  readonly bundles: readonly {
    readonly layer: 'org' | 'team';
    readonly digest: string;
    readonly version: number;
  }[];
  /** A status note by the status key, over the above (RULE 9). */
  readonly note: string;
}

/** What the plane measures of itself: numbers, codes and places in the log, nothing that names anybody (RULE 42). */
export interface HealthReport {
  readonly ok: boolean;
  readonly state: PlaneStatus['state'];
  readonly why: string;
  readonly size: number;
  /** The plane's clock, milliseconds. */
  readonly atMs: number;
  /** Since when this process measures. */
  readonly startedMs: number;
  /** Time of the newest entry. */
  readonly lastEntryMs?: number;
  readonly store: {
    readonly ok: boolean;
    readonly why: string;
    readonly queue: number;
    readonly kind: string;
    /** Where several processes share it: those alive, how much of the log each has, when it was last heard. */
    readonly replicas?: readonly {
      readonly id: string;
      readonly size: number;
      readonly ageMs: number;
      readonly self: boolean;
    }[];
  };
  readonly evaluator: { readonly engine: string; readonly inFlight: number; readonly workers: number };
  readonly running: number;
  readonly inDoubt: number;
  readonly bundles: PlaneStatus['bundles'];
  /** When the rows were counted; older than `atMs` when the store cannot be read. */
  readonly countedMs: number;
  /** From the newest rows; `operations` are what people did to the plane itself, counted apart. */
  readonly decisions: {
    readonly counted: number;
    readonly complete: boolean;
    readonly allow: number;
    readonly deny: number;
    readonly hold: number;
    readonly operations: number;
  };
  readonly starts: readonly { readonly grade: Grade; readonly count: number; readonly lastMs?: number }[];
  readonly outcomes: {
    readonly completed: number;
    readonly failed: number;
    readonly halted: number;
    readonly expired: number;
  };
  readonly approvals: { readonly waiting: number; readonly nextEndsMs?: number };
  /** Signed ends of running leases, soonest first. */
  readonly leases: { readonly running: number; readonly untilMs: readonly number[] };
  /** Counters in use, those with nothing left, and when the first of these counts anew. */
  readonly limits: { readonly counting: number; readonly spent: number; readonly nextResetMs?: number };
  /**
   * What was attested of identities and of running executions: what holds, what was not attested again in time, what a
   * verifier refused; and when the first that holds ends.
   */
  readonly attestation: {
    readonly holds: number;
    readonly ended: number;
    readonly refused: number;
    readonly nextEndsMs?: number;
  };
  readonly drill?: {
    readonly passed: boolean;
    readonly digest: string;
    readonly index: number;
    readonly leaf: string;
    readonly atMs: number;
  };
  readonly latency: {
    readonly sloP99Ms: number;
    /** Upper edges of the histogram; one more slot counts what was slower. */
    readonly edgesMs: readonly number[];
    readonly slotMs: number;
    readonly total: HealthSlot;
    /** Oldest first; a slot without decisions is left out. */
    readonly slots: readonly HealthSlot[];
  };
}

/** Decisions answered within one slot of time. */
export interface HealthSlot {
  readonly at: number;
  readonly allow: number;
  readonly deny: number;
  readonly hold: number;
  readonly latency: readonly number[];
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

/** What can be attested (docs/ATTESTATION.md). */
export type AttestationKind =
  'container' | 'executable' | 'npm_provenance' | 'tool_manifest' | 'workload_token';
/** EAR's words. */
export type AttestationStatus = 'affirming' | 'warning' | 'contraindicated' | 'none';

export interface ChallengeView {
  /** Whom the evidence has to be about. */
  readonly subject: string;
  /** 128 random bits, base64url. */
  readonly challenge: string;
  /** Goes back with the evidence. */
  readonly ticket: string;
  readonly expires: number;
  /** What has to be attested for the action that was named, and how fresh. */
  readonly requires: readonly { readonly kind: AttestationKind; readonly maxAgeMs: number }[];
}

export interface EvidenceBody {
  readonly kind: AttestationKind;
  readonly challenge: string;
  readonly ticket: string;
  readonly executionId?: string;
  readonly evidence: Json;
}

export interface AttestAnswer extends Linked {
  readonly kind: AttestationKind;
  readonly status: AttestationStatus;
  readonly measured: string;
  readonly expires: number;
  /** Why it is not affirming. */
  readonly why?: string;
  readonly attestation: ProvenEntry;
}

export interface AttestationView {
  /** Identity or execution. */
  readonly about: string;
  readonly kind: AttestationKind;
  readonly status: AttestationStatus;
  readonly measured: string;
  /** `self`, `door` or `verifier`: whose word it is. */
  readonly by: string;
  readonly attester: string;
  /** What was measured is no older. */
  readonly sinceMs: number;
  readonly expires: number;
  readonly index: number;
  readonly leaf: string;
}

/** Everything a door, an operator or an auditor asks of a plane. A refused request is an answer; a rejected promise is a `PlaneError`. */
export interface PlaneClient {
  // Doors
  request(body: ExecutionRequest, options?: CallOptions): Promise<Answer>;
  /** A held caller is there again. */
  decide(
    executionId: string,
    body: { readonly idempotencyKey: string; readonly instance: string; readonly start?: boolean },
    options?: CallOptions,
  ): Promise<Answer>;
  redeem(
    executionId: string,
    body: { readonly permit: ProvenEntry; readonly instance: string; readonly door: DoorClaim },
    options?: CallOptions,
  ): Promise<RedeemAnswer>;
  renew(
    executionId: string,
    body: { readonly instance: string; readonly counter: number; readonly nonce: string },
    options?: CallOptions,
  ): Promise<RenewAnswer>;
  report(executionId: string, body: Report, options?: CallOptions): Promise<ReportAnswer>;
  cancel(
    executionId: string,
    options?: CallOptions,
  ): Promise<{ readonly executionId: string; readonly state: string }>;
  /** `waitMs` ≤ 45_000 returns when the state changes, or at the end of the wait. */
  execution(
    executionId: string,
    options?: CallOptions & { readonly waitMs?: number; readonly since?: string },
  ): Promise<ExecutionView>;
  executions(
    query?: ExecutionQuery,
    options?: CallOptions,
  ): Promise<{ readonly items: readonly ExecutionView[]; readonly next?: number }>;
  /** Hints only (RULE 32): halts of one's own executions, and for people the feed. Starts after log index `after`. */
  events(options: { readonly after: number; readonly signal: AbortSignal }): AsyncIterable<FeedEvent>;

  /** A challenge for evidence about the caller, or about an execution that it runs. Good once, for half a minute. */
  challenge(
    about: { readonly executionId?: string; readonly action?: string },
    options?: CallOptions,
  ): Promise<ChallengeView>;
  /** Presents evidence; what it shows is recorded, good or not. */
  attest(body: EvidenceBody, options?: CallOptions): Promise<AttestAnswer>;
  /** What was attested, of an identity or execution or of all one may see. */
  attestations(about?: string): Promise<readonly AttestationView[]>;

  // Evidence
  evidence(executionId: string): Promise<Uint8Array>;
  runEvidence(run: string): Promise<Uint8Array>;
  /** All executions of a run, the first asked for first. */
  runExecutions(run: string): Promise<RunExecutions>;
  /** The run folded from its entries: what is missing is named, and resources are opened. Takes longer. */
  lineage(run: string): Promise<Json>;
  status(options?: CallOptions): Promise<PlaneStatus & Linked>;
  /** The newest signed checkpoint, with the consistency proof from `seen`. */
  checkpoint(options?: CallOptions): Promise<{ readonly note: string } & Linked>;
  tile(path: string): Promise<Uint8Array | undefined>;
  /** `sinceMs` bounds the slots of time; default the last 15 minutes. */
  health(sinceMs?: number): Promise<HealthReport>;

  // People
  approvals(): Promise<readonly ExecutionView[]>;
  approve(
    executionId: string,
    body: {
      readonly hold: string;
      readonly group: string;
      readonly verdict: 'approve' | 'reject';
      readonly expires?: number;
      /** A passkey's signature over the subject with this `expires`; without it, it is the word of a token. */
      readonly assertion?: Assertion;
      readonly reason?: Rejection;
    },
  ): Promise<{ readonly executionId: string; readonly complete: boolean; readonly approval: ProvenEntry }>;
  /** Exactly what a passkey signs, and what opens the arguments it speaks of. */
  approvalSubject(
    executionId: string,
    body: { readonly hold: string; readonly group: string; readonly verdict: 'approve' | 'reject' },
  ): Promise<SigningSubject>;
  /** What a browser is asked for to make a passkey: by invitation, or for whoever calls. */
  passkeyOptions(invitation?: string): Promise<PasskeyOptions>;
  addPasskey(
    made: PasskeyRegistration & { readonly invitation?: string },
  ): Promise<OperatorAnswer & { readonly subject?: string }>;
  /** By its id, as the identity lists it. Its owner, signed in by a passkey, or an operator may. */
  removePasskey(id: string): Promise<OperatorAnswer>;
  /** A code with which a person brings in their own passkey, once. */
  invite(subject: string): Promise<{ readonly invitation: string; readonly exp: number }>;
  /**
   * Several words at once, each over its own hold; what fails leaves the others as they are. `assertion`: a passkey's one
   * signature over all of them ({@link approvalBatchDigest} of `@licet/evidence`), each with the `expires` that it names.
   */
  approveMany(
    items: readonly {
      readonly executionId: string;
      readonly hold: string;
      readonly group: string;
      readonly verdict: 'approve' | 'reject';
      readonly expires?: number;
      readonly reason?: Rejection;
    }[],
    assertion?: Assertion,
  ): Promise<readonly ApprovedOne[]>;
  standing(): Promise<readonly StandingView[]>;
  /** A word in advance, in the name of a group of one's own. */
  grantStanding(
    body: {
      readonly group: string;
      readonly scope: StandingScope;
      readonly count: number;
      readonly forMs: number;
    },
    key?: string,
  ): Promise<OperatorAnswer>;
  revokeStanding(leaf: string): Promise<OperatorAnswer>;
  webhooks(): Promise<WebhooksView>;
  /** Tells of holds at this address from now on: https, or http on loopback. */
  addWebhook(body: { readonly url: string; readonly arguments?: boolean }): Promise<WebhooksView>;
  removeWebhook(id: string): Promise<WebhooksView>;
  /** Sends a test event, once. */
  testWebhook(id: string): Promise<{ readonly ok: boolean; readonly why: string }>;
  previewContainment(scope: {
    readonly kind: ScopeKind;
    readonly id: string;
  }): Promise<{ readonly executions: readonly ExecutionView[]; readonly agents: readonly string[] }>;
  contain(scope: { readonly kind: ScopeKind; readonly id: string }, key?: string): Promise<OperatorAnswer>;
  lift(leaf: string, key?: string): Promise<OperatorAnswer>;
  containments(): Promise<{
    readonly epoch: number;
    readonly active: readonly {
      readonly leaf: string;
      readonly scope: { readonly kind: ScopeKind; readonly id: string };
      readonly atMs: number;
      readonly cause: string;
    }[];
  }>;
  /** A kill order by a pinned contain key: works when login, disk, database or policy do not (RULE 34). */
  order(note: string): Promise<{ readonly effective: true; readonly durable: boolean }>;
  resolve(
    executionId: string,
    body: { readonly status: 'completed' | 'failed' | 'halted'; readonly reason: string },
  ): Promise<OperatorAnswer>;
  identities(): Promise<readonly IdentityView[]>;
  register(identity: NewIdentity, key?: string): Promise<OperatorAnswer & { readonly subject?: string }>;
  changeIdentity(
    subject: string,
    change: 'update' | 'rotate' | 'revoke',
    body?: Partial<NewIdentity>,
  ): Promise<OperatorAnswer>;
  /** Issuers that are trusted now. */
  issuers(): Promise<readonly IssuerView[]>;
  /** Asks an issuer for its keys now. */
  refreshIssuer(subject: string): Promise<IssuerKeys>;
  setFact(body: {
    readonly name: string;
    readonly value: boolean | number | string;
    readonly forMs: number;
  }): Promise<OperatorAnswer>;
  facts(): Promise<FactsView>;
  /** Grants a mandate; see {@link signMandate}. Its giver or an operator may. */
  grantMandate(mandate: SignedMandate): Promise<OperatorAnswer>;
  mandates(): Promise<readonly MandateView[]>;
  /** Ends a mandate and everything below it. Its giver or an operator may. */
  revokeMandate(id: string): Promise<OperatorAnswer>;
  bundles(): Promise<
    readonly {
      readonly layer: 'org' | 'team';
      readonly digest: string;
      readonly version: number;
      readonly active: boolean;
      readonly signed: Json;
    }[]
  >;
  /** The organisation above, and its keys: those that count, and those that did. */
  organisation(): Promise<OrganisationView>;
  changeOrgKey(change: {
    readonly change: 'add' | 'retire';
    /** A vkey named `<origin>/org`. */
    readonly key: string;
    readonly sig: { readonly by: string; readonly sig: string };
  }): Promise<OperatorAnswer>;
  /** Who is calling. */
  me(): Promise<{ readonly subject: string; readonly kind: string; readonly roles: readonly string[] }>;
  /** The keys by which bundles are signed: those that count, and those that did. */
  authors(): Promise<readonly AuthorView[]>;
  /** Adds or retires authors' keys, in order, all or none; a second person may be asked. */
  changeAuthors(changes: readonly AuthorChange[]): Promise<OperatorAnswer>;
  /** Publishes a signed bundle whose tests hold; without a test a team's is refused. A second person may be asked. */
  publish(signed: Json, tests?: { readonly [file: string]: Json }): Promise<OperatorAnswer>;
  /** Counters of the limits in force. */
  limits(): Promise<readonly LimitView[]>;
  /** Publications that wait for a second person. */
  proposals(): Promise<readonly ProposalView[]>;
  /** Problems found, without publishing. */
  checkBundle(bundle: Json): Promise<{
    readonly ok: boolean;
    readonly problems: readonly {
      readonly code: string;
      readonly message: string;
      readonly where?: string;
      readonly next: string;
    }[];
    readonly digest?: string;
  }>;
  replay(
    bundle: Json,
    limit?: number,
  ): Promise<{
    readonly decided: number;
    readonly changed: readonly {
      readonly executionId: string;
      readonly from: string;
      readonly to: string;
      readonly reasons: readonly string[];
    }[];
  }>;

  /** Ends this log in favour of another one: nothing starts here any more (RULE 7). Two people, unless solo. */
  succeed(
    next: { readonly origin: string; readonly logKey: string; readonly keys: readonly string[] },
    key?: string,
  ): Promise<OperatorAnswer>;
  /** Records a notice: a code and a digest, as an operator's governed execution. */
  notice(kind: string, digest: string, key?: string): Promise<OperatorAnswer>;
  /** Newest first. */
  notices(): Promise<readonly NoticeView[]>;
  /** What shadow policies would have decided otherwise, newest first. `next` is where to go on, while there is more. */
  shadowFindings(
    before?: number,
  ): Promise<{ readonly items: readonly ShadowFinding[]; readonly next?: number }>;
  close(): Promise<void>;
}
