// Random delegation graphs, played step by step beside the oracle. What goes on in one hangs on its number alone.
import { isDeepStrictEqual } from 'node:util';
import { jwkThumbprint, type PublicJwk } from '@licet/evidence';
import type { Effect, MandateEffect, Reply } from '../src/index.ts';
import { Core, type CoreAsk, type Plant, type SetsOfMandate } from './delegation-core.ts';
import { Oracle, type House, type Said, type Wish } from './delegation-oracle.ts';
import { aBundle, keyOf, ORIGIN, publishing, T0, TENANT } from './support.ts';

const MINUTE = 60_000;
const HOUSE: House = {
  forbidden: new Set(['cy']),
  maxCents: 2_000,
  maxCalls: 6,
  windowMs: 60 * MINUTE,
  maxOpen: 2,
  openTool: 'tools/send',
  permitMs: 30_000,
  leaseMs: 30 * MINUTE,
  graceMs: 1_000,
  maxChain: 8,
};
export const TOOLS = ['tools/look', 'tools/change', 'tools/send'] as const;
/** What lies in each folder that a mandate may name. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  '/w': ['ax', 'ay', 'bx', 'by', 'cx', 'cy'],
  '/w/a': ['ax', 'ay'],
  '/w/b': ['bx', 'by'],
  '/w/c': ['cx', 'cy'],
  '/w/a/x': ['ax'],
  '/w/b/y': ['by'],
};
const pathTo = (place: string, crooked: boolean): string => {
  const [folder, below] = [...place] as [string, string];
  return crooked ? `/w/a/x/../../${folder}/${below}/f` : `/w/${folder}/${below}/f`;
};
const STEPS = [0, 1_000, 1_000, 29_000, 30_000, MINUTE, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE];
const TIMES = [30_000, MINUTE, 10 * MINUTE, 30 * MINUTE, 120 * MINUTE, 1_440 * MINUTE, 1_440 * MINUTE];

const anAction = (...more: readonly string[]) => ({
  schema: {
    type: 'object',
    properties: { path: { type: 'string' }, amount: { type: 'string' } },
    required: ['path', 'amount'],
    additionalProperties: false,
  },
  resources: { path: { kind: 'path', type: 'Folder' } },
  opaque: ['amount'],
  floor: { lease: '30m', max: '12h' },
  meters: [
    { limit: 'budget', cost: { argument: 'amount' } },
    { limit: 'calls' },
    ...more.map((limit) => ({ limit })),
  ],
});
const BUNDLE = aBundle({
  policies: [
    {
      name: 'all.cedar',
      text: '@id("all") permit (principal, action in Action::"licet/governed", resource) when { context.depth < 100 };',
    },
  ],
  actions: {
    'tools/look': anAction(),
    'tools/change': anAction(),
    'tools/send': anAction('open'),
  } as NonNullable<Parameters<typeof aBundle>[0]>['actions'] & object,
  limits: {
    budget: { kind: 'amount', per: 'user', max: '20', currency: 'EUR', settleLower: true },
    calls: { kind: 'count', per: 'agent', max: HOUSE.maxCalls, window: '1h' },
    open: { kind: 'concurrency', per: 'agent', max: HOUSE.maxOpen },
  },
});

type Dice = (sides: number) => number;
const diceOf = (seed: number): Dice => {
  let state = ((seed + 1) * 2_654_435_761) >>> 0;
  return (sides) => {
    // Mulberry32: every bit of it is good enough for small dice.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * sides);
  };
};
/** One of them; of none, none. */
const oneOf = <T>(dice: Dice, from: readonly T[]): T => from[dice(from.length)]!;

const euros = (cents: number): string => `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
const centsOf = (text: string): number => {
  const [whole, part = ''] = text.split('.');
  return Number(whole) * 100 + Number(part.padEnd(2, '0'));
};

/** A key by whose it is and which of theirs: slow to make, so each is made once. */
const keys = new Map<string, { readonly key: PublicJwk; readonly jkt: string }>();
function keyAt(who: string, at: number): { readonly key: PublicJwk; readonly jkt: string } {
  const name = at === 0 ? who : `${who}/${at}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = keyOf(name);
  const made = { key, jkt: jwkThumbprint(key) };
  keys.set(name, made);
  return made;
}
const jkt = (who: string, at: number): string => keyAt(who, at).jkt;

interface Member {
  readonly id: string;
  readonly kind: 'user' | 'agent';
  readonly for?: string;
  readonly mayRoot: boolean;
}
export interface Cast {
  readonly core: Core;
  readonly members: readonly Member[];
}

const identityOf = (
  { id, kind, for: person, mayRoot }: Member,
  change: 'register' | 'revoke' | 'rotate',
  { roles = [], at = 0 }: { readonly roles?: readonly string[]; readonly at?: number } = {},
): Effect & { readonly op: 'identity' } => ({
  op: 'identity',
  change,
  subject: id,
  kind,
  roles,
  groups: [],
  keys: [keyAt(id, at).key],
  jkts: [jkt(id, at)],
  ...(person === undefined ? {} : { for: person }),
  ...(mayRoot ? { root: { perDay: 1_000, concurrent: 1_000 } } : {}),
});

const operate = (core: Core, effect: Effect, by = 'operator-1', key = 0) => {
  const digest = core.digest();
  const commitments = { args: digest, resource: digest, inputs: digest };
  const ids = { request: digest, idem: digest, recognition: digest, instance: digest };
  const caller = { subject: by, jkt: jkt(by, key) };
  return core.apply({ kind: 'operate', exec: core.exec(), caller, effect, commitments, ...ids });
};

function done(reply: Reply | 'stale'): Reply & { readonly kind: 'operated' } {
  if (reply === 'stale' || reply.kind !== 'operated') throw new Error(`not done: ${JSON.stringify(reply)}`);
  return reply;
}

/** Worlds in which people and agents are registered and a bundle is in force; graphs fork one of them. */
export async function casts(count: number): Promise<readonly Cast[]> {
  const empty = await Core.open({ bundle: BUNDLE, forbidden: '/w/c/y', leaseMs: HOUSE.leaseMs }, T0);
  return Array.from({ length: count }, (_, seed): Cast => {
    const dice = diceOf(seed);
    const people = Array.from({ length: 1 + dice(3) }, (__, at): Member => {
      return { id: `user-${at}`, kind: 'user', mayRoot: dice(3) > 0 };
    });
    const agents = Array.from({ length: 2 + dice(7) }, (__, at): Member => {
      const person = dice(5) === 0 ? {} : { for: oneOf(dice, people).id };
      return { id: `agent-${at}`, kind: 'agent', mayRoot: dice(4) > 0, ...person };
    });
    const members = [...people, ...agents];
    const core = empty.fork();
    const founders = [
      identityOf({ id: 'operator-1', kind: 'user', mayRoot: false }, 'register', { roles: ['operator'] }),
      identityOf({ id: 'author-1', kind: 'user', mayRoot: false }, 'register', { roles: ['author'] }),
    ];
    const identities = [...founders, ...members.map((one) => identityOf(one, 'register'))];
    const digest = core.digest();
    core.apply({
      kind: 'boot',
      incarnation: 'A'.repeat(22),
      version: '0.1.0',
      custody: 'separate',
      operatorPolicy: digest,
      genesis: {
        origin: ORIGIN,
        tenant: TENANT,
        logKey: LOG_KEY,
        public: false,
        people: 2,
        keys: [],
        identities,
      },
    });
    done(operate(core, publishing(BUNDLE), 'author-1'));
    return { core, members };
  });
}
const LOG_KEY = `${ORIGIN}+00000000+${Buffer.alloc(33, 1).toString('base64')}`;

export interface Counts {
  requests: number;
  allowed: number;
  denied: number;
  raced: number;
  /** Of those that raced: let, and rightly. */
  racedAllowed: number;
  mandates: number;
  taken: number;
  started: number;
  entries: number;
  /** Graphs whose log was turned into rows again. */
  rebuilt: number;
}
const none = (): Counts => ({
  requests: 0,
  allowed: 0,
  denied: 0,
  raced: 0,
  racedAllowed: 0,
  mandates: 0,
  taken: 0,
  started: 0,
  entries: 0,
  rebuilt: 0,
});

/** One random graph, step by step beside the oracle. */
class Graph {
  readonly #core: Core;
  readonly #oracle: Oracle;
  readonly #members: readonly Member[];
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #counts: Counts;
  /** Leaf by id of a mandate. */
  readonly #leaves = new Map<string, string>();
  readonly #instances = new Map<string, Extract<Awaited<ReturnType<Core['prepare']>>, { reads: unknown }>>();

  constructor({ core, members }: Cast, seed: number, counts: Counts, plant?: Plant) {
    this.#core = core.fork(plant);
    this.#oracle = new Oracle(HOUSE, members);
    this.#members = members;
    this.#seed = seed;
    this.#dice = diceOf(seed);
    this.#counts = counts;
  }

  async play(): Promise<void> {
    const dice = this.#dice;
    for (let left = dice(this.#members.length + 2); left > 0; left -= 1) this.#grant('on record');
    for (let left = 4 + dice(9); left > 0; left -= 1) {
      for (let events = dice(3); events > 0; events -= 1) this.#event();
      const kind = dice(8);
      if (kind === 0) await this.#race();
      else if (kind === 1) await this.#together();
      else await this.#request();
      this.#check();
    }
    // Whatever was left open ends, and what nobody reported is spent.
    this.#pass(1_440 * MINUTE);
    this.#look();
    this.#check();
    this.#rebuild();
  }

  // What people do.

  #event(): void {
    const dice = this.#dice;
    const kind = dice(20);
    if (kind < 5) this.#pass(oneOf(dice, STEPS));
    else if (kind < 8) this.#grant('operated');
    else if (kind < 10) this.#revoke();
    else if (kind === 10) this.#change(dice(2) === 0 ? 'revoke' : 'rotate');
    else if (kind < 14) this.#report();
    else if (kind < 18) this.#redeem();
    else this.#look();
  }

  #pass(ms: number): void {
    this.#core.nowMs += ms;
  }

  /** Grants a mandate by an operation, or finds it on record as one had. */
  #grant(how: 'operated' | 'on record'): void {
    const [dice, core, oracle] = [this.#dice, this.#core, this.#oracle];
    const here = [...oracle.people.values()].filter(({ gone }) => !gone);
    const to = oneOf(
      dice,
      here.filter(({ kind }) => kind === 'agent'),
    );
    // Mostly by somebody who may stand above: the agent's own person, or one to whom something was given.
    const above = here.filter(({ id }) => id === to?.for || oracle.said.some((one) => one.to === id));
    const from = oneOf(dice, above.length > 0 && dice(4) > 0 ? above : here);
    if (to === undefined || from.id === to.id) return;
    const folders = Array.from({ length: 1 + dice(2) }, () =>
      dice(2) === 0 ? '/w' : oneOf(dice, Object.keys(FOLDERS)),
    );
    const tools = TOOLS.filter(() => dice(6) > 0);
    const under = dice(2) === 0 ? oracle.said.findLast((one) => one.to === from.id)?.id : undefined;
    const fromMs = core.nowMs + (dice(8) === 0 ? MINUTE : 0);
    const said: Said = {
      id: `m-${oracle.said.length}`,
      from: from.id,
      to: to.id,
      tools: new Set(tools),
      places: new Set(folders.flatMap((folder) => FOLDERS[folder]!)),
      fromMs,
      untilMs: fromMs + oneOf(dice, TIMES),
      ...(under === undefined ? {} : { parent: under }),
      ...(dice(3) === 0 ? { depth: dice(3) } : {}),
      ...(dice(2) === 0 ? { cents: 300 + dice(900) } : {}),
      ...(dice(3) === 0 ? { calls: 1 + dice(4) } : {}),
    };
    const effect = this.#effectOf(said, { tools, folders });
    this.#leaves.set(
      said.id,
      how === 'operated' ? this.#operated(effect, from.id).leaf! : this.#recorded(effect),
    );
    oracle.grant(said);
    this.#counts.mandates += 1;
  }

  #recorded(effect: MandateEffect): string {
    const { op: _, change, nbfMs, expMs, opened, ...fields } = effect;
    const entry = { op: change, ...fields, nbf: nbfMs, exp: expMs, by: fields.from };
    return this.#core.append('mandate', entry, { mandate: opened! });
  }

  #effectOf(said: Said, sets: SetsOfMandate, change: 'grant' | 'revoke' = 'grant'): MandateEffect {
    const { id, from, to, parent, depth, cents, calls } = said;
    const limits = {
      ...(cents === undefined ? {} : { budget: { max: euros(cents) } }),
      ...(calls === undefined ? {} : { calls: { max: calls } }),
    };
    const body = {
      v: 1 as const,
      id,
      policies: [{ name: 'sets', text: JSON.stringify(sets) }],
      ...(depth === undefined ? {} : { depth }),
      limits,
    };
    return {
      op: 'mandate',
      change,
      id,
      from,
      to,
      ...(parent === undefined ? {} : { parent: this.#leaves.get(parent)! }),
      body: this.#core.digest(),
      nbfMs: said.fromMs,
      expMs: said.untilMs,
      sig: 'A'.repeat(86),
      // What Prepare found out: which of the giver's keys signed it.
      ...(change === 'revoke'
        ? {}
        : { opened: { key: 'A'.repeat(43), body, jkt: jkt(from, this.#oracle.people.get(from)!.key) } }),
    };
  }

  #revoke(): void {
    const open = this.#oracle.said.filter(({ id }) => !this.#oracle.ended.has(id));
    if (open.length === 0) return;
    const said = oneOf(this.#dice, open);
    this.#operated(this.#effectOf(said, { tools: [], folders: [] }, 'revoke'), said.from);
    this.#oracle.ended.add(said.id);
    this.#counts.taken += 1;
  }

  #change(change: 'revoke' | 'rotate'): void {
    const here = this.#members.filter(({ id }) => !this.#oracle.people.get(id)!.gone);
    if (here.length === 0) return;
    const member = oneOf(this.#dice, here);
    const person = this.#oracle.people.get(member.id)!;
    const key = person.key + (change === 'rotate' ? 1 : 0);
    this.#operated(identityOf(member, change, { at: key }));
    person.key = key;
    person.gone = change === 'revoke';
    this.#counts.taken += 1;
  }

  /** Done by whom it concerns, or by an operator. */
  #operated(effect: Effect, by = 'operator-1') {
    const who = this.#oracle.people.get(by);
    const self = who !== undefined && !who.gone && this.#dice(2) === 0;
    const reply = self ? operate(this.#core, effect, by, who.key) : operate(this.#core, effect);
    return done(reply);
  }

  // What agents do.

  #wish(): { readonly wish: Wish; readonly ask: CoreAsk } {
    const [dice, oracle] = [this.#dice, this.#oracle];
    const any = (): { readonly who: string; readonly key: number } => {
      const { id } = oneOf(dice, this.#members);
      return { who: id, key: oracle.people.get(id)!.key };
    };
    const begun = [...oracle.deeds].filter(([, deed]) => deed.startedMs !== undefined);
    const alive = begun.filter(([, deed]) => deed.state === 'running');
    // Often below what began last, so that chains get long.
    const found = dice(2) === 0 ? alive.at(-1) : oneOf(dice, dice(6) > 0 ? alive : begun);
    const above = dice(5) === 0 ? undefined : found;
    const named = above?.[1].wish.child;
    const how = dice(10);
    const speaker =
      above === undefined || how === 0
        ? any()
        : how < 8 && named !== undefined
          ? named
          : { who: above[1].wish.keyOf, key: above[1].wish.key };
    // Now and then somebody speaks in the name of another, or with a key that is no longer theirs.
    const who = dice(30) === 0 ? any().who : speaker.who;
    const place = oneOf(dice, FOLDERS['/w']!);
    const agents = this.#members.filter(({ kind }) => kind === 'agent');
    const receivers = this.#oracle.said.filter(({ from }) => from === who);
    const next = receivers.length > 0 && dice(3) > 0 ? oneOf(dice, receivers).to : oneOf(dice, agents).id;
    const wish: Wish = {
      who,
      keyOf: speaker.who,
      key: dice(30) === 0 ? 0 : speaker.key,
      ...(above === undefined ? {} : { under: above[0] }),
      tool: oneOf(dice, TOOLS),
      place,
      crooked: dice(12) === 0,
      cents: dice(500),
      ...(dice(8) === 0 ? {} : { child: { who: next, key: oracle.people.get(next)!.key } }),
    };
    const { child } = wish;
    const ask: CoreAsk = {
      caller: { subject: wish.who, jkt: jkt(wish.keyOf, wish.key) },
      ...(wish.under === undefined ? {} : { parent: wish.under }),
      action: wish.tool,
      arguments: { path: pathTo(place, wish.crooked), amount: euros(wish.cents) },
      ...(child === undefined ? {} : { child: { agent: child.who, jkt: jkt(child.who, child.key) } }),
      start: dice(4) > 0,
    };
    return { wish, ask };
  }

  async #request(): Promise<void> {
    const { wish, ask } = this.#wish();
    this.#settle(wish, ask, await this.#core.prepare(ask), 'exactly');
  }

  /** Prepared before something changed and committed after: with nothing fenced, only the core stands in between. */
  async #race(): Promise<void> {
    const { wish, ask } = this.#wish();
    const prepared = await this.#core.prepare(ask);
    this.#event();
    this.#settle(wish, ask, 'deny' in prepared ? prepared : { ...prepared, reads: [] }, 'at most');
  }

  /** Two that were prepared on the same state: what one takes of a budget is not there for the other. */
  async #together(): Promise<void> {
    const both = [this.#wish(), this.#wish()];
    const prepared = await Promise.all(both.map(({ ask }) => this.#core.prepare(ask)));
    for (const [at, { wish, ask }] of both.entries()) this.#settle(wish, ask, prepared[at]!, 'exactly');
  }

  #settle(
    wish: Wish,
    ask: CoreAsk,
    prepared: Awaited<ReturnType<Core['prepare']>>,
    how: 'exactly' | 'at most',
  ): void {
    const { nowMs } = this.#core;
    const may = this.#oracle.may(wish, nowMs);
    const reply =
      'deny' in prepared
        ? prepared.deny
        : this.#core.apply(prepared.command, prepared.reads, prepared.evaluatedAtMs);
    const allowed = typeof reply === 'object' && reply.kind === 'permitted';
    const counts = this.#counts;
    counts.requests += 1;
    if (how === 'at most') counts.raced += 1;
    if (allowed && 'no' in may) throw new Error(`allowed, although ${may.no}: ${JSON.stringify(wish)}`);
    if (!allowed && !('no' in may) && how === 'exactly')
      throw new Error(
        `denied (${JSON.stringify(reply)}), although nothing is against it: ${JSON.stringify(wish)}`,
      );
    if (!allowed || 'deny' in prepared) {
      counts.denied += 1;
      return;
    }
    counts.allowed += 1;
    if (how === 'at most') counts.racedAllowed += 1;
    if (ask.start) counts.started += 1;
    this.#instances.set(reply.exec, prepared);
    this.#oracle.permitted(reply.exec, wish, nowMs, ask.start);
  }

  #decided(exec: string) {
    const { command } = this.#instances.get(exec)!;
    if (command.kind !== 'decide') throw new Error(`decided by ${command.kind}`);
    return command;
  }

  #redeem(): void {
    const waiting = [...this.#oracle.deeds].filter(([, { state }]) => state === 'permitted');
    if (waiting.length === 0) return;
    const [exec] = oneOf(this.#dice, waiting);
    const { caller, instance, door, verdict } = this.#decided(exec);
    const permit = this.#core.rows.get('execution', exec)!.permit!.leaf;
    const no = this.#oracle.mayBegin(exec, this.#core.nowMs);
    const rest = { resources: [], door, verdict, consequences: [] };
    const reply = this.#core.apply({ kind: 'redeem', exec, caller, permit, instance, ...rest });
    const began = reply !== 'stale' && reply.kind === 'started';
    if (began !== (no === undefined))
      throw new Error(
        `${began ? 'begun' : `not begun (${JSON.stringify(reply)})`}, although ${no ?? 'nothing is against it'}`,
      );
    if (!began) return;
    this.#oracle.began(exec, this.#core.nowMs);
    this.#counts.started += 1;
  }

  #report(): void {
    const dice = this.#dice;
    const begun = [...this.#oracle.deeds].filter(([, { startedMs }]) => startedMs !== undefined);
    if (begun.length === 0) return;
    const [exec, { wish }] = oneOf(dice, begun);
    const { caller, instance } = this.#decided(exec);
    const stranger = dice(8) === 0;
    const claimed = oneOf(dice, [wish.cents, Math.floor(wish.cents / 2), 0, wish.cents + 100]);
    this.#core.apply({
      kind: 'report',
      exec,
      caller,
      instance: stranger ? this.#core.digest() : instance,
      status: oneOf(dice, ['completed', 'failed', 'halted'] as const),
      // A count is never given back, whoever asks for it.
      settled: [
        { name: 'budget', amount: euros(claimed) },
        { name: 'calls', amount: '0' },
      ],
      consequences: [],
    });
    if (!stranger) this.#oracle.reported(exec, claimed, this.#core.nowMs);
  }

  #look(): void {
    this.#core.apply({ kind: 'tick', execs: [...this.#oracle.deeds.keys()] });
    this.#oracle.looked(this.#core.nowMs);
  }

  // What must hold.

  #check(): void {
    for (const [name, { taken, max }] of this.#oracle.budgets()) {
      const row = this.#core.rows.get('meter', name);
      const reads = centsOf(row?.reserved ?? '0') + centsOf(row?.spent ?? '0');
      if (reads !== taken || taken > max)
        throw new Error(`${name} reads ${reads / 100} of ${max / 100}, and ${taken / 100} was taken`);
    }
  }

  #rebuild(): void {
    const rows = this.#core.rows.written();
    const meters = [...rows.keys()].filter((key) => key.startsWith('meter/')).length;
    if (meters !== this.#oracle.budgets().size) throw new Error(`${meters} counters are counted`);
    this.#counts.entries += this.#core.entries.length;
    // From the bytes, as a store does; in every fourth graph, since it costs as much as all the rest.
    if (this.#seed % 4 !== 0) return;
    const again = this.#core.rebuilt();
    if (!isDeepStrictEqual(again, rows)) throw new Error('the log makes other rows of itself');
    this.#counts.rebuilt += 1;
  }
}

export async function play(graphs: number, all: readonly Cast[], plant?: Plant): Promise<Counts> {
  const counts = none();
  for (let seed = 0; seed < graphs; seed += 1) {
    try {
      await new Graph(all[seed % all.length]!, seed, counts, plant).play();
    } catch (cause) {
      throw new Error(`graph ${seed}: ${(cause as Error).message}`, { cause });
    }
  }
  return counts;
}
