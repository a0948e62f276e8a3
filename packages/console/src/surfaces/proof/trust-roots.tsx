/**
 * Whom the visitor trusts: each key by purpose, with the file to edit. It comes from the visitor and from nowhere else:
 * not from the evidence, not from whoever served this page (RULE 43).
 */
import { useState } from 'react';
import { KEY_PURPOSES, parseTrust, type Trust } from '@licet/evidence';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Note } from '../../components/states.tsx';
import css from './proof.module.css';

export interface TrustRootsProps {
  readonly text: string | undefined;
  /** True while a sample is judged under the keys that were made for it. */
  readonly sample: boolean;
  /** The origin of the file that is open, to say when nobody vouches for it. */
  readonly origin: string | undefined;
  /** @throws EvidenceError when it is no trust file */
  onTrust(text: string): Promise<void>;
  onForget(): void;
}

export function TrustRoots({ text, sample, origin, onTrust, onForget }: TrustRootsProps) {
  const [draft, setDraft] = useState<string | undefined>(undefined);
  const [problem, setProblem] = useState('');
  const trust = text === undefined ? undefined : readTrust(text);
  const keep = async (next: string): Promise<void> => {
    try {
      await onTrust(next);
      setDraft(undefined);
      setProblem('');
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <Panel title="Whom you trust">
      {sample && (
        <Note tone="hold">Sample keys, published with the vectors. They say nothing about any real log.</Note>
      )}
      {trust === undefined ? (
        <p>
          Nobody yet. So the best this page can say is <em>consistent with itself; signer unknown</em>. The
          plane wrote a trust file on its machine when it was made (<code>licet trust</code> shows it).
        </p>
      ) : (
        trust.logs.map((log) => (
          <div key={log.origin} className={css['log']}>
            <p>
              <code>{log.origin}</code>
            </p>
            <p className="muted">
              tenant {log.tenant}, audiences {log.audiences.join(', ')}
            </p>
            <ul className={css['keys']} aria-label={`Keys of ${log.origin}`}>
              {log.policy
                .split('\n')
                .filter((line) => /^(log|witness|group|quorum)\b/.test(line))
                .map((line) => (
                  <li key={line}>
                    <code>{line}</code>
                  </li>
                ))}
              {KEY_PURPOSES.flatMap((purpose) =>
                log.keys[purpose].map((key) => (
                  <li key={key}>
                    <code>{key.slice(log.origin.length + 1)}</code>
                  </li>
                )),
              )}
            </ul>
          </div>
        ))
      )}
      {origin !== undefined && trust !== undefined && !trust.logs.some((log) => log.origin === origin) && (
        <Note tone="deny">
          Your trust file does not name <code>{origin}</code>, the log of this evidence.
        </Note>
      )}
      {problem !== '' && <Note tone="deny">Not a trust file: {problem}</Note>}
      {draft === undefined ? (
        <div className={css['row']}>
          <Button onPress={() => setDraft(sample ? '' : (text ?? ''))}>
            {text === undefined || sample ? 'Bring a trust file' : 'Edit'}
          </Button>
          {text !== undefined && !sample && (
            <Button kind="quiet" onPress={onForget}>
              Forget
            </Button>
          )}
        </div>
      ) : (
        <form
          className={css['form']}
          onSubmit={(event) => {
            event.preventDefault();
            void keep(draft);
          }}
        >
          <label>
            <span>Trust file</span>
            <textarea
              rows={8}
              value={draft}
              spellCheck={false}
              onChange={({ target }) => setDraft(target.value)}
            />
          </label>
          <label>
            <span>or open it</span>
            <input
              type="file"
              accept=".json,application/json"
              onChange={({ target }) => void target.files?.[0]?.text().then(keep)}
            />
          </label>
          <div className={css['row']}>
            <Button submit kind="primary" because={draft.trim() === '' ? 'Paste the file first.' : undefined}>
              Trust this
            </Button>
            <Button kind="quiet" onPress={() => setDraft(undefined)}>
              Cancel
            </Button>
          </div>
        </form>
      )}
      <p className="muted">Never taken from the evidence, nor from whoever served this page.</p>
    </Panel>
  );
}

function readTrust(text: string): Trust | undefined {
  try {
    return parseTrust(text);
  } catch {
    return undefined;
  }
}
