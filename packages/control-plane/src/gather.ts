// Gathers what an evidence bundle holds: the entries of an execution or run, those that they name, and the opened
// records. Formatting and judging it is `evidence`'s.
import {
  commitMandateBody,
  commitStandingScope,
  parseEntry,
  permitId,
  unbase64url,
  type Entry,
  type Json,
} from '@licet/evidence';
import { assertionRecord } from './approving.ts';
import { tokenRecord } from './entering.ts';
import type { EvidenceParts } from './face.ts';
import type {
  AttestationRow,
  ExecutionRow,
  IdentityRow,
  MandateRow,
  PlaneRow,
  StandingRow,
} from './core/rows.ts';
import { SELF } from './core/rows.ts';
import type { Store } from './ports.ts';
import { recordOf } from './records.ts';

/** Containment and policy entries are followed back at most this far. */
const MAX_HEADS = 4_096;
const MAX_RUN = 10_000;

/** The executions that the evidence is about, oldest first; empty when there are none. */
export async function subjects(
  store: Store,
  kind: 'execution' | 'run',
  id: string,
): Promise<readonly ExecutionRow[]> {
  if (kind === 'execution') {
    const [row] = await store.read([{ kind: 'execution', id }]);
    return row === undefined ? [] : [row.value as ExecutionRow];
  }
  const rows = await store.list({ kind: 'execution', where: { run: id }, ascending: true, limit: MAX_RUN });
  return rows.map(({ value }) => value as ExecutionRow);
}

/** The parts of an evidence bundle about these executions. */
export async function gather(
  store: Store,
  about: { readonly kind: 'execution' | 'run'; readonly id: string; readonly origin: string },
  executions: readonly ExecutionRow[],
): Promise<EvidenceParts> {
  const entries = await collect(store, executions);
  const first = Math.min(...executions.map(({ decision }) => decision.index));
  const last = await store.log.checkpoint();
  const early = await store.log.checkpointAt(first + 1);
  const earlySize = early === undefined ? undefined : Number(early.split('\n')[1]);
  const checkpoints =
    early === undefined || earlySize === undefined || earlySize >= last.size
      ? [{ note: last.note, consistency: [] }]
      : [
          { note: early, consistency: [] },
          { note: last.note, consistency: await store.log.consistency(earlySize, last.size) },
        ];
  const placed = [...entries].sort(([a], [b]) => a - b).filter(([index]) => index < last.size);
  const parsed = placed.map(([, bytes]) => parseEntry(bytes));
  const mandates = await mandatesOf(store, parsed);
  const standing = await standingOf(store, placed);
  return {
    kind: about.kind,
    origin: about.origin,
    subject: about.id,
    entries: await Promise.all(
      placed.map(async ([index, bytes]) => ({
        index,
        bytes,
        proof: await store.log.inclusion(index, last.size),
      })),
    ),
    checkpoints,
    executions: await opened(store, executions, parsed),
    bundles: await bundlesOf(store, parsed),
    ...(mandates.length === 0 ? {} : { mandates }),
    ...(standing.length === 0 ? {} : { standing }),
  };
}

/** Bytes by index of every entry about the executions, and of every entry that those name. */
async function collect(
  store: Store,
  executions: readonly ExecutionRow[],
): Promise<ReadonlyMap<number, Uint8Array>> {
  const found = new Map<number, Uint8Array>();
  const add = async (index: number | undefined): Promise<Entry | undefined> => {
    if (index === undefined) return undefined;
    const known = found.get(index);
    if (known !== undefined) return parseEntry(known);
    const [bytes] = await store.log.entries(index, index + 1);
    if (bytes === undefined) return undefined;
    found.set(index, bytes);
    return parseEntry(bytes);
  };
  const addLeaf = async (leaf: string): Promise<Entry | undefined> =>
    add(await store.log.find(unbase64url(leaf)));

  const addIdentity = async (id: string): Promise<void> => {
    const [row] = await store.read([{ kind: 'identity', id }]);
    if (row !== undefined) await addLeaf((row.value as IdentityRow).leaf);
  };

  // Genesis and the keys that follow it say whom the log itself names.
  for (let index = 0; ; index += 1) {
    const entry = await add(index);
    if (entry === undefined || (entry.type !== 'genesis' && entry.type !== 'key')) {
      found.delete(index);
      break;
    }
  }
  // RULE 20: how the keys of the organisation and of the authors changed, by which bundles are to be believed.
  const [plane] = await store.read([{ kind: 'plane', id: SELF }]);
  const { org, authors = [] } = (plane?.value ?? {}) as Partial<PlaneRow>;
  for (const { leaf } of [...(org?.changes ?? []), ...authors]) await addLeaf(leaf);
  for (const execution of executions) {
    for (const index of execution.entries) {
      const entry = await add(index);
      if (entry === undefined) continue;
      if (entry.type === 'approval') {
        if (entry.identity !== undefined) await addLeaf(entry.identity);
        const grant = entry.standing === undefined ? undefined : await addLeaf(entry.standing);
        if (grant?.type === 'standing' && grant.identity !== undefined) await addLeaf(grant.identity);
        await addIdentity(entry.by);
      }
      if (entry.type !== 'permit' && entry.type !== 'refusal' && entry.type !== 'start') continue;
      if (entry.type !== 'start')
        for (const link of entry.chain ?? []) {
          await addLeaf(link.identity);
          if (link.mandate !== undefined) await addLeaf(link.mandate);
          const token = link.token === undefined ? undefined : await addLeaf(link.token);
          if (token?.type === 'attestation') await addIdentity(token.by);
        }
      let { containment, policy } = entry.heads ?? { containment: null, policy: null };
      for (let steps = 0; containment !== null && steps < MAX_HEADS; steps += 1) {
        const head = await addLeaf(containment);
        containment = head?.type === 'containment' ? head.prev : null;
      }
      for (let steps = 0; policy !== null && steps < MAX_HEADS; steps += 1) {
        const head = await addLeaf(policy);
        policy = head?.type === 'policy' ? head.prev : null;
      }
    }
  }
  for (const execution of executions) {
    for (const index of await attestationsOf(store, execution)) {
      const entry = await add(index);
      if (entry?.type === 'attestation' && entry.identity !== undefined) await addLeaf(entry.identity);
      if (entry?.type !== 'attestation' || entry.by === entry.subject) continue;
      const [attester] = await store.read([{ kind: 'identity', id: entry.by }]);
      if (attester !== undefined) await addLeaf((attester.value as { readonly leaf: string }).leaf);
    }
  }
  for (const index of await clocksBetween(store, Math.min(...found.keys()), Math.max(...found.keys())))
    await add(index);
  return found;
}

/** Indexes of the `clock` entries in a range: without them, times that go back look like tampering (RULE 39). */
async function clocksBetween(store: Store, first: number, last: number): Promise<readonly number[]> {
  const where = { action: 'licet/clock', state: 'completed' };
  const rows = await store.list({ kind: 'execution', where, ascending: true, limit: MAX_HEADS });
  return rows
    .map(({ value }) => (value as ExecutionRow).start)
    .flatMap((start) => (start === undefined ? [] : [start.index + 1]))
    .filter((index) => index > first && index < last);
}

/** Indexes of the attestations that its decision counted, and of those about it while it ran. */
async function attestationsOf(store: Store, execution: ExecutionRow): Promise<readonly number[]> {
  const record = await recordOf(store, execution);
  const counted = Object.values(record?.body.input?.attestation ?? {}).flatMap(({ cite }) =>
    cite === undefined ? [] : [cite.index],
  );
  const [row] = await store.read([{ kind: 'attestation', id: execution.exec }]);
  return [...counted, ...((row?.value as AttestationRow | undefined)?.entries ?? [])];
}

/** What opens them, by leaf. */
async function openedAttestations(store: Store, execution: ExecutionRow): Promise<readonly Json[]> {
  const found: Json[] = [];
  for (const index of await attestationsOf(store, execution)) {
    const [bytes] = await store.log.entries(index, index + 1);
    const entry = bytes === undefined ? undefined : parseEntry(bytes);
    if (bytes === undefined || entry?.type !== 'attestation') continue;
    const record = await store.records.get(`attestation/${entry.challenge}`);
    if (record === undefined || record === 'erased') continue;
    const { commitment, disclosures } = record.body as { commitment: string; disclosures: Json };
    if (commitment === entry.evidence)
      found.push({ leaf: permitId(bytes), evidence: { disclosed: disclosures, withheld: [] } });
  }
  return found;
}

const whole = (disclosed: Json): Json => ({ disclosed, withheld: [] });

async function opened(
  store: Store,
  executions: readonly ExecutionRow[],
  entries: readonly Entry[],
): Promise<Readonly<Record<string, Json>>> {
  const records: Record<string, Json> = {};
  for (const execution of executions) {
    const { exec, outcome } = execution;
    const record = await recordOf(store, execution);
    if (record === undefined) continue;
    const { body } = record;
    const result = await resultOf(store, exec, outcome?.index);
    const assertions = await assertionsOf(store, exec, entries);
    const attestations = [
      ...(await tokensOf(store, execution)).map(({ leaf, disclosures }) => ({
        leaf,
        evidence: whole(disclosures),
      })),
      ...(await openedAttestations(store, execution)),
    ];
    records[exec] = {
      arguments: whole(body.disclosures.arguments as unknown as Json),
      resources: whole(body.disclosures.resources as unknown as Json),
      inputs: whole(body.disclosures.inputs as unknown as Json),
      renewals: await store.records.notes(exec),
      ...(body.earlier.length === 0
        ? {}
        : { earlier: body.earlier.map(({ inputs }) => whole(inputs as unknown as Json)) }),
      ...(result === undefined ? {} : { result: whole(result) }),
      ...(assertions.length === 0 ? {} : { assertions }),
      ...(attestations.length === 0 ? {} : { attestations }),
    };
  }
  return records;
}

/** What people's passkeys signed about it. */
async function assertionsOf(store: Store, exec: string, entries: readonly Entry[]): Promise<readonly Json[]> {
  const digests = entries.flatMap((entry) =>
    entry.type === 'approval' && entry.exec === exec && entry.assertion !== undefined
      ? [entry.assertion]
      : [],
  );
  const records = await Promise.all(
    digests.map((digest) => store.records.get(assertionRecord(exec, digest))),
  );
  return records.flatMap((record) => (record === undefined || record === 'erased' ? [] : [record.body]));
}

/** What opens the attestations by which issuers vouched for keys of its chain. */
async function tokensOf(
  store: Store,
  { chain }: ExecutionRow,
): Promise<readonly { readonly leaf: string; readonly disclosures: Json }[]> {
  const found: { readonly leaf: string; readonly evidence: string; readonly mark: string }[] = [];
  for (const { token: leaf } of chain) {
    const index = leaf === undefined ? undefined : await store.log.find(unbase64url(leaf));
    const [bytes] = index === undefined ? [] : await store.log.entries(index, index + 1);
    const entry = bytes === undefined ? undefined : parseEntry(bytes);
    if (leaf !== undefined && entry?.type === 'attestation')
      found.push({ leaf, evidence: entry.evidence, mark: entry.challenge });
  }
  const records = await Promise.all(found.map(({ mark }) => store.records.get(tokenRecord(mark))));
  const bodies = records.flatMap((record) =>
    record === undefined || record === 'erased'
      ? []
      : [record.body as unknown as { readonly commitment: string; readonly disclosures: Json }],
  );
  return found.flatMap(({ leaf, evidence }) => {
    // One record opens both: the token of who acts, and of the person on whose behalf.
    const body = bodies.find(({ commitment }) => commitment === evidence);
    return body === undefined ? [] : [{ leaf, disclosures: body.disclosures }];
  });
}

/** What opens the result of the outcome that ended it. Late and unstarted reports leave results of their own beside it. */
async function resultOf(store: Store, exec: string, index: number | undefined): Promise<Json | undefined> {
  if (index === undefined) return undefined;
  const [bytes] = await store.log.entries(index, index + 1);
  const entry = bytes === undefined ? undefined : parseEntry(bytes);
  if (entry?.type !== 'outcome' || entry.result === undefined) return undefined;
  for (const id of [`${exec}/result/${index}`, `${exec}/result`]) {
    const record = await store.records.get(id);
    if (record === undefined || record === 'erased') continue;
    const body = record.body as { readonly commitment: string; readonly disclosures: Json };
    if (body.commitment === entry.result) return body.disclosures;
  }
  return undefined;
}

async function bundlesOf(store: Store, entries: readonly Entry[]): Promise<readonly Json[]> {
  const digests = new Set(
    entries
      .flatMap((entry) => (entry.type === 'permit' || entry.type === 'refusal' ? (entry.bundles ?? []) : []))
      .map(({ digest }) => digest),
  );
  const rows = await store.read([...digests].map((id) => ({ kind: 'bundle', id }) as const));
  return rows.flatMap((row) => (row === undefined ? [] : [(row.value as { readonly signed: Json }).signed]));
}

/** What opens the mandates that these entries grant. */
async function mandatesOf(store: Store, entries: readonly Entry[]): Promise<readonly Json[]> {
  const ids = entries.flatMap((entry) =>
    entry.type === 'mandate' && entry.op === 'grant' ? [entry.id] : [],
  );
  const rows = await store.read(ids.map((id) => ({ kind: 'mandate', id }) as const));
  return rows.flatMap((row): Json[] => {
    const { leaf, opened: parts } = (row?.value ?? {}) as Partial<MandateRow>;
    if (leaf === undefined || parts === undefined) return [];
    const { disclosures } = commitMandateBody(unbase64url(parts.key), parts.body as unknown as Json);
    return [{ leaf, body: { disclosed: disclosures as unknown as Json, withheld: [] } }];
  });
}

/** What opens the standing approvals that these entries grant. */
async function standingOf(
  store: Store,
  entries: readonly (readonly [index: number, bytes: Uint8Array])[],
): Promise<readonly Json[]> {
  const leaves = entries.flatMap(([, bytes]) =>
    parseEntry(bytes).type === 'standing' ? [permitId(bytes)] : [],
  );
  const rows = await store.read(leaves.map((id) => ({ kind: 'standing', id }) as const));
  return rows.flatMap((row): Json[] => {
    const { leaf, opened: parts } = (row?.value ?? {}) as Partial<StandingRow>;
    if (leaf === undefined || parts === undefined) return [];
    const { disclosures } = commitStandingScope(unbase64url(parts.key), parts.scope as unknown as Json);
    const signed = parts.assertion === undefined ? {} : { assertion: { ...parts.assertion } };
    return [{ leaf, scope: { disclosed: disclosures as unknown as Json, withheld: [] }, ...signed }];
  });
}
