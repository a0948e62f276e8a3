/** Search by what people have in hand: an execution id, a leaf hash, a log index, an agent, an action. */
import { useNavigate } from '@tanstack/react-router';
import { useState, type Ref, type SyntheticEvent } from 'react';
import { isPublic } from '../data/listener.ts';
import css from './frame.module.css';

const EXECUTION = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ACTION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._/-]{0,95}$/;

export function Search({ ref }: { readonly ref: Ref<HTMLInputElement> }) {
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [hint, setHint] = useState('');
  const find = (event: SyntheticEvent): void => {
    event.preventDefault();
    const wanted = text.trim();
    setHint('');
    if (wanted === '') return;
    if (EXECUTION.test(wanted)) void navigate({ to: '/decisions/$id', params: { id: wanted } });
    else if (/^[0-9]{1,15}$/.test(wanted))
      void navigate({ to: '/proof/entry/$ref', params: { ref: wanted } });
    else if (ACTION.test(wanted) && !isPublic) void navigate({ to: '/console', search: { action: wanted } });
    else if (/^[au]-[A-Za-z0-9._:@-]+$/.test(wanted) && !isPublic)
      void navigate({ to: '/agents/$id', params: { id: wanted } });
    else
      return setHint(
        'Search takes an execution id, a log index, server/tool, or an agent id such as a-default.',
      );
    setText('');
  };
  return (
    <form className={css['search']} role="search" onSubmit={find}>
      <input
        ref={ref}
        type="search"
        aria-label="Search by id, log index, action or agent"
        placeholder="Search  /"
        value={text}
        spellCheck={false}
        autoComplete="off"
        onChange={({ target }) => setText(target.value)}
      />
      {hint !== '' && (
        <p role="alert" className={css['hint']}>
          {hint}
        </p>
      )}
    </form>
  );
}
