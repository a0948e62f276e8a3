// Commands: what Prepare asks Apply to do, as plain data (DESIGN §3). Everything a command needs is in it or in the
// rows; nothing in a command is believed that the rows can contradict (RULE 4).
import type {
  Assurance,
  BundleRef,
  ChainLink,
  Confine,
  Custody,
  Grade,
  HoldGroup,
  IdentityEntry,
  Json,
  OutcomeStatus,
  Passkey,
  PublicJwk,
  ScopeKind,
} from '@licet/evidence';
import type { OpenedMandate, OpenedScope } from './rows.ts';
import type { AttestationKind, AttestationStatus } from '@licet/policy';

/** An authenticated caller: the identity and the key that proved itself. */
export interface Caller {
  readonly subject: string;
  readonly jkt: string;
}

/** What a door said of itself (RULE 27). */
export interface Door {
  readonly grade: Grade;
  readonly custody: Custody;
  readonly confine: Confine;
}

/** One reservation that a permit makes (RULE 4, 24). */
export interface Reservation {
  /** Row id of the counter: limit, scope and window. */
  readonly meter: string;
  /** The limit's name in the bundle. */
  readonly name: string;
  /** Whom it counts, in the bundle's word; `mandate` for the budget of one. */
  readonly per: string;
  readonly amount: string;
  readonly max: string;
  readonly currency?: string;
  /** `window`: counts until the window ends; `open`: given back at the outcome (concurrency). */
  readonly kind: 'window' | 'open';
  /** Whether a lower amount may be settled by the outcome (RULE 25). */
  readonly settles: boolean;
  /** When the window ends; for the denial's `next`. */
  readonly resetsAtMs?: number;
}

/** A limit that a request would exceed: which, whom it counts, and when it is there again. */
export interface LimitHit {
  readonly name: string;
  readonly per: string;
  readonly max: string;
  readonly currency?: string;
  readonly resetsAtMs?: number;
}

/** The commitments of one request (RULE 40). */
export interface Commitments {
  readonly args: string;
  readonly resource: string;
  readonly inputs: string;
}

/** One of the bundle's rules for containment by consequence (RULE 33): what contains, and how wide. */
export interface ConsequenceRule {
  readonly on: 'outcome_without_start' | 'foreign_permit' | 'replayed_permit' | 'unpinned_tool' | 'denials';
  readonly scope: 'run' | 'agent';
  /** For `denials`: how many of one run, within how long. */
  readonly count?: number;
  readonly withinMs?: number;
}

/** What a hold asks of one group; all but the time it waits as in the entry. */
export type HoldAsk = Omit<HoldGroup, 'until'> & { readonly untilMs: number };

/** What the policy said, as far as Apply needs it. */
export interface Verdict {
  readonly verdict: 'allow' | 'deny' | 'hold';
  readonly code?: string;
  readonly reasons: readonly string[];
  readonly failedLink?: number;
  readonly holds: readonly HoldAsk[];
  readonly leaseMs: number;
  readonly maxMs: number;
  readonly assurance: Assurance;
  /** Verdict of the shadow policies, where it differs; recorded as an observation (RULE 1). */
  readonly shadow?: { readonly verdict: 'allow' | 'deny' | 'hold'; readonly reasons: readonly string[] };
  readonly engine: string;
  /** When the first fact that it saw runs out: from then on it is stale (RULE 4). */
  readonly goodUntilMs?: number;
}

/** Decide one execution; with `start` also start it in the same commit. */
export interface DecideCommand {
  readonly kind: 'decide';
  /** New id; ignored when `continues` names an execution that is held or approved. */
  readonly exec: string;
  /** The held or approved execution that the caller has come back for, as Prepare found it (RULE 23). */
  readonly continues?: string;
  readonly caller: Caller;
  readonly chain: readonly ChainLink[];
  readonly run: string;
  readonly parent?: { readonly exec: string; readonly start: string };
  readonly depth: number;
  readonly action: string;
  readonly aud: string;
  readonly commitments: Commitments;
  /** Scope ids of what it touches, ancestors included: HMACs under the tenant's key. */
  readonly resources: readonly string[];
  readonly request: string;
  readonly idem: string;
  readonly recognition: string;
  /** SHA-256 of the acting process's instance (RULE 6). */
  readonly instance: string;
  readonly start: boolean;
  readonly spend: string;
  readonly child?: { readonly agent: string; readonly jkt: string };
  readonly door: Door;
  readonly bound: readonly string[];
  readonly bundles: readonly BundleRef[];
  readonly verdict: Verdict;
  readonly reservations: readonly Reservation[];
  /** Leaves of the approvals that the evaluation counted. */
  readonly approvals: readonly string[];
  /** Leaves of the standing approvals that cover it, as Prepare found them. */
  readonly standing: readonly string[];
  readonly consequences: readonly ConsequenceRule[];
}

/** Refuse what could not even be decided (schema, unknown action, not canonical …) once identity is known. */
export interface RefuseCommand {
  readonly kind: 'refuse';
  readonly exec: string;
  readonly caller: Caller;
  readonly chain: readonly ChainLink[];
  readonly run: string;
  readonly parent?: { readonly exec: string; readonly start: string };
  readonly depth: number;
  readonly action: string;
  readonly aud: string;
  readonly code: string;
  readonly failedLink?: number;
  readonly idem: string;
  readonly request: string;
  readonly door: Door;
  readonly consequences: readonly ConsequenceRule[];
}

/** Spend the permit and open the lease (RULE 2, 6). */
export interface RedeemCommand {
  readonly kind: 'redeem';
  readonly exec: string;
  readonly caller: Caller;
  /** Permit id: base64url leaf hash. */
  readonly permit: string;
  readonly instance: string;
  readonly resources: readonly string[];
  readonly door: Door;
  /** The current policy's word on the recorded request, with today's facts (RULE 4). */
  readonly verdict: Verdict;
  readonly consequences: readonly ConsequenceRule[];
}

export interface RenewCommand {
  readonly kind: 'renew';
  readonly exec: string;
  readonly caller: Caller;
  readonly instance: string;
  readonly counter: number;
  readonly nonce: string;
  readonly resources: readonly string[];
  /** The current policy's word on the recorded request, with today's facts and its own approvals (RULE 24). */
  readonly verdict: Verdict;
}

export interface ReportCommand {
  readonly kind: 'report';
  readonly exec: string;
  readonly caller: Caller;
  readonly instance: string;
  readonly status: 'completed' | 'failed' | 'halted';
  readonly result?: string;
  readonly exit?: number;
  readonly reason?: string;
  readonly settled: readonly { readonly name: string; readonly amount: string }[];
  readonly consequences: readonly ConsequenceRule[];
}

export interface CancelCommand {
  readonly kind: 'cancel';
  readonly exec: string;
  readonly caller: Caller;
}

export interface ApproveCommand {
  readonly kind: 'approve';
  readonly exec: string;
  /** Leaf of the hold that the approver saw: another hold is another question (RULE 22). */
  readonly hold: string;
  readonly group: string;
  readonly verdict: 'approve' | 'reject';
  readonly caller: Caller;
  readonly expiresMs: number;
  /** The passkey that signed, by its key's thumbprint, and the digest of its assertion; absent: a token's word. */
  readonly passkey?: { readonly jkt: string; readonly assertion: string };
  /** Of a rejection: a code, and the commitment to what the person wrote. */
  readonly reason?: { readonly code: string; readonly note?: OpenedNote };
}

/** What a person wrote, with its commitment and the key of that, 32 bytes in base64url. */
export interface OpenedNote {
  readonly commitment: string;
  readonly key: string;
  readonly text: string;
}

/** Grants a mandate that its giver signed, or ends one (RULE 17). */
export interface MandateEffect {
  readonly op: 'mandate';
  readonly change: 'grant' | 'revoke';
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly parent?: string;
  /** Commitment to its body. */
  readonly body: string;
  readonly nbfMs: number;
  readonly expMs: number;
  readonly sig: string;
  /** Of a grant: what opens the body, and the key that signed. Kept beside the log. */
  readonly opened?: OpenedMandate & { readonly jkt: string };
  /** Why it cannot be granted, as Prepare found it. */
  readonly fault?: 'mandate_signature' | 'mandate_body' | 'mandate_policy';
}

/** A key of the organisation is added or retired, by the word of one that counts (RULE 20). */
export interface OrgKeyEffect {
  readonly op: 'org-key';
  readonly change: 'add' | 'retire';
  /** A vkey named `<origin>/org`. */
  readonly key: string;
  readonly sig: { readonly by: string; readonly sig: string };
}

/** Keys of the team's authors change, in this order, by the word of keys that count (RULE 20): two of them rotate one. */
export interface AuthorKeyEffect {
  readonly op: 'author-key';
  readonly changes: readonly AuthorKeyChange[];
}

export interface AuthorKeyChange {
  readonly op: 'add' | 'retire';
  /** A vkey named `<origin>/author`. */
  readonly key: string;
  /** Of an addition: the person whose key it is. */
  readonly subject?: string;
  readonly sig: { readonly by: string; readonly sig: string };
}

/** What an operator action does once it is permitted (RULE 34). */
export type Effect =
  | { readonly op: 'contain'; readonly scope: { readonly kind: ScopeKind; readonly id: string } }
  | { readonly op: 'lift'; readonly leaf: string }
  | {
      readonly op: 'publish';
      readonly layer: 'org' | 'team';
      readonly digest: string;
      readonly version: number;
      readonly sigs: readonly { readonly by: string; readonly sig: string }[];
      readonly signed: unknown;
      /** Its test files, by name: it is published only when all of them hold. */
      readonly tests: { readonly [file: string]: Json };
    }
  | { readonly op: 'floor'; readonly layer: 'org' | 'team'; readonly floor: number }
  | {
      readonly op: 'identity';
      readonly change: IdentityEntry['op'];
      readonly subject: string;
      readonly kind: IdentityEntry['kind'];
      readonly roles: readonly string[];
      readonly groups: readonly string[];
      readonly keys: readonly PublicJwk[];
      readonly jkts: readonly string[];
      readonly for?: string;
      readonly root?: { readonly perDay: number; readonly concurrent: number };
      readonly name?: string;
      /** Of an issuer. Prepare fills in the digest. */
      readonly settings?: { readonly digest: string; readonly value?: Json };
    }
  | {
      readonly op: 'fact';
      readonly name: string;
      readonly value: boolean | number | string;
      readonly expMs: number;
      /** Why it cannot be stated, as Prepare found it. */
      readonly fault?: 'undeclared_fact' | 'fact_type';
    }
  | MandateEffect
  | OrgKeyEffect
  | AuthorKeyEffect
  /** A person's passkey comes or goes; everything else of their identity stays as it is then. */
  | {
      readonly op: 'passkey';
      readonly change: 'add';
      readonly subject: string;
      readonly passkey: Passkey;
    }
  | {
      readonly op: 'passkey';
      readonly change: 'remove';
      readonly subject: string;
      readonly id: string;
    }
  | {
      readonly op: 'standing';
      readonly change: 'grant';
      readonly group: string;
      /** Commitment to what it covers. */
      readonly scope: string;
      readonly count: number;
      readonly expMs: number;
      /** Kept beside the log. */
      readonly opened: OpenedScope;
      /** Digest of its assertion, where a passkey signed it. Prepare fills it in. */
      readonly assertion?: string;
    }
  | { readonly op: 'standing'; readonly change: 'revoke'; readonly leaf: string }
  | {
      readonly op: 'resolve';
      readonly exec: string;
      readonly status: 'completed' | 'failed' | 'halted';
      readonly reason: string;
    }
  | { readonly op: 'clock' }
  /** Where passkeys are to be used from now on; trust files follow by hand. Prepare fills in the digest. */
  | {
      readonly op: 'relying-party';
      readonly id: string;
      readonly origins: readonly string[];
      readonly digest: string;
    }
  /** Ends this log in favour of another: its origin, its log key, and its other keys in vkey form (RULE 7). */
  | {
      readonly op: 'succeed';
      readonly origin: string;
      readonly logKey: string;
      readonly keys: readonly string[];
    }
  | { readonly op: 'notice'; readonly notice: string; readonly digest: string };

/** An operator's action: a governed execution of its own, decided by the built-in operator policy. */
export interface OperateCommand {
  readonly kind: 'operate';
  /** New id; ignored when `continues` names an operation that is held or approved. */
  readonly exec: string;
  readonly continues?: string;
  /** Of a publication: the bundle in force, held fast until the commit, stops nothing. */
  readonly observing?: true;
  readonly caller: Caller;
  readonly effect: Effect;
  readonly commitments: Commitments;
  readonly request: string;
  readonly idem: string;
  readonly recognition: string;
  readonly instance: string;
}

/** What an issuer's rules make of somebody who is not registered by hand. */
export interface Enrolment {
  /** False: the rules give it nothing, or nothing any more. */
  readonly granted: boolean;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly for?: string;
  readonly root?: { readonly perDay: number; readonly concurrent: number };
  readonly name?: string;
}

/** A token that the shell has checked: its issuer says who it is for. */
export interface CheckedToken {
  /** The issuer's identity, and the digest of the settings that the token was checked under. */
  readonly issuer: string;
  readonly settings: string;
  readonly kind: 'user' | 'agent';
  readonly subject: string;
  /** Absent: the subject must be registered. */
  readonly enrol?: Enrolment;
  /** Recognises the token without showing it: 16 bytes in base64url. */
  readonly mark: string;
  /** Commitment to what the token said. */
  readonly evidence: string;
  readonly untilMs: number;
}

/** Somebody comes in by a token of a trusted issuer: the key that proved itself speaks for them from now on. */
export interface EnterCommand {
  readonly kind: 'enter';
  readonly jkt: string;
  readonly token: CheckedToken;
  /** The token of the person on whose behalf it is (RFC 8693). */
  readonly behalf?: CheckedToken;
}

/** A signed kill order, already verified by the shell (RULE 34). */
export interface OrderCommand {
  readonly kind: 'order';
  readonly digest: string;
  readonly serial: number;
  readonly scope: { readonly kind: ScopeKind; readonly id: string };
}

/** Look at executions whose time has come: expire, lapse, put in doubt. */
export interface TickCommand {
  readonly kind: 'tick';
  readonly execs: readonly string[];
}

/** Opening the store for writing; the first one also makes genesis (RULE 7). */
export interface BootCommand {
  readonly kind: 'boot';
  readonly incarnation: string;
  readonly version: string;
  readonly custody: Custody;
  readonly operatorPolicy: string;
  readonly genesis?: {
    readonly origin: string;
    readonly tenant: string;
    readonly logKey: string;
    readonly public: boolean;
    readonly people: 1 | 2;
    readonly org?: { readonly id: string; readonly keys: readonly PublicJwk[] };
    /** The log that this one goes on from, as it ended. */
    readonly prev?: { readonly origin: string; readonly size: number; readonly root: string };
    readonly keys: readonly {
      readonly purpose: 'lease' | 'status' | 'session' | 'contain' | 'author';
      readonly key: string;
    }[];
    /** The first operator, and the identities that `init` registers with it. */
    readonly identities: readonly (Effect & { readonly op: 'identity' })[];
  };
}

/** Records what evidence was found to show; Prepare has appraised it. */
export interface AttestCommand {
  readonly kind: 'attest';
  readonly caller: Caller;
  /** The running execution that it is about; absent: the caller itself. */
  readonly exec?: string;
  readonly attested: AttestationKind;
  readonly status: AttestationStatus;
  readonly measured: string;
  /** Commitment to the evidence. */
  readonly evidence: string;
  /** The challenge, and when it was given out. */
  readonly challenge: string;
  readonly sinceMs: number;
  /** The evidence's own end. */
  readonly expMs?: number;
  /** The identity whose key answers for it. */
  readonly by: string;
  /** For whoever asked; not recorded. */
  readonly why?: string;
}

export type Command =
  | DecideCommand
  | RefuseCommand
  | RedeemCommand
  | RenewCommand
  | ReportCommand
  | CancelCommand
  | ApproveCommand
  | OperateCommand
  | EnterCommand
  | OrderCommand
  | TickCommand
  | BootCommand
  | AttestCommand;

/** What Apply answers; `entries` of the commit carry the evidence. */
export type Reply =
  | {
      readonly kind: 'permitted';
      readonly exec: string;
      /** Position of the permit, and of the start where one was made, among the commit's entries. */
      readonly permit: number;
      readonly start?: number;
      readonly leaseUntilMs?: number;
    }
  | {
      readonly kind: 'refused';
      readonly exec: string;
      readonly code: string;
      readonly verdict: 'deny' | 'hold';
      readonly failedLink?: number;
      readonly reasons: readonly string[];
      readonly holds: readonly HoldAsk[];
      readonly retryAfterMs?: number;
      /** Of the code `limit`: the one that is used up. */
      readonly limit?: LimitHit;
      /** A hold that standing approvals have lifted in the same commit. */
      readonly lifted?: true;
    }
  /** The same request was decided before: read it back, never decide again (RULE 6). */
  | { readonly kind: 'decided'; readonly exec: string; readonly sameRequest: boolean }
  | { readonly kind: 'started'; readonly exec: string; readonly start: number; readonly leaseUntilMs: number }
  | { readonly kind: 'renewed'; readonly exec: string; readonly untilMs: number }
  | { readonly kind: 'done'; readonly exec: string; readonly status?: OutcomeStatus; readonly late?: boolean }
  | { readonly kind: 'approval'; readonly exec: string; readonly complete: boolean }
  | {
      readonly kind: 'operated';
      readonly exec: string;
      readonly effect: Effect['op'];
      readonly leaf?: string;
      readonly epoch?: number;
    }
  /** `granted` is false when the issuer's rules give this person nothing any more: that was written, and no key speaks. */
  | {
      readonly kind: 'entered';
      readonly subject: string;
      readonly granted: boolean;
      readonly untilMs: number;
    }
  /** The command cannot apply to the state it found; nothing was written. */
  | { readonly kind: 'conflict'; readonly code: string; readonly exec?: string; readonly detail?: string }
  | { readonly kind: 'ticked'; readonly changed: readonly string[] }
  | { readonly kind: 'booted'; readonly incarnation: string }
  | {
      readonly kind: 'attested';
      readonly exec?: string;
      readonly position: number;
      readonly leaf: string;
      readonly status: AttestationStatus;
      readonly measured: string;
      readonly expMs: number;
      readonly why?: string;
    };
