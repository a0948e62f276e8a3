/**
 * Appraisal of statements (RATS, RFC 9334): what an attester says it measured, against the challenge it was made for and
 * against what an execution was permitted with. The plane does it once, a verifier of evidence again, from the same code.
 * What each kind proves and does not stands in docs/ATTESTATION.md.
 */
import { base64url, unhex, utf8 } from './bytes.ts';
import { canonicalBytes } from './canonical.ts';
import type { EntryOf } from './entries.ts';
import type { Json } from './json.ts';
import { domainTag } from './name.ts';
import { sha256 } from './sha256.ts';
import { isObject } from './shape.ts';
import { STATEMENT_TYPE, type Statement } from './statement.ts';

/** EAR's words for the result. */
export type AttestationStatus = EntryOf<'attestation'>['status'];

/** What a statement has to be about. */
export interface AppraisalContext {
  /** The log of the plane that gave out the challenge. */
  readonly origin: string;
  /** Whom the evidence is about. */
  readonly subject: string;
  /** Thumbprint of the key by which the subject speaks, where it is known. */
  readonly jkt?: string;
  /** The challenge, 16 bytes in base64url. */
  readonly nonce: string;
  /** When it was given out, and now, milliseconds. */
  readonly sinceMs: number;
  readonly nowMs: number;
  /** The `bound` parts of the permit, when the evidence is about a running execution (RULE 26). */
  readonly bound?: readonly string[];
}

/** What a statement was found to show. */
export interface Appraised {
  readonly status: AttestationStatus;
  /** Digest of what was measured, base64url. */
  readonly measured: string;
  /** The statement's own end, milliseconds. */
  readonly expMs?: number;
  /** Why it is not affirming, for people. */
  readonly why?: string;
}

/** Kinds whose evidence is one statement. */
export const STATEMENT_KINDS = ['executable', 'tool_manifest', 'container', 'workload_token'] as const;
export type StatementKind = (typeof STATEMENT_KINDS)[number];

/** How far an attester's clock may be off, milliseconds. */
const SKEW_MS = 5_000;
const DIGEST = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** Returns what a verified statement shows. It never throws: what it does not say is `none`. */
export function appraiseStatement(
  kind: StatementKind,
  statement: Statement,
  context: AppraisalContext,
): Appraised {
  const { claims } = statement;
  const fault = kind === 'workload_token' ? tokenFault(claims, context) : statementFault(statement, context);
  if (fault !== undefined) return nothing(claims, fault);
  const expMs = typeof claims['exp'] === 'number' ? { expMs: claims['exp'] * 1_000 } : {};
  return { ...APPRAISERS[kind](claims, context), ...expMs };
}

/** Returns the digest that stands for evidence that shows nothing: of the evidence itself. */
export const digestOfEvidence = (evidence: Json): string =>
  base64url(sha256(utf8(domainTag('evidence')), canonicalBytes(evidence)));

/** Returns what is wrong with a statement's frame, whatever it says of its subject. */
export function statementFault(
  { typ, claims }: Statement,
  { origin, subject, nonce, sinceMs, nowMs }: AppraisalContext,
): string | undefined {
  if (typ !== STATEMENT_TYPE) return 'it is no eat+jwt';
  if (claims['eat_nonce'] !== nonce) return 'it was made for another challenge';
  if (claims['aud'] !== origin) return 'it was made for another plane';
  if (claims['sub'] !== subject) return 'it is about somebody else';
  const { iat, exp } = claims;
  // Whole seconds: a statement of the challenge's own second is not before it.
  if (
    typeof iat !== 'number' ||
    !(iat * 1_000 >= sinceMs - 1_000 - SKEW_MS && iat * 1_000 <= nowMs + SKEW_MS)
  )
    return 'it was not made while the challenge was open';
  return expired(exp, nowMs);
}

/** A token of somebody else's making: bound to the challenge and to the key that presents it (RFC 7800). */
function tokenFault(
  claims: Statement['claims'],
  { origin, nonce, jkt, nowMs }: AppraisalContext,
): string | undefined {
  const { cnf, aud, exp, nbf } = claims;
  if ((claims['eat_nonce'] ?? claims['nonce']) !== nonce) return 'it was made for another challenge';
  if (aud !== origin && !(Array.isArray(aud) && aud.includes(origin))) return 'it was made for another plane';
  const holder = isObject(cnf) ? cnf['jkt'] : undefined;
  if (typeof holder !== 'string' || (jkt !== undefined && holder !== jkt))
    return 'it is bound to another key';
  if (typeof exp !== 'number') return 'it never ends';
  if (typeof nbf === 'number' && nbf * 1_000 > nowMs + SKEW_MS) return 'it is not in force yet';
  return expired(exp, nowMs);
}

function expired(exp: Json | undefined, nowMs: number): string | undefined {
  if (exp === undefined) return undefined;
  return typeof exp === 'number' && exp * 1_000 > nowMs ? undefined : 'it has run out';
}

type Appraiser = (claims: Statement['claims'], context: AppraisalContext) => Appraised;

const APPRAISERS: Readonly<Record<StatementKind, Appraiser>> = {
  executable(claims, { bound }) {
    const { program } = claims;
    const measured = programDigest(program);
    if (!isObject(program) || measured === undefined) return nothing(claims, 'it names no program');
    if (bound !== undefined && !bound.includes(`program:${measured}`))
      return against(measured, 'the file is not the one that was permitted');
    const { running, interpreters, digest } = program;
    if (running === undefined)
      return bound === undefined
        ? { status: 'affirming', measured }
        : { status: 'warning', measured, why: 'what runs was not looked at' };
    const expected = [digest, ...(Array.isArray(interpreters) ? (interpreters as readonly Json[]) : [])];
    return typeof running === 'string' && expected.includes(running)
      ? { status: 'affirming', measured }
      : against(measured, 'what runs is not the file that was measured');
  },
  tool_manifest(claims, { bound }) {
    const { tool } = claims;
    const digest = isObject(tool) ? tool['digest'] : undefined;
    if (!isDigest(digest)) return nothing(claims, 'it names no definition');
    return bound !== undefined && !bound.includes(`tool:${digest}`)
      ? against(digest, 'the definition is not the one that was permitted')
      : { status: 'affirming', measured: digest };
  },
  container(claims) {
    const { container } = claims;
    const digest = isObject(container) ? container['digest'] : undefined;
    if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest))
      return nothing(claims, 'it names no image by digest');
    return { status: 'affirming', measured: base64url(unhex(digest.slice(7))) };
  },
  workload_token(claims) {
    const { iss, sub } = claims;
    if (typeof iss !== 'string' || typeof sub !== 'string') return nothing(claims, 'it names no workload');
    return { status: 'affirming', measured: workloadDigest(iss, sub) };
  },
};

/**
 * Returns the digest of a program: its file's; with further files, of all of them in order of their paths:
 * SHA-256("licet/program/v1\n" ‖ JCS([digest, [path, digest]…])). Undefined when it is not one.
 */
export function programDigest(program: Json | undefined): string | undefined {
  if (program === undefined || !isObject(program) || !isDigest(program['digest'])) return undefined;
  const files = program['files'] ?? [];
  if (!Array.isArray(files)) return undefined;
  const parts: [string, string][] = [];
  for (const file of files as readonly Json[]) {
    const { path, digest } = isObject(file) ? file : {};
    if (typeof path !== 'string' || !isDigest(digest)) return undefined;
    parts.push([path, digest]);
  }
  if (parts.length === 0) return program['digest'];
  parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return base64url(sha256(utf8(domainTag('program')), canonicalBytes([program['digest'], ...parts])));
}

/** Returns what is measured of a workload token: SHA-256("licet/workload/v1\n" ‖ JCS([iss, sub])). */
export const workloadDigest = (issuer: string, subject: string): string =>
  base64url(sha256(utf8(domainTag('workload')), canonicalBytes([issuer, subject])));

const isDigest = (value: Json | undefined): value is string =>
  typeof value === 'string' && DIGEST.test(value);

const nothing = (claims: Statement['claims'], why: string): Appraised => ({
  status: 'none',
  measured: digestOfEvidence(claims as Json),
  why,
});

const against = (measured: string, why: string): Appraised => ({ status: 'contraindicated', measured, why });
