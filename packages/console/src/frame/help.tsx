/** The keys, in a dialog. */
import { useEffect, useRef } from 'react';
import { Button } from '../components/button.tsx';
import { KEY_HELP } from './keys.ts';
import css from './help.module.css';

export function Help({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className={css['help']} aria-labelledby="keys-title" onClose={onClose}>
      <h2 id="keys-title">Keys</h2>
      <dl>
        {KEY_HELP.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <p className="muted">No single key ever approves, contains or stops anything.</p>
      <Button onPress={onClose}>Close</Button>
    </dialog>
  );
}
