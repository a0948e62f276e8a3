// The face of the plane: what the shell may ask of it, in domain terms. The server turns these values into answers.
import type {
  ApprovalSubject,
  Assertion,
  Confine,
  EntryOf,
  Grade,
  Json,
  Passkey,
  ScopeKind,
} from '@licet/evidence';
import type { AttestationKind, FactType } from '@licet/policy';
import type { Caller, Door, Effect, Enrolment, Reply } from './core/commands.ts';
import type {
  ActiveContainment,
  AttestationRow,
  ExecutionRow,
  MandateRow,
  StandingRow,
} from './core/rows.ts';
import type { LimitUse } from './limits.ts';
import type { Committed } from './ports.ts';
import type { Rehearsal } from './rehearsal.ts';

/** A commit's reply with its evidence. */
export interface Answered {
  readonly reply: Reply;
  readonly entries: readonly Committed[];
  readonly notes: readonly string[];
  /** From the size the caller had seen to the tree of the proofs (RULE 8). */
  readonly consistency?: readonly Uint8Array[];
  /** Opened commitments, for the door that runs it (RULE 40). */
  readonly disclosures?: {
    readonly arguments: readonly (readonly [string, string, Json])[];
    readonly resources: readonly (readonly [string, string, Json])[];
  };
  /** How much the determining policies let a denial show (RULE 45), and their own advice. */
  readonly explain?: { readonly show: 'full' | 'code'; readonly advice?: string };
}

export interface DecideRequest {
  readonly action: string;
  readonly arguments: { readonly [name: string]: Json };
  readonly parent?: string;
  /** base64url, ≥ 16 bytes. */
  readonly idempotencyKey: string;
  /** 16 bytes. */
  readonly instance: Uint8Array;
  readonly start?: boolean;
  readonly audience?: string;
  readonly child?: { readonly agent: string; readonly jkt: string };
  readonly door: { readonly grade: Grade; readonly confine: Confine; readonly bound?: readonly string[] };
  readonly seen?: number;
}

/** The parts of an evidence bundle that the plane holds; the server formats the file. */
export interface EvidenceParts {
  readonly kind: 'execution' | 'run';
  readonly origin: string;
  readonly subject: string;
  readonly entries: readonly {
    readonly index: number;
    readonly bytes: Uint8Array;
    readonly proof: readonly Uint8Array[];
  }[];
  readonly checkpoints: readonly { readonly note: string; readonly consistency: readonly Uint8Array[] }[];
  readonly executions: Readonly<Record<string, Json>>;
  readonly bundles: readonly Json[];
  readonly mandates?: readonly Json[];
  readonly standing?: readonly Json[];
}

/** A publication that waits for a second person: what there is to judge (RULE 34). */
export interface Proposal {
  readonly exec: string;
  /** Leaf of the hold. */
  readonly hold: string;
  readonly group: string;
  readonly untilMs: number;
  /** Who asked for it. */
  readonly by: string;
  readonly layer: 'org' | 'team';
  readonly version: number;
  readonly digest: string;
  readonly signed: Json;
  readonly tests: Json;
  readonly rehearsal: Rehearsal;
}

/** The organisation above a plane (RULE 20). */
export interface Organisation {
  readonly id: string;
  readonly keys: readonly {
    readonly id: string;
    /** 32 bytes in base64url. */
    readonly publicKey: string;
    readonly counts: boolean;
  }[];
}

/** A key of an author of the team's (RULE 20). */
export interface AuthorKey {
  /** By which signatures name it. */
  readonly id: string;
  /** vkey, named `<origin>/author`. */
  readonly key: string;
  /** Whose it is; absent for a key that the trust file alone names. */
  readonly subject?: string;
  readonly name?: string;
  /** Whether the trust file of this plane names it. */
  readonly pinned: boolean;
  /** Whether what it signs may be published now. */
  readonly counts: boolean;
}

/** How an identity is named: by its id, or by what its issuer says of it, from which an opaque id is made. */
export type Named = { readonly is: string } | { readonly named: readonly string[] };

/** A token that the shell has checked, and what the issuer's rules make of it. */
export interface TokenPresented {
  /** The issuer's identity, and the digest of the settings under which it was checked. */
  readonly issuer: string;
  readonly settings: string;
  readonly kind: 'user' | 'agent';
  readonly subject: Named;
  /** Absent: the subject must be registered. */
  readonly enrol?: Omit<Enrolment, 'for'> & { readonly for?: Named };
  /** As it was presented. Only a mark of it is kept. */
  readonly token: string;
  /** What it said, kept beside the log. */
  readonly said: Json;
  readonly untilMs: number;
}

/** On whose behalf an agent comes, as the tokens claim it (RFC 8693): it must be the chain that records make. */
export interface ClaimedChain {
  readonly behalf: TokenPresented;
  /** Who acted before, the first one first, each by issuer and subject. */
  readonly actors: readonly (readonly [issuer: string, subject: string])[];
  /** The execution below which it acts. */
  readonly parent?: string;
}

/** An issuer that is trusted now. */
export interface IssuerRow {
  readonly subject: string;
  readonly name: string;
  readonly settings: Json;
  readonly digest: string;
}

/** A challenge for evidence. */
export interface Challenge {
  /** 128 random bits, base64url: what the evidence must be made for. */
  readonly challenge: string;
  /** Handed back with the evidence. */
  readonly ticket: string;
  readonly expiresMs: number;
  /** What would have to be attested, and how fresh. */
  readonly requires: readonly { readonly kind: AttestationKind; readonly maxAgeMs: number }[];
}

export interface AttestBody {
  readonly kind: AttestationKind;
  readonly challenge: string;
  readonly ticket: string;
  /** The running execution that it is about. */
  readonly exec?: string;
  readonly evidence: Json;
}

/** The control plane over its ports. Every method that decides or changes something is one commit, or several on `stale`. */
export interface Plane {
  readonly origin: string;
  readonly tenant: string;
  readonly audience: string;
  decide(caller: Caller, request: DecideRequest): Promise<Answered>;
  /** A held caller is there again (RULE 23). */
  resume(
    caller: Caller,
    exec: string,
    body: {
      readonly idempotencyKey: string;
      readonly instance: Uint8Array;
      readonly start?: boolean;
      readonly seen?: number;
    },
  ): Promise<Answered>;
  redeem(
    caller: Caller,
    exec: string,
    body: {
      readonly permit: { readonly entry: Uint8Array; readonly index: number };
      readonly instance: Uint8Array;
      readonly door: Omit<Door, 'custody'>;
      readonly seen?: number;
    },
  ): Promise<Answered>;
  renew(
    caller: Caller,
    exec: string,
    body: { readonly instance: Uint8Array; readonly counter: number; readonly nonce: string },
  ): Promise<Answered>;
  report(
    caller: Caller,
    exec: string,
    body: {
      readonly instance: Uint8Array;
      readonly status: 'completed' | 'failed' | 'halted';
      readonly result?: Json;
      readonly exit?: number;
      readonly reason?: string;
      readonly settled?: readonly { readonly name: string; readonly amount: string }[];
      readonly seen?: number;
    },
  ): Promise<Answered>;
  cancel(caller: Caller, exec: string): Promise<Answered>;
  /** A challenge for evidence about the caller, or about an execution that it runs; with what would have to be attested. */
  challenge(
    caller: Caller,
    about: { readonly exec?: string; readonly action?: string },
  ): Promise<Challenge | 'unknown_execution'>;
  /** Appraises evidence that was made for a challenge, and records what it shows. */
  attest(caller: Caller, body: AttestBody): Promise<Answered>;
  /** What was attested, of one identity or execution, or of all, newest first. */
  attestations(about?: string): Promise<readonly AttestationRow[]>;
  approve(
    caller: Caller,
    exec: string,
    body: {
      readonly hold: string;
      readonly group: string;
      readonly verdict: 'approve' | 'reject';
      readonly expiresMs?: number;
      /** A passkey's signature over exactly this; absent: a token's word (RULE 22). */
      readonly assertion?: Assertion;
      /** Of a rejection: a code for the log, and words that are kept beside it. */
      readonly reason?: { readonly code: string; readonly text?: string };
    },
  ): Promise<Answered>;
  /** What an approval of this hold for this group signs; undefined when it is not held, or held by another hold. */
  approvalSubject(
    exec: string,
    body: {
      readonly hold: string;
      readonly group: string;
      readonly verdict: 'approve' | 'reject';
    },
  ): Promise<ApprovalSubject | undefined>;
  /** An operator action: done, held for a second person, or refused (RULE 34). */
  operate(
    caller: Caller,
    effect: Effect,
    options?: { readonly idempotencyKey?: string; readonly seen?: number },
  ): Promise<Answered>;
  /** Lets the holder of a key in by a checked token. `chain`: ids from the person down to who came in. */
  enter(
    jkt: string,
    token: TokenPresented,
    claimed?: ClaimedChain,
  ): Promise<Answered & { readonly chain: readonly string[] }>;
  /** Issuers that are trusted now. */
  issuers(): Promise<readonly IssuerRow[]>;
  /** A kill order whose note the shell has read: verified here, effective in memory before this returns (RULE 34). */
  order(note: string): Promise<{ readonly effective: true; readonly durable: boolean }>;
  /** After the store has recovered: says in the log that it is open, where it came to another server (RULE 7). */
  boot(): Promise<void>;
  /** Lets due executions expire, lapse or fall in doubt. Returns their ids. */
  tick(): Promise<readonly string[]>;
  /** The subject that owns this key and is not revoked; undefined otherwise. */
  identify(jkt: string): Promise<
    | {
        readonly subject: string;
        readonly roles: readonly string[];
        readonly kind: string;
        /** It is a passkey's key, which proves a person at sign-in and nothing else. */
        readonly passkey?: true;
      }
    | undefined
  >;
  /** Whose passkey has this id (`credentialDigest`) today, and the thumbprint of its key; undefined when nobody's. */
  passkey(
    id: string,
  ): Promise<{ readonly subject: string; readonly passkey: Passkey; readonly jkt: string } | undefined>;
  execution(exec: string): Promise<ExecutionRow | undefined>;
  /** Opened arguments and resources of an execution, from its record. */
  opened(exec: string): Promise<
    | {
        readonly arguments: { readonly [name: string]: Json };
        readonly resources: readonly { readonly type: string; readonly id: string }[];
      }
    | 'erased'
    | undefined
  >;
  /** What opens the commitment to an execution's arguments, `[salt, name, value]` each; undefined when erased. */
  disclosed(exec: string): Promise<readonly (readonly [string, string, Json])[] | undefined>;
  containments(): Promise<{ readonly epoch: number; readonly active: readonly ActiveContainment[] }>;
  previewContainment(scope: {
    readonly kind: ScopeKind;
    readonly id: string;
  }): Promise<readonly ExecutionRow[]>;
  evidence(kind: 'execution' | 'run', id: string): Promise<EvidenceParts | undefined>;
  lineage(run: string): Promise<Json | undefined>;
  /** Mandates that were granted, newest first: each once, with whether it was revoked. */
  mandates(): Promise<readonly MandateRow[]>;
  /** Standing approvals, newest first. */
  standing(): Promise<readonly StandingRow[]>;
  /** The entry at this index, when it is one that grants a mandate. */
  mandateEntry(index: number): Promise<EntryOf<'mandate'> | undefined>;
  /** The organisation above, and its keys: those that count, and those that did. Undefined without one. */
  organisation(): Promise<Organisation | undefined>;
  /** The keys of the team's authors: those that count, and those that did. */
  authors(): Promise<readonly AuthorKey[]>;
  /** The facts that the bundles in force declare; no other can be stated. */
  declaredFacts(): Promise<Readonly<Record<string, FactType>>>;
  /** The counters that count now. */
  limits(): Promise<readonly LimitUse[]>;
  /** Publications that wait for a second person. */
  proposals(): Promise<readonly Proposal[]>;
  /** Problems of a bundle, without publishing it. */
  check(bundle: Json): Promise<{
    readonly ok: boolean;
    readonly digest?: string;
    readonly problems: readonly {
      readonly code: string;
      readonly message: string;
      readonly where?: string;
      readonly next: string;
    }[];
  }>;
  /** Decides recorded decisions again under another bundle. Nothing is written: what it says is no authority (RULE 1). */
  replay(
    bundle: Json,
    limit: number,
  ): Promise<{
    readonly decided: number;
    readonly changed: readonly {
      readonly executionId: string;
      readonly from: string;
      readonly to: string;
      readonly reasons: readonly string[];
    }[];
  }>;
  /** What the plane can say of itself in words. */
  state(): Promise<{
    readonly state: 'enforcing' | 'observing' | 'contained' | 'fail-closed';
    readonly why: string;
    readonly bundles: readonly {
      readonly layer: 'org' | 'team';
      readonly digest: string;
      readonly version: number;
    }[];
    readonly epoch: number;
    readonly inDoubt: number;
    readonly running: number;
  }>;
  close(): Promise<void>;
}
