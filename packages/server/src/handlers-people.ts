/** Handlers of what people do: approve, contain, publish, name identities, state facts (DESIGN §10; RULE 34). */
import {
  commitMandateBody,
  hex,
  jwkThumbprint,
  unbase64url,
  type Assertion,
  type Json,
  type ScopeKind,
} from '@licet/evidence';
import { bundleDigest, parseBundle, type SignedBundle } from '@licet/policy';
import type {
  Answered,
  AuthorKeyEffect,
  Effect,
  ExecutionRow,
  FactRow,
  IdentityRow,
  MandateEffect,
  OpenedMandate,
  PolicyRow,
  RowValues,
} from '@licet/control-plane';
import {
  PlaneError,
  type IssuerSettings,
  type NewIdentity,
  type OperatorAnswer,
  type Rejection,
  type SignedMandate,
} from '@licet/api';
import {
  isPerson,
  known,
  notFound,
  readsArguments,
  type Context,
  type Handlers,
  type Parts,
} from './handlers.ts';
import { noticesOf } from './notices.ts';
import { shadowFindingsOf } from './shadow-findings.ts';
import { presentOperated, proven, unexpected } from './present.ts';
import { namesOf, viewOf } from './views.ts';

type IdentityEffect = Effect & { readonly op: 'identity' };
interface ScopeBody {
  readonly scope: { readonly kind: ScopeKind; readonly id: string };
  readonly idempotencyKey?: string;
}
type TestFiles = { readonly [file: string]: Json };
const MAX_LIST = 1_000;

/** Returns the handlers. */
export function peopleHandlers(parts: Parts): Handlers {
  const { plane, store, clock, random } = parts;

  const operate = async (context: Context, effect: Effect, idempotencyKey?: string): Promise<Answered> => {
    const { subject, jkt } = known(context);
    return plane.operate({ subject, jkt }, effect, {
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(context.seen === undefined ? {} : { seen: context.seen }),
    });
  };
  const identity = async (subject: string): Promise<IdentityRow | undefined> =>
    (await store.read([{ kind: 'identity', id: subject }]))[0]?.value as IdentityRow | undefined;

  async function changeIdentity(
    context: Context,
    change: 'update' | 'rotate' | 'revoke',
  ): Promise<OperatorAnswer> {
    const body = context.body as Partial<NewIdentity>;
    const now = await identity(context.id);
    if (now === undefined) throw notFound();
    if (body.kind !== undefined && body.kind !== now.kind)
      throw new PlaneError('schema', 'schema: the kind of an identity does not change');
    // Keys change by `rotate` alone, everything else by `update` alone: one entry says one thing.
    if (change !== 'rotate' && body.keys !== undefined)
      throw new PlaneError('schema', 'schema: keys change by rotate');
    // A person may go on by passkeys alone, and an issuer has its settings.
    const keyless = now.kind !== 'issuer' && body.keys?.length === 0 && (now.passkeys ?? []).length === 0;
    if (change === 'rotate' && (keyless || (now.kind !== 'issuer' && body.keys === undefined)))
      throw new PlaneError('schema', 'schema: rotate needs keys');
    const keys = body.keys ?? now.keys;
    const grant = body.root ?? now.root;
    const name = body.name ?? now.name;
    const whom = body.for ?? now.for;
    // RULE 42: the digest is the plane's to make.
    const settings = body.settings === undefined ? now.settings : settingsOf(body.settings);
    if (settings !== undefined && now.kind !== 'issuer')
      throw new PlaneError('schema', 'schema: only an issuer has settings');
    const effect: IdentityEffect = {
      op: 'identity',
      change,
      subject: now.subject,
      kind: now.kind,
      roles: body.roles ?? now.roles,
      groups: body.groups ?? now.groups,
      keys,
      jkts: keys.map((key) => jwkThumbprint({ ...key })),
      ...(whom === undefined ? {} : { for: whom }),
      ...(grant === undefined ? {} : { root: grant }),
      ...(name === undefined ? {} : { name }),
      ...(settings === undefined ? {} : { settings }),
    };
    return presentOperated(await operate(context, effect));
  }

  return {
    async approvals(context) {
      const principal = known(context);
      const rows = (await store.list({ kind: 'execution', where: { state: 'held' }, limit: 200 })).map(
        ({ value }) => value as ExecutionRow,
      );
      const names = await namesOf(store, rows);
      const items = await Promise.all(
        rows.map(async (row) =>
          viewOf(row, names, readsArguments(principal, row) ? await plane.opened(row.exec) : undefined, true),
        ),
      );
      return { items };
    },
    async approve(context) {
      const { subject, jkt } = known(context);
      const { hold, group, verdict, expires, assertion, reason } = context.body as {
        readonly hold: string;
        readonly group: string;
        readonly verdict: 'approve' | 'reject';
        readonly expires?: number;
        readonly assertion?: Assertion;
        readonly reason?: Rejection;
      };
      const body = {
        hold,
        group,
        verdict,
        ...(expires === undefined ? {} : { expiresMs: expires }),
        ...(assertion === undefined ? {} : { assertion }),
        ...(reason === undefined ? {} : { reason }),
      };
      const { reply, entries } = await plane.approve({ subject, jkt }, context.id, body);
      const approval = entries[0];
      if (reply.kind !== 'approval' || approval === undefined) throw unexpected(reply);
      return { executionId: reply.exec, complete: reply.complete, approval: proven(approval) };
    },
    async previewContainment(context) {
      const rows = await plane.previewContainment((context.body as ScopeBody).scope);
      const names = await namesOf(store, rows);
      const agents = [
        ...new Set(
          rows.flatMap(({ chain }) => chain.filter(({ kind }) => kind === 'agent').map(({ id }) => id)),
        ),
      ];
      return { executions: rows.map((row) => viewOf(row, names)), agents };
    },
    async contain(context) {
      const { scope, idempotencyKey } = context.body as ScopeBody;
      return presentOperated(await operate(context, { op: 'contain', scope }, idempotencyKey));
    },
    async lift(context) {
      const { idempotencyKey } = context.body as Partial<ScopeBody>;
      return presentOperated(await operate(context, { op: 'lift', leaf: context.id }, idempotencyKey));
    },
    containments: () => plane.containments(),
    order: ({ body }) => plane.order((body as { readonly note: string }).note),
    async resolve(context) {
      const { status, reason } = context.body as {
        readonly status: 'completed' | 'failed' | 'halted';
        readonly reason: string;
      };
      return presentOperated(await operate(context, { op: 'resolve', exec: context.id, status, reason }));
    },
    async identities() {
      const rows = await store.list({ kind: 'identity', ascending: true, limit: MAX_LIST });
      const items = rows.map(({ value }) => {
        const row = value as IdentityRow;
        const { subject, name, kind, roles, groups, keys, passkeys, for: whom, root, revoked } = row;
        return {
          subject,
          ...(name === undefined ? {} : { name }),
          kind,
          roles,
          groups,
          keys,
          ...(passkeys === undefined ? {} : { passkeys: passkeys.map(({ id, key }) => ({ id, key })) }),
          ...(whom === undefined ? {} : { for: whom }),
          ...(root === undefined ? {} : { root }),
          revoked,
        };
      });
      return { items };
    },
    async register(context) {
      const { idempotencyKey, ...body } = context.body as NewIdentity & { readonly idempotencyKey?: string };
      const subject = body.subject ?? `${body.kind[0]}-${hex(random.bytes(8))}`;
      const keys = body.keys ?? [];
      const effect: IdentityEffect = {
        op: 'identity',
        change: 'register',
        subject,
        kind: body.kind,
        roles: body.roles ?? [],
        groups: body.groups ?? [],
        keys,
        jkts: keys.map((key) => jwkThumbprint({ ...key })),
        name: body.name,
        ...(body.for === undefined ? {} : { for: body.for }),
        ...(body.root === undefined ? {} : { root: body.root }),
        ...(body.settings === undefined ? {} : { settings: settingsOf(body.settings) }),
      };
      return { ...presentOperated(await operate(context, effect, idempotencyKey)), subject };
    },
    updateIdentity: (context) => changeIdentity(context, 'update'),
    rotateIdentity: (context) => changeIdentity(context, 'rotate'),
    revokeIdentity: (context) => changeIdentity(context, 'revoke'),
    async issuers() {
      const items = await parts.issuers.list();
      return {
        items: items.map(({ row: { subject, name }, settings, keys }) => ({
          subject,
          name,
          settings,
          ...keys.state(),
        })),
      };
    },
    refreshIssuer: ({ id }) => parts.issuers.refresh(id),
    async setFact(context) {
      const { name, value, forMs } = context.body as {
        readonly name: string;
        readonly value: boolean | number | string;
        readonly forMs: number;
      };
      return presentOperated(
        await operate(context, { op: 'fact', name, value, expMs: clock.nowMs() + forMs }),
      );
    },
    async facts() {
      const rows = await store.list({ kind: 'fact', limit: MAX_LIST });
      const items = rows.map(({ value }) => value as FactRow).filter(({ expMs }) => clock.nowMs() < expMs);
      return {
        items: items.map(({ name, value, expMs, leaf, index }) => ({ name, value, exp: expMs, leaf, index })),
        declared: Object.entries(await plane.declaredFacts()).map(([name, type]) =>
          typeof type === 'string' ? { name, type } : { name, type: 'enum', values: type.enum },
        ),
      };
    },
    async grantMandate(context) {
      const { key, body, nbf, exp, ...said } = context.body as SignedMandate;
      let commitment: string;
      try {
        commitment = commitMandateBody(unbase64url(key), body).commitment;
      } catch {
        throw new PlaneError('schema', 'schema: the body of the mandate cannot be committed to');
      }
      const effect: MandateEffect = {
        op: 'mandate',
        change: 'grant',
        ...said,
        body: commitment,
        nbfMs: nbf,
        expMs: exp,
        opened: { key, body: body as unknown as OpenedMandate['body'], jkt: '' },
      };
      return presentOperated(await operate(context, effect));
    },
    async mandates(context) {
      const principal = known(context);
      const rows = (await plane.mandates()).filter(
        ({ from, to }) => isPerson(principal) || from === principal.subject || to === principal.subject,
      );
      return {
        items: rows.map(({ id, from, to, leaf, index, parent, revoked, nbfMs, expMs, opened }) => ({
          id,
          from,
          to,
          leaf,
          index,
          revoked,
          ...(parent === undefined ? {} : { parent }),
          nbf: nbfMs,
          exp: expMs,
          ...(opened === undefined ? {} : { body: opened.body as unknown as Json }),
        })),
      };
    },
    async revokeMandate(context) {
      const principal = known(context);
      const row = (await plane.mandates()).find(({ id }) => id === context.id);
      if (row === undefined || !(isPerson(principal) || row.from === principal.subject)) throw notFound();
      const granted = await plane.mandateEntry(row.index);
      if (granted === undefined) throw notFound();
      const { id, from, to, parent, body, nbf, exp, sig } = granted;
      const effect: MandateEffect = {
        op: 'mandate',
        change: 'revoke',
        id,
        from,
        to,
        ...(parent === undefined ? {} : { parent }),
        body,
        nbfMs: nbf,
        expMs: exp,
        sig,
      };
      return presentOperated(await operate(context, effect));
    },
    async notice(context) {
      const { kind, digest, idempotencyKey } = context.body as {
        readonly kind: string;
        readonly digest: string;
        readonly idempotencyKey?: string;
      };
      return presentOperated(await operate(context, { op: 'notice', notice: kind, digest }, idempotencyKey));
    },
    async succeed(context) {
      const { idempotencyKey, ...next } = context.body as {
        readonly origin: string;
        readonly logKey: string;
        readonly keys: readonly string[];
        readonly idempotencyKey?: string;
      };
      return presentOperated(await operate(context, { op: 'succeed', ...next }, idempotencyKey));
    },
    shadowFindings: ({ query }) =>
      shadowFindingsOf(store, query['before'] === undefined ? undefined : Number(query['before'])),
    notices: async () => ({ items: await noticesOf(store) }),
    organisation: async () => (await plane.organisation()) ?? { keys: [] },
    async changeOrgKey(context) {
      const { change, key, sig } = context.body as {
        readonly change: 'add' | 'retire';
        readonly key: string;
        readonly sig: { readonly by: string; readonly sig: string };
      };
      return presentOperated(await operate(context, { op: 'org-key', change, key, sig }));
    },
    authors: async () => ({ items: await plane.authors() }),
    async changeAuthors(context) {
      const { changes } = context.body as Pick<AuthorKeyEffect, 'changes'>;
      return presentOperated(await operate(context, { op: 'author-key', changes }));
    },
    async bundles() {
      const [rows, [policy]] = await Promise.all([
        store.list({ kind: 'bundle', limit: MAX_LIST }),
        store.read([{ kind: 'policy', id: 'self' }]),
      ]);
      const current = policy?.value as PolicyRow | undefined;
      const items = rows.map(({ id: digest, value }) => {
        const { layer, version, signed } = value as RowValues['bundle'];
        return {
          layer,
          digest,
          version,
          active: current?.[layer]?.digest === digest,
          signed: signed as Json,
        };
      });
      return { items };
    },
    async publish(context) {
      const { signed: given, tests } = context.body as { readonly signed: Json; readonly tests?: TestFiles };
      const signed = readSigned(given);
      const { bundle, sigs } = signed;
      const { layer, version } = bundle;
      const digest = bundleDigest(bundle);
      return presentOperated(
        await operate(context, { op: 'publish', layer, digest, version, sigs, signed, tests: tests ?? {} }),
      );
    },
    limits: async () => ({ items: await plane.limits() }),
    async proposals() {
      const found = await plane.proposals();
      return {
        items: found.map(({ exec, untilMs, rehearsal, ...said }) => ({
          executionId: exec,
          until: untilMs,
          ...said,
          passed: rehearsal.tests.passed,
          replay: rehearsal.replay,
        })),
      };
    },
    checkBundle: ({ body }) => plane.check((body as { readonly bundle: Json }).bundle),
    replay: ({ body }) => {
      const { bundle, limit } = body as { readonly bundle: Json; readonly limit?: number };
      return plane.replay(bundle, limit ?? 1_000);
    },
  };
}

/** As they are recorded: Prepare makes the digest that the entry commits to. */
const settingsOf = (settings: IssuerSettings): NonNullable<IdentityEffect['settings']> => ({
  digest: '',
  value: settings as unknown as Json,
});

function readSigned(value: Json): SignedBundle {
  const signed = value as { readonly bundle?: unknown; readonly sigs?: unknown } | null;
  const sigs = signed?.sigs;
  const fits =
    Array.isArray(sigs) &&
    sigs.length > 0 &&
    sigs.length <= 8 &&
    sigs.every(
      (one: { readonly by?: unknown; readonly sig?: unknown } | null) =>
        typeof one?.by === 'string' && typeof one.sig === 'string' && Object.keys(one).length === 2,
    );
  if (!fits) throw new PlaneError('schema', 'schema: signed: expected { bundle, sigs: [{ by, sig }] }');
  return { bundle: parseBundle(signed?.bundle), sigs: sigs as SignedBundle['sigs'] };
}
