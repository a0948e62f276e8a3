/** Goal: a bundle says how each group approves; whatever would loosen that in silence is refused at load (RULE 14, 20, 22). */
import { describe, expect, it } from 'vitest';
import { redecide, type ApprovalSpec, type DecidedEntry } from '../src/index.ts';
import { aBundle, aDecision, anOrg, decide, engine, load, PERMIT_ALL, problemsOf } from './support.ts';
import { loadBundle } from '../src/index.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const holding = (group = 'x', more = ''): string =>
  `@id("h") @hold("${group}") ${more} forbid (principal, action == Action::"files/write_file", resource) unless { context.approvals.contains("${group.split(':')[0]}") };`;
const loadX = (x: ApprovalSpec, text = holding()) => load([PERMIT_ALL, text], { approvals: { x } });

describe('what a hold asks comes from the bundle', () => {
  it('all of it, in absolute times', () => {
    const loaded = loadX({
      quorum: 2,
      apart: ['a', 'b'],
      wait: '1h',
      ttl: '5m',
      escalation: [
        { after: '10m', to: 'chiefs' },
        { after: '30m', to: 'board' },
      ],
      reason: 'required',
      method: 'passkey',
    });
    expect(decide(loaded).holds).toEqual([
      {
        group: 'x',
        need: 2,
        untilMs: NOW + 3_600_000,
        also: [
          { group: 'chiefs', at: NOW + 600_000 },
          { group: 'board', at: NOW + 1_800_000 },
        ],
        apart: ['a', 'b'],
        ttl: 300_000,
        reason: true,
        method: 'passkey',
      },
    ]);
  });
  it('a policy shortens the wait and raises the quorum, never the other way', () => {
    expect(decide(loadX({ wait: '1h', quorum: 3 }, holding('x:2', '@until("5m")'))).holds).toMatchObject([
      { need: 3, untilMs: NOW + 300_000 },
    ]);
    expect(decide(loadX({ wait: '1m' }, holding('x:4', '@until("5m")'))).holds).toMatchObject([
      { need: 4, untilMs: NOW + 60_000 },
    ]);
  });
  it('rule 19: a hold that asked anything else than the bundle does not agree when decided again', () => {
    const loaded = loadX({ quorum: 2, escalation: [{ after: '10m', to: 'chiefs' }] });
    const input = aDecision(loaded);
    const evaluation = engine.evaluate(loaded, input);
    const entry: DecidedEntry = {
      type: 'refusal',
      at: NOW,
      chain: [
        { kind: 'user', id: 'user-1' },
        { kind: 'agent', id: 'agent-1' },
      ],
      action: input.action,
      bound: input.door.bound,
      reasons: evaluation.reasons,
      bundles: loaded.refs,
      engine: engine.version,
      ...{ grade: input.door.grade, custody: input.door.custody, confine: input.door.confine },
      verdict: 'hold',
      code: evaluation.code!,
      failedLink: evaluation.failedLink!,
      holds: evaluation.holds!,
    };
    const again = (holds: DecidedEntry['holds']) =>
      redecide(engine, loaded, {
        entry: { ...entry, holds: holds! },
        args: input.args,
        inputs: evaluation.inputs!,
      }).differences;
    expect(again(evaluation.holds)).toEqual([]);
    const [ask] = evaluation.holds!;
    for (const other of [
      { ...ask!, need: 1 },
      { ...ask!, also: [{ group: 'chiefs', at: NOW }] },
      { ...ask!, also: [{ group: 'anybody', at: ask!.also![0]!.at }] },
      { ...ask!, apart: ['a'] },
      { ...ask!, ttl: 1 },
      { ...ask!, method: 'passkey' as const },
    ])
      expect(again([other])).toEqual(['holds']);
  });
});

describe('rule 14: refused at load', () => {
  const cases: Readonly<Record<string, ApprovalSpec>> = {
    'a quorum above sixteen': { quorum: 17 },
    'fewer departments than approvers': { quorum: 2, apart: ['a'] },
    'a department named twice': { apart: ['a', 'a'] },
    'an approval that lives longer than 15 minutes': { ttl: '16m' },
    'an escalation after the hold has ended': { escalation: [{ after: '15m', to: 'chiefs' }] },
    'escalations that do not follow each other': {
      escalation: [
        { after: '10m', to: 'chiefs' },
        { after: '5m', to: 'board' },
      ],
    },
    'a field that is none': { quorums: 2 } as unknown as ApprovalSpec,
  };
  for (const [title, x] of Object.entries(cases))
    it(title, () => expect(problemsOf(() => loadX(x))).toContain('format'));
  it('a group that no policy holds for, such as a misspelt one', () => {
    expect(problemsOf(() => load([PERMIT_ALL, holding('finance')], { approvals: { finanse: {} } }))).toEqual([
      'hold',
    ]);
  });
  it('a policy that asks for more approvals than there are departments to give them', () => {
    expect(problemsOf(() => loadX({ apart: ['a', 'b'] }, holding('x:3')))).toContain('hold');
  });
});

describe('rule 20: the organisation’s hold is not the team’s to loosen', () => {
  const team = (approvals: Readonly<Record<string, ApprovalSpec>>) => aBundle(PERMIT_ALL, { approvals });
  const org = anOrg(holding('security'), { approvals: { security: { quorum: 2 } } });
  it('the organisation’s terms hold', () => {
    expect(decide(loadBundle(engine, { org, team: aBundle(PERMIT_ALL) })).holds).toMatchObject([{ need: 2 }]);
  });
  it('a team that states other terms, or states them where the organisation has none, is refused', () => {
    const escalation = [{ after: '1s', to: 'us' }];
    expect(problemsOf(() => loadBundle(engine, { org, team: team({ security: { quorum: 1 } }) }))).toContain(
      'layer',
    );
    const bare = anOrg(holding('security'));
    expect(
      problemsOf(() => loadBundle(engine, { org: bare, team: team({ security: { escalation } }) })),
    ).toEqual(['layer']);
  });
});
