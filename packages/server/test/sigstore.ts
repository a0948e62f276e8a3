/**
 * A sigstore of the test's own: certificate authority, certificate log and transparency log with fresh keys, the trusted
 * root that names them, and packages built under them as npm's publishing from a workflow does.
 */
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { bundleToJSON, toDSSEBundle, type SerializedBundle } from '@sigstore/bundle';
import { initializeCA, initializeCTLog, initializeTLog } from '@sigstore/mock';
import { canonicalBytes, type Json } from '@licet/evidence';

const OIDS = { issuer: '1.3.6.1.4.1.57264.1.8', repository: '1.3.6.1.4.1.57264.1.12' } as const;
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const ISSUER = 'https://token.actions.githubusercontent.com';
export const REPOSITORY = 'https://github.com/acme/agent';
export const WORKFLOW = `${REPOSITORY}/.github/workflows/release.yml`;
export const TARBALL = Buffer.from('the bytes of the package');
export const integrityOf = (tarball: Uint8Array): string =>
  `sha512-${createHash('sha512').update(tarball).digest('base64')}`;

/** What a build is of; everything has a default that is good. */
export interface Build {
  readonly name?: string;
  readonly version?: string;
  readonly tarball?: Uint8Array;
  readonly issuer?: string;
  /** In the certificate. */
  readonly repository?: string;
  /** In the statement; default: the same. */
  readonly claimed?: string;
  readonly workflow?: string;
  readonly predicateType?: string;
}

export interface OwnSigstore {
  /** As `trusted_root.json` has it. */
  readonly trustedRoot: { readonly [name: string]: Json };
  build(of?: Build): Promise<SerializedBundle>;
}

/** `issuedAt`: when certificates are made, each for ten minutes; default: when they are used. */
export async function ownSigstore(issuedAt?: Date): Promise<OwnSigstore> {
  const keys = { ca: pair(), ct: pair(), log: pair() };
  const ctLog = await initializeCTLog(keys.ct);
  const ca = await initializeCA(keys.ca, ctLog, issuedAt);
  const log = await initializeTLog('https://rekor.test', keys.log);
  return {
    trustedRoot: {
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      certificateAuthorities: [
        {
          subject: { organization: 'test', commonName: 'test' },
          uri: 'https://fulcio.test',
          certChain: { certificates: [{ rawBytes: base64Of(ca.rootCertificate) }] },
          validFor: { start: '2020-01-01T00:00:00Z' },
        },
      ],
      tlogs: [logInstance('https://rekor.test', keys.log.publicKey)],
      ctlogs: [logInstance('https://ct.test', keys.ct.publicKey)],
      timestampAuthorities: [],
    },
    async build(of = {}) {
      const { repository = REPOSITORY, issuer = ISSUER, workflow = `${WORKFLOW}@refs/tags/v1.2.3` } = of;
      const builder = pair();
      const certificate = Buffer.from(
        view(
          await ca.issueCertificate({
            publicKey: builder.publicKey.export({ format: 'der', type: 'spki' }) as Buffer<ArrayBuffer>,
            subjectAltName: workflow,
            extensions: [
              { oid: OIDS.issuer, value: issuer },
              { oid: OIDS.repository, value: repository },
            ],
          }),
        ),
      );
      const payload = Buffer.from(canonicalBytes(statementOf(of, repository)));
      const signature = sign('sha256', preAuth(payload), builder.privateKey);
      const bundle = bundleToJSON(
        toDSSEBundle({ artifact: payload, artifactType: PAYLOAD_TYPE, signature, certificate }),
      );
      bundle.verificationMaterial.tlogEntries = [await entryOf(log, payload, signature, certificate)];
      return bundle;
    },
  };
}

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const view = (bytes: ArrayBufferView): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const base64Of = (bytes: ArrayBufferView): string => Buffer.from(view(bytes)).toString('base64');

function statementOf(of: Build, repository: string): Json {
  const { name = '@acme/agent', version = '1.2.3', tarball = TARBALL, claimed = repository } = of;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: of.predicateType ?? 'https://slsa.dev/provenance/v1',
    subject: [
      {
        name: `pkg:npm/${name.replace('@', '%40')}@${version}`,
        digest: { sha512: createHash('sha512').update(tarball).digest('hex') },
      },
    ],
    predicate: {
      buildDefinition: {
        buildType: 'https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1',
        externalParameters: { workflow: { repository: claimed, ref: 'refs/tags/v1.2.3' } },
      },
      runDetails: { builder: { id: 'https://github.com/actions/runner/github-hosted' } },
    },
  };
}

/** DSSE's pre-authentication encoding. */
const preAuth = (payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload]);

function logInstance(baseUrl: string, key: KeyObject): { readonly [name: string]: Json } {
  const der = key.export({ format: 'der', type: 'spki' });
  return {
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: {
      rawBytes: der.toString('base64'),
      keyDetails: 'PKIX_ECDSA_P256_SHA_256',
      validFor: { start: '2020-01-01T00:00:00Z' },
    },
    logId: { keyId: createHash('sha256').update(der).digest('base64') },
  };
}

/** Rekor's `dsse` entry, in the form that bundles have. */
async function entryOf(
  log: Awaited<ReturnType<typeof initializeTLog>>,
  payload: Buffer,
  signature: Buffer,
  certificate: Buffer,
): Promise<SerializedBundle['verificationMaterial']['tlogEntries'][number]> {
  const pem = `-----BEGIN CERTIFICATE-----\n${certificate
    .toString('base64')
    .replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  const answer = (await log.log({
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      payloadHash: { algorithm: 'sha256', value: createHash('sha256').update(payload).digest('hex') },
      signatures: [
        { signature: signature.toString('base64'), verifier: Buffer.from(pem).toString('base64') },
      ],
    },
  })) as Readonly<Record<string, RekorEntry>>;
  const [entry] = Object.values(answer);
  const { body, integratedTime, logID, logIndex, verification } = entry!;
  const { rootHash, treeSize, hashes, checkpoint, logIndex: leaf } = verification.inclusionProof;
  return {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(logID, 'hex').toString('base64') },
    kindVersion: { kind: 'dsse', version: '0.0.1' },
    integratedTime: String(integratedTime),
    inclusionPromise: { signedEntryTimestamp: verification.signedEntryTimestamp },
    inclusionProof: {
      logIndex: String(leaf),
      rootHash: Buffer.from(rootHash, 'hex').toString('base64'),
      treeSize: String(treeSize),
      hashes: hashes.map((hash) => Buffer.from(hash, 'hex').toString('base64')),
      checkpoint: { envelope: checkpoint },
    },
    canonicalizedBody: body,
  };
}

/** What a log answers; its package names a type that it does not bring along. */
interface RekorEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: {
      readonly logIndex: number;
      readonly rootHash: string;
      readonly treeSize: number;
      readonly hashes: readonly string[];
      readonly checkpoint: string;
    };
  };
}
