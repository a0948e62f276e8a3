/**
 * Where npm packages have to come from, before `npm_provenance` says anything good about them (docs/ATTESTATION.md). The
 * operator puts these there; nothing that an agent presents changes them.
 */
import Type, { type Static, type TProperties } from 'typebox';
import { AnyObject } from './fields.ts';

const closed = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** An address that certificates name; nobody calls it. */
const Uri = Type.String({ pattern: '^https://[\\x21-\\x7e]{1,500}$' });

const Package = closed({
  /** As the registry knows it. */
  name: Type.String({ pattern: '^(@[A-Za-z0-9~-][\\w.~-]*/)?[A-Za-z0-9~-][\\w.~-]*$', maxLength: 214 }),
  /** This version only. Default: any that was built there. */
  version: Type.Optional(Type.String({ pattern: '^[0-9][0-9A-Za-z.-]{0,63}$' })),
  /** Source repository, as in `https://github.com/acme/agent`. */
  repository: Uri,
  /**
   * The workflow that has to have signed it, as in `https://github.com/acme/agent/.github/workflows/release.yml`; with
   * `@refs/…` at the end at this ref only. Default: any of the repository.
   */
  workflow: Type.Optional(Uri),
  /** Whose tokens the builder's certificate was issued for. */
  issuer: Uri,
});

export const ProvenanceSettings = closed({
  v: Type.Literal(1),
  /** A sigstore `TrustedRoot`, as JSON: the certificate authorities and logs that are believed, and no others. */
  trustedRoot: AnyObject,
  packages: Type.Array(Package, { minItems: 1, maxItems: 256 }),
});

export type ProvenanceSettings = Static<typeof ProvenanceSettings>;
/** What one package has to come from. */
export type ProvenancePackage = ProvenanceSettings['packages'][number];
