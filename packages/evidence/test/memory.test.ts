/** Goal: a door never forgets what it saw. Method: two histories of one log, in every order. */
import { describe, expect, it } from 'vitest';
import { ForkError, linkCheckpoint, type EntryOf } from '../src/index.ts';
import { digestOf, TestLog } from './build/log.ts';

function grown(label: string, size: number): TestLog {
  const log = new TestLog();
  for (let i = 0; i < size; i++)
    log.append<EntryOf<'notice'>>({
      type: 'notice',
      kind: 'drill',
      digest: digestOf(`${i < 2 ? '' : label}${i}`),
    });
  return log;
}
const log = grown('honest', 7);
const fork = grown('fork', 7);

describe('rule 8: the largest checkpoint is remembered', () => {
  it('rule 8: the first, the same, a newer and an older one are linked', () => {
    expect(linkCheckpoint(undefined, log.head(3))).toEqual({ kind: 'first' });
    expect(linkCheckpoint(log.head(3), log.head(3))).toEqual({ kind: 'same' });
    expect(linkCheckpoint(log.head(3), log.head(7), log.consistency(3, 7))).toEqual({ kind: 'newer' });
    expect(linkCheckpoint(log.head(7), log.head(3), log.consistency(3, 7))).toEqual({ kind: 'older' });
    expect(linkCheckpoint(log.head(0), log.head(3))).toEqual({ kind: 'newer' });
  });

  it('rule 8: the same size with another root is a fork, and both heads are kept', () => {
    try {
      linkCheckpoint(log.head(7), fork.head(7));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ForkError);
      expect(error).toMatchObject({
        code: 'ERR_CHECKPOINT_FORK',
        remembered: log.head(7),
        seen: fork.head(7),
      });
    }
  });

  it('rule 8: a proof that fails is a fork, a missing one is a refusal', () => {
    expect(() => linkCheckpoint(fork.head(3), log.head(7), log.consistency(3, 7))).toThrow(
      'ERR_CHECKPOINT_FORK',
    );
    expect(() => linkCheckpoint(log.head(7), fork.head(3), log.consistency(3, 7))).toThrow(
      'ERR_CHECKPOINT_FORK',
    );
    expect(() => linkCheckpoint(log.head(3), log.head(7))).toThrow('ERR_CHECKPOINT_UNLINKED');
    expect(() => linkCheckpoint(log.head(7), log.head(3), [])).toThrow('ERR_CHECKPOINT_UNLINKED');
  });

  it('the memory of one log says nothing about another', () => {
    expect(() => linkCheckpoint({ ...log.head(3), origin: 'other' }, log.head(3))).toThrow(
      'ERR_CHECKPOINT_UNLINKED',
    );
  });
});
