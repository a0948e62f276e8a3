/** Whom the visitor trusts: shown wherever something is called verified, editable, never fetched (RULE 43). */
import { useState } from 'react';
import { Button } from '../components/button.tsx';
import { Note } from '../components/states.tsx';
import { forgetTrust, keepTrust, useTrustedOrigins, useTrustText } from '../data/trust.ts';
import css from './trust-box.module.css';

export function TrustBox() {
  const kept = useTrustText();
  const origins = useTrustedOrigins();
  const [editing, setEditing] = useState(false);
  const [problem, setProblem] = useState('');
  const [text, setText] = useState('');
  const keep = async (file: string): Promise<void> => {
    try {
      await keepTrust(file);
      setProblem('');
      setText('');
      setEditing(false);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <section className={css['trust']} aria-label="Whom you trust">
      <h3>Whom you trust</h3>
      {kept === undefined ? (
        <p>
          Nobody yet, so nothing here counts as verified. The plane wrote a trust file on its machine when it
          was made; get it from there, not from this page.
        </p>
      ) : (
        <ul>
          {origins.map((origin) => (
            <li key={origin}>
              <code>{origin}</code>
            </li>
          ))}
        </ul>
      )}
      {problem !== '' && <Note tone="deny">Not a trust file: {problem}</Note>}
      {editing ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void keep(text);
          }}
        >
          <label>
            <span>Paste the trust file</span>
            <textarea
              rows={4}
              value={text}
              spellCheck={false}
              onChange={({ target }) => setText(target.value)}
            />
          </label>
          <label>
            <span>or open it</span>
            <input
              type="file"
              accept=".json,application/json"
              onChange={({ target }) => {
                void target.files?.[0]?.text().then(keep);
              }}
            />
          </label>
          <div>
            <Button submit kind="primary" because={text.trim() === '' ? 'Paste the file first.' : undefined}>
              Trust this
            </Button>{' '}
            <Button kind="quiet" onPress={() => setEditing(false)}>
              Cancel
            </Button>
          </div>
        </form>
      ) : (
        <div>
          <Button onPress={() => setEditing(true)}>
            {kept === undefined ? 'Open a trust file' : 'Replace'}
          </Button>{' '}
          {kept !== undefined && (
            <Button kind="quiet" onPress={forgetTrust}>
              Forget
            </Button>
          )}
        </div>
      )}
    </section>
  );
}
