/** Goal: codes, table and code agree. Method: the source is read; the compiler refuses codes outside the table. */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { EVIDENCE_ERRORS, EvidenceError } from '../src/index.ts';

const src = fileURLToPath(new URL('../src/', import.meta.url));
const source = globSync('**/*.ts', { cwd: src })
  .filter((file) => file !== 'errors.ts')
  .map((file) => readFileSync(src + file, 'utf8'))
  .join('\n');

it('every code in the table is thrown somewhere', () => {
  const unused = Object.keys(EVIDENCE_ERRORS).filter((code) => !source.includes(`'${code}'`));
  expect(unused).toEqual([]);
});

it('every row says what is meant and what to do', () => {
  for (const { meaning, next } of Object.values(EVIDENCE_ERRORS)) {
    expect(meaning).toMatch(/^[A-Z].*\.$/s);
    expect(next).toMatch(/^[A-Z].*\.$/s);
  }
});

it('an error carries its code, its cause and a message that begins with the code', () => {
  const cause = new Error('inner');
  const error = new EvidenceError('ERR_JSON_SYNTAX', 'outer', { cause });
  expect([error.code, error.cause, error.message, error.name]).toEqual([
    'ERR_JSON_SYNTAX',
    cause,
    'ERR_JSON_SYNTAX: outer',
    'EvidenceError',
  ]);
});
