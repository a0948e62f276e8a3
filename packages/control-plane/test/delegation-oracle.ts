/**
 * What delegation lets anybody do, worked out from what people said and nothing else: sets and sums. It is written from
 * docs/formats/mandate.md and shares no line with the plane, so that a fault of the plane is not repeated here.
 */

/** Somebody registered. `key` counts the keys it has had; only the last one speaks. */
interface Somebody {
  readonly id: string;
  readonly kind: 'user' | 'agent';
  readonly for?: string;
  readonly mayRoot: boolean;
  key: number;
  gone: boolean;
}

/** A mandate as it was said. */
export interface Said {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly tools: ReadonlySet<string>;
  readonly places: ReadonlySet<string>;
  readonly depth?: number;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Id of the mandate under which it was handed down. */
  readonly parent?: string;
  /** What may be used under it in all. */
  readonly cents?: number;
  readonly calls?: number;
}

/** Something asked for, by whoever holds key number `key` of `keyOf`. */
export interface Wish {
  readonly who: string;
  readonly keyOf: string;
  readonly key: number;
  readonly under?: string;
  readonly tool: string;
  readonly place: string;
  /** Whether the place is written as a way through another one: that is no way to name it. */
  readonly crooked: boolean;
  readonly cents: number;
  readonly child?: { readonly who: string; readonly key: number };
}

interface Link {
  readonly id: string;
  readonly key: number;
}
type Bound = Said & { readonly at: number };

/** A wish that was let, and what became of it. */
interface Deed {
  readonly wish: Wish;
  readonly chain: readonly Link[];
  readonly bound: readonly Bound[];
  readonly permittedMs: number;
  startedMs?: number;
  state: 'permitted' | 'running' | 'over';
  /** Set when it is over: what was spent of the amount asked for. */
  spentCents?: number;
  /** Over without having begun: nothing counts any more. */
  void?: true;
}

/** What stands in the way, in a word; undefined: nothing does. */
export type No = string | undefined;

/** The team's own rules, as the test sets them. */
export interface House {
  readonly forbidden: ReadonlySet<string>;
  readonly maxCents: number;
  readonly maxCalls: number;
  readonly windowMs: number;
  readonly maxOpen: number;
  readonly openTool: string;
  readonly permitMs: number;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly maxChain: number;
}

/** One counter: what of it is taken, and how much there is. */
export interface Budget {
  taken: number;
  readonly max: number;
}

export class Oracle {
  readonly people = new Map<string, Somebody>();
  readonly said: (Said & { readonly key: number })[] = [];
  readonly ended = new Set<string>();
  readonly deeds = new Map<string, Deed>();
  readonly #house: House;

  constructor(house: House, people: readonly Omit<Somebody, 'key' | 'gone'>[]) {
    this.#house = house;
    for (const one of people) this.people.set(one.id, { ...one, key: 0, gone: false });
  }

  grant(said: Said): void {
    this.said.push({ ...said, key: this.people.get(said.from)!.key });
  }

  /** The chain that acts, or why there is none. */
  #chain(wish: Wish, nowMs: number): readonly Link[] | string {
    const self = this.people.get(wish.who);
    if (self === undefined || self.gone) return 'nobody';
    if (wish.keyOf !== wish.who || wish.key !== self.key) return 'not its key';
    const me = { id: self.id, key: self.key };
    if (wish.under === undefined) {
      if (!self.mayRoot) return 'no root';
      if (self.for === undefined) return [me];
      const person = this.people.get(self.for)!;
      return person.gone ? 'its person is gone' : [{ id: person.id, key: person.key }, me];
    }
    const above = this.deeds.get(wish.under);
    if (above?.startedMs === undefined) return 'no parent';
    const { child } = above.wish;
    const runs = above.wish.keyOf === wish.keyOf && above.wish.key === wish.key;
    const named = child?.who === wish.keyOf && child.key === wish.key;
    if (!runs && !named) return 'not named by the parent';
    for (let deed: Deed | undefined = above; deed !== undefined; deed = this.#above(deed)) {
      const alive = deed.state === 'running' && nowMs <= deed.startedMs! + this.#house.leaseMs;
      if (!alive) return 'the parent is over';
    }
    if (above.chain.some((link) => this.#changed(link))) return 'somebody above is gone';
    return above.chain.at(-1)!.id === self.id ? above.chain : [...above.chain, me];
  }

  #above(deed: Deed): Deed | undefined {
    return deed.wish.under === undefined ? undefined : this.deeds.get(deed.wish.under);
  }

  #changed({ id, key }: Link): boolean {
    const one = this.people.get(id)!;
    return one.gone || one.key !== key;
  }

  /** The mandates that bind a chain, or why it may do nothing. */
  #mandates(chain: readonly Link[], nowMs: number): readonly Bound[] | string {
    const bound = new Map<number, Bound>();
    for (const [at, { id: to }] of chain.entries()) {
      const above = chain.slice(0, at).map(({ id }) => id);
      const given = above.flatMap((from, place) => {
        const last = this.said.findLast((one) => one.from === from && one.to === to);
        return last === undefined ? [] : [{ last, place }];
      });
      if (given.length === 0) continue;
      if (given.length > 1) return 'two givers';
      const { last, place } = given[0]!;
      const giver = this.people.get(last.from)!;
      if (this.ended.has(last.id)) return 'revoked';
      if (giver.gone || giver.key !== last.key) return 'its giver is gone';
      if (nowMs < last.fromMs || nowMs >= last.untilMs) return 'not its time';
      if (last.parent !== undefined && bound.get(place)?.id !== last.parent) return 'what it hung on is gone';
      bound.set(at, { ...last, at });
    }
    return [...bound.values()];
  }

  /** Whether this may be let now, and if so for whom and under what. */
  may(wish: Wish, nowMs: number): { readonly no: string } | Pick<Deed, 'chain' | 'bound'> {
    const chain = this.#chain(wish, nowMs);
    if (typeof chain === 'string') return { no: chain };
    if (chain.length > this.#house.maxChain) return { no: 'too long a chain' };
    const bound = this.#mandates(chain, nowMs);
    if (typeof bound === 'string') return { no: bound };
    if (wish.crooked) return { no: 'a crooked path' };
    if (this.#house.forbidden.has(wish.place)) return { no: 'the team forbids it' };
    for (const { tools, places, depth, at } of bound) {
      if (!tools.has(wish.tool)) return { no: 'another tool' };
      if (!places.has(wish.place)) return { no: 'another place' };
      if (depth !== undefined && chain.length - 1 - at > depth) return { no: 'too deep' };
    }
    const deed: Deed = { wish, chain, bound, permittedMs: nowMs, state: 'permitted' };
    const budgets = this.budgets();
    for (const [name, { taken, max }] of this.#uses(deed))
      if ((budgets.get(name)?.taken ?? 0) + taken > max) return { no: `the budget ${name}` };
    return { chain, bound };
  }

  /** Whether what was permitted may begin now: nothing that it rests on may have changed. */
  mayBegin(exec: string, nowMs: number): No {
    const deed = this.deeds.get(exec)!;
    if (deed.state !== 'permitted' || nowMs >= deed.permittedMs + this.#house.permitMs) return 'too late';
    if (deed.chain.some((link) => this.#changed(link))) return 'somebody is gone';
    const bound = this.#mandates(deed.chain, nowMs);
    if (typeof bound === 'string') return bound;
    if (bound.map(({ id }) => id).join() !== deed.bound.map(({ id }) => id).join()) return 'another mandate';
    if (deed.wish.under === undefined) return undefined;
    const chain = this.#chain(deed.wish, nowMs);
    return typeof chain === 'string' ? chain : undefined;
  }

  permitted(exec: string, wish: Wish, nowMs: number, started: boolean): void {
    const may = this.may(wish, nowMs);
    if ('no' in may) throw new Error(`permitted, although: ${may.no}`);
    this.deeds.set(exec, { ...may, wish, permittedMs: nowMs, state: 'permitted' });
    if (started) this.began(exec, nowMs);
  }

  began(exec: string, nowMs: number): void {
    Object.assign(this.deeds.get(exec)!, { startedMs: nowMs, state: 'running' });
  }

  /** Whoever ran it says what it used, in time or not. */
  reported(exec: string, cents: number, nowMs: number): void {
    const deed = this.deeds.get(exec)!;
    this.#lapse(deed, nowMs);
    if (deed.state !== 'running') return;
    // Never more than was asked for, whatever is claimed.
    Object.assign(deed, { state: 'over', spentCents: Math.min(cents, deed.wish.cents) });
  }

  /** Somebody looks at the clock: what is over is over. */
  looked(nowMs: number): void {
    for (const deed of this.deeds.values()) this.#lapse(deed, nowMs);
  }

  #lapse(deed: Deed, nowMs: number): void {
    const { permitMs, leaseMs, graceMs } = this.#house;
    if (deed.state === 'permitted' && nowMs >= deed.permittedMs + permitMs)
      Object.assign(deed, { state: 'over', spentCents: 0, void: true });
    // What did not say how it ended has used everything.
    if (deed.state === 'running' && nowMs >= deed.startedMs! + leaseMs + graceMs)
      Object.assign(deed, { state: 'over', spentCents: deed.wish.cents });
  }

  /** What one deed takes of each counter, by the counter's name. */
  #uses(deed: Deed): ReadonlyMap<string, Budget> {
    const { maxCents, maxCalls, windowMs, maxOpen, openTool } = this.#house;
    const { wish, chain, bound } = deed;
    const uses = new Map<string, Budget>();
    const cents = deed.spentCents ?? wish.cents;
    const calls = deed.void === true ? 0 : 1;
    const actor = chain.at(-1)!.id;
    const window = Math.floor(deed.permittedMs / windowMs) * windowMs;
    uses.set(`budget:${chain[0]!.id}:s0`, { taken: cents, max: maxCents });
    uses.set(`calls:${actor}:w${window.toString(36)}`, { taken: calls * 100, max: maxCalls * 100 });
    if (wish.tool === openTool)
      uses.set(`open:${actor}:open`, { taken: deed.state === 'over' ? 0 : 100, max: maxOpen * 100 });
    for (const one of bound) {
      if (one.cents !== undefined) uses.set(`budget:${one.id}:s0`, { taken: cents, max: one.cents });
      if (one.calls !== undefined)
        uses.set(`calls:${one.id}:w0`, { taken: calls * 100, max: one.calls * 100 });
    }
    return uses;
  }

  /** Every counter that anything was ever taken of, in hundredths. */
  budgets(): ReadonlyMap<string, Budget> {
    const sums = new Map<string, Budget>();
    for (const deed of this.deeds.values())
      for (const [name, { taken, max }] of this.#uses(deed)) {
        const sum = sums.get(name);
        if (sum === undefined) sums.set(name, { taken, max });
        else sum.taken += taken;
      }
    return sums;
  }
}
