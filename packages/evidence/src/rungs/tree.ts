/**
 * The rungs that make a file evidence at all: format, entry hashes, inclusion, checkpoint signature, consistency and
 * witness quorum (RFC 6962 §2.1, C2SP tlog-checkpoint; RULE 3, 43).
 */
import { base64, base64url } from '../bytes.ts';
import type { Assurance } from '../entries.ts';
import { emptyRoot, verifyConsistency, verifyInclusion } from '../merkle.ts';
import { verifyNote } from '../note.ts';
import { hasAssurance } from '../proven-entry.ts';
import { verifyCheckpoint } from '../tlog-policy.ts';
import { trustedPolicy } from '../trust.ts';
import { parseVkey } from '../vkey.ts';
import { byLeaf, check, messageOf, ofType, sum, type Case, type Finding, type RungItem } from './case.ts';

/** The file equals JCS(parse(file)) and ends with its own digest (RULE 43). */
export function formatRung(c: Case): Finding {
  const flaw = c.flaws[0];
  if (flaw === undefined)
    return { status: 'pass', detail: { computed: c.file.digest, expected: c.file.digest } };
  const { computed, expected } = flaw;
  return {
    status: 'fail',
    why: c.flaws.map(({ code, what }) => `${code}: ${what}`).join('; '),
    detail: {
      ...(computed === undefined ? {} : { computed }),
      ...(expected === undefined ? {} : { expected }),
    },
  };
}

/** Every text is the canonical form of an entry of a known type, of this origin; and the file is about its subject. */
export function entryHashesRung(c: Case): Finding {
  const items = c.entries.map(({ index, id, entry, why }): RungItem => {
    if (entry === undefined) return { status: 'fail', what: `entry ${index}: ${why}` };
    return check(
      entry.origin === c.file.origin,
      `entry ${index} ${entry.type} ${id}`,
      `entry ${index} is of ${entry.origin}`,
    );
  });
  const tenants = new Set(c.entries.flatMap(({ entry }) => (entry === undefined ? [] : [entry.tenant])));
  const decisions = [...ofType(c, 'permit'), ...ofType(c, 'refusal')].map(({ entry }) => entry);
  const { kind, subject } = c.file;
  const about =
    kind === 'execution'
      ? decisions.some(({ exec }) => exec === subject)
      : decisions.some(({ run }) => run === subject) &&
        decisions.every(({ run }) => run === undefined || run === subject);
  return sum(
    [
      ...items,
      check(tenants.size <= 1, 'one tenant', 'entries of several tenants in one file'),
      check(
        about,
        `decisions about ${kind} ${subject}`,
        `no decision in this file is about ${kind} ${subject}`,
      ),
    ],
    'there is no entry',
  );
}

/** Every entry is a leaf of the newest checkpoint's tree. */
export function inclusionRung(c: Case): Finding {
  const newest = c.checkpoints.at(-1);
  if (newest?.head === undefined)
    return { status: 'fail', why: `the newest checkpoint cannot be read: ${newest?.why ?? 'there is none'}` };
  const { size, root } = newest.head;
  const finding = sum(
    c.entries.map(({ index, leaf, proof }) =>
      check(
        verifyInclusion({ index, size, leaf, proof, root }),
        `entry ${index}`,
        `entry ${index} is not in the tree of size ${size}`,
      ),
    ),
    'there is no entry',
  );
  return { ...finding, detail: { ...finding.detail, expected: `size ${size} root ${base64(root)}` } };
}

/** A trusted key of this origin signed each checkpoint, and may speak for this tenant and these audiences (RULE 3). */
export async function checkpointSignatureRung(c: Case): Promise<Finding> {
  const { log } = c;
  if (c.trust !== undefined && log === undefined) {
    return { status: 'fail', why: `the trust file does not name ${c.file.origin}` };
  }
  if (log === undefined) return signerUnknown(c);
  const items: RungItem[] = [];
  for (const { note, head, why } of c.checkpoints) {
    if (head === undefined || head.origin !== c.file.origin) {
      items.push({
        status: 'fail',
        what: `a checkpoint of ${head?.origin ?? 'nothing readable'}: ${why ?? 'another origin'}`,
      });
      continue;
    }
    try {
      const { logKeys } = await verifyCheckpoint(note, trustedPolicy(log), c.crypto, time(c));
      items.push({
        status: 'pass',
        what: `size ${head.size} signed by ${logKeys.map((key) => key.vkey).join(', ')}`,
      });
    } catch (error) {
      items.push({ status: 'fail', what: `size ${head.size}: ${messageOf(error)}` });
    }
  }
  for (const { index, entry } of c.entries) {
    if (entry === undefined) continue;
    if (entry.tenant !== log.tenant) {
      items.push({
        status: 'fail',
        what: `entry ${index} is of tenant ${entry.tenant}; ${log.origin} is the log of ${log.tenant}`,
      });
    }
    const aud = 'aud' in entry ? entry.aud : undefined;
    if (aud !== undefined && entry.type === 'permit' && !log.audiences.includes(aud)) {
      items.push({
        status: 'fail',
        what: `entry ${index} is for ${aud}, which is not mapped to ${log.origin}`,
      });
    }
  }
  return sum(items, 'there is no checkpoint');
}

/** Each checkpoint's tree begins with the one before. */
export function consistencyRung(c: Case): Finding {
  const items = c.checkpoints.map(({ head, consistency, why }, i): RungItem => {
    const before = c.checkpoints[i - 1]?.head;
    if (head === undefined) return { status: 'fail', what: `checkpoint ${i}: ${why}` };
    if (i === 0) return check(consistency.length === 0 && head.size > 0, `begins at size ${head.size}`);
    const linked =
      before !== undefined &&
      verifyConsistency({
        oldSize: before.size,
        newSize: head.size,
        oldRoot: before.size === 0 ? emptyRoot() : before.root,
        newRoot: head.root,
        proof: consistency,
      });
    return check(
      linked,
      `${before?.size} → ${head.size}`,
      `size ${head.size} does not continue size ${before?.size}`,
    );
  });
  return sum(items, 'there is no checkpoint');
}

/** The witnesses that the permits' assurance asks for have cosigned (RULE 10). */
export async function witnessQuorumRung(c: Case): Promise<Finding> {
  const { log } = c;
  if (log === undefined)
    return { status: 'not checked', why: 'no trust file names the witnesses of this log' };
  const items: RungItem[] = [];
  for (const { index, entry } of ofType(c, 'permit')) {
    if (entry.assurance === 'logged') continue;
    items.push(
      check(
        await cosigned(c, entry.assurance, index + 1),
        `permit ${index} is ${entry.assurance}`,
        `permit ${index} claims ${entry.assurance}, and no checkpoint over it has that quorum`,
      ),
    );
  }
  for (const { index, entry } of ofType(c, 'start')) {
    const permit = byLeaf(c, entry.permit, 'permit');
    if (permit === undefined || permit.entry.assurance === 'logged' || entry.via === 'verifier') continue;
    items.push(await witnessedStart(c, index, permit.index, permit.entry.assurance, entry.witnessed));
  }
  if (items.length > 0) return sum(items, '');
  return (await cosigned(c, 'witnessed', 1))
    ? {
        status: 'pass',
        detail: { items: [{ status: 'pass', what: 'a checkpoint has the quorum of the trust file' }] },
      }
    : {
        status: 'not checked',
        why: 'no permit here asks for witnesses, and no checkpoint has a quorum of them',
      };
}

/** RULE 10: the start names the cosigned head that was there before it, and that head covers the permit. */
async function witnessedStart(
  c: Case,
  index: number,
  permitIndex: number,
  assurance: Assurance,
  witnessed: { readonly size: number; readonly root: string } | undefined,
): Promise<RungItem> {
  if (witnessed === undefined || witnessed.size <= permitIndex || witnessed.size > index) {
    return { status: 'fail', what: `start ${index} names no witnessed head between its permit and itself` };
  }
  const shown = c.checkpoints.filter(({ head }) => head?.size === witnessed.size);
  if (shown.length === 0)
    return {
      status: 'asserted',
      what: `start ${index}: the cosigned head of size ${witnessed.size} is not shown`,
    };
  const same = shown.every(({ head }) => base64url(head!.root) === witnessed.root);
  const good =
    same &&
    (await hasQuorum(
      c,
      shown.map(({ note }) => note),
      assurance,
    ));
  return check(
    good,
    `start ${index} waited for witnesses`,
    `start ${index}: the head of size ${witnessed.size} is not the cosigned one`,
  );
}

async function cosigned(c: Case, assurance: Assurance, minSize: number): Promise<boolean> {
  return hasQuorum(
    c,
    c.checkpoints
      .filter(({ head }) => head !== undefined && head.origin === c.file.origin && head.size >= minSize)
      .map(({ note }) => note),
    assurance,
  );
}

async function hasQuorum(c: Case, notes: readonly string[], assurance: Assurance): Promise<boolean> {
  for (const note of notes) if (await noteHasQuorum(c, note, assurance)) return true;
  return false;
}

/** One checkpoint stands over many permits, so each is verified once. */
const quorums = new WeakMap<Case, Map<string, Promise<boolean>>>();

function noteHasQuorum(c: Case, note: string, assurance: Assurance): Promise<boolean> {
  const known = quorums.get(c) ?? new Map<string, Promise<boolean>>();
  quorums.set(c, known);
  const key = `${assurance} ${note}`;
  const verdict =
    known.get(key) ??
    // A checkpoint that does not verify adds no witness; its own rung says why.
    hasAssurance(note, c.log!, assurance, { crypto: c.crypto, ...time(c) }).catch(() => false);
  known.set(key, verdict);
  return verdict;
}

/** Without a trust file the log's own word for its key is all there is (DESIGN §5). */
async function signerUnknown(c: Case): Promise<Finding> {
  const genesis = ofType(c, 'genesis').find(({ index }) => index === 0);
  if (genesis === undefined) return { status: 'not checked', why: 'signer unknown: no trust file was given' };
  try {
    const key = parseVkey(genesis.entry.logKey);
    if (key.name !== c.file.origin) throw new Error(`the genesis names key ${key.name}`);
    for (const { note } of c.checkpoints) await verifyNote(note, [key], c.crypto);
    return {
      status: 'asserted',
      why: `signed by the key that the log itself names, ${key.vkey}; no trust file was given`,
    };
  } catch (error) {
    return {
      status: 'fail',
      why: `the checkpoints are not signed by the key that the log names: ${messageOf(error)}`,
    };
  }
}

const time = (c: Case): { readonly nowMs?: number } => (c.nowMs === undefined ? {} : { nowMs: c.nowMs });
