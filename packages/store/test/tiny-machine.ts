/**
 * A machine small enough to see through, for tests of the store alone. `operate` with a `notice` effect appends an
 * observation and writes an execution, an idem and a tally row; the notice's name chooses the behaviour.
 */
import { base64url, entryBytes, leafHash, sha256, utf8, type Entry } from '@licet/evidence';
import type { ExecutionRow, Machine, NewEntry, Put, RowReader } from '@licet/control-plane';

const digest = (text: string): string => base64url(sha256(utf8(text)));

export const machine: Machine = {
  apply(rows, { command, reads }, context) {
    if (reads.some(([kind, id, version]) => rows.version(kind, id) !== version)) return 'stale';
    const common = { v: 1, origin: 'licet.test/log', tenant: 'test', at: context.nowMs } as const;
    const nonce = base64url(context.random(16));
    switch (command.kind) {
      case 'boot': {
        const entry = newEntry({ ...common, nonce, type: 'notice', kind: 'boot', digest: digest('boot') });
        const puts = this.project(rows, {
          entry: entry.entry,
          leaf: base64url(entry.leaf),
          index: context.size,
        });
        return {
          entries: [entry],
          puts,
          notes: [],
          reply: { kind: 'booted', incarnation: command.incarnation },
        };
      }
      case 'operate': {
        const behaviour = command.effect.op === 'notice' ? command.effect.notice : '';
        if (behaviour === 'throw') throw new Error('an invariant is broken');
        if (behaviour === 'nothing') {
          return { entries: [], puts: [], notes: [], reply: { kind: 'conflict', code: 'nothing' } };
        }
        const count = behaviour === 'two' ? 2 : 1;
        const verdict = behaviour === 'deny' ? 'deny' : 'allow';
        const entries = Array.from({ length: count }, (_, i) =>
          newEntry(
            {
              ...common,
              nonce: base64url(context.random(16)),
              type: 'observation',
              kind: 'drill',
              verdict,
              reasons: [],
              exec: command.exec,
              inputs: command.idem,
            },
            { name: `${behaviour} ${i}` },
          ),
        );
        const seen = new Map<string, Put>();
        const staged: RowReader = {
          get: (kind, id) => (seen.get(`${kind} ${id}`)?.value ?? rows.get(kind, id)) as never,
          version: (kind, id) => rows.version(kind, id),
        };
        entries.forEach(({ entry, leaf, detail }, i) => {
          const item = {
            entry,
            leaf: base64url(leaf),
            index: context.size + i,
            ...(detail ? { detail } : {}),
          };
          for (const put of this.project(staged, item)) seen.set(`${put.kind} ${put.id}`, put);
        });
        const reply = { kind: 'operated', exec: command.exec, effect: 'notice' } as const;
        return { entries, puts: [...seen.values()], notes: [], reply };
      }
      case 'renew': {
        const note = context.signNote(`renewal\n${command.exec}\n${command.counter}\n`);
        const puts = this.projectNote(rows, command.exec, note);
        return {
          entries: [],
          puts,
          notes: [{ exec: command.exec, note }],
          reply: { kind: 'renewed', exec: command.exec, untilMs: 0 },
        };
      }
      default:
        return { entries: [], puts: [], notes: [], reply: { kind: 'conflict', code: 'unknown' } };
    }
  },
  project(rows, { entry, leaf, index, detail }) {
    const id = entry.type === 'notice' ? entry.kind : entry.type;
    const tally: Put = { kind: 'tally', id, value: { count: (rows.get('tally', id)?.count ?? 0) + 1 } };
    if (entry.type !== 'observation' || entry.exec === undefined || entry.inputs === undefined)
      return [tally];
    const row = {
      exec: entry.exec,
      run: entry.exec,
      state: entry.verdict === 'allow' ? 'permitted' : 'refused',
      verdict: entry.verdict,
      action: 'files/write_file',
      chain: [{ kind: 'agent', id: 'agent-1', identity: leaf }],
      atMs: entry.at,
      decision: { leaf, index },
      reasons: detail?.name === undefined ? [] : [detail.name],
      dueAtMs: index * 1_000,
    } as unknown as ExecutionRow;
    return [
      tally,
      { kind: 'execution', id: entry.exec, value: row },
      { kind: 'idem', id: entry.inputs, value: { exec: entry.exec, leaf } },
    ];
  },
  projectNote(rows, exec) {
    const row = rows.get('execution', exec);
    return row === undefined
      ? []
      : [{ kind: 'execution', id: exec, value: { ...row, dueAtMs: (row.dueAtMs ?? 0) + 1 } }];
  },
};

function newEntry(entry: Entry, detail?: NewEntry['detail']): NewEntry {
  const bytes = entryBytes(entry);
  return { entry, bytes, leaf: leafHash(bytes), ...(detail === undefined ? {} : { detail }) };
}
