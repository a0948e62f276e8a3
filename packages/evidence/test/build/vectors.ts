/**
 * The vectors of evidence bundles, as data: `node packages/evidence/test/build/vectors.ts` writes them to
 * `vectors/evidence/`; a test asserts that what is there is what this makes, and that the verifier agrees.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  base64url,
  formatEvidence,
  formatTrust,
  fromUtf8,
  unbase64url,
  utf8,
  verifyBundle,
  type Assertion,
  type EvidenceParts,
  type Trust,
} from '../../src/index.ts';
import { digestOf, hashes, T0, TestLog, testKey } from './log.ts';
import { asking, authorChange, EXEC, OTHER_EXEC, passkey, tell, type Story, type Twist } from './story.ts';

/** One vector: what goes in as text, and what every verifier must say. Re-decision is `not checked`: no engine. */
export interface EvidenceVector {
  readonly title: string;
  readonly spec: string;
  readonly input: { readonly file: string; readonly trust: string | null };
  readonly expected: { readonly exit: number; readonly rungs: Readonly<Record<string, string>> };
}

interface Case {
  readonly name: string;
  readonly title: string;
  readonly file: Uint8Array;
  readonly trust: Trust | undefined;
}

export const VECTOR_FOLDER = fileURLToPath(new URL('../../../../vectors/evidence/', import.meta.url));

/** Returns all vectors by file name. */
export async function makeVectors(): Promise<ReadonlyMap<string, EvidenceVector>> {
  const made = new Map<string, EvidenceVector>();
  for (const { name, title, file, trust } of cases()) {
    const report = await verifyBundle(file, trust);
    made.set(`${name}.json`, {
      title,
      spec: 'docs/formats/evidence-bundle.md',
      input: { file: fromUtf8(file), trust: trust === undefined ? null : fromUtf8(formatTrust(trust)) },
      expected: {
        exit: report.exit,
        rungs: Object.fromEntries(report.rungs.map((rung) => [rung.name, rung.status])),
      },
    });
  }
  return made;
}

function cases(): readonly Case[] {
  const story = tell();
  const trust = story.log.trust();
  const good = formatEvidence(story.parts);
  const [founder, second] = [story.log.noteKey('author'), testKey(`${story.log.origin}/author`, 'second')];
  const letIn = authorChange('add', second, founder);
  const of = (name: string, title: string, parts: EvidenceParts): Case => ({
    name,
    title,
    file: formatEvidence(parts),
    trust,
  });
  const twisted = (name: string, title: string, twist: Twist): Case => of(name, title, tell(twist).parts);
  const record = story.parts.executions[EXEC]!;
  const [first, ...rest] = record.arguments.disclosed;
  const fork = new TestLog();
  tell({ log: fork, permit: { exp: T0 + 30_000 } });
  const forged = tell({ log: new TestLog(story.log.origin, 'forger') });
  return [
    { name: 'good', title: 'an honest execution under its trust file', file: good, trust },
    {
      name: 'good-without-trust',
      title: 'the same without a trust file: signer unknown',
      file: good,
      trust: undefined,
    },
    {
      name: 'forgery',
      title: 'a self-made, internally perfect forgery by another key of the same origin',
      file: formatEvidence(forged.parts),
      trust,
    },
    {
      name: 'origin-not-named',
      title: 'a trust file that names another log',
      file: good,
      trust: new TestLog('licet.local/ffffffffffffffff', 'stranger').trust(),
    },
    {
      name: 'fail-format',
      title: 'a digest of another file',
      file: utf8(
        fromUtf8(good).replace(/"digest":"[^"]+","entries"/, `"digest":"${digestOf('other')}","entries"`),
      ),
      trust,
    },
    twisted('good-token', 'an issuer vouches for the key of an agent that has none of its own', {
      agent: { keys: [] },
      token: {},
    }),
    twisted('fail-token-key', 'an issuer vouched for another key', {
      agent: { keys: [] },
      token: { measured: digestOf('another key') },
    }),
    twisted('fail-token-issuer', 'whoever vouched was no issuer any more', {
      token: {},
      issuer: { op: 'revoke' },
    }),
    of('fail-entry-hashes', 'a file about an execution that it has no decision of', {
      ...story.parts,
      subject: OTHER_EXEC,
    }),
    of('fail-inclusion', 'a proof of another leaf', swapProof(story)),
    twistedKey('fail-checkpoint-signature', 'a checkpoint whose signature is another log’s', story, trust),
    of('fail-consistency', 'two checkpoints of two histories', {
      ...story.parts,
      checkpoints: [
        { note: fork.checkpoint(story.permit.index + 1, T0 + 1_000), consistency: [] },
        story.parts.checkpoints[1]!,
      ],
    }),
    twisted('fail-witness-quorum', 'a witnessed permit without a cosignature', { witnessedAtMs: undefined }),
    twisted('fail-bundle-signature', 'a policy bundle signed by somebody else', {
      authorSigner: testKey(`${story.log.origin}/author`, 'mallory'),
    }),
    twisted(
      'good-author-changed',
      'a policy bundle by an author whom the first let in, and who then retired the first',
      {
        authorSigner: second,
        authorKeys: { before: [letIn], after: [authorChange('retire', founder, second)] },
      },
    ),
    twisted('fail-author-retired', 'a policy bundle by an author whose key had been retired', {
      authorKeys: { before: [letIn, authorChange('retire', founder, second)] },
    }),
    of('fail-arguments', 'another argument under the same salt', {
      ...story.parts,
      executions: {
        [EXEC]: {
          ...record,
          arguments: { disclosed: [[first![0], first![1], '/etc/passwd'], ...rest], withheld: [] },
        },
      },
    }),
    twisted('fail-principal-chain', 'an agent that was revoked before the decision', {
      agent: { op: 'revoke' },
    }),
    twisted('fail-approvals', 'an approval whose bounds the passkey did not sign', {
      approval: { expires: T0 + 800_000 },
    }),
    twisted('approval-by-token', 'an approval that was given with a token: asserted by the operator', {
      approval: { method: 'token' },
    }),
    twisted('fail-approval-token-for-passkey', 'a token approval where the hold asked for a passkey', {
      holds: [asking({ method: 'passkey' })],
      approval: { method: 'token' },
    }),
    twisted('fail-approval-ordinary-key', 'an assertion that an ordinary key of the approver made', {
      approver: { keys: [passkey.key], passkeys: [] },
    }),
    twisted('fail-approval-other-origin', 'an assertion made at another site', {
      assertion: { origin: 'http://localhost:9999' },
    }),
    twisted('fail-approval-cross-origin', 'an assertion made inside a foreign frame', {
      assertion: { more: { crossOrigin: true, topOrigin: 'https://evil.example' } },
    }),
    twisted('fail-approval-unverified', 'an authenticator that only felt a touch', {
      assertion: { flags: 0x01 },
    }),
    twisted('fail-approval-other-group', 'an approval by somebody of another group', {
      approver: { groups: ['finance'] },
    }),
    twisted('fail-approval-early', 'an approval by the group above, before its time had come', {
      approver: { groups: ['chiefs'] },
      holds: [asking({ also: [{ group: 'chiefs', at: T0 + 60_000 }] })],
    }),
    twisted('fail-approval-quorum', 'one approval where the hold asks for two', {
      holds: [asking({ need: 2 })],
    }),
    twisted(
      'approval-standing',
      'an approval that was given in advance, with a token: asserted by the operator',
      {
        standing: {},
      },
    ),
    twisted('fail-approval-standing-scope', 'an approval given in advance for another folder', {
      standing: { covers: { within: [{ type: 'Folder', id: '/elsewhere' }] } },
    }),
    twisted('fail-approval-standing-revoked', 'an approval given in advance and taken back before its use', {
      standing: { revoked: true },
    }),
    twisted('fail-approval-standing-other', 'an approval given in advance by somebody else', {
      standing: { by: 'user-3' },
    }),
    twisted('fail-approval-own', 'a person who approved what is done in their own name', {
      approver: { subject: 'user-1' },
      approval: { by: 'user-1' },
    }),
    of('fail-approval-tampered', 'an assertion with one bit of its signature turned', {
      ...story.parts,
      executions: { [EXEC]: { ...record, assertions: [flipped(story.assertion)] } },
    }),
    of('approval-withheld', 'an approval whose assertion is withheld: not checked', {
      ...story.parts,
      executions: { [EXEC]: { ...record, assertions: [] } },
    }),
    twisted('fail-attestation', 'an attestation that was contraindicated', {
      attestation: { status: 'contraindicated' },
    }),
    twisted('fail-attestation-signature', 'an attestation that somebody else signed', {
      statementSigner: testKey('door', 'mallory'),
    }),
    twisted('fail-attestation-replayed', 'evidence that was made for another challenge', {
      statement: { eat_nonce: base64url(new Uint8Array(16).fill(1)) },
    }),
    twisted('fail-attestation-measured', 'an entry that says something else than its evidence', {
      attestation: { measured: digestOf('another tool') },
    }),
    of('attestation-withheld', 'an attestation whose evidence is withheld', {
      ...story.parts,
      executions: { [EXEC]: { ...record, attestations: [] } },
    }),
    twisted('fail-one-start', 'a permit started twice', { twice: true }),
    twisted('fail-order-and-timing', 'a start after its permit had expired', { permit: { exp: T0 + 500 } }),
    twisted('fail-lease', 'a renewal signed by another key', {
      leaseSigner: testKey(`${story.log.origin}/lease`, 'mallory'),
    }),
    twisted('fail-outcome', 'a result that was not committed to', {
      outcome: { result: digestOf('another result') },
    }),
    twisted('fail-containment', 'an agent that was contained', { containedAgent: 'agent-1' }),
    of('erased-or-withheld', 'a record that is not in the file', { ...story.parts, executions: {} }),
  ];
}

function flipped(assertion: Assertion): Assertion {
  const signature = unbase64url(assertion.signature);
  signature[signature.length - 1]! ^= 1;
  return { ...assertion, signature: base64url(signature) };
}

function swapProof(story: Story): EvidenceParts {
  const entries = story.parts.entries.map((entry) =>
    entry.index === 3 ? { ...entry, proof: hashes(story.log.inclusion(4)) } : entry,
  );
  return { ...story.parts, entries };
}

function twistedKey(name: string, title: string, story: Story, trust: Trust): Case {
  const forger = new TestLog(story.log.origin, 'forger');
  for (const { bytes, entry } of story.log.entries) forger.appendBytes(bytes, entry);
  const [first, last] = story.parts.checkpoints;
  const checkpoints = [first!, { ...last!, note: forger.checkpoint(forger.size) }];
  return { name, title, file: formatEvidence({ ...story.parts, checkpoints }), trust };
}

/** The bytes of a vector's file. */
export const vectorText = (vector: EvidenceVector): string => `${JSON.stringify(vector, null, 2)}\n`;

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  mkdirSync(VECTOR_FOLDER, { recursive: true });
  for (const [name, vector] of await makeVectors()) writeFileSync(VECTOR_FOLDER + name, vectorText(vector));
}
