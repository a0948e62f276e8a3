/**
 * Goal: `npm_provenance` is affirmed for the package that was built where the operator says, and for nothing else: every
 * other bundle, and every failure on the way, ends as `none` or `contraindicated` (P6). Method: a sigstore of the test's
 * own with fresh keys, one thing wrong at a time.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SerializedBundle } from '@sigstore/bundle';
import { makeStatement, newPrivateJwk, publicHalf, type ProvenancePackage } from '@licet/api';
import type { Appraisal, AppraisalRequest } from '@licet/control-plane';
import { jwkThumbprint, type Json } from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAttestation } from '../src/attestation.ts';
import { expectationsOf } from '../src/provenance/of-folder.ts';
import { readProvenance, writeProvenance } from '../src/provenance/settings.ts';
import { openProvenance, trustedRootOf } from '../src/provenance/sigstore.ts';
import { packageDigest, provenanceVerifier } from '../src/provenance/verifier.ts';
import {
  integrityOf,
  ISSUER,
  ownSigstore,
  REPOSITORY,
  TARBALL,
  WORKFLOW,
  type OwnSigstore,
} from './sigstore.ts';

const RUNS = { name: '@acme/agent', version: '1.2.3', integrity: integrityOf(TARBALL) };
const EXPECTED: ProvenancePackage = { name: '@acme/agent', repository: REPOSITORY, issuer: ISSUER };
const NONCE = 'AAAAAAAAAAAAAAAAAAAAAA';

let sigstore: OwnSigstore;
let key: Awaited<ReturnType<typeof newPrivateJwk>>;
beforeAll(async () => {
  sigstore = await ownSigstore();
  key = await newPrivateJwk();
});

interface Twist {
  readonly expected?: Partial<ProvenancePackage>;
  readonly runs?: Json;
  readonly provenance?: Json;
  readonly nonce?: string;
  readonly attester?: AppraisalRequest['attester'];
  readonly deadlineMs?: number;
}

/** Appraises, with one thing other than it should be. */
async function appraised({
  expected,
  runs,
  provenance,
  nonce = NONCE,
  attester,
  deadlineMs = 10_000,
}: Twist): Promise<Appraisal> {
  const nowMs = Date.now();
  const measured = { package: runs ?? RUNS };
  const claims = { nonce, subject: 'agent-1', origin: 'licet.test/log', measured };
  const trust = trustedRootOf(sigstore.trustedRoot);
  const verifier = provenanceVerifier(nodeCrypto, async () => ({
    packages: [{ ...EXPECTED, ...expected }],
    open: (shown) => openProvenance(shown, trust),
  }));
  const evidence: Record<string, Json> = { statement: await makeStatement(key, claims, nowMs) };
  if (provenance !== undefined) evidence['provenance'] = provenance;
  return openAttestation(nodeCrypto, { npm_provenance: verifier }, deadlineMs).appraise({
    kind: 'npm_provenance',
    evidence,
    origin: 'licet.test/log',
    subject: 'agent-1',
    nonce: NONCE,
    sinceMs: nowMs,
    nowMs,
    attester:
      attester ??
      (async (by) =>
        'jkt' in by && by.jkt === jwkThumbprint({ ...publicHalf(key) })
          ? { id: 'agent-1', role: 'self', keys: [publicHalf(key)] }
          : undefined),
  });
}

const built = async (of?: Parameters<OwnSigstore['build']>[0]): Promise<Json> =>
  (await sigstore.build(of)) as unknown as Json;

/** The good bundle, changed after it was signed. */
async function changed(change: (bundle: SerializedBundle) => unknown): Promise<Json> {
  const bundle = structuredClone(await sigstore.build());
  change(bundle);
  return JSON.parse(JSON.stringify(bundle)) as Json;
}

describe('a package that was built where it should be', () => {
  it.each([
    ['any workflow', {}],
    ['this version', { version: '1.2.3' }],
    ['this workflow, at any ref', { workflow: WORKFLOW }],
    ['this workflow at this ref', { workflow: `${WORKFLOW}@refs/tags/v1.2.3` }],
  ])('is affirmed: %s', async (_, expected) => {
    expect(await appraised({ expected, provenance: await built() })).toEqual({
      status: 'affirming',
      measured: packageDigest(RUNS),
      by: 'agent-1',
    });
  });

  it('is known by name, version and bytes together', () => {
    const others = [
      RUNS,
      { ...RUNS, version: '1.2.4' },
      { ...RUNS, name: 'agent' },
      { ...RUNS, integrity: integrityOf(Buffer.from('other')) },
    ];
    expect(new Set(others.map(packageDigest)).size).toBe(others.length);
  });
});

describe('what is proven to be something else is contraindicated', () => {
  it.each([
    ['another repository', { of: { repository: 'https://github.com/evil/agent' } }],
    ['a repository whose name begins the same', { of: { repository: `${REPOSITORY}-evil` } }],
    ['a statement that names another repository', { of: { claimed: 'https://github.com/evil/agent' } }],
    ['another issuer', { of: { issuer: 'https://issuer.test' } }],
    ['other bytes under this name and version', { of: { tarball: Buffer.from('other bytes') } }],
    ['another workflow', { expected: { workflow: `${REPOSITORY}/.github/workflows/other.yml` } }],
    ['a workflow whose name begins the same', { expected: { workflow: WORKFLOW.slice(0, -1) } }],
    ['the workflow at another ref', { expected: { workflow: `${WORKFLOW}@refs/heads/main` } }],
    ['another version than the one that is expected', { expected: { version: '1.2.2' } }],
  ] as const)('%s', async (_, given: { readonly of?: object; readonly expected?: object }) => {
    expect(
      await appraised({ expected: given.expected ?? {}, provenance: await built(given.of) }),
    ).toMatchObject({ status: 'contraindicated', measured: packageDigest(RUNS) });
  });
});

describe('what proves nothing is none', () => {
  type Case = readonly [what: string, why: string, twist: () => Promise<Twist>];
  const other = 'the provenance is of another package, or of no SLSA v1 build';
  const noPackage = 'it names no package with name, version and sha512 integrity';
  const tooLong = 'the evidence holds no provenance, or one that is too long';
  const cases: readonly Case[] = [
    ['no provenance', tooLong, async () => ({})],
    ['provenance that is no bundle', 'its form', async () => ({ provenance: { mediaType: 'x' } })],
    ['provenance that is a text', 'its form', async () => ({ provenance: 'x' })],
    ['another package', other, async () => ({ provenance: await built({ name: '@acme/other' }) })],
    ['another version', other, async () => ({ provenance: await built({ version: '1.2.4' }) })],
    ['another predicate', other, async () => ({ provenance: await built({ predicateType: 'x:y' }) })],
    [
      'a statement that was altered',
      'TLOG_BODY_ERROR',
      async () => ({
        provenance: await changed((one) => {
          const text = Buffer.from(one.dsseEnvelope!.payload, 'base64').toString();
          one.dsseEnvelope!.payload = Buffer.from(text.replace('1.2.3', '1.2.4')).toString('base64');
        }),
      }),
    ],
    [
      'a signature of another key',
      'TLOG_BODY_ERROR',
      async () => {
        const signatures = (await sigstore.build()).dsseEnvelope!.signatures;
        return { provenance: await changed((one) => (one.dsseEnvelope!.signatures = signatures)) };
      },
    ],
    [
      'a foreign root',
      'CERTIFICATE_ERROR',
      async () => ({ provenance: (await (await ownSigstore()).build()) as unknown as Json }),
    ],
    [
      'no entry of a transparency log',
      'TIMESTAMP_ERROR',
      async () => ({ provenance: await changed((one) => (one.verificationMaterial.tlogEntries = [])) }),
    ],
    [
      'an entry without the log’s word on its time',
      'TIMESTAMP_ERROR',
      async () => ({
        provenance: await changed(
          (one) => (one.verificationMaterial.tlogEntries[0]!.inclusionPromise = undefined),
        ),
      }),
    ],
    [
      'a time that was moved',
      'TLOG_INCLUSION_PROMISE_ERROR',
      async () => ({
        provenance: await changed((one) => {
          const [entry] = one.verificationMaterial.tlogEntries;
          entry!.integratedTime = String(Number(entry!.integratedTime) + 60);
        }),
      }),
    ],
    [
      'more log entries than are looked at',
      'the provenance has too many log entries or timestamps',
      async () => ({
        provenance: await changed((one) => {
          const { tlogEntries } = one.verificationMaterial;
          while (tlogEntries.length < 5) tlogEntries.push(tlogEntries[0]!);
        }),
      }),
    ],
    [
      'a huge bundle',
      tooLong,
      async () => ({
        provenance: await changed((one) => Object.assign(one, { more: 'x'.repeat(200_000) })),
      }),
    ],
    [
      'a package that nobody expects',
      'the settings do not say where this package comes from',
      async () => ({ runs: { ...RUNS, name: 'other' }, provenance: await built() }),
    ],
    [
      'a package without bytes',
      noPackage,
      async () => ({ runs: { ...RUNS, integrity: '' }, provenance: await built() }),
    ],
    [
      'bytes by a weaker digest',
      noPackage,
      async () => ({ runs: { ...RUNS, integrity: 'sha1-x' }, provenance: await built() }),
    ],
    [
      'another challenge',
      'it was made for another challenge',
      async () => ({ nonce: 'BBBBBBBBBBBBBBBBBBBBBA', provenance: await built() }),
    ],
    [
      'a key that nobody knows',
      'ERR_STATEMENT_SIGNATURE',
      async () => ({ attester: async () => undefined, provenance: await built() }),
    ],
    [
      'a look-up that hangs',
      'the verifier gave no answer in time',
      async () => ({ attester: () => new Promise(() => undefined), deadlineMs: 20 }),
    ],
  ];
  it.each(cases)('%s', async (_, why, twist) => {
    expect(await appraised(await twist())).toMatchObject({
      status: 'none',
      by: 'agent-1',
      why: expect.stringContaining(why),
    });
  });

  it('a certificate that had expired when the log took the signature', async () => {
    const kept = sigstore;
    sigstore = await ownSigstore(new Date(Date.now() - 3_600_000));
    try {
      const answer = await appraised({ provenance: await built() });
      expect(answer).toMatchObject({ status: 'none', why: expect.stringContaining('CERTIFICATE_ERROR') });
    } finally {
      sigstore = kept;
    }
  });

  it('the reason quotes nothing of the bundle', async () => {
    const provenance = await changed((one) => (one.mediaType = 'quoted'));
    expect((await appraised({ provenance })).why).toBe('the provenance does not verify: its form');
  });
});

describe('settings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'provenance-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const settings = (more: object = {}): Uint8Array =>
    Buffer.from(JSON.stringify({ v: 1, trustedRoot: sigstore.trustedRoot, packages: [EXPECTED], ...more }));

  it('are written and read; what does not fit is refused, and the ones before stay', async () => {
    expect(await readProvenance(folder)).toBeUndefined();
    await writeProvenance(folder, settings());
    const refused = [
      settings({ v: 2 }),
      settings({ packages: [] }),
      settings({ packages: [EXPECTED, EXPECTED] }),
      settings({ packages: [{ ...EXPECTED, repository: 'git@github.com:acme/agent' }] }),
      settings({ packages: [{ name: 'a', repository: REPOSITORY }] }),
      settings({ trustedRoot: {} }),
      settings({ trustedRoot: { ...sigstore.trustedRoot, ctlogs: [] } }),
      settings({ trustedRoot: { ...sigstore.trustedRoot, tlogs: [{}] } }),
      settings({ expected: {} }),
      Buffer.from('{'),
    ];
    for (const bytes of refused)
      await expect(writeProvenance(folder, bytes)).rejects.toMatchObject({
        code: 'ERR_SERVER_PROVENANCE',
      });
    expect((await readProvenance(folder))?.packages).toEqual([EXPECTED]);
  });

  it('are looked up anew; without them, or when they are broken, nothing is expected', async () => {
    const other = mkdtempSync(join(folder, 'other-'));
    const look = expectationsOf(other);
    expect(await look()).toBeUndefined();
    await writeProvenance(other, settings());
    const first = await look();
    expect(await look()).toBe(first);
    await writeProvenance(other, settings({ packages: [{ ...EXPECTED, version: '2.0.0' }] }));
    expect((await look())?.packages[0]?.version).toBe('2.0.0');
    writeFileSync(join(other, 'provenance.json'), '{');
    await expect(look()).rejects.toMatchObject({ code: 'ERR_SERVER_PROVENANCE' });
  });
});
