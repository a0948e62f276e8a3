/**
 * The actors: doors, agents, approvers and operators that do random things to a plane, remember what they were
 * answered, and lose replies. What they were answered is the plane's word; `acknowledge` holds it to it.
 */
import type { Json, ScopeKind } from '@licet/evidence';
import type { Answered, Caller, DecideRequest, Effect, Reply } from '@licet/control-plane';
import { changed, killOrder, publishing, speaks, TENANT } from './cast.ts';
import type { Dice } from './random.ts';
import type { Process, World } from './world.ts';

/** One call of an agent, from its request to its end, as its door sees it. */
interface Call {
  readonly caller: Caller;
  readonly request: DecideRequest;
  exec?: string;
  permit?: { readonly entry: Uint8Array; readonly index: number };
  started?: boolean;
  counter: number;
}

/** What the plane said, and what was in force when it was asked. */
export interface Said {
  readonly what: string;
  readonly answer: Answered;
  /** The execution that was told to go, when it was. */
  readonly go?: string;
  /** Leaves of orders that covered it when it was asked. */
  readonly coveredBy: readonly string[];
}

export interface Company {
  readonly world: World;
  readonly dice: Dice;
  /** Chance that a reply is lost on its way. */
  readonly lossy: number;
  readonly trace: string[];
  /** Called with each reply that arrived. */
  acknowledge(said: Said): Promise<void>;
  /** Leaves in force that cover an execution now. */
  covering(exec: string): readonly string[];
  /** Called with an error that no caller should ever see. */
  broken(what: string): void;
}

const EXPECTED = /^ERR_(STORE_(UNAVAILABLE|UNKNOWN_RESULT|BUSY)|PLANE_ORDER)$/;
const PATHS = ['/workspace/a.txt', '/workspace/b/c.txt', '/etc/passwd', '/workspace/../etc'] as const;

export class Actors {
  readonly #company: Company;
  readonly #calls: Call[] = [];
  /** Lifts and clock changes wait for a second person. */
  readonly #asked: { readonly exec: string; readonly effect: Effect; readonly by: string }[] = [];
  readonly #orders: string[] = [];
  #version = 1;
  #serial = 0;

  constructor(company: Company) {
    this.#company = company;
  }

  /** Executions of which a permit was seen: for whoever wants to check their evidence. */
  get permitted(): readonly string[] {
    return [
      ...new Set(
        this.#calls.flatMap(({ exec, permit }) => (exec === undefined || permit === undefined ? [] : [exec])),
      ),
    ];
  }

  /** Does one random thing. Never rejects. */
  async act(): Promise<void> {
    const { dice } = this.#company;
    const die = dice.below(100);
    if (die < 26) return this.#decide();
    if (die < 30) return this.#again();
    if (die < 44) return this.#redeem();
    if (die < 47) return this.#race();
    if (die < 57) return this.#renew();
    if (die < 70) return this.#report();
    if (die < 72) return this.#cancel();
    if (die < 81) return this.#approve();
    if (die < 86) return this.#contain();
    if (die < 91) return this.#lift();
    if (die < 92) return this.#order();
    if (die < 93) return this.#publish();
    if (die < 95) return this.#identity();
    if (die < 97) return this.#fact();
    if (die < 99) return this.#resolve();
    return this.#clock();
  }

  /** One call to the plane: its reply may be lost, its process may end meanwhile. */
  async #ask(
    what: string,
    about: string | undefined,
    call: (process: Process) => Promise<Answered>,
  ): Promise<Answered | undefined> {
    const { world, dice, lossy, trace, covering } = this.#company;
    const { process } = world;
    const coveredBy = about === undefined ? [] : covering(about);
    const lost = dice.chance(lossy);
    trace.push(`${what}${about === undefined ? '' : ` ${about}`}`);
    let answer: Answered;
    try {
      answer = await call(process);
    } catch (error) {
      const code = String((error as { readonly code?: unknown }).code);
      trace.push(`  ${what}: ${code}`);
      if (process.alive && !EXPECTED.test(code))
        this.#company.broken(`${what} threw ${code}: ${error instanceof Error ? error.stack : ''}`);
      return undefined;
    }
    if (!process.alive || lost) {
      trace.push(`  ${what}: reply lost`);
      return undefined;
    }
    trace.push(`  ${what}: ${wordOf(answer.reply)}`);
    const go = goOf(answer.reply);
    await this.#company.acknowledge({ what, answer, coveredBy, ...(go === undefined ? {} : { go }) });
    return answer;
  }

  async #decide(): Promise<void> {
    const { dice } = this.#company;
    const parent = dice.chance(0.4) ? this.#running() : undefined;
    const caller =
      parent === undefined
        ? speaks(dice.pick(['agent-1', 'agent-2', 'agent-2', 'agent-3'])!)
        : dice.chance(0.8)
          ? parent.caller
          : speaks('agent-3');
    const [action, args] = dice.pick<readonly [string, { readonly [name: string]: Json }]>([
      ['files/write', { path: dice.chance(0.85) ? PATHS[dice.below(2)]! : dice.pick(PATHS)! }],
      ['files/move', { path: PATHS[dice.below(2)]! }],
      ['files/move', { path: PATHS[0] }],
      ['bank/pay', { amount: dice.pick(['1', '0.25', '12.5', '30', '-1', 'x'])! }],
      ['bank/pay', { amount: dice.pick(['5', '10.0001'])! }],
      ['bank/count', {}],
      ['bank/none', {}],
    ])!;
    const call: Call = {
      caller,
      counter: 0,
      request: {
        action,
        arguments: args,
        ...(parent?.exec === undefined ? {} : { parent: parent.exec }),
        idempotencyKey: dice.key(),
        instance: dice.bytes(16),
        ...(dice.chance(0.45) ? { start: true } : {}),
        ...(dice.chance(0.15) ? { child: { agent: 'agent-3', jkt: speaks('agent-3').jkt } } : {}),
        door: { grade: 'gateway', confine: 'none' },
      },
    };
    this.#calls.push(call);
    await this.#send(call, call.request, 'decide');
  }

  async #send(call: Call, request: DecideRequest, what: string): Promise<void> {
    const answer = await this.#ask(what, call.exec, ({ plane }) => plane.decide(call.caller, request));
    const reply = answer?.reply;
    if (reply?.kind === 'refused' && reply.exec !== '') call.exec = reply.exec;
    if (reply?.kind !== 'permitted') return;
    call.exec = reply.exec;
    const { bytes, index } = answer!.entries[reply.permit]!;
    call.permit = { entry: bytes, index };
    if (reply.start !== undefined) call.started = true;
  }

  /** The same request once more: after a lost reply, from another process, with other arguments; or a held caller that is there again. */
  async #again(): Promise<void> {
    const { dice } = this.#company;
    const call = dice.pick(this.#calls.slice(-12));
    if (call === undefined) return;
    const { request } = call;
    switch (dice.below(4)) {
      case 0:
        return this.#send(call, request, 'decide again');
      case 1:
        return this.#send({ ...call }, { ...request, instance: dice.bytes(16) }, 'decide again elsewhere');
      case 2:
        return this.#send(
          { ...call },
          { ...request, arguments: { path: '/workspace/other' } },
          'decide otherwise',
        );
      default: {
        const fresh: Call = {
          caller: call.caller,
          counter: 0,
          request: { ...request, idempotencyKey: dice.key(), instance: dice.bytes(16) },
        };
        this.#calls.push(fresh);
        return this.#send(fresh, fresh.request, 'come back');
      }
    }
  }

  async #redeem(call = this.#pick((one) => one.permit !== undefined)): Promise<void> {
    const { dice } = this.#company;
    if (call?.exec === undefined || call.permit === undefined) return;
    const mine = dice.chance(0.9);
    const caller = dice.chance(0.96) ? call.caller : speaks('agent-3');
    const { exec, permit } = call;
    const instance = mine ? call.request.instance : dice.bytes(16);
    const answer = await this.#ask('redeem', exec, ({ plane }) =>
      plane.redeem(caller, exec, { permit, instance, door: { grade: 'gateway', confine: 'none' } }),
    );
    if (answer?.reply.kind === 'started' && mine) call.started = true;
  }

  async #race(): Promise<void> {
    const call = this.#pick((one) => one.permit !== undefined && one.started !== true);
    if (call === undefined) return;
    await Promise.all(Array.from({ length: 3 }, () => this.#redeem(call)));
  }

  async #renew(): Promise<void> {
    const { dice } = this.#company;
    const call = this.#running();
    if (call?.exec === undefined) return;
    call.counter += dice.chance(0.95) ? 1 : 0;
    const { exec, counter } = call;
    const { instance } = call.request;
    await this.#ask('renew', exec, ({ plane }) =>
      plane.renew(call.caller, exec, { instance, counter, nonce: dice.key() }),
    );
  }

  async #report(): Promise<void> {
    const { dice } = this.#company;
    const call = dice.chance(0.93) ? this.#running() : this.#pick((one) => one.exec !== undefined);
    if (call?.exec === undefined) return;
    const { exec } = call;
    await this.#ask('report', exec, ({ plane }) =>
      plane.report(call.caller, exec, {
        instance: dice.chance(0.95) ? call.request.instance : dice.bytes(16),
        status: dice.pick(['completed', 'completed', 'failed', 'halted'])!,
        ...(dice.chance(0.3) ? { result: { ok: true } } : {}),
        ...(dice.chance(0.5)
          ? { settled: [{ name: 'budget', amount: dice.pick(['0', '0.5', '7', '99'])! }] }
          : {}),
      }),
    );
  }

  async #cancel(): Promise<void> {
    const call = this.#pick((one) => one.exec !== undefined && one.request.action === 'files/move');
    if (call?.exec === undefined) return;
    await this.#ask('cancel', undefined, ({ plane }) => plane.cancel(call.caller, call.exec!));
  }

  async #approve(): Promise<void> {
    const { dice, world } = this.#company;
    const operator = dice.chance(0.3) ? dice.pick(this.#asked) : undefined;
    const call = this.#pick((one) => one.exec !== undefined && one.request.action === 'files/move');
    const exec = operator?.exec ?? call?.exec;
    if (exec === undefined) return;
    const row = await world.process.plane.execution(exec).catch(() => undefined);
    if (row?.hold === undefined) return;
    const { leaf, groups } = row.hold;
    const group = dice.chance(0.95) ? dice.pick(groups)!.group : 'finance';
    const by =
      operator === undefined
        ? dice.pick(['finance-1', 'finance-1', 'legal-1', 'legal-1', 'user-1'])!
        : dice.pick(['operator-1', 'operator-2'])!;
    const verdict = dice.chance(0.93) ? 'approve' : 'reject';
    const expiresMs = dice.chance(0.3) ? { expiresMs: world.clock.now + dice.below(20_000) } : {};
    await this.#ask('approve', undefined, ({ plane }) =>
      plane.approve(speaks(by), exec, { hold: leaf, group, verdict, ...expiresMs }),
    );
    if (operator !== undefined && dice.chance(0.8)) await this.#operate(operator.by, operator.effect);
  }

  async #operate(by: string, effect: Effect): Promise<Reply | undefined> {
    const key = this.#company.dice.key();
    const answer = await this.#ask(`operate ${effect.op}`, undefined, ({ plane }) =>
      plane.operate(speaks(by), effect, { idempotencyKey: key }),
    );
    const reply = answer?.reply;
    if (reply?.kind === 'refused' && reply.verdict === 'hold')
      this.#asked.push({ exec: reply.exec, effect, by });
    return reply;
  }

  async #contain(): Promise<void> {
    const { dice } = this.#company;
    const call = this.#pick((one) => one.exec !== undefined);
    const scope: { readonly kind: ScopeKind; readonly id: string } | undefined = dice.pick([
      { kind: 'everything', id: '*' },
      { kind: 'tenant', id: TENANT },
      { kind: 'agent', id: 'agent-1' },
      { kind: 'tool', id: dice.chance(0.5) ? 'bank/*' : 'files/write' },
      ...(call?.exec === undefined
        ? []
        : (['run', 'subtree', 'execution', 'run', 'subtree'] as const).map((kind) => ({
            kind,
            id: call.exec!,
          }))),
    ]);
    if (scope !== undefined)
      await this.#operate(dice.pick(['operator-1', 'operator-2'])!, { op: 'contain', scope });
  }

  /** Most of what is contained is lifted again by two, or nothing would happen any more. */
  async #lift(): Promise<void> {
    const { dice, world } = this.#company;
    const active = await world.process.plane.containments().catch(() => undefined);
    for (const { leaf } of active?.active ?? []) {
      const reply = await this.#operate('operator-1', { op: 'lift', leaf });
      if (reply?.kind !== 'refused' || reply.verdict !== 'hold' || dice.chance(0.1)) continue;
      const hold = (await world.process.plane.execution(reply.exec).catch(() => undefined))?.hold;
      if (hold === undefined) continue;
      await this.#ask('approve', undefined, ({ plane }) =>
        plane.approve(speaks('operator-2'), reply.exec, {
          hold: hold.leaf,
          group: 'second-person',
          verdict: 'approve',
        }),
      );
      await this.#operate('operator-1', { op: 'lift', leaf });
    }
  }

  async #order(): Promise<void> {
    const { dice, world, trace } = this.#company;
    const replayed = dice.chance(0.3) ? dice.pick(this.#orders) : undefined;
    const scope = dice.pick([
      { kind: 'everything', id: '*' } as const,
      { kind: 'agent', id: 'agent-2' } as const,
    ])!;
    const note = replayed ?? killOrder(scope, (this.#serial += 1), world.clock.now + 600_000);
    this.#orders.push(note);
    const { process } = world;
    try {
      const { durable } = await process.plane.order(note);
      trace.push(`order: ${durable ? 'durable' : 'in memory'}`);
    } catch (error) {
      const code = String((error as { readonly code?: unknown }).code);
      if (process.alive && !EXPECTED.test(code)) this.#company.broken(`order threw ${code}`);
    }
  }

  async #publish(): Promise<void> {
    const { dice } = this.#company;
    if (dice.chance(0.5)) return;
    if (dice.chance(0.8)) this.#version += 1;
    await this.#operate('author-1', publishing(this.#version));
  }

  async #identity(): Promise<void> {
    const { dice } = this.#company;
    const who = dice.pick(['agent-1', 'agent-2', 'agent-3', 'legal-1', 'finance-1'])!;
    await this.#operate('operator-1', changed(who, dice.chance(0.12) ? 'revoke' : 'update'));
  }

  async #fact(): Promise<void> {
    const { dice, world } = this.#company;
    const name = dice.pick(['audit', 'frozen'])!;
    await this.#operate('operator-2', {
      op: 'fact',
      name,
      value: dice.chance(name === 'audit' ? 0.6 : 0.3),
      expMs: world.clock.now + dice.below(60_000),
    });
  }

  async #resolve(): Promise<void> {
    const call = this.#pick((one) => one.started === true);
    if (call?.exec === undefined) return;
    await this.#operate('operator-1', { op: 'resolve', exec: call.exec, status: 'failed', reason: 'looked' });
  }

  async #clock(): Promise<void> {
    await this.#operate('operator-1', { op: 'clock' });
  }

  #running(): Call | undefined {
    return this.#pick((one) => one.started === true);
  }

  #pick(fits: (call: Call) => boolean): Call | undefined {
    return this.#company.dice.pick(this.#calls.slice(-24).filter(fits));
  }
}

const wordOf = (reply: Reply): string =>
  `${reply.kind}${'code' in reply && reply.code !== undefined ? ` ${reply.code}` : ''}${'exec' in reply && reply.exec !== undefined ? ` ${reply.exec}` : ''}`;

/** The execution that this reply tells its door to run. */
const goOf = (reply: Reply): string | undefined =>
  reply.kind === 'started' || (reply.kind === 'permitted' && reply.start !== undefined)
    ? reply.exec
    : undefined;
