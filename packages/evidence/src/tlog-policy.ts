/**
 * Whom to believe about a log: c2sp.org/tlog-policy, and the check of a checkpoint against one. A checkpoint is
 * valid when a listed log of its origin signed it and the quorum of witnesses cosigned it.
 */
import { parseCheckpoint } from './checkpoint.ts';
import type { Crypto } from './crypto.ts';
import { EvidenceError } from './errors.ts';
import { parseNote, verifyNote } from './note.ts';
import {
  parseVkey,
  samePublicKey,
  TYPE_COSIGNATURE,
  TYPE_ED25519,
  TYPE_ML_DSA_44,
  type KeyType,
  type VerifierKey,
} from './vkey.ts';

/** A log one is willing to believe. */
export interface PolicyLog {
  /** Type 0x01 or 0x06; its name is the log's origin. */
  readonly key: VerifierKey;
  readonly url?: string;
}

/** A witness one is willing to believe. */
export interface PolicyWitness {
  /** Its name within the policy. */
  readonly name: string;
  /** Type 0x04 or 0x06. */
  readonly key: VerifierKey;
  readonly url?: string;
}

/** A group is satisfied when `threshold` of its members are. */
export interface PolicyGroup {
  readonly name: string;
  /** 1 ≤ threshold ≤ number of members. `any` is 1, `all` is all of them. */
  readonly threshold: number;
  /** Names of witnesses and groups defined before. */
  readonly members: readonly string[];
}

/** A trust policy. */
export interface TlogPolicy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly groups: readonly PolicyGroup[];
  /** Name of a witness or group, or `none`. */
  readonly quorum: string;
}

/** A checkpoint that a listed log signed. Look at `quorum` before calling it witnessed. */
export interface VerifiedCheckpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Keys of the log that signed; at least one. */
  readonly logKeys: readonly VerifierKey[];
  /** Witnesses of the policy whose cosignatures were verified and count. */
  readonly witnesses: readonly { readonly name: string; readonly timestampS: number }[];
  /** Whether the policy's quorum is met; true under `quorum none`, where nothing is asked for. */
  readonly quorum: boolean;
}

/** Cosignatures may be this far ahead of the verifier's clock. */
const MAX_SKEW_MS = 5_000;
const MAX_LINES = 4_096;
const NONE = 'none';
const LOG_TYPES: readonly KeyType[] = [TYPE_ED25519, TYPE_ML_DSA_44];
const WITNESS_TYPES: readonly KeyType[] = [TYPE_COSIGNATURE, TYPE_ML_DSA_44];
// oxlint-disable-next-line no-control-regex -- control characters are what is refused
const FORBIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f]/;
const THRESHOLD = /^[1-9][0-9]{0,3}$/;

/** The lists that the lines of a policy fill. */
interface Draft {
  readonly logs: PolicyLog[];
  readonly witnesses: PolicyWitness[];
  readonly groups: PolicyGroup[];
  readonly names: Set<string>;
  readonly grouped: Set<string>;
  quorum: string | undefined;
}

/**
 * Returns the policy a text says. Throws ERR_POLICY_FORMAT, naming the line, on any other text: unknown words,
 * names defined twice or not before use, members of two groups, keys twice, no or two quorum lines.
 */
export function parseTlogPolicy(text: string): TlogPolicy {
  if (!text.endsWith('\n')) throw malformed('the last line does not end in a newline');
  if (FORBIDDEN.test(text) || !text.isWellFormed()) throw malformed('the text holds control characters');
  const lines = text.slice(0, -1).split('\n');
  if (lines.length > MAX_LINES) throw malformed(`more than ${MAX_LINES} lines`);
  const draft: Draft = {
    logs: [],
    witnesses: [],
    groups: [],
    names: new Set(),
    grouped: new Set(),
    quorum: undefined,
  };
  for (const [i, line] of lines.entries()) readLine(draft, line, i + 1);
  const { logs, witnesses, groups, quorum } = draft;
  if (quorum === undefined) throw malformed('no quorum line');
  return { logs, witnesses, groups, quorum };
}

/** Returns the text of a policy. Throws ERR_POLICY_FORMAT when it could not be read back. */
export function formatTlogPolicy(policy: TlogPolicy): string {
  const lines = [
    ...policy.logs.map(({ key, url }) => ['log', key.vkey, url]),
    ...policy.witnesses.map(({ name, key, url }) => ['witness', name, key.vkey, url]),
    ...policy.groups.map(({ name, threshold, members }) => ['group', name, String(threshold), ...members]),
    ['quorum', policy.quorum],
  ];
  const text = lines.map((items) => `${items.filter((item) => item !== undefined).join(' ')}\n`).join('');
  parseTlogPolicy(text);
  return text;
}

/**
 * Resolves to what a signed checkpoint says under a policy. Rejects with ERR_CHECKPOINT_ORIGIN when no listed
 * log is named like the origin, ERR_NOTE_UNVERIFIED when none of its keys signed, ERR_NOTE_SIGNATURE when any
 * signature by a listed key fails, and as {@link parseNote} and {@link parseCheckpoint}. With `nowMs`
 * (milliseconds), cosignatures more than five seconds ahead of it do not count.
 */
export async function verifyCheckpoint(
  checkpointNote: string,
  policy: TlogPolicy,
  crypto: Crypto,
  options: { readonly nowMs?: number } = {},
): Promise<VerifiedCheckpoint> {
  const { origin, size, root } = parseCheckpoint(parseNote(checkpointNote).text);
  // RULE 3: leaf origin = checkpoint line 1 = vkey name. This is the second equality.
  const own = policy.logs.filter(({ key }) => key.name === origin).map(({ key }) => key);
  if (own.length === 0)
    throw new EvidenceError('ERR_CHECKPOINT_ORIGIN', `no log is named ${JSON.stringify(origin)}`);
  const known = [...own, ...policy.witnesses.map(({ key }) => key)];
  const { signatures } = await verifyNote(checkpointNote, known, crypto);
  const logKeys = own.filter((key) => signatures.some((signature) => signature.key.vkey === key.vkey));
  if (logKeys.length === 0) throw new EvidenceError('ERR_NOTE_UNVERIFIED', `${origin} did not sign`);
  const latestS = options.nowMs === undefined ? Infinity : (options.nowMs + MAX_SKEW_MS) / 1000;
  const witnesses = policy.witnesses.flatMap(({ name, key }) => {
    // Time 0 is a 0x06 cosigner's way of not saying that this was the newest tree it had seen.
    const times = signatures.flatMap((s) => (s.key.vkey === key.vkey && s.timestampS ? [s.timestampS] : []));
    const timestampS = Math.max(...times.filter((time) => time <= latestS));
    return Number.isFinite(timestampS) ? [{ name, timestampS }] : [];
  });
  return {
    origin,
    size,
    root,
    logKeys,
    witnesses,
    quorum: quorumMet(
      policy,
      witnesses.map(({ name }) => name),
    ),
  };
}

/** Returns whether the named witnesses satisfy the policy's quorum. A name the policy does not define does not. */
export function quorumMet(policy: TlogPolicy, witnesses: readonly string[]): boolean {
  const satisfied = new Set(
    policy.witnesses.map(({ name }) => name).filter((name) => witnesses.includes(name)),
  );
  // Members are defined before their groups, so one pass in order settles every group.
  for (const { name, threshold, members } of policy.groups) {
    const count = members.filter((member) => satisfied.has(member)).length;
    if (threshold >= 1 && count >= threshold) satisfied.add(name);
  }
  return policy.quorum === NONE || satisfied.has(policy.quorum);
}

function readLine(draft: Draft, line: string, number: number): void {
  const items = line.split(/[ \t]+/).filter((item) => item !== '');
  const [word, ...rest] = items;
  if (word === undefined || word.startsWith('#')) return;
  const fail = (what: string): never => {
    throw malformed(`line ${number}: ${what}`);
  };
  switch (word) {
    case 'log':
      return readLog(draft, rest, fail);
    case 'witness':
      return readWitness(draft, rest, fail);
    case 'group':
      return readGroup(draft, rest, fail);
    case 'quorum':
      return readQuorum(draft, rest, fail);
    default:
      fail(`unknown word ${JSON.stringify(word)}`);
  }
}

type Fail = (what: string) => never;

function readLog(draft: Draft, items: readonly string[], fail: Fail): void {
  const [vkey, url] = items;
  if (vkey === undefined || items.length > 2) return fail('expected: log <vkey> [<url>]');
  const key = readKey(vkey, LOG_TYPES, fail);
  if (draft.logs.some((log) => samePublicKey(log.key, key))) fail('this log key is listed twice');
  draft.logs.push({ key, ...(url === undefined ? {} : { url }) });
}

function readWitness(draft: Draft, items: readonly string[], fail: Fail): void {
  const [name, vkey, url] = items;
  if (name === undefined || vkey === undefined || items.length > 3) {
    return fail('expected: witness <name> <vkey> [<url>]');
  }
  const key = readKey(vkey, WITNESS_TYPES, fail);
  if (draft.witnesses.some((witness) => samePublicKey(witness.key, key)))
    fail('this witness key is listed twice');
  define(draft, name, fail);
  draft.witnesses.push({ name, key, ...(url === undefined ? {} : { url }) });
}

function readGroup(draft: Draft, items: readonly string[], fail: Fail): void {
  const [name, count, ...members] = items;
  if (name === undefined || count === undefined || members.length === 0) {
    return fail('expected: group <name> <k|any|all> <member>...');
  }
  const threshold = count === 'any' ? 1 : count === 'all' ? members.length : numeric(count, fail);
  if (threshold > members.length) fail(`${threshold} of ${members.length} members can never be met`);
  for (const member of members) {
    if (!draft.names.has(member)) fail(`${JSON.stringify(member)} is not defined before this line`);
    if (draft.grouped.has(member)) fail(`${JSON.stringify(member)} is a member already`);
    draft.grouped.add(member);
  }
  define(draft, name, fail);
  draft.groups.push({ name, threshold, members });
}

function readQuorum(draft: Draft, items: readonly string[], fail: Fail): void {
  const [name] = items;
  if (name === undefined || items.length !== 1) return fail('expected: quorum <name|none>');
  if (draft.quorum !== undefined) fail('a second quorum line');
  if (name !== NONE && !draft.names.has(name))
    fail(`${JSON.stringify(name)} is not defined before this line`);
  draft.quorum = name;
}

function readKey(vkey: string, types: readonly KeyType[], fail: Fail): VerifierKey {
  let key: VerifierKey;
  try {
    key = parseVkey(vkey);
  } catch (error) {
    return fail(error instanceof EvidenceError ? error.message : 'unreadable key');
  }
  if (!types.includes(key.type)) fail(`a key of type ${key.type} cannot be used here`);
  return key;
}

function define(draft: Draft, name: string, fail: Fail): void {
  if (name === NONE || draft.names.has(name)) fail(`${JSON.stringify(name)} is taken`);
  draft.names.add(name);
}

function numeric(text: string, fail: Fail): number {
  return THRESHOLD.test(text) ? Number(text) : fail(`${JSON.stringify(text)} is no threshold`);
}

function malformed(what: string): EvidenceError {
  return new EvidenceError('ERR_POLICY_FORMAT', what);
}
