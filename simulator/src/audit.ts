/**
 * The auditor: reads every entry that the log holds and judges it by rules of its own, sharing no code with the
 * core that made it but the formats. What it counts itself (states, meters, containment, heads) is compared with the
 * live rows. A sentence in `violations` is a broken promise (DESIGN §1, §7; RULES 1–7, 18, 22, 25, 35, 39).
 */
import {
  activeDigest,
  appendLeaves,
  base64url,
  emptyFrontier,
  frontierRoot,
  leafHash,
  parseEntry,
  type Entry,
  type EntryOf,
  type Frontier,
  type PermitEntry,
  type RefusalEntry,
  type ScopeKind,
} from '@licet/evidence';
import { LIMITS, TENANT } from './cast.ts';

type State =
  | 'refused'
  | 'held'
  | 'approved'
  | 'denied'
  | 'permitted'
  | 'expired'
  | 'running'
  | 'completed'
  | 'failed'
  | 'halted'
  | 'in_doubt';

/** DESIGN §7, written down a second time. */
const MOVES: Readonly<Record<State | 'new', readonly State[]>> = {
  new: ['refused', 'held', 'permitted'],
  held: ['held', 'approved', 'denied', 'permitted'],
  approved: ['permitted', 'held', 'denied'],
  permitted: ['running', 'expired'],
  running: ['completed', 'failed', 'halted', 'in_doubt'],
  in_doubt: ['completed', 'failed', 'halted'],
  refused: [],
  denied: [],
  expired: [],
  completed: [],
  failed: [],
  halted: [],
};
const ENDS_HOLD = new Set(['hold_expired', 'approval_expired', 'cancelled']);
/** A report under way at the lease's end still counts. */
const GRACE_MS = 1_000;

interface Known {
  state: State;
  readonly run: string;
  readonly parent?: string;
  readonly action: string;
  readonly agents: readonly string[];
  permit?: { readonly leaf: string; readonly index: number; readonly entry: PermitEntry };
  start?: { readonly leaf: string };
  hold?: { readonly leaf: string; readonly groups: RefusalEntry['holds']; readonly bundles: string };
  approvals: readonly EntryOf<'approval'>[];
}

export class Auditor {
  readonly violations: string[] = [];
  readonly executions = new Map<string, Known>();
  readonly active = new Map<string, { readonly kind: ScopeKind; readonly id: string }>();
  /** Bytes by index, and the root at every size: what a later tree must still hold. */
  readonly bytes: Uint8Array[] = [];
  readonly roots: string[] = [base64url(frontierRoot(emptyFrontier()))];
  readonly meters = new Map<string, { reserved: bigint; spent: bigint }>();
  /** Executions whose state changed since this was last emptied. */
  readonly touched = new Set<string>();
  epoch = 0;
  #frontier: Frontier = emptyFrontier();
  #containmentHead: string | null = null;
  #policyHead: string | null = null;
  #policy = { digest: '', version: 0 };
  #incarnation = '';
  #atMs = 0;
  #segmentStart = 0;
  readonly #identities = new Map<
    string,
    { readonly leaf: string; readonly entry: EntryOf<'identity'>; readonly revoked: boolean }
  >();
  readonly #approvals = new Map<string, { readonly entry: EntryOf<'approval'>; used: boolean }>();
  readonly #facts = new Map<string, EntryOf<'fact'>>();
  readonly #permits = new Map<string, string>();
  readonly #idems = new Set<string>();
  readonly #openRoots = new Map<string, number>();

  get size(): number {
    return this.bytes.length;
  }

  /** Reads the next entry of the log. */
  read(bytes: Uint8Array): void {
    const index = this.size;
    const hash = leafHash(bytes);
    this.#frontier = appendLeaves(this.#frontier, [hash]);
    this.bytes.push(bytes);
    this.roots.push(base64url(frontierRoot(this.#frontier)));
    const entry = parseEntry(bytes);
    if (entry.type !== 'clock' && entry.at < this.#atMs)
      this.#broken(index, `time ${entry.at} is before ${this.#atMs}`);
    this.#atMs = entry.type === 'clock' ? entry.to : entry.at;
    this.#judge(entry, index, base64url(hash));
  }

  /** Whether an order in force covers this execution. */
  covered(exec: string): boolean {
    const known = this.executions.get(exec);
    return known !== undefined && this.#covering(exec, known) !== undefined;
  }

  /** Ids of the executions in a state, sorted. */
  inState(state: State): readonly string[] {
    return [...this.executions]
      .filter(([, known]) => known.state === state)
      .map(([exec]) => exec)
      .sort();
  }

  #broken(index: number, what: string): void {
    this.violations.push(`entry ${index}: ${what}`);
  }

  #judge(entry: Entry, index: number, leaf: string): void {
    switch (entry.type) {
      case 'boot':
        if (entry.incarnation === this.#incarnation) this.#broken(index, 'an incarnation came twice');
        this.#incarnation = entry.incarnation;
        return;
      case 'identity':
        this.#identities.set(entry.subject, {
          leaf,
          entry,
          revoked: entry.op === 'revoke' || this.#identities.get(entry.subject)?.revoked === true,
        });
        return;
      case 'fact':
        this.#facts.set(entry.name, entry);
        return;
      case 'clock':
        this.#segmentStart = index;
        return;
      case 'policy':
        if (entry.prev !== this.#policyHead)
          this.#broken(index, 'a policy entry is not chained to the one before');
        if (entry.op === 'publish' && entry.version <= this.#policy.version)
          this.#broken(index, 'the version of the bundle does not rise');
        this.#policyHead = leaf;
        this.#policy = { digest: entry.digest, version: entry.version };
        return;
      case 'containment':
        return this.#containment(entry, index, leaf);
      case 'permit':
        return this.#permit(entry, index, leaf);
      case 'refusal':
        return this.#refusal(entry, index, leaf);
      case 'start':
        return this.#start(entry, index, leaf);
      case 'outcome':
        return this.#outcome(entry, index);
      case 'approval':
        return this.#approval(entry, index, leaf);
      default:
        return;
    }
  }

  #containment(entry: EntryOf<'containment'>, index: number, leaf: string): void {
    if (entry.prev !== this.#containmentHead)
      this.#broken(index, 'a containment is not chained to the one before');
    if (entry.epoch !== this.epoch + 1) this.#broken(index, `epoch ${entry.epoch} after ${this.epoch}`);
    if (entry.op === 'lift' && (entry.lifts === undefined || !this.active.delete(entry.lifts)))
      this.#broken(index, 'lifts what is not in force');
    if (entry.op === 'lift' && entry.by.length < 2) this.#broken(index, 'one person lifted alone');
    if (entry.active !== activeDigest([...this.active.keys()]))
      this.#broken(index, 'names other orders in force');
    if (entry.op === 'contain') this.active.set(leaf, entry.scope);
    this.epoch = entry.epoch;
    this.#containmentHead = leaf;
  }

  #permit(entry: PermitEntry, index: number, leaf: string): void {
    const before = this.executions.get(entry.exec);
    const operator = entry.action.startsWith('licet/') && entry.aud === 'licet' && entry.bundles.length === 0;
    const known: Known = {
      state: before?.state ?? 'permitted',
      run: entry.run,
      ...(entry.parent === undefined ? {} : { parent: entry.parent.exec }),
      action: entry.action,
      agents: entry.chain.map(({ id }) => id),
      permit: { leaf, index, entry },
      approvals: before?.approvals ?? [],
      ...(before?.hold === undefined ? {} : { hold: before.hold }),
    };
    this.#move(entry.exec, before?.state, 'permitted', known, index);
    this.#heads(entry, index);
    if (this.#idems.has(entry.idem)) this.#broken(index, 'a second permit for one idempotency key');
    this.#idems.add(entry.idem);
    this.#permits.set(leaf, entry.exec);
    if (entry.exp - entry.nbf > 60_000) this.#broken(index, 'a permit of more than a minute');
    this.#approved(entry, before, index, operator);
    if (operator) return;
    if (entry.bundles[0]?.digest !== this.#policy.digest)
      this.#broken(index, 'permitted by a bundle that is not in force');
    this.#standing(entry.exec, known, entry, index);
    if (this.#fact('frozen', entry.at) && entry.action === 'files/write')
      this.#broken(index, 'permitted although frozen');
    if (entry.parent === undefined) this.#root(entry, index);
    for (const { name, amount } of entry.meters) this.#count(name, decimal(amount), 0n, index);
  }

  #start(entry: EntryOf<'start'>, index: number, leaf: string): void {
    const known = this.executions.get(entry.exec);
    if (this.#permits.get(entry.permit) !== entry.exec || known?.permit?.leaf !== entry.permit)
      return this.#broken(index, 'a start without a permit before it');
    const { entry: permit, index: permitted } = known.permit;
    if (known.start !== undefined) this.#broken(index, 'a second start of one permit');
    this.#move(entry.exec, known.state, 'running', known, index);
    known.start = { leaf };
    this.#heads(entry, index);
    if (entry.at < permit.nbf || entry.at >= permit.exp)
      this.#broken(index, `started at ${entry.at}, outside [${permit.nbf}, ${permit.exp})`);
    if (permitted < this.#segmentStart)
      this.#broken(index, 'a permit from before the clock was set back started');
    if (permit.incarnation !== this.#incarnation)
      this.#broken(index, 'a permit of another incarnation started');
    if (entry.jkt !== permit.jkt) this.#broken(index, 'started by another key than it was permitted to');
    if ((entry.via === 'direct') !== (permit.spend === 'started'))
      this.#broken(index, `spent ${entry.via}, permitted for ${permit.spend}`);
    if (permit.bundles.length === 0) return;
    for (const one of permit.approvals ?? []) {
      const approval = this.#approvals.get(one);
      const approver = this.#identities.get(approval?.entry.by ?? '');
      if (approval === undefined || approval.entry.expires <= entry.at)
        this.#broken(index, 'started on an approval that had run out');
      if (approver === undefined || approver.revoked || !approver.entry.roles.includes('approver'))
        this.#broken(index, 'started on an approval of somebody who may not approve any more');
      if (approval?.used === true) this.#broken(index, 'an approval was used twice');
      if (approval !== undefined) approval.used = true;
    }
    this.#standing(entry.exec, known, permit, index);
  }

  #outcome(entry: EntryOf<'outcome'>, index: number): void {
    const known = this.executions.get(entry.exec);
    if (known?.permit === undefined) return this.#broken(index, 'an outcome of nothing');
    if (entry.late === true) {
      if (known.state === 'running') this.#broken(index, 'called late while it runs');
      return;
    }
    const before = known.state;
    const old = known.permit.index < this.#segmentStart;
    const ended = entry.leaseUntil ?? Infinity;
    if (entry.by === 'executor' && entry.at >= ended + GRACE_MS)
      this.#broken(index, 'a report long after the lease counted');
    if (entry.status === 'in_doubt' && !old && entry.at < ended)
      this.#broken(index, 'in doubt before its lease ended');
    if (
      entry.status === 'expired' &&
      (known.start !== undefined || (!old && entry.at < known.permit.entry.exp))
    )
      this.#broken(index, 'expired too early, or after it started');
    if (before === 'in_doubt' && (entry.by !== 'operator' || entry.resolves === undefined))
      this.#broken(index, 'only people resolve what is in doubt');
    this.#move(entry.exec, before, entry.status, known, index);
    if (before === 'in_doubt') return;
    const { meters, chain, parent, bundles } = known.permit.entry;
    for (const { name, amount } of meters) {
      const settled = decimal(entry.settled.find((one) => one.name === name)?.amount ?? amount);
      if (settled > decimal(amount) || settled < 0n)
        this.#broken(index, `settles ${name} at more than was reserved, or below nothing`);
      if (entry.status === 'in_doubt' && settled !== decimal(amount))
        this.#broken(index, 'in doubt, and not settled in full');
      this.#count(name, -decimal(amount), name.endsWith(':open') ? 0n : settled, index);
    }
    const opener = chain.at(-1)!.id;
    if (parent === undefined && bundles.length > 0)
      this.#openRoots.set(opener, this.#openRoots.get(opener)! - 1);
  }

  #refusal(entry: RefusalEntry, index: number, leaf: string): void {
    if (entry.exec === undefined) return;
    const before = this.executions.get(entry.exec);
    if (before !== undefined && entry.of !== undefined) {
      if ((before.state === 'held' || before.state === 'approved') && ENDS_HOLD.has(entry.code))
        this.#move(entry.exec, before.state, 'denied', before, index);
      return;
    }
    const held = entry.verdict === 'hold' && (entry.holds ?? []).length > 0;
    const bundles = JSON.stringify(entry.bundles ?? []);
    const known: Known = {
      state: 'refused',
      run: entry.run ?? entry.exec,
      ...(entry.parent === undefined ? {} : { parent: entry.parent.exec }),
      action: entry.action ?? '',
      agents: (entry.chain ?? []).map(({ id }) => id),
      approvals: before?.hold?.bundles === bundles ? before.approvals : [],
      ...(held ? { hold: { leaf, groups: entry.holds, bundles } } : {}),
    };
    this.#move(
      entry.exec,
      before?.state,
      held ? 'held' : before === undefined ? 'refused' : 'denied',
      known,
      index,
    );
  }

  #approval(entry: EntryOf<'approval'>, index: number, leaf: string): void {
    this.#approvals.set(leaf, { entry, used: false });
    const known = this.executions.get(entry.exec);
    if (known?.hold?.leaf !== entry.hold.leaf)
      return this.#broken(index, 'approves another hold than the one that waits');
    if (known.agents.includes(entry.by)) this.#broken(index, 'approved by one for whom it is done');
    known.approvals = [
      ...known.approvals.filter((one) => one.group !== entry.group || one.by !== entry.by),
      entry,
    ];
    if (entry.verdict === 'reject') return this.#move(entry.exec, known.state, 'denied', known, index);
    const complete = (known.hold.groups ?? []).every(
      ({ group, need }) =>
        known.approvals.filter((one) => one.group === group && one.verdict === 'approve').length >= need,
    );
    if (complete && known.state === 'held') this.#move(entry.exec, 'held', 'approved', known, index);
  }

  #move(exec: string, from: State | undefined, to: State, known: Known, index: number): void {
    if (!MOVES[from ?? 'new'].includes(to))
      this.#broken(index, `${exec} went from ${from ?? 'nothing'} to ${to}`);
    known.state = to;
    this.executions.set(exec, known);
    this.touched.add(exec);
  }

  #heads(
    entry: {
      readonly heads: { readonly containment: string | null; readonly policy: string | null };
      readonly epoch: number;
    },
    index: number,
  ): void {
    if (
      entry.heads.containment !== this.#containmentHead ||
      entry.heads.policy !== this.#policyHead ||
      entry.epoch !== this.epoch
    )
      this.#broken(index, 'names other heads than the log has');
  }

  /** What people had to approve was approved: by whom, for what, and not yet used (RULE 22). */
  #approved(entry: PermitEntry, before: Known | undefined, index: number, operator: boolean): void {
    const groups = new Set<string>();
    for (const leaf of entry.approvals ?? []) {
      const approval = this.#approvals.get(leaf);
      if (
        approval === undefined ||
        approval.entry.verdict !== 'approve' ||
        approval.entry.exec !== entry.exec
      )
        this.#broken(index, 'names an approval that is none');
      else if (approval.entry.expires <= entry.at)
        this.#broken(index, 'permitted on an approval that had run out');
      else groups.add(approval.entry.group);
    }
    if (before?.hold !== undefined && entry.prior !== before.hold.leaf)
      this.#broken(index, 'does not name the hold that was lifted');
    const needed = operator
      ? entry.action === 'licet/lift' || entry.action === 'licet/clock'
        ? ['second-person']
        : []
      : entry.action === 'files/move'
        ? ['finance', ...(this.#fact('audit', entry.at) ? ['legal'] : [])]
        : [];
    for (const group of needed)
      if (!groups.has(group)) this.#broken(index, `${entry.action} without the approval of ${group}`);
  }

  /** Everybody on the chain stands, nothing covers it, and its parent runs (RULE 4, 17, 18). */
  #standing(exec: string, known: Known, permit: PermitEntry, index: number): void {
    for (const { id, identity } of permit.chain) {
      const row = this.#identities.get(id);
      if (row === undefined || row.revoked || row.leaf !== identity)
        this.#broken(index, `${id} had been revoked or changed`);
    }
    const scope = this.#covering(exec, known);
    if (scope !== undefined) this.#broken(index, `goes on although ${scope.kind} ${scope.id} is contained`);
    for (let next = permit.parent?.exec; next !== undefined; next = this.executions.get(next)?.parent)
      if (this.executions.get(next)?.state !== 'running')
        this.#broken(index, `its ancestor ${next} does not run`);
  }

  #covering(exec: string, known: Known): { readonly kind: ScopeKind; readonly id: string } | undefined {
    const ancestors = new Set([exec]);
    for (
      let next = known.parent;
      next !== undefined && !ancestors.has(next);
      next = this.executions.get(next)?.parent
    )
      ancestors.add(next);
    return [...this.active.values()].find(({ kind, id }) => {
      if (kind === 'everything') return true;
      if (kind === 'tenant') return id === TENANT;
      if (kind === 'run') return id === known.run;
      if (kind === 'agent') return known.agents.includes(id);
      if (kind === 'tool') return known.action === id || known.action.startsWith(`${id.replace('/*', '')}/`);
      return ancestors.has(id);
    });
  }

  #root(entry: PermitEntry, index: number): void {
    const opener = entry.chain.at(-1)!.id;
    const open = (this.#openRoots.get(opener) ?? 0) + 1;
    this.#openRoots.set(opener, open);
    const grant = this.#identities.get(opener)?.entry.root;
    if (grant === undefined || open > grant.concurrent)
      this.#broken(index, `${opener} has ${open} roots open`);
  }

  #count(name: string, reserved: bigint, spent: bigint, index: number): void {
    const meter = this.meters.get(name) ?? { reserved: 0n, spent: 0n };
    meter.reserved += reserved;
    meter.spent += spent;
    this.meters.set(name, meter);
    const limit = decimal(LIMITS[name.split(':')[0] as keyof typeof LIMITS]);
    if (meter.reserved < 0n || meter.reserved + meter.spent > limit)
      this.#broken(index, `${name} is overspent`);
  }

  #fact(name: string, atMs: number): boolean {
    const fact = this.#facts.get(name);
    return fact?.value === true && fact.exp > atMs;
  }
}

/** An exact decimal of at most four places as a whole number of ten-thousandths. */
export function decimal(text: string): bigint {
  const [whole, fraction = ''] = text.split('.');
  return BigInt(whole! + fraction.padEnd(4, '0'));
}
