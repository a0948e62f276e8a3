/**
 * Policy tests of a candidate, run in this browser by the engine that the plane uses: a candidate that loses a test
 * says so before anybody is asked to sign it. Cedar is fetched when they are first run.
 */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Json } from '@licet/evidence';
import type { Bundle } from '@licet/policy';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Note } from '../../components/states.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { openJudge, runTests, type TestResult } from '../../data/decide.ts';
import { bundlesQuery } from '../../data/queries.ts';
import css from './console.module.css';

/** What stands in the field at first: the form of a test, with the verdict to be filled in. */
const EXAMPLE = JSON.stringify(
  {
    tests: [
      {
        name: 'an agent writes below the workspace',
        given: {
          user: 'u-owner',
          agent: 'a-default',
          groups: ['assistants'],
          action: 'files/write_file',
          args: { path: '/workspace/a.txt', content: 'hi' },
        },
        expect: { verdict: 'allow' },
      },
    ],
  },
  undefined,
  2,
);

const PASTED = 'pasted.test.json';

export function WorkbenchTests({
  candidate,
  tests: all,
  onTests,
}: {
  readonly candidate: Bundle;
  /** Test files by name, as text: they go with the publication. */
  readonly tests: Readonly<Record<string, string>>;
  readonly onTests: (tests: Readonly<Record<string, string>>) => void;
}) {
  const { data: published } = useQuery(bundlesQuery);
  const [results, setResults] = useState<readonly TestResult[]>();
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const { [PASTED]: pasted = '', ...files } = all;
  const paste = (text: string): void => onTests(text.trim() === '' ? files : { ...files, [PASTED]: text });

  const open = async (chosen: FileList | null): Promise<void> => {
    const read = await Promise.all([...(chosen ?? [])].map(async (file) => [file.name, await file.text()]));
    onTests({ ...all, ...(Object.fromEntries(read) as Record<string, string>) });
  };
  const run = async (): Promise<void> => {
    setBusy(true);
    setProblem('');
    setResults(undefined);
    const judge = await openJudge();
    try {
      const parsed = Object.fromEntries(
        Object.entries(all).map(([name, text]) => [name, JSON.parse(text) as Json]),
      );
      const org = published?.find(({ layer, active }) => layer === 'org' && active);
      const layers = {
        team: candidate as unknown as Json,
        // The organisation's forbids and holds decide with it, as they will when it is in force.
        ...(org === undefined ? {} : { org: (org.signed as { readonly bundle: Json }).bundle }),
      };
      setResults(await runTests(judge, layers, parsed));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      judge.close();
      setBusy(false);
    }
  };
  const failed = results?.filter(({ passed }) => !passed) ?? [];
  return (
    <Panel
      title="Tests"
      aside={
        <Button
          busy={busy}
          because={Object.keys(all).length === 0 ? 'Open or paste tests first.' : undefined}
          onPress={() => void run()}
        >
          Run tests
        </Button>
      }
    >
      <div className={css['form']}>
        <label>
          <span>Test files (*.test.json)</span>
          <input
            type="file"
            accept=".json,application/json"
            multiple
            onChange={({ target }) => void open(target.files)}
          />
        </label>
        <label>
          <span>Or tests, JSON</span>
          <textarea
            rows={4}
            value={pasted}
            spellCheck={false}
            placeholder={EXAMPLE}
            onChange={({ target }) => paste(target.value)}
          />
        </label>
      </div>
      <div role="status">
        {problem !== '' && <Note tone="deny">{problem}</Note>}
        {results !== undefined && results.length === 0 && (
          <Note tone="deny">These files hold no test, so nothing is shown by them.</Note>
        )}
        {results !== undefined && results.length > 0 && (
          <p>
            <strong>{results.length - failed.length}</strong> of {results.length} tests hold.
          </p>
        )}
        {failed.length > 0 && (
          <ul className={css['list']}>
            {failed.map(({ file, name, differences }) => (
              <li key={`${file} ${name}`}>
                <strong>
                  <span aria-hidden="true">✗ </span>
                  <Untrusted>{name}</Untrusted>
                </strong>{' '}
                <code>{file}</code>
                {differences.map((difference) => (
                  <p key={difference} className={css['small']}>
                    <Untrusted>{difference}</Untrusted>
                  </p>
                ))}
              </li>
            ))}
          </ul>
        )}
      </div>
    </Panel>
  );
}
