/**
 * Whose signatures count on the team's bundles (RULE 20). Keys are in no browser: a change is signed on an author's
 * machine and handed in here, or by the command line.
 */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { OperatorAnswer } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Failed, Loading } from '../../components/states.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { post } from '../../data/call.ts';
import { authorsQuery } from '../../data/queries.ts';
import { useMissing } from '../../data/session.ts';
import { OperatorResult } from './operate.tsx';
import css from './console.module.css';

export function Authors() {
  const { data, error, isPending, refetch } = useQuery(authorsQuery);
  return (
    <Panel title="Authors">
      {isPending ? (
        <Loading what="authors" />
      ) : error !== null ? (
        <Failed error={error} what="authors" retry={() => void refetch()} />
      ) : (
        <div className={css['stack']}>
          <div className={css['flush']} tabIndex={0} role="region" aria-label="Authors, table">
            <table className={css['grid']}>
              <thead>
                <tr>
                  <th>Key</th>
                  <th>Whose</th>
                  <th>State</th>
                </tr>
              </thead>
              <tbody>
                {data.map(({ id, subject, name, counts }) => (
                  <tr key={id}>
                    <td className="mono">{id}</td>
                    <td>
                      {subject === undefined ? (
                        <span className="muted">pinned in the trust file</span>
                      ) : (
                        <Untrusted>{name ?? subject}</Untrusted>
                      )}
                    </td>
                    <td>
                      {counts ? <strong>counts</strong> : <span className="muted">counts no more</span>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Change />
        </div>
      )}
    </Panel>
  );
}

/** Takes a change that an author signed. */
function Change() {
  const client = useQueryClient();
  const [text, setText] = useState('');
  const missing = useMissing('author');
  const change = useMutation({
    mutationFn: () => post<OperatorAnswer>('/v1/authors', { changes: JSON.parse(text) as unknown }),
    onSettled: () => client.invalidateQueries(),
  });
  return (
    <form
      className={css['form']}
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      <p className={css['small']}>
        A new author runs <code>licet authors key</code> and hands the key over. Who is an author already
        signs it with <code>licet authors add KEY --for PERSON --print</code>, or takes one away with{' '}
        <code>licet authors retire KEY --print</code>; paste that here. What a retired key signed before stays
        in force.
      </p>
      <label>
        <span>Signed change, JSON</span>
        <textarea rows={3} value={text} spellCheck={false} onChange={({ target }) => setText(target.value)} />
      </label>
      <div>
        <Button
          submit
          busy={change.isPending}
          because={missing ?? (text.trim() === '' ? 'Paste a signed change.' : undefined)}
        >
          Change the authors
        </Button>
      </div>
      <OperatorResult answer={change.data} error={change.error} done="Recorded, and counts from now on." />
    </form>
  );
}
