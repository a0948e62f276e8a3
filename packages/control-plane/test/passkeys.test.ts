/**
 * Goal: a passkey approves exactly one hold, for the person whose it is, while it is theirs; nothing else ever passes
 * for it (RULE 22, 28). Method: real assertions of an authenticator in software, then each way to bend one, then random
 * mutations (LICET_MUTATIONS sets how many).
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  approvalBatchDigest,
  approvalDigest,
  base64url,
  commitStandingScope,
  credentialDigest,
  parseEntry,
  publicKeyJwk,
  standingDigest,
  unbase64url,
  verifyAssertion,
  type ApprovalSubject,
  type Assertion,
  type EvidenceParts,
  type Passkey,
  type StandingSubject,
} from '@licet/evidence';
import { nodeCrypto } from '@licet/evidence/node';
import { softAuthenticator, type SoftAuthenticator } from '../../cli/src/demo/authenticator.ts';
import {
  aBundle,
  anIdentity,
  as,
  aWorld,
  jktOf,
  ORIGIN,
  PEOPLE,
  T0,
  verified,
  word,
  type World,
} from './support.ts';

const MUTATIONS = Number(process.env['LICET_MUTATIONS'] ?? 10_000);
const SITE = { rpId: 'localhost', origin: 'http://localhost:4840' };
const MOVE = { action: 'files/move_file' };
const RP = { id: SITE.rpId, origins: [SITE.origin] };

/** Reads the key out of what a registration attests; the server does it with a library. */
function passkeyOf(authenticator: SoftAuthenticator): Passkey {
  const { attestationObject } = authenticator.create('c');
  const bytes = unbase64url(attestationObject);
  const [x, y] = [bytes.subarray(-67, -35), bytes.subarray(-32)];
  const key = publicKeyJwk({ alg: 'ES256', bytes: new Uint8Array([4, ...x, ...y]) });
  return { id: credentialDigest(authenticator.credential), key };
}

const finance = softAuthenticator(SITE);
const legal = softAuthenticator(SITE);

/** A world whose approvers have passkeys, with a hold. */
async function aHold(options: Parameters<typeof aWorld>[0] = {}) {
  const world = await aWorld(options);
  for (const [subject, of] of [
    ['finance-1', finance],
    ['legal-1', legal],
  ] as const)
    expect(word(await add(world, subject, of))).toBe('operated');
  return { world, ...(await world.held()) };
}
const add = (world: World, subject: string, of: SoftAuthenticator, by = subject) =>
  world.plane.operate(as(by), { op: 'passkey', change: 'add', subject, passkey: passkeyOf(of) });

interface Signing {
  readonly group?: string;
  readonly by?: string;
  readonly verdict?: 'approve' | 'reject';
  /** What is signed in place of the plane's own subject. */
  readonly signed?: Partial<ApprovalSubject>;
  readonly bent?: Parameters<SoftAuthenticator['get']>[1];
  readonly authenticator?: SoftAuthenticator;
}

/** Asks for the subject, signs it, and hands it in; `word` of what came of it, or the code that was thrown. */
async function approve(world: World, exec: string, hold: string, how: Signing = {}): Promise<string> {
  const { group = 'finance', by = `${group}-1`, verdict = 'approve' } = how;
  const subject = await world.plane.approvalSubject(exec, { hold, group, verdict });
  if (subject === undefined) throw new Error('there is nothing to sign');
  const signed = { ...subject, ...how.signed };
  const authenticator = how.authenticator ?? (group === 'legal' ? legal : finance);
  const assertion = authenticator.get(approvalDigest(signed), how.bent);
  return handIn(world, exec, { hold, group, verdict, expiresMs: subject.expires, assertion }, by);
}
const handIn = (
  world: World,
  exec: string,
  body: Parameters<World['plane']['approve']>[2],
  by = `${body.group}-1`,
): Promise<string> =>
  world.plane.approve(as(by), exec, body).then(word, (error: { readonly code: string; cause?: unknown }) => {
    const cause = error.cause as { readonly code?: string } | undefined;
    return cause?.code ?? error.code;
  });

describe('rule 22: an approval that a passkey signed', () => {
  test('lifts the hold, stands in the entry by its digest, and passes offline with the record', async () => {
    const { world, exec, hold } = await aHold();
    expect(await approve(world, exec, hold)).toBe('approval');
    expect(await approve(world, exec, hold, { group: 'legal' })).toBe('approval');
    const permit = await world.started(MOVE);
    expect(permit.exec).toBe(exec);
    await world.report(permit);
    const [entry] = await world.all('approval');
    expect(entry).toMatchObject({ method: 'passkey', by: 'finance-1', group: 'finance' });
    expect(entry!.assertion).toHaveLength(43);
    const report = await verified(world, exec);
    expect(report.rungs.find(({ name }) => name === 'approvals')).toMatchObject({ status: 'pass' });
    expect(report.exit).toBe(0);
  });

  test('is verified by the identity as it stood, though it was changed since', async () => {
    const { world, exec, hold } = await aHold();
    await approve(world, exec, hold);
    await approve(world, exec, hold, { group: 'legal' });
    const permit = await world.started(MOVE);
    await world.plane.operate(as('operator-1'), {
      op: 'passkey',
      change: 'remove',
      subject: 'finance-1',
      id: credentialDigest(finance.credential),
    });
    await world.report(permit);
    const report = await verified(world, exec);
    expect(report.rungs.find(({ name }) => name === 'approvals')).toMatchObject({ status: 'pass' });
  });

  test('survives a rebuild of every row', async () => {
    const { world, exec, hold } = await aHold();
    await approve(world, exec, hold);
    const before = await world.row(exec);
    await world.store.rebuild();
    expect(await world.row(exec)).toEqual(before);
    expect(await approve(world, exec, hold, { group: 'legal' })).toBe('approval');
    expect(word(await world.decide(MOVE))).toBe('permitted');
  });

  describe('given in advance', () => {
    const scope = { v: 1, action: 'files/move_file', agent: 'agent-1' } as const;
    const key = new Uint8Array(32).fill(7);
    const { commitment } = commitStandingScope(key, scope);
    const subject = { origin: ORIGIN, group: 'finance', scope: commitment, count: 2, exp: T0 + 3_600_000 };
    const grant = (
      world: World,
      bend: Partial<StandingSubject> = {},
      by: SoftAuthenticator = finance,
    ): Promise<string> => {
      const { group, count, exp: expMs } = subject;
      const assertion = by.get(standingDigest({ ...subject, ...bend }));
      const effect = {
        op: 'standing',
        change: 'grant',
        group,
        scope: commitment,
        count,
        expMs,
        opened: { key: base64url(key), scope, assertion },
      } as const;
      return world.plane
        .operate(as('finance-1'), effect)
        .then(word, (error: { readonly cause?: { readonly code?: string } }) => String(error.cause?.code));
    };

    test('is proven in each use, by the identity of who gave it', async () => {
      const { world, exec: first } = await aHold();
      expect(await grant(world)).toBe('operated');
      expect((await world.all('standing'))[0]!.assertion).toHaveLength(43);
      const { exec, hold } = await world.held({ arguments: { path: '/workspace/b.txt' } });
      expect(exec).not.toBe(first);
      expect(await approve(world, exec, hold, { group: 'legal' })).toBe('approval');
      await world.started({ ...MOVE, arguments: { path: '/workspace/b.txt' } });
      const statusOf = async (
        bend: (grant: NonNullable<EvidenceParts['standing']>[number]) => typeof grant,
      ): Promise<string> => {
        const { rungs } = await verified(world, exec, (parts) => ({
          ...parts,
          standing: parts.standing!.map(bend),
        }));
        return rungs.find(({ name }) => name === 'approvals')!.status;
      };
      expect(await statusOf((one) => one)).toBe('pass');
      expect(await statusOf(({ assertion: _assertion, ...one }) => one)).toBe('not checked');
      const other = finance.get(standingDigest({ ...subject, count: 3 }));
      expect(await statusOf((one) => ({ ...one, assertion: other }))).toBe('fail');
    });
    test.each<readonly [string, Partial<StandingSubject>, SoftAuthenticator, string]>([
      ['for more uses', { count: 3 }, finance, 'ERR_APPROVAL_CHALLENGE'],
      ['for longer', { exp: T0 + 7_200_000 }, finance, 'ERR_APPROVAL_CHALLENGE'],
      ['for another scope', { scope: 'A'.repeat(43) }, finance, 'ERR_APPROVAL_CHALLENGE'],
      ['for another group', { group: 'legal' }, finance, 'ERR_APPROVAL_CHALLENGE'],
      ['for another log', { origin: 'licet.local/other' }, finance, 'ERR_APPROVAL_CHALLENGE'],
      ["by somebody else's passkey", {}, legal, 'ERR_APPROVAL_CREDENTIAL'],
    ])('signed %s is refused, and nothing is appended', async (_, bend, by, code) => {
      const { world } = await aHold();
      const before = (await world.entries()).length;
      expect(await grant(world, bend, by)).toBe(code);
      expect(await world.entries()).toHaveLength(before);
    });
  });

  test('several by one touch: each over its own hold, each proven offline, and changed nowhere', async () => {
    const { world, ...first } = await aHold();
    const holds = [first, await world.held({ arguments: { path: '/workspace/b.txt' } })];
    const subjects = await Promise.all(
      holds.map(
        async ({ exec, hold }) =>
          (await world.plane.approvalSubject(exec, { hold, group: 'finance', verdict: 'approve' }))!,
      ),
    );
    const batch = subjects.map((subject) => approvalDigest(subject));
    const assertion: Assertion = { ...finance.get(approvalBatchDigest(batch)), batch };
    for (const [at, { exec, hold }] of holds.entries()) {
      const body = { hold, group: 'finance', verdict: 'approve', assertion } as const;
      expect(await handIn(world, exec, { ...body, expiresMs: subjects[at]!.expires })).toBe('approval');
      expect(await approve(world, exec, hold, { group: 'legal' })).toBe('approval');
    }
    for (const [{ exec }, path] of [
      [holds[0]!, '/workspace/a.txt'],
      [holds[1]!, '/workspace/b.txt'],
    ] as const) {
      expect((await world.started({ ...MOVE, arguments: { path } })).exec).toBe(exec);
      const report = await verified(world, exec);
      expect(report.rungs.find(({ name }) => name === 'approvals')).toMatchObject({ status: 'pass' });
    }
  });

  describe('is refused', () => {
    let world: World;
    let exec: string;
    let hold: string;
    beforeAll(async () => {
      ({ world, exec, hold } = await aHold());
    });
    const entries = async (): Promise<number> => (await world.entries()).length;
    const refused = async (what: Promise<string>, code: string): Promise<void> => {
      const before = await entries();
      expect(await what).toBe(code);
      expect(await entries()).toBe(before);
    };

    test.each<readonly [string, Signing, string]>([
      [
        'signed at another port of this host',
        { bent: { origin: 'http://localhost:9999' } },
        'ERR_APPROVAL_ORIGIN',
      ],
      ['signed at another site', { bent: { origin: 'https://evil.example' } }, 'ERR_APPROVAL_ORIGIN'],
      ['signed for another relying party', { bent: { rpId: 'evil.example' } }, 'ERR_APPROVAL_ORIGIN'],
      [
        'signed inside a foreign frame',
        { bent: { clientData: { crossOrigin: true, topOrigin: 'https://evil.example' } } },
        'ERR_APPROVAL_ORIGIN',
      ],
      ['signed without verifying the person', { bent: { flags: 0x01 } }, 'ERR_APPROVAL_FLAGS'],
      [
        'signed as a registration',
        { bent: { clientData: { type: 'webauthn.create' } } },
        'ERR_APPROVAL_CHALLENGE',
      ],
      ['signed to reject, used to approve', { signed: { verdict: 'reject' } }, 'ERR_APPROVAL_CHALLENGE'],
      ['signed for another group', { signed: { group: 'legal' } }, 'ERR_APPROVAL_CHALLENGE'],
      ['signed for longer', { signed: { expires: Number.MAX_SAFE_INTEGER } }, 'ERR_APPROVAL_CHALLENGE'],
      ['signed for another log', { signed: { origin: 'licet.local/other' } }, 'ERR_APPROVAL_CHALLENGE'],
      ['signed for other arguments', { signed: { args: 'A'.repeat(43) } }, 'ERR_APPROVAL_CHALLENGE'],
      ["signed by somebody else's passkey", { authenticator: legal }, 'ERR_APPROVAL_CREDENTIAL'],
      [
        'signed by a passkey that nobody registered',
        { authenticator: softAuthenticator(SITE) },
        'ERR_APPROVAL_CREDENTIAL',
      ],
      ['handed in by somebody else', { by: 'legal-1' }, 'ERR_APPROVAL_CREDENTIAL'],
      ['handed in by the person in whose name it is done', { by: 'user-1' }, 'ERR_APPROVAL_CREDENTIAL'],
    ])('when %s', async (_title, how, code) => {
      await refused(approve(world, exec, hold, how), code);
    });

    test('in a batch that does not name it, that was changed, or that is a batch of one', async () => {
      const two = [await world.held({ arguments: { path: '/workspace/b1.txt' } }), { exec, hold }];
      const subjects = await Promise.all(
        two.map((one) =>
          world.plane.approvalSubject(one.exec, { hold: one.hold, group: 'finance', verdict: 'approve' }),
        ),
      );
      const [other, own] = subjects.map((subject) => approvalDigest(subject!)) as [string, string];
      const third = 'A'.repeat(43);
      const body = { hold, group: 'finance', verdict: 'approve', expiresMs: subjects[1]!.expires } as const;
      const sign = (batch: readonly string[]) => finance.get(approvalBatchDigest(batch));
      const CHALLENGE = 'ERR_APPROVAL_CHALLENGE';
      for (const [assertion, code] of [
        [{ ...sign([other, third]), batch: [other, third] }, CHALLENGE],
        [{ ...sign([other, third]), batch: [other, own] }, CHALLENGE],
        [{ ...sign([own, other]), batch: [other, own] }, CHALLENGE],
        [{ ...finance.get(own), batch: [own, other] }, CHALLENGE],
        [sign([own, other]), CHALLENGE],
        [{ ...finance.get(own), batch: [own] }, 'ERR_APPROVAL_FORMAT'],
        [{ ...sign([own, other]), batch: [own, own] }, 'ERR_APPROVAL_FORMAT'],
      ] as const)
        await refused(handIn(world, exec, { ...body, assertion: assertion as Assertion }), code);
    });

    test("when it is another hold's", async () => {
      const other = await world.held({ arguments: { path: '/workspace/other.txt' } });
      const subject = await world.plane.approvalSubject(other.exec, {
        hold: other.hold,
        group: 'finance',
        verdict: 'approve',
      });
      const assertion = finance.get(approvalDigest(subject!));
      const body = { group: 'finance', verdict: 'approve', expiresMs: subject!.expires, assertion } as const;
      await refused(handIn(world, exec, { ...body, hold }), 'ERR_APPROVAL_CHALLENGE');
      await refused(handIn(world, exec, { ...body, hold: other.hold }), 'conflict:other_hold');
    });

    test('when it is handed in twice, or an older one after a newer', async () => {
      const sign = async () => {
        const subject = (await world.plane.approvalSubject(exec, {
          hold,
          group: 'finance',
          verdict: 'approve',
        }))!;
        const assertion = finance.get(approvalDigest(subject));
        return { hold, group: 'finance', verdict: 'approve', expiresMs: subject.expires, assertion } as const;
      };
      const first = await sign();
      world.later(1_000);
      const second = await sign();
      expect(await handIn(world, exec, second)).toBe('approval');
      await refused(handIn(world, exec, second), 'conflict:approval_known');
      await refused(handIn(world, exec, first), 'conflict:approval_known');
    });

    test('when its time is over, or longer than an approval lives', async () => {
      const at = async (expires: number) => {
        const subject = {
          ...(await world.plane.approvalSubject(exec, { hold, group: 'legal', verdict: 'approve' }))!,
          expires,
        };
        const assertion = legal.get(approvalDigest(subject));
        return handIn(world, exec, {
          hold,
          group: 'legal',
          verdict: 'approve',
          expiresMs: expires,
          assertion,
        });
      };
      await refused(at(world.clock.now), 'conflict:approval_time');
      await refused(at(world.clock.now + 900_001), 'conflict:approval_time');
    });

    test('when the hold has changed under it, or was rejected by passkey', async () => {
      const subject = (await world.plane.approvalSubject(exec, {
        hold,
        group: 'legal',
        verdict: 'approve',
      }))!;
      const assertion = legal.get(approvalDigest(subject));
      expect(await approve(world, exec, hold, { group: 'legal', verdict: 'reject' })).toBe('approval');
      expect((await world.row(exec)).state).toBe('denied');
      await refused(
        handIn(world, exec, {
          hold,
          group: 'legal',
          verdict: 'approve',
          expiresMs: subject.expires,
          assertion,
        }),
        'conflict:not_held',
      );
    });
  });

  test.each([
    [
      'the passkey is taken away',
      { op: 'passkey', change: 'remove', subject: 'finance-1', id: credentialDigest(finance.credential) },
    ],
    ['the role is taken away', anIdentity('finance-1', { change: 'update', roles: [], groups: ['finance'] })],
    [
      'the person is revoked',
      anIdentity('finance-1', { change: 'revoke', roles: ['approver'], groups: ['finance'] }),
    ],
  ] as const)('counts no longer once %s, before it starts', async (_title, effect) => {
    const { world, exec, hold } = await aHold();
    await approve(world, exec, hold);
    await approve(world, exec, hold, { group: 'legal' });
    const permit = await world.permitted(MOVE);
    await world.plane.operate(as('operator-1'), effect);
    expect(word(await world.redeem(permit))).toBe('deny:approval_expired');
  });

  test('a hold that asks for a passkey takes no token, except to reject', async () => {
    const bundle = aBundle({ approvals: { finance: { method: 'passkey' } } });
    const { world, exec, hold } = await aHold({ bundle });
    const asked = parseEntry((await world.plane.evidence('execution', exec))!.entries.at(-1)!.bytes);
    expect(asked).toMatchObject({ holds: [{ group: 'finance', method: 'passkey' }, { group: 'legal' }] });
    expect(word(await world.approve(exec, hold, 'finance', 'finance-1'))).toBe('conflict:passkey_required');
    expect(word(await world.approve(exec, hold, 'legal', 'legal-1'))).toBe('approval');
    expect(word(await world.decide(MOVE))).toBe('hold:policy');
    expect(await approve(world, exec, hold)).toBe('approval');
    expect(word(await world.decide(MOVE))).toBe('permitted');
    const other = await world.held({ arguments: { path: '/workspace/other.txt' } });
    expect(word(await world.approve(other.exec, other.hold, 'finance', 'finance-1', 'reject'))).toBe(
      'approval',
    );
  });
});

describe('rule 28: a passkey and an ordinary key never stand in for each other', () => {
  test("a passkey's key is known as such, and ends with its entry", async () => {
    const { world } = await aHold();
    const { key } = passkeyOf(finance);
    const jkt = (await world.store.list({ kind: 'identity', limit: 100 }))
      .map(
        ({ value }) =>
          value as { readonly subject: string; readonly passkeys?: readonly { readonly jkt: string }[] },
      )
      .find(({ subject }) => subject === 'finance-1')!.passkeys![0]!.jkt;
    expect(await world.plane.identify(jkt)).toMatchObject({ subject: 'finance-1', passkey: true });
    expect(await world.plane.identify(jktOf('finance-1'))).not.toHaveProperty('passkey');
    // As an agent's key it permits nothing, and it becomes nobody's ordinary key.
    const asKey = await world.plane.decide({ subject: 'finance-1', jkt }, (await world.held()).request);
    expect(word(asKey)).not.toBe('permitted');
    const taken = anIdentity('finance-1', {
      change: 'rotate',
      roles: ['approver'],
      groups: ['finance'],
      keys: [key],
    });
    expect(word(await world.plane.operate(as('operator-1'), taken))).toBe('conflict:key_taken');
  });

  test('an ordinary key of the approver makes no assertion, whatever it signs', async () => {
    const soft = softAuthenticator(SITE);
    const { key } = passkeyOf(soft);
    const identities = PEOPLE.map((one) =>
      one.subject === 'finance-1' ? { ...one, keys: [...one.keys, key] } : one,
    );
    const { world, exec, hold } = await aHold({ identities });
    expect(await approve(world, exec, hold, { authenticator: soft })).toBe('ERR_APPROVAL_CREDENTIAL');
    expect(word(await add(world, 'finance-1', soft, 'operator-1'))).toBe('conflict:key_taken');
  });
});

describe('rule 34: who may add and remove a passkey', () => {
  test('a person their own first one; from then on only by a passkey, or an operator', async () => {
    const world = await aWorld();
    const [one, two] = [softAuthenticator(SITE), softAuthenticator(SITE)];
    expect(word(await add(world, 'legal-1', one, 'finance-1'))).toBe('deny:role');
    expect(word(await add(world, 'finance-1', one))).toBe('operated');
    expect(word(await add(world, 'finance-1', two))).toBe('deny:role');
    const { jkt } = (
      (await world.store.read([{ kind: 'identity', id: 'finance-1' }]))[0]!.value as {
        readonly passkeys: readonly { readonly jkt: string }[];
      }
    ).passkeys[0]!;
    const effect = { op: 'passkey', change: 'add', subject: 'finance-1', passkey: passkeyOf(two) } as const;
    expect(word(await world.plane.operate({ subject: 'finance-1', jkt }, effect))).toBe('operated');
    const remove = {
      op: 'passkey',
      change: 'remove',
      subject: 'finance-1',
      id: credentialDigest(one.credential),
    } as const;
    expect(word(await world.plane.operate(as('finance-1'), remove))).toBe('deny:role');
    expect(word(await world.plane.operate(as('operator-1'), remove))).toBe('operated');
    expect(word(await world.plane.operate(as('operator-1'), remove))).toBe('conflict:unknown_passkey');
    const last = { ...remove, id: credentialDigest(two.credential) };
    expect(word(await world.plane.operate(as('operator-1'), last))).toBe('operated');
    expect((await world.all('identity')).at(-1)).not.toHaveProperty('passkeys');
  });

  test('agents have none, one passkey has one owner, and a person has eight at most', async () => {
    const world = await aWorld();
    const first = softAuthenticator(SITE);
    expect(word(await add(world, 'agent-1', first, 'operator-1'))).toBe('conflict:not_a_person');
    expect(word(await add(world, 'finance-1', first, 'operator-1'))).toBe('operated');
    expect(word(await add(world, 'legal-1', first, 'operator-1'))).toBe('conflict:key_taken');
    for (let i = 1; i < 8; i += 1)
      expect(word(await add(world, 'finance-1', softAuthenticator(SITE), 'operator-1'))).toBe('operated');
    expect(word(await add(world, 'finance-1', softAuthenticator(SITE), 'operator-1'))).toBe(
      'conflict:too_many_passkeys',
    );
  });

  test('rotating keys leaves passkeys, and the last operator cannot be taken away in any way', async () => {
    const world = await aWorld();
    const passkey = softAuthenticator(SITE);
    const operator = (change: 'update' | 'rotate' | 'revoke', more = {}) =>
      world.plane.operate(
        as('operator-1'),
        anIdentity('operator-1', { change, roles: ['operator'], ...more }),
      );
    expect(word(await add(world, 'operator-1', passkey))).toBe('operated');
    await world.plane.operate(
      as('operator-1'),
      anIdentity('operator-2', { change: 'revoke', roles: ['operator'] }),
    );
    expect(word(await operator('revoke'))).toBe('conflict:last_operator');
    expect(word(await operator('update', { roles: ['viewer'] }))).toBe('conflict:last_operator');
    expect(word(await operator('rotate', { keys: [] }))).toBe('operated');
    const [row] = await world.store.read([{ kind: 'identity', id: 'operator-1' }]);
    expect(row!.value).toMatchObject({ keys: [], passkeys: [passkeyOf(passkey)] });
    const remove = {
      op: 'passkey',
      change: 'remove',
      subject: 'operator-1',
      id: credentialDigest(passkey.credential),
    } as const;
    expect(word(await world.plane.operate(as('operator-1'), remove))).toBe('deny:role');
    const { passkeys } = row!.value as { readonly passkeys: readonly { readonly jkt: string }[] };
    const byPasskey = { subject: 'operator-1', jkt: passkeys[0]!.jkt };
    expect(word(await world.plane.operate(byPasskey, remove))).toBe('conflict:last_operator');
  });
});

describe('mutations', () => {
  test(`rule 22: ${MUTATIONS} random mutations of an approval or of its subject are all refused`, async () => {
    const passkeys = [passkeyOf(finance)];
    const subject: ApprovalSubject = {
      origin: 'licet.local/0000000000000000',
      index: 41,
      leaf: base64url(new Uint8Array(32).fill(1)),
      args: base64url(new Uint8Array(32).fill(2)),
      group: 'finance',
      verdict: 'approve',
      expires: 1_800_000_900_000,
    };
    const assertion = finance.get(approvalDigest(subject));
    const verify = (signed: ApprovalSubject, by: Assertion): Promise<boolean> =>
      Promise.resolve()
        .then(() =>
          verifyAssertion(by, { challenge: approvalDigest(signed), rp: RP, passkeys, crypto: nodeCrypto }),
        )
        .then(
          () => true,
          () => false,
        );
    expect(await verify(subject, assertion)).toBe(true);

    const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(base64url);
    const field = fc.oneof(
      fc.record({ origin: fc.stringMatching(/^[a-z0-9./]{1,40}$/) }),
      fc.record({ index: fc.nat() }),
      fc.record({ leaf: digest }),
      fc.record({ args: digest }),
      fc.record({ group: fc.stringMatching(/^[A-Za-z][a-z0-9-]{0,20}$/) }),
      fc.record({ verdict: fc.constant('reject' as const) }),
      fc.record({ expires: fc.nat({ max: Number.MAX_SAFE_INTEGER }) }),
    );
    const part = fc.constantFrom('credential', 'authenticatorData', 'clientDataJSON', 'signature');
    const bent = fc.oneof(
      field.map((change) => ({ subject: { ...subject, ...change }, assertion })),
      fc.tuple(part, fc.nat(), fc.nat({ max: 7 })).map(([name, at, bit]) => {
        const bytes = unbase64url(assertion[name]);
        bytes[at % bytes.length]! ^= 1 << bit;
        return { subject, assertion: { ...assertion, [name]: base64url(bytes) } };
      }),
      fc.tuple(part, fc.nat()).map(([name, at]) => {
        const bytes = unbase64url(assertion[name]);
        return {
          subject,
          assertion: { ...assertion, [name]: base64url(bytes.subarray(0, at % bytes.length)) },
        };
      }),
      fc.tuple(part, fc.uint8Array({ minLength: 1, maxLength: 80 })).map(([name, bytes]) => ({
        subject,
        assertion: { ...assertion, [name]: base64url(bytes) },
      })),
    );
    const same = (one: { readonly subject: ApprovalSubject; readonly assertion: Assertion }): boolean =>
      JSON.stringify(one) === JSON.stringify({ subject, assertion });
    await fc.assert(
      fc.asyncProperty(
        bent.filter((one) => !same(one)),
        async (one) => !(await verify(one.subject, one.assertion)),
      ),
      { numRuns: MUTATIONS },
    );
  });
});
