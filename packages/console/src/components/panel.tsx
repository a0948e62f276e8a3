/** Pages, panels and pairs: hairlines on paper, one heading each. */
import type { ReactNode } from 'react';
import css from './panel.module.css';

/** A page: its question as heading, then content. */
export function Page({
  title,
  lead,
  actions,
  children,
  wide = false,
}: {
  readonly title: ReactNode;
  readonly lead?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  readonly wide?: boolean;
}) {
  return (
    <div className={css['page']} data-wide={wide || undefined}>
      <header className={css['head']}>
        <div>
          <h1>{title}</h1>
          {lead !== undefined && <p className={css['lead']}>{lead}</p>}
        </div>
        {actions !== undefined && <div className={css['actions']}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A card with a heading. `flush` lets tables reach its edges. */
export function Panel({
  title,
  aside,
  children,
  flush = false,
  id,
}: {
  readonly title?: ReactNode;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
  readonly flush?: boolean;
  readonly id?: string;
}) {
  return (
    <section className={css['panel']} id={id} aria-label={typeof title === 'string' ? title : undefined}>
      {title !== undefined && (
        <header className={css['bar']}>
          <h2>{title}</h2>
          {aside !== undefined && <div className={css['aside']}>{aside}</div>}
        </header>
      )}
      <div className={flush ? undefined : css['body']}>{children}</div>
    </section>
  );
}

/** Names and values, aligned. */
export function Facts({
  items,
}: {
  readonly items: readonly (readonly [name: string, value: ReactNode] | undefined | false)[];
}) {
  return (
    <dl className={css['facts']}>
      {items.map((item) =>
        item === undefined || item === false ? null : (
          <div key={item[0]}>
            <dt>{item[0]}</dt>
            <dd>{item[1]}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
