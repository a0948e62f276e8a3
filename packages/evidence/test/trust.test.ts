/** Goal: a trust file means one thing or is refused. Method: a good one, and one lie at a time. */
import { describe, expect, it } from 'vitest';
import { formatTrust, parseTrust, trustedKeys, trustedLog, utf8 } from '../src/index.ts';
import { TestLog, testKey } from './build/log.ts';

const log = new TestLog();
type LogJson = { keys: Record<string, string[]>; policy: string; origin: string } & Record<string, unknown>;
const edited = (
  edit: (entry: LogJson, file: { logs: Record<string, unknown>[] } & Record<string, unknown>) => void,
): string => {
  const file = structuredClone(log.trustJson());
  edit(file.logs[0] as LogJson, file);
  return JSON.stringify(file);
};

describe('trust file', () => {
  it('formats to the bytes it was parsed from, whatever the white space', () => {
    const bytes = formatTrust(log.trust());
    expect(parseTrust(bytes)).toEqual(log.trust());
    expect(parseTrust(utf8(`\n ${JSON.stringify(log.trustJson(), null, 2)}`))).toEqual(log.trust());
  });

  it('names logs and their keys by purpose, and nothing else', () => {
    const trust = log.trust();
    expect(trustedKeys(trustedLog(trust, log.origin), 'lease').map(({ vkey }) => vkey)).toEqual([
      log.noteKey('lease').vkey,
    ]);
    expect(() => trustedLog(trust, 'licet.local/other')).toThrow('ERR_TRUST_ORIGIN');
  });

  it.each([
    ['an unknown field', edited((entry) => void (entry['hint'] = true)), 'ERR_TRUST_SHAPE'],
    ['a missing purpose', edited((entry) => void delete entry.keys['contain']), 'ERR_TRUST_SHAPE'],
    ['a newer version', edited((_, file) => void (file['v'] = 2)), 'ERR_TRUST_SHAPE'],
    ['one origin twice', edited((entry, file) => void file.logs.push(entry)), 'ERR_TRUST_SHAPE'],
    [
      'rule 3: a policy for another log',
      edited((entry) => void (entry.policy = entry.policy.replaceAll(log.origin, 'other'))),
      'ERR_TRUST_POLICY',
    ],
    ['a policy that is none', edited((entry) => void (entry.policy = 'quorum none')), 'ERR_TRUST_POLICY'],
    ['a policy without a log', edited((entry) => void (entry.policy = 'quorum none\n')), 'ERR_TRUST_POLICY'],
    [
      'rule 3: a key of another purpose',
      edited((entry) => void (entry.keys['lease'] = entry.keys['status']!)),
      'ERR_TRUST_KEY',
    ],
    [
      'one key under two purposes',
      edited((entry) => void (entry.keys['lease'] = [testKey(`${log.origin}/lease`, 'honest status').vkey])),
      'ERR_TRUST_KEY',
    ],
    [
      'the log key as a note key',
      edited((entry) => void (entry.keys['lease'] = [testKey(`${log.origin}/lease`, 'honest log').vkey])),
      'ERR_TRUST_KEY',
    ],
    [
      'a key that is none',
      edited((entry) => void (entry.keys['lease'] = [`${log.origin}/lease+00000000+AAAA`])),
      'ERR_TRUST_KEY',
    ],
  ])('refuses %s', (_name, text, code) => {
    expect(() => parseTrust(text)).toThrow(code);
  });
});
