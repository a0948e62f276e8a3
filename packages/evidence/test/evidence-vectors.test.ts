/** Goal: the vectors that other verifiers run say what this one says. Method: one loop over the data, with two cryptos. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nobleCrypto, parseTrust, RUNG_NAMES, utf8, verifyBundle } from '../src/index.ts';
import { nodeCrypto } from '../src/node.ts';
import { makeVectors, VECTOR_FOLDER, vectorText, type EvidenceVector } from './build/vectors.ts';

const names = readdirSync(VECTOR_FOLDER).filter((name) => name.endsWith('.json'));
const read = (name: string): EvidenceVector =>
  JSON.parse(readFileSync(VECTOR_FOLDER + name, 'utf8')) as EvidenceVector;

describe('vectors/evidence', () => {
  it.each(names)('%s', async (name) => {
    const { input, expected } = read(name);
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      const report = await verifyBundle(
        utf8(input.file),
        input.trust === null ? undefined : parseTrust(input.trust),
        { crypto },
      );
      expect(report.exit).toBe(expected.exit);
      expect(Object.fromEntries(report.rungs.map((rung) => [rung.name, rung.status]))).toEqual(
        expected.rungs,
      );
    }
  });

  it('has one that fails for every rung but re-decision, which needs an engine', () => {
    for (const rung of RUNG_NAMES) {
      if (rung !== 're-decision')
        expect(read(`fail-${rung}.json`).expected, rung).toMatchObject({
          exit: 4,
          rungs: { [rung]: 'fail' },
        });
    }
  });

  it('rule 22: an approval passes by passkey, is asserted by token, and fails when anything about it is bent', () => {
    const rung = (name: string) => read(`${name}.json`).expected.rungs['approvals'];
    expect(rung('good')).toBe('pass');
    expect(rung('approval-by-token')).toBe('asserted');
    expect(rung('approval-standing')).toBe('asserted');
    expect(rung('approval-withheld')).toBe('not checked');
    for (const name of names.filter((one) => one.startsWith('fail-approval-')))
      expect(read(name).expected, name).toMatchObject({ exit: 4, rungs: { approvals: 'fail' } });
  });

  it('rule 43: has the forgery, which fails under trust, and a good one that passes', () => {
    expect(read('good.json').expected.exit).toBe(0);
    expect(read('good-without-trust.json').expected.exit).toBe(5);
    expect(read('forgery.json').expected).toMatchObject({
      exit: 4,
      rungs: { 'checkpoint-signature': 'fail', inclusion: 'pass' },
    });
    expect(read('origin-not-named.json').expected.exit).toBe(4);
  });

  it('is what the builder makes today', async () => {
    const made = await makeVectors();
    expect([...made.keys()].sort()).toEqual(names.sort());
    for (const [name, vector] of made)
      expect(vectorText(vector), name).toBe(readFileSync(VECTOR_FOLDER + name, 'utf8'));
  });
});
