// `PlaneClient`: the one interface to a plane, with three implementations that keep the same promises: HTTP, unix
// socket and in process (DESIGN §10). Everything here is JSON-shaped; entries travel as their canonical text.
import type { Assertion, Json, ScopeKind, StandingScope } from '@licet/evidence';
import type { ApprovedOne, Rejection, SigningSubject, StandingView, WebhooksView } from './approval-views.ts';
import type { AttestAnswer, AttestationView, ChallengeView, EvidenceBody } from './attestation-views.ts';
import type {
  ExecutionQuery,
  ExecutionView,
  FeedEvent,
  RunExecutions,
  ShadowFinding,
} from './execution-views.ts';
import type {
  Answer,
  CallOptions,
  DoorClaim,
  ExecutionRequest,
  Linked,
  ProvenEntry,
  RedeemAnswer,
  RenewAnswer,
  Report,
  ReportAnswer,
} from './execution.ts';
import type { HealthReport, PlaneStatus } from './health-report.ts';
import type { FactsView, LimitView } from './limit-views.ts';
import type { SignedMandate } from './mandate.ts';
import type {
  AuthorChange,
  AuthorView,
  IdentityView,
  IssuerKeys,
  IssuerView,
  MandateView,
  NewIdentity,
  NoticeView,
  OperatorAnswer,
  OrganisationView,
  PasskeyOptions,
  PasskeyRegistration,
  ProposalView,
} from './people-views.ts';

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
      /** A passkey's signature (`standingDigest` of `@licet/evidence`), with the scope's key and the end that it names. */
      readonly signed?: { readonly key: string; readonly exp: number; readonly assertion: Assertion };
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
  /** Records where passkeys are to be used from now on; takes a second person, and every trust file by hand. */
  changeRelyingParty(rp: {
    readonly id: string;
    readonly origins: readonly string[];
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
