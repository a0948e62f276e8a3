/**
 * The rung about attestations (DESIGN §7): what decisions counted is what the log recorded, what the log recorded is what
 * the evidence shows, and what was contraindicated did not go on.
 */
import { appraiseStatement, STATEMENT_KINDS, type StatementKind } from '../appraisal.ts';
import { verifyCommitment } from '../commitments.ts';
import type { EntryOf, PublicJwk } from '../entries.ts';
import type { DisclosedPart } from '../evidence-bundle.ts';
import type { Json } from '../json.ts';
import { jwkPublicKey, jwkThumbprint, publicKeyJwk } from '../jwk.ts';
import { parseRenewal } from '../lease.ts';
import { parseNote } from '../note.ts';
import { isObject } from '../shape.ts';
import { parseStatement, verifyStatement } from '../statement.ts';
import { VOUCHING } from './principals.ts';
import {
  attempt,
  byLeaf,
  check,
  messageOf,
  ofType,
  recordOf,
  recordOfDecision,
  sum,
  type Case,
  type Finding,
  type Placed,
  type RungItem,
} from './case.ts';

/** Longest life of a challenge: entries that do not say when it was given out were made within it. */
const CHALLENGE_MS = 30_000;
/** Kinds that an agent cannot vouch for itself. */
const VERIFIERS_ONLY: ReadonlySet<string> = new Set(['container', 'workload_token']);

/** What permits counted was good and recorded; the evidence shows it; a halt followed what spoke against it. */
export async function attestationRung(c: Case): Promise<Finding> {
  const items: RungItem[] = [];
  for (const permit of ofType(c, 'permit')) items.push(...countedBy(c, permit));
  const opened = new Map(
    Object.values(c.file.executions)
      .flatMap((record) => record.attestations ?? [])
      .map(({ leaf, evidence }) => [leaf, evidence]),
  );
  for (const attestation of ofType(c, 'attestation')) {
    const { entry, id } = attestation;
    if (isVouching(entry) && !opened.has(id)) continue;
    if (entry.status !== 'none') items.push(await checkEvidence(c, attestation, opened.get(id)));
    if (entry.exec !== undefined && entry.status === 'contraindicated')
      items.push(checkHalted(c, entry.exec, attestation));
  }
  for (const leaf of opened.keys())
    if (byLeaf(c, leaf, 'attestation') === undefined)
      items.push({ status: 'fail', what: `evidence of attestation ${leaf}, which is not in this file` });
  return sum(items, 'no attestation in this file');
}

/** RULE 19: facts cite the entries that they came from. Inputs that cite none are held against all there is. */
function countedBy(c: Case, { index, entry }: Placed<'permit'>): readonly RungItem[] {
  const inputs = recordOfDecision(c, entry)?.inputs;
  const value = inputs?.disclosed.find(([, name]) => name === 'inputs')?.[2];
  const about = ofType(c, 'attestation').filter(
    (one) => one.index < index && !isVouching(one.entry) && isAbout(one.entry, entry),
  );
  if (value === undefined)
    return about.length === 0
      ? []
      : [{ status: 'not checked', what: `permit ${index}: withheld: inputs, so what it counted` }];
  const { cites, context } = isObject(value) ? value : {};
  if (!isObject(cites) || !isObject(context)) return newestOf(index, entry.at, about);
  const facts = isObject(context['attestation']) ? Object.entries(context['attestation']) : [];
  return facts.flatMap(([kind, fact]) => {
    if (!isObject(fact) || typeof fact['measured'] !== 'string') return [];
    const cite = cites[`attestation.${kind}`];
    const leaf = isObject(cite) ? cite['leaf'] : undefined;
    const cited = typeof leaf === 'string' ? byLeaf(c, leaf, 'attestation') : undefined;
    const name = `permit ${index}: ${kind}`;
    if (cited === undefined) return [{ status: 'fail' as const, what: `${name} cites nothing in this file` }];
    const recorded = cited.entry;
    // Once it has run out, what was affirming says nothing any more.
    const status = recorded.exp > entry.at ? recorded.status : 'none';
    const fits =
      cited.index < index &&
      recorded.kind === kind &&
      recorded.measured === fact['measured'] &&
      isAbout(recorded, entry) &&
      (fact['status'] === status || (fact['status'] === 'none' && recorded.exp <= entry.at + 1_000));
    if (!fits) return [{ status: 'fail' as const, what: `${name} is not what entry ${cited.index} says` }];
    return [
      check(
        fact['status'] !== 'contraindicated',
        `${name} ${String(fact['status'])} (entry ${cited.index})`,
        `${name} was contraindicated (entry ${cited.index})`,
      ),
    ];
  });
}

/** The newest of each kind was good and fresh. */
function newestOf(index: number, atMs: number, about: readonly Placed<'attestation'>[]): readonly RungItem[] {
  const newest = new Map(about.map((one) => [`${one.entry.subject} ${one.entry.kind}`, one]));
  return [...newest.values()].map(({ index: at, entry }): RungItem => {
    const name = `permit ${index}: ${entry.kind} of ${entry.subject} (entry ${at})`;
    if (entry.status === 'none') return { status: 'not checked', what: `${name} says nothing` };
    const good = entry.status !== 'contraindicated';
    return check(
      good && entry.exp > atMs,
      `${name} ${entry.status}`,
      `${name} was ${good ? 'stale' : entry.status}`,
    );
  });
}

/** Which key speaks for whom is the principal chain's to check, key by key. */
const isVouching = ({ kind }: EntryOf<'attestation'>): boolean => VOUCHING.includes(kind);

const isAbout = (attestation: EntryOf<'attestation'>, permit: EntryOf<'permit'>): boolean =>
  attestation.exec === undefined
    ? permit.chain.some(({ id }) => id === attestation.subject)
    : attestation.exec === permit.exec;

/** The evidence opens the entry, was signed by whom it names, for its challenge, and shows what the entry says. */
async function checkEvidence(
  c: Case,
  { index, entry }: Placed<'attestation'>,
  evidence: DisclosedPart | undefined,
): Promise<RungItem> {
  const name = `attestation ${index}: ${entry.kind} of ${entry.subject}`;
  if (evidence === undefined) return { status: 'not checked', what: `${name}: its evidence is withheld` };
  const opened = attempt(() =>
    verifyCommitment('attestation', entry.evidence, evidence.disclosed, evidence.withheld),
  );
  if (opened === undefined) return { status: 'fail', what: `${name}: the evidence does not open it` };
  if (isVouching(entry)) return { status: 'pass', what: `${name}: the evidence opens it` };
  const shown = opened['evidence'];
  const text = shown !== undefined && isObject(shown) ? shown['statement'] : undefined;
  if (!STATEMENT_KINDS.includes(entry.kind as StatementKind) || typeof text !== 'string')
    return { status: 'asserted', what: `${name}: only the operator says that it was verified` };
  const theirs = ofType(c, 'identity').filter((one) => one.entry.subject === entry.by && one.index < index);
  const placed =
    entry.identity === undefined ? theirs.at(-1) : theirs.find(({ id }) => id === entry.identity);
  if (entry.identity !== undefined && placed === undefined && c.byLeaf.has(entry.identity))
    return { status: 'fail', what: `${name}: it names no identity of ${entry.by} before it` };
  if (placed === undefined)
    return { status: 'asserted', what: `${name}: the keys of ${entry.by} are not in this file` };
  // The keys that counted then, and no earlier ones: which came after says nothing about it.
  const later = theirs.find((one) => one.index > placed.index);
  if (later !== undefined)
    return { status: 'fail', what: `${name}: ${entry.by} had been changed by entry ${later.index}` };
  const attester = placed.entry;
  if (attester.op === 'revoke' || (VERIFIERS_ONLY.has(entry.kind) && attester.kind !== 'verifier'))
    return { status: 'fail', what: `${name}: ${entry.by} may not vouch for it` };
  try {
    const statement = parseStatement(text);
    await verifyStatement(statement, keysOf(c, entry.by, attester.keys, shown), c.crypto);
    const permit = ofType(c, 'permit').find((one) => one.entry.exec === entry.exec)?.entry;
    const found = appraiseStatement(entry.kind as StatementKind, statement, {
      origin: c.file.origin,
      subject: entry.subject,
      nonce: entry.challenge,
      sinceMs: entry.since ?? entry.at - CHALLENGE_MS,
      nowMs: entry.at,
      ...(entry.exec === undefined ? {} : { bound: permit?.bound ?? [] }),
    });
    return check(
      found.status === entry.status && found.measured === entry.measured,
      `${name}: signed by ${entry.by}, ${entry.status}`,
      `${name}: the evidence is ${found.status}, the entry says ${entry.status}`,
    );
  } catch (error) {
    return { status: 'fail', what: `${name}: ${messageOf(error)}` };
  }
}

/** A key that no identity entry holds is shown beside the statement, and is the one that some permit of the attester names. */
function keysOf(
  c: Case,
  by: string,
  registered: readonly PublicJwk[],
  shown: Json | undefined,
): readonly PublicJwk[] {
  const key = shown !== undefined && isObject(shown) ? shown['key'] : undefined;
  if (key === undefined || !isObject(key)) return registered;
  const own = publicKeyJwk(jwkPublicKey(key));
  const jkt = jwkThumbprint({ ...own });
  const named = ofType(c, 'permit').some(({ entry }) => entry.jkt === jkt && entry.chain.at(-1)?.id === by);
  return named ? [...registered, own] : registered;
}

/** What runs and is not what was permitted is renewed no more. */
function checkHalted(c: Case, exec: string, { index, entry }: Placed<'attestation'>): RungItem {
  const later = (recordOf(c, exec)?.renewals ?? []).some((note: string) => {
    const renewal = attempt(() => parseRenewal(parseNote(note).text));
    return renewal !== undefined && renewal.at > entry.at;
  });
  return check(
    !later,
    `attestation ${index}: nothing was renewed after it`,
    `attestation ${index} was contraindicated, and ${exec} was renewed after it`,
  );
}
