/** Goal: the starter loads, passes its own tests, knows every tool of the filesystem server, and denies. */
import { describe, expect, it } from 'vitest';
import {
  assembleBundle,
  asTest,
  bundleDigest,
  loadBundle,
  PolicyError,
  runPolicyTests,
  selfTest,
  starterPolicy,
  testFiles,
} from '../src/index.ts';
import { aDecision, decide, engine, load, loadStarter, PERMIT_ALL } from './support.ts';

describe('the starter', () => {
  for (const observe of [false, true]) {
    it(`passes its own tests (${observe ? 'observing' : 'enforcing'})`, () => {
      const files = starterPolicy({ workspace: '/workspace', observe });
      const loaded = loadBundle(engine, { team: assembleBundle(files) });
      const results = runPolicyTests(engine, loaded, testFiles(files));
      expect(results.filter(({ passed }) => !passed)).toEqual([]);
      expect(results.length).toBeGreaterThan(1);
      expect(loaded.observing).toBe(observe);
      selfTest(engine, loaded);
    });
  }

  it('maps every argument of every tool, so that nothing it offers is unmappable', () => {
    for (const plan of loadStarter().actions.values())
      expect([plan.name, ...plan.unmappable]).toEqual([plan.name]);
  });

  it('has one digest however its files are ordered', () => {
    const files = starterPolicy({ workspace: '/workspace' });
    const other = Object.fromEntries(Object.entries(files).reverse());
    expect(bundleDigest(assembleBundle(files))).toBe(bundleDigest(assembleBundle(other)));
  });

  it('refuses the whole disk and a path that is not canonical as workspace', () => {
    expect(() => starterPolicy({ workspace: '/' })).toThrow(PolicyError);
    expect(() => starterPolicy({ workspace: '/a/../b' })).toThrow(PolicyError);
  });

  it('refuses a policy file whose name would leave it out', () => {
    const { 'policy.cedar': text, ...files } = starterPolicy({ workspace: '/workspace' });
    expect(() => assembleBundle({ ...files, 'policy.cedar.txt': text! })).toThrow(/neither/);
  });
});

describe('policy tests', () => {
  it('a recorded denial turned into a test passes under the bundle that denied it', () => {
    const loaded = loadStarter();
    const input = aDecision(loaded, { args: { path: '/etc/passwd', content: 'x' } });
    const { verdict, code, reasons } = engine.evaluate(loaded, input);
    expect(verdict).toBe('deny');
    const test = asTest({ name: 'it stays denied', input, verdict, reasons, ...(code ? { code } : {}) });
    const file = JSON.parse(JSON.stringify({ tests: [test] }));
    expect(runPolicyTests(engine, loaded, { 'x.test.json': file })[0]).toMatchObject({ passed: true });
    const [observed] = runPolicyTests(engine, loadStarter(true), { 'x.test.json': file });
    expect(observed?.differences[0]).toBe('verdict: expected "deny", found "allow"');
  });

  it('refuses a file in which a misspelt field would let every test pass', () => {
    const loaded = load(PERMIT_ALL);
    const given = { action: 'files/write_file', args: {} };
    for (const content of [
      { tests: [] },
      { test: [] },
      { tests: [{ name: 'x', given, expect: {} }] },
      { tests: [{ name: 'x', given, expect: { verdict: 'deny', reason: [] } }] },
      { tests: [{ name: 'x', given: { ...given, group: [] }, expect: { verdict: 'deny' } }] },
    ])
      expect(() => runPolicyTests(engine, loaded, { 'x.test.json': content })).toThrow(/ERR_TEST_FORMAT/);
  });
});

it('exec: program and folder are both decided, the further words are not seen', () => {
  const loaded = loadStarter();
  const exec = (argv: string[], cwd: string) => decide(loaded, { action: 'shell/exec', args: { argv, cwd } });
  expect(exec(['/usr/bin/date', '-u'], '/workspace').verdict).toBe('allow');
  expect(exec(['/usr/bin/date'], '/tmp').verdict).toBe('deny');
  expect(exec(['date'], '/workspace').code).toBe('not_canonical');
  expect(exec(['/usr/bin/date'], '/workspace').inputs?.context['input']).toEqual({
    argv: { __entity: { type: 'Program', id: '/usr/bin/date' } },
    cwd: { __entity: { type: 'Folder', id: '/workspace' } },
  });
});
