/**
 * `npm_provenance` (docs/ATTESTATION.md): an attester says, for a challenge, which package it runs; the package's
 * provenance says where that was built; the operator's settings say where it has to be. Each of the three is somebody
 * else's word, and nothing of the evidence decides what is expected.
 */
import {
  base64,
  base64url,
  canonicalBytes,
  digestOfEvidence,
  domainTag,
  hex,
  sha256,
  statementFault,
  unbase64,
  utf8,
  type Crypto,
  type Json,
} from '@licet/evidence';
import { openStatement, type Appraisal, type Verifier } from '@licet/control-plane';
import type { ProvenancePackage } from '@licet/api';
import type { Provenance } from './sigstore.ts';

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1';

/** A package as an attester names it; `integrity` as in a lock file, `sha512-…` of the tarball. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

/** What is expected of packages, and how provenance is opened. */
export interface Expectations {
  readonly packages: readonly ProvenancePackage[];
  /** @throws Error, when it does not verify under the operator's root */
  open(provenance: Json | undefined): Provenance;
}

/** Returns the verifier. `expectations` are looked up for each appraisal; undefined when the operator has set none. */
export function provenanceVerifier(
  crypto: Crypto,
  expectations: () => Promise<Expectations | undefined>,
): Verifier {
  return async (asked) => {
    const { statement, attester } = await openStatement(asked, crypto, ['self', 'door', 'verifier']);
    const { claims } = statement;
    const answer = (status: Appraisal['status'], measured: string, why?: string): Appraisal => ({
      status,
      measured,
      by: attester.id,
      ...(typeof claims['exp'] === 'number' ? { expMs: claims['exp'] * 1_000 } : {}),
      ...(why === undefined ? {} : { why }),
    });
    const nothing = (why: string): Appraisal => answer('none', digestOfEvidence(claims as Json), why);

    const fault = statementFault(statement, asked);
    if (fault !== undefined) return nothing(fault);
    const runs = npmPackage(claims['package']);
    if (runs === undefined) return nothing('it names no package with name, version and sha512 integrity');
    const expected = await expectations();
    if (expected === undefined) return nothing('this plane has no provenance settings');
    const wanted = expected.packages.filter(({ name }) => name === runs.name);
    if (wanted.length === 0) return nothing('the settings do not say where this package comes from');

    // P6: what does not verify proves nothing, whatever it says; the port takes the exception for `none`.
    const shown = expected.open((asked.evidence as { readonly provenance?: Json }).provenance);
    const built = builtFrom(shown.statement, runs);
    if (built === undefined) return nothing('the provenance is of another package, or of no SLSA v1 build');
    const against = (why: string): Appraisal => answer('contraindicated', packageDigest(runs), why);
    if (!built.same) return against('what runs is not what was built under this name and version');
    const one =
      wanted.find(({ version }) => version === runs.version) ??
      wanted.find(({ version }) => version === undefined);
    if (one === undefined) return against('this version is not one of the settings');
    if (shown.issuer !== one.issuer) return against('the builder was vouched for by another issuer');
    // The certificate is the authority's word; the statement has to agree, or one of them is not about this build.
    if (shown.repository !== one.repository || built.repository !== one.repository)
      return against('it was built from another repository');
    if (!signedBy(shown.workflow, one.workflow)) return against('another workflow has built it');
    return answer('affirming', packageDigest(runs));
  };
}

/** Returns what is measured of a package: SHA-256("licet/package/v1\n" ‖ JCS([name, version, integrity])). */
export const packageDigest = ({ name, version, integrity }: NpmPackage): string =>
  base64url(sha256(utf8(domainTag('package')), canonicalBytes([name, version, integrity])));

/** Returns the package that a claim names; undefined when it is none. */
export function npmPackage(claim: Json | undefined): NpmPackage | undefined {
  const { name, version, integrity } = membersOf(claim);
  if (typeof name !== 'string' || typeof version !== 'string' || typeof integrity !== 'string')
    return undefined;
  if (name === '' || version === '' || sha512Of(integrity) === undefined) return undefined;
  return { name, version, integrity };
}

/** What the statement says of the package: whether these are its bytes, and where they were built from. */
function builtFrom(
  statement: Json,
  { name, version, integrity }: NpmPackage,
): { readonly same: boolean; readonly repository: Json | undefined } | undefined {
  const { _type, predicateType, subject, predicate } = membersOf(statement);
  if (_type !== STATEMENT_TYPE || predicateType !== PREDICATE_TYPE || !Array.isArray(subject))
    return undefined;
  // Package URL; the `@` of a scope is escaped, as npm does.
  const purl = `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;
  const named = (subject as readonly Json[]).map(membersOf).filter((one) => one['name'] === purl);
  if (named.length === 0) return undefined;
  const digest = sha512Of(integrity);
  const { externalParameters } = membersOf(membersOf(predicate)['buildDefinition']);
  return {
    same: named.every((one) => membersOf(one['digest'])['sha512'] === digest),
    repository: membersOf(membersOf(externalParameters)['workflow'])['repository'],
  };
}

/** With a ref the whole identity must be it; without, any ref of that workflow. */
function signedBy(workflow: string | undefined, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  return wanted.includes('@')
    ? workflow === wanted
    : workflow !== undefined && workflow.startsWith(`${wanted}@`);
}

/** The digest in hex, of an integrity that names SHA-512 and nothing else. */
function sha512Of(integrity: string): string | undefined {
  if (!integrity.startsWith('sha512-')) return undefined;
  const text = integrity.slice('sha512-'.length);
  try {
    const bytes = unbase64(text);
    return bytes.length === 64 && base64(bytes) === text ? hex(bytes) : undefined;
  } catch {
    return undefined;
  }
}

const membersOf = (value: Json | undefined): { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [name: string]: Json })
    : {};
