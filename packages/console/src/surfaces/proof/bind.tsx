/** Is the evidence about what the visitor holds? A file or arguments of theirs, compared with what was committed to. */
import { useState } from 'react';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import type { EvidenceFile } from '@licet/evidence';
import { compareArguments, compareFile, type Comparison } from './binding.ts';
import css from './proof.module.css';

const WORDS: Readonly<Record<Comparison['result'], string>> = {
  same: 'same',
  different: 'DIFFERENT',
  withheld: 'withheld',
  absent: 'absent',
};

export function Bind({ file }: { readonly file: EvidenceFile }) {
  const [text, setText] = useState('');
  const [found, setFound] = useState<
    { readonly of: string; readonly rows: readonly Comparison[] } | undefined
  >();
  const hash = async (chosen: File | undefined): Promise<void> => {
    if (chosen === undefined) return;
    const bytes = new Uint8Array(await chosen.arrayBuffer());
    setFound({ of: chosen.name, rows: compareFile(file, bytes) });
  };
  return (
    <Panel title="Is it about what you hold?">
      <p className="muted">
        A proof about somebody else’s file proves nothing about yours. What you give here stays here.
      </p>
      <div className={css['bind']}>
        <form
          className={css['form']}
          onSubmit={(event) => {
            event.preventDefault();
            setFound({ of: 'your arguments', rows: compareArguments(file, text) });
          }}
        >
          <label>
            <span>The arguments as you know them, JSON</span>
            <textarea
              rows={3}
              value={text}
              spellCheck={false}
              onChange={({ target }) => setText(target.value)}
            />
          </label>
          <div className={css['row']}>
            <Button submit because={text.trim() === '' ? 'Paste them first.' : undefined}>
              Compare arguments
            </Button>
            <label className={css['file']}>
              <span>or a file of yours</span>
              <input type="file" onChange={({ target }) => void hash(target.files?.[0])} />
            </label>
          </div>
        </form>
        {found !== undefined && (
          <ul className={css['items']} aria-label={`Compared with ${found.of}`}>
            {found.rows.length === 0 && <li>Nothing in this evidence is about {found.of}.</li>}
            {found.rows.map(({ what, result, why }) => (
              <li key={what} data-result={result}>
                <strong>{WORDS[result]}</strong> <Untrusted>{what}</Untrusted>{' '}
                <span className="muted">{why}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Panel>
  );
}
