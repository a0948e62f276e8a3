/**
 * The product's own machine over a store: a short life of a plane, then the rows made again from the log.
 */
import { base64url, canonicalize, jwkThumbprint, type Json } from '@licet/evidence';
import type { Command, CommitResult, Prepared, RowKind, Verdict } from '@licet/control-plane';
import { describe, expect, test } from 'vitest';
import type { AnyStore, Place } from './contract.ts';
import { digestOf, execId, KEYS } from './builders.ts';
import { ed25519NoteSigner } from '@licet/evidence/node';

const key = (name: string) => ({ kty: 'OKP', crv: 'Ed25519', x: digestOf(`key ${name}`) }) as const;
const caller = (subject: string) => ({ subject, jkt: jwkThumbprint(key(subject)) });
const door = { grade: 'gateway', custody: 'same-user', confine: 'none' } as const;

const identity = (subject: string, roles: readonly string[]) =>
  ({
    op: 'identity',
    change: 'register',
    subject,
    kind: subject.startsWith('agent') ? 'agent' : 'user',
    roles,
    groups: [],
    keys: [key(subject)],
    jkts: [caller(subject).jkt],
    root: { perDay: 1_000, concurrent: 100 },
    name: `the name of ${subject}`,
  }) as const;

const bootFirst: Command = {
  kind: 'boot',
  incarnation: 'i1',
  version: '1.0.0',
  custody: 'same-user',
  operatorPolicy: digestOf('operator policy'),
  genesis: {
    origin: KEYS.log.name,
    tenant: 'test',
    logKey: ed25519NoteSigner(KEYS.log.name, KEYS.log.seed).vkey,
    public: false,
    people: 1,
    keys: [],
    identities: [identity('operator-1', ['operator', 'author']), identity('agent-1', [])],
  },
};

const prepared = (command: Command, record?: Prepared['record']): Prepared => ({
  command,
  reads: [],
  evaluatedAtMs: Date.now(),
  ...(record === undefined ? {} : { record }),
});

const operate = (n: number, effect: Extract<Command, { kind: 'operate' }>['effect']): Command => ({
  kind: 'operate',
  exec: execId(n),
  caller: caller('operator-1'),
  effect,
  commitments: { args: digestOf('a'), resource: digestOf('r'), inputs: digestOf('i') },
  request: digestOf(`request ${n}`),
  idem: digestOf(`idem ${n}`),
  recognition: digestOf(`recognition ${n}`),
  instance: digestOf(`instance ${n}`),
});

const verdict: Verdict = {
  verdict: 'allow',
  reasons: ['people-may-write'],
  holds: [],
  leaseMs: 10_000,
  maxMs: 60_000,
  assurance: 'logged',
  engine: 'cedar/4',
};

const decide = (n: number, leaf: string): Command => ({
  kind: 'decide',
  exec: execId(n),
  caller: caller('agent-1'),
  chain: [{ kind: 'agent', id: 'agent-1', identity: leaf }],
  run: execId(n),
  depth: 0,
  action: 'files/write_file',
  aud: 'files',
  commitments: { args: digestOf('a'), resource: digestOf('r'), inputs: digestOf('i') },
  resources: [],
  request: digestOf(`request ${n}`),
  idem: digestOf(`idem ${n}`),
  recognition: digestOf(`recognition ${n}`),
  instance: digestOf(`instance ${n}`),
  start: true,
  spend: 'started',
  door,
  bound: [],
  bundles: [{ layer: 'team', digest: digestOf('bundle'), version: 1 }],
  verdict,
  reservations: [],
  approvals: [],
  standing: [],
  consequences: [],
});

const KINDS: readonly RowKind[] = [
  'plane',
  'containment',
  'policy',
  'identity',
  'key',
  'execution',
  'run',
  'meter',
  'roots',
  'fact',
  'idem',
  'hold',
  'order',
  'bundle',
  'clock',
  'tally',
];

/** Runs the real machine over stores of a place. */
export function realMachine(name: string, place: () => Promise<Place>): void {
  describe(`${name} with the product's machine`, () => {
    test('rebuilt tables are the live tables byte for byte, and the plane goes on after a restart', async () => {
      const at = await place();
      let store: AnyStore = await at.open();
      const done = async (command: Command, record?: Prepared['record']): Promise<CommitResult> => {
        const answer = await store.commit(prepared(command, record));
        if (answer === 'stale') throw new Error('stale');
        return answer;
      };
      await done(bootFirst);
      const publish = await done(
        operate(1, {
          op: 'publish',
          layer: 'team',
          digest: digestOf('bundle'),
          version: 1,
          sigs: [{ by: 'operator-1', sig: 'A'.repeat(86) }],
          signed: { policies: 'permit (principal, action, resource);' },
          tests: {},
        }),
      );
      expect(publish.reply.kind).toBe('operated');
      const [agent] = await store.read([{ kind: 'identity', id: 'agent-1' }]);
      const { leaf } = agent!.value as { readonly leaf: string };
      const record = { id: execId(10), key: new Uint8Array(32).fill(1), body: { arguments: { a: 1 } } };
      const replies = await Promise.all([
        done(decide(10, leaf), record),
        ...Array.from({ length: 20 }, (_, i) => done(decide(20 + i, leaf))),
        done(decide(90, digestOf('another identity'))),
      ]);
      expect(replies[0]!.reply).toEqual({
        kind: 'permitted',
        exec: execId(10),
        permit: 0,
        start: 1,
        leaseUntilMs: expect.any(Number),
      });
      expect(replies.at(-1)!.reply.kind).toBe('refused');
      const renewed = await done({
        kind: 'renew',
        exec: execId(10),
        caller: caller('agent-1'),
        instance: digestOf('instance 10'),
        counter: 1,
        nonce: 'AAAAAAAAAAAAAAAAAAAAAA',
        resources: [],
        verdict,
      });
      expect(renewed).toMatchObject({ reply: { kind: 'renewed' }, notes: [expect.any(String)] });
      for (const n of [10, 20, 21]) {
        await done({
          kind: 'report',
          exec: execId(n),
          caller: caller('agent-1'),
          instance: digestOf(`instance ${n}`),
          status: n === 21 ? 'failed' : 'completed',
          settled: [],
          consequences: [],
        });
      }
      await done(operate(2, { op: 'contain', scope: { kind: 'agent', id: 'agent-1' } }));
      expect((await done(decide(91, leaf))).reply).toMatchObject({ kind: 'refused', code: 'contained' });
      const again = (await store.readBack(digestOf('idem 10')))!;
      expect(again.entries.map(({ leaf: one }) => base64url(one))).toContain(
        base64url(replies[0]!.entries[0]!.leaf),
      );

      // In canonical form: an entry's members come from the machine in another order than from the log's bytes.
      const all = async (): Promise<readonly string[]> =>
        (await Promise.all(KINDS.map((kind) => store.list({ kind, limit: 10_000 }))))
          .flat()
          .map((row) => canonicalize(row as unknown as Json));
      const live = await all();
      await store.rebuild();
      expect(await all()).toEqual(live);
      await store.close();
      store = await at.open();
      expect(await all()).toEqual(live);
      const { genesis: _, ...bootAgain } = bootFirst as Extract<Command, { kind: 'boot' }>;
      expect((await done({ ...bootAgain, incarnation: 'i2' })).reply).toEqual({
        kind: 'booted',
        incarnation: 'i2',
      });
      await store.rebuild();
      expect((await store.check()).size).toBeGreaterThan(20);
      await store.close();
      await at.dispose();
    });
  });
}
