/** The chain of authority: whom the agent acts for, down to who acts. From identity records, never from the request. */
import { Link } from '@tanstack/react-router';
import type { ExecutionView } from '@licet/api';
import { Hash } from '../../components/hash.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import css from './console.module.css';

export function Chain({ links }: { readonly links: ExecutionView['chain'] }) {
  if (links.length === 0)
    return <p className="muted">The caller was not identified far enough to have a chain.</p>;
  return (
    <ol className={css['chain']}>
      {links.map(({ kind, id, name, identity, mandate }, at) => (
        <li key={at} data-kind={kind}>
          <div>
            <div>
              <Link to="/agents/$id" params={{ id }}>
                <Untrusted>{name ?? id}</Untrusted>
              </Link>{' '}
              <span className="muted">
                {kind}
                {at === links.length - 1 ? ', acts' : ''}
              </span>
            </div>
            <div className={css['small']}>
              <code>{id}</code> · identity <Hash value={identity} label="identity leaf" />
            </div>
            {mandate !== undefined && (
              <div className={css['small']}>
                mandate <Hash value={mandate} label="mandate leaf" />
              </div>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}
