/**
 * The trust file (docs/formats/trust-file.md; DESIGN §5): whom one believes, by origin and by purpose of the key.
 * It always comes from outside what is being checked; nothing in a bundle, a note or a plane's answer adds to it.
 */
import { canonicalBytes } from './canonical.ts';
import { id, origin } from './entries.ts';
import { EvidenceError } from './errors.ts';
import { parseJson, type Json } from './json.ts';
import * as s from './shape.ts';
import { parseTlogPolicy, type TlogPolicy } from './tlog-policy.ts';
import { parseVkey, samePublicKey, TYPE_ED25519, type VerifierKey } from './vkey.ts';

/** What a note key may sign. Its name is `<origin>/<purpose>`. */
export const KEY_PURPOSES = ['lease', 'status', 'session', 'contain', 'author', 'org', 'jwt'] as const;
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

const vkey = s.text(/^[^\s+]{1,255}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{1,4096}$/, 'a vkey');
const vkeys = s.list(vkey, 64);
const policyText: s.Shape<string> = {
  describe: 'a c2sp.org/tlog-policy text',
  check: (value, path, fail) =>
    typeof value === 'string' && value.length <= 65_536
      ? value
      : fail(path, 'a c2sp.org/tlog-policy text', value),
};

const logShape = s.object(
  {
    origin,
    tenant: id,
    /** The audiences that permits of this log may name (RULE 3). */
    audiences: s.list(id, 64),
    /** Whose signatures make a checkpoint of this log; the quorum of `witnessed`. */
    policy: policyText,
    keys: s.object({
      lease: vkeys,
      status: vkeys,
      session: vkeys,
      contain: vkeys,
      author: vkeys,
      org: vkeys,
      jwt: vkeys,
    }),
  },
  {
    /** The quorum of `anchored` (RULE 10). */
    anchored: policyText,
    /** The WebAuthn relying party whose passkey approvals count (RULE 22). */
    rp: s.object({
      id: s.text(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'a relying party id'),
      origins: s.list(s.text(/^https?:\/\/[\x21-\x7e]{1,250}$/, 'a web origin'), 16),
    }),
  },
);
const trustShape = s.object({ v: s.literal(1), logs: s.list(logShape, 1_024) });

/** What a trust file says. Make it with {@link parseTrust}, which checks the keys too. */
export type Trust = s.Of<typeof trustShape>;
/** What a trust file says about one log. */
export type TrustedLog = Trust['logs'][number];

const MAX_TRUST_BYTES = 4 * 1_024 * 1_024;
const parsedPolicies = new WeakMap<
  TrustedLog,
  Readonly<Record<'policy' | 'anchored', TlogPolicy | undefined>>
>();

/**
 * Returns what a trust file says. White space and the order of members are free (people edit it); everything else
 * is closed: unknown fields, two logs of one origin, a key named for another origin or purpose, or one key in two
 * places are refused.
 * @throws EvidenceError `ERR_TRUST_SHAPE`, `ERR_TRUST_KEY`, `ERR_TRUST_POLICY`, `ERR_JSON_…`
 */
export function parseTrust(input: Uint8Array | string): Trust {
  return checkTrust(parseJson(input, { maxBytes: MAX_TRUST_BYTES, maxDepth: 8 }));
}

/** Returns the bytes of a trust file, JCS. @throws EvidenceError as {@link parseTrust} */
export function formatTrust(trust: Trust): Uint8Array {
  return canonicalBytes(checkTrust(trust as unknown as Json) as unknown as Json);
}

/** Returns what the trust file says about an origin. @throws EvidenceError `ERR_TRUST_ORIGIN` when it names none */
export function trustedLog(trust: Trust, of: string): TrustedLog {
  const log = trust.logs.find((candidate) => candidate.origin === of);
  if (log === undefined) throw new EvidenceError('ERR_TRUST_ORIGIN', `the trust file does not name ${of}`);
  return log;
}

/** Returns the parsed tlog-policy of a log, or its second one. @throws EvidenceError `ERR_TRUST_POLICY` */
export function trustedPolicy(log: TrustedLog, which: 'policy' | 'anchored' = 'policy'): TlogPolicy {
  const known = parsedPolicies.get(log) ?? {
    policy: checkPolicy(log, log.policy),
    anchored: log.anchored === undefined ? undefined : checkPolicy(log, log.anchored),
  };
  parsedPolicies.set(log, known);
  const policy = known[which];
  // Fail closed: no second policy means that nothing of this log counts as anchored.
  if (policy === undefined)
    throw new EvidenceError('ERR_TRUST_POLICY', `${log.origin}: no policy for ${which}`);
  return policy;
}

/** Returns the keys that may sign notes of a purpose. @throws EvidenceError `ERR_TRUST_KEY` */
export function trustedKeys(log: TrustedLog, purpose: KeyPurpose): readonly VerifierKey[] {
  return log.keys[purpose].map((text) => noteKey(log, purpose, text));
}

function checkTrust(value: Json): Trust {
  const trust = trustShape.check(value, 'trust', (path, expected) => {
    throw new EvidenceError('ERR_TRUST_SHAPE', `${path}: expected ${expected}`);
  });
  const origins = new Set(trust.logs.map((log) => log.origin));
  if (origins.size !== trust.logs.length)
    throw new EvidenceError('ERR_TRUST_SHAPE', 'one origin stands twice');
  checkKeysDistinct(trust);
  return trust;
}

/** One key, one use: otherwise a note of one kind could be passed off as another, or a log witness itself. */
function checkKeysDistinct(trust: Trust): void {
  const signers: { readonly where: string; readonly org?: true; readonly key: VerifierKey }[] = [];
  const witnesses: { readonly where: string; readonly key: VerifierKey }[] = [];
  for (const log of trust.logs) {
    const policies = [
      checkPolicy(log, log.policy),
      ...(log.anchored === undefined ? [] : [checkPolicy(log, log.anchored)]),
    ];
    for (const policy of policies)
      witnesses.push(...policy.witnesses.map(({ name, key }) => ({ where: `witness ${name}`, key })));
    signers.push(...policies[0]!.logs.map(({ key }) => ({ where: log.origin, key })));
    for (const purpose of KEY_PURPOSES) {
      signers.push(
        ...log.keys[purpose].map((text) => ({
          where: `${log.origin}/${purpose}`,
          key: noteKey(log, purpose, text),
          ...(purpose === 'org' ? { org: true as const } : {}),
        })),
      );
    }
  }
  for (const [i, { where, org, key }] of signers.entries()) {
    const twin = [...signers.slice(0, i), ...witnesses].find(
      (other) =>
        samePublicKey(other.key, key) &&
        // One organisation stands above many logs: its key is the same for each (RULE 20).
        !(org === true && 'org' in other && other.where !== where),
    );
    if (twin !== undefined)
      throw new EvidenceError('ERR_TRUST_KEY', `${where} has the same key as ${twin.where}`);
  }
}

function noteKey(log: TrustedLog, purpose: KeyPurpose, text: string): VerifierKey {
  let key: VerifierKey;
  try {
    key = parseVkey(text);
  } catch (cause) {
    throw new EvidenceError('ERR_TRUST_KEY', `not a vkey: ${text.slice(0, 80)}`, { cause });
  }
  // RULE 3: a key is believed only under the name of its origin and purpose.
  if (key.name !== `${log.origin}/${purpose}`) {
    throw new EvidenceError(
      'ERR_TRUST_KEY',
      `expected a key named ${log.origin}/${purpose}, found ${key.name}`,
    );
  }
  // Notes of a purpose are plain Ed25519 notes; a cosignature's type would bring another meaning of the bytes.
  if (key.type !== TYPE_ED25519)
    throw new EvidenceError('ERR_TRUST_KEY', `${key.name} is not an Ed25519 note key`);
  return key;
}

function checkPolicy(log: TrustedLog, text: string): TlogPolicy {
  let policy: TlogPolicy;
  try {
    policy = parseTlogPolicy(text);
  } catch (cause) {
    throw new EvidenceError('ERR_TRUST_POLICY', `${log.origin}: the policy is not a tlog-policy`, { cause });
  }
  // RULE 3: leaf origin = checkpoint line 1 = vkey name.
  if (policy.logs.length === 0 || policy.logs.some(({ key }) => key.name !== log.origin)) {
    throw new EvidenceError(
      'ERR_TRUST_POLICY',
      `${log.origin}: the policy must name keys of this log, and of no other`,
    );
  }
  return policy;
}
