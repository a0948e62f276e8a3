/** Arguments as they were committed, with what touches resources; what is withheld or erased keeps its place. */
import type { ExecutionView } from '@licet/api';
import type { Json } from '@licet/evidence';
import { Withheld } from '../../components/states.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import css from './console.module.css';

export function Arguments({ of }: { readonly of: ExecutionView }) {
  if (of.arguments === undefined)
    return (
      <p>
        <Withheld why="withheld: reading arguments needs approver, operator or auditor" />
      </p>
    );
  if (of.arguments === 'erased')
    return (
      <p>
        <Withheld why="erased: the record key was destroyed; the commitment stays" />
      </p>
    );
  const names = Object.keys(of.arguments).sort();
  return (
    <>
      {names.length === 0 && <p className="muted">No arguments.</p>}
      <dl className={css['args']}>
        {names.map((name) => (
          <div key={name}>
            <dt>
              <Untrusted>{name}</Untrusted>
            </dt>
            <dd tabIndex={0}>
              <Value of={(of.arguments as { readonly [name: string]: Json })[name]!} />
            </dd>
          </div>
        ))}
      </dl>
      {of.resources !== undefined && of.resources.length > 0 && (
        <dl className={css['args']}>
          {of.resources.map(({ type, id }, at) => (
            <div key={at}>
              <dt>touches {type}</dt>
              <dd>
                <code>
                  <Untrusted>{id}</Untrusted>
                </code>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}

/** A value: text as text, anything else as indented JSON, all of it untrusted. */
export function Value({ of }: { readonly of: Json }) {
  return <Untrusted block>{typeof of === 'string' ? of : JSON.stringify(of, undefined, 2)}</Untrusted>;
}
