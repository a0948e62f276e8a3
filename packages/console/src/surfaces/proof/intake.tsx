/** Where evidence comes in: dropped, opened or pasted. It stays in this browser. */
import { useState } from 'react';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { textBytes } from './check.ts';
import type { Subject } from './viewer.tsx';
import css from './proof.module.css';

export interface IntakeProps {
  onOpen(subject: Subject): void;
  onSample(): void;
  onForged(): void;
}

export function Intake({ onOpen, onSample, onForged }: IntakeProps) {
  const [text, setText] = useState('');
  const openFile = async (file: File | undefined): Promise<void> => {
    if (file !== undefined) onOpen({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });
  };
  return (
    <Panel title="Evidence">
      <label className={css['target']}>
        <svg viewBox="0 0 40 40" width="40" height="40" aria-hidden="true">
          <path
            d="M8 4h16l8 8v24H8Z M24 4v8h8 M14 22l5 5 8-9"
            fill="none"
            stroke="currentColor"
            strokeWidth="1.5"
          />
        </svg>
        <span className={css['big']}>Drop an evidence bundle here, or open one</span>
        <span className="muted">It is checked in this browser and sent nowhere.</span>
        <input
          type="file"
          accept=".json,application/json"
          aria-label="Open an evidence bundle"
          onChange={({ target }) => void openFile(target.files?.[0])}
        />
      </label>
      <form
        className={css['form']}
        onSubmit={(event) => {
          event.preventDefault();
          onOpen({ name: 'pasted text', bytes: textBytes(text) });
        }}
      >
        <label>
          <span>or paste it</span>
          <textarea
            rows={3}
            value={text}
            spellCheck={false}
            onChange={({ target }) => setText(target.value)}
          />
        </label>
        <div className={css['row']}>
          <Button submit kind="primary" because={text.trim() === '' ? 'Paste the bundle first.' : undefined}>
            Check it
          </Button>
          <span className={css['grow']} />
          <Button onPress={onSample}>Try a good sample</Button>
          <Button onPress={onForged}>Try forged ones</Button>
        </div>
      </form>
      <p className="muted">
        Get one with <code>licet evidence ID -o evidence.json</code>, or from any decision’s page.
      </p>
    </Panel>
  );
}
