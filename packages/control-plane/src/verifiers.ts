// Verifiers: one for each kind whose evidence is a single signed statement (docs/ATTESTATION.md). Pure: what needs more
// than a signature (a certificate chain, another log) is the shell's.
import {
  appraiseStatement,
  EvidenceError,
  jwkPublicKey,
  jwkThumbprint,
  parseStatement,
  publicKeyJwk,
  STATEMENT_KINDS,
  verifyStatement,
  type Crypto,
  type Json,
  type PublicJwk,
  type Statement,
  type StatementKind,
} from '@licet/evidence';
import type { Appraisal, AppraisalRequest, Attester } from './ports.ts';

/** Appraises evidence of one kind. Rejects for what it cannot verify. */
export type Verifier = (asked: AppraisalRequest) => Promise<Appraisal>;

/** Whose word on what: an agent may say what it runs, and nobody vouches for where he runs but a verifier. */
const MAY_ANSWER: Readonly<Record<StatementKind, readonly Attester['role'][]>> = {
  executable: ['self', 'door', 'verifier'],
  tool_manifest: ['self', 'door', 'verifier'],
  container: ['verifier'],
  workload_token: ['verifier'],
};

/** Returns the verifiers of statements. */
export const statementVerifiers = (crypto: Crypto): Readonly<Record<StatementKind, Verifier>> =>
  Object.fromEntries(
    STATEMENT_KINDS.map((kind): [StatementKind, Verifier] => [
      kind,
      async (asked) => {
        const { statement, attester } = await openStatement(asked, crypto, MAY_ANSWER[kind]);
        return { ...appraiseStatement(kind, statement, asked), by: attester.id };
      },
    ]),
  ) as Record<StatementKind, Verifier>;

/** Returns the statement of some evidence and who signed it. @throws EvidenceError when nobody who may has */
export async function openStatement(
  { kind, evidence, attester: find }: AppraisalRequest,
  crypto: Crypto,
  roles: readonly Attester['role'][],
): Promise<{ readonly statement: Statement; readonly attester: Attester }> {
  const text = (evidence as { readonly statement?: Json } | null)?.statement;
  if (typeof text !== 'string')
    throw new EvidenceError('ERR_STATEMENT_FORMAT', 'the evidence holds no statement');
  const statement = parseStatement(text);
  const issuer = statement.claims['iss'];
  // A token of an issuer names its issuer; the statements of doors and verifiers name the key.
  const attester =
    kind === 'workload_token'
      ? typeof issuer === 'string' && (await find({ id: issuer }))
      : statement.kid !== undefined && (await find({ jkt: statement.kid }));
  if (attester === false || attester === undefined || !roles.includes(attester.role))
    throw new EvidenceError('ERR_STATEMENT_SIGNATURE', 'nobody who may answer for this kind signed it');
  await verifyStatement(statement, keysOf(attester, evidence), crypto);
  return { statement, attester };
}

/** A key that no entry holds comes with the evidence, and is known by its thumbprint. */
function keysOf({ keys, jkt }: Attester, evidence: Json): readonly PublicJwk[] {
  const { key } = evidence as { readonly key?: Json };
  if (jkt === undefined || keys.length > 0 || key === undefined) return keys;
  const own = publicKeyJwk(jwkPublicKey(key as { readonly [member: string]: Json }));
  return jwkThumbprint({ ...own }) === jkt ? [own] : [];
}
