/** `/approvals/:id`: one hold, with exactly what would be permitted. */
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { Facts, Page, Panel } from '../../../components/panel.tsx';
import { Failed, Loading } from '../../../components/states.tsx';
import { Countdown } from '../../../components/time.tsx';
import { Untrusted } from '../../../components/untrusted.tsx';
import { executionQuery } from '../../../data/queries.ts';
import { PeopleOnly } from '../../../frame/sign-in.tsx';
import { Chain } from '../chain.tsx';
import { ConsoleNav } from '../console-nav.tsx';
import { Answer } from './answer.tsx';
import { Asked } from './asked.tsx';
import css from '../console.module.css';

export function ApprovalPage() {
  const { id } = useParams({ from: '/approvals/$id' });
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <Approval id={id} />
      </PeopleOnly>
    </>
  );
}

function Approval({ id }: { readonly id: string }) {
  const { data, error, isPending, refetch } = useQuery(executionQuery(id));
  if (isPending)
    return (
      <Page title="Approval">
        <Loading what="the hold" />
      </Page>
    );
  if (data === undefined)
    return (
      <Page title="Approval">
        <Failed error={error} what="this hold" retry={() => void refetch()} />
      </Page>
    );
  return (
    <Page
      title={<Untrusted>{data.action}</Untrusted>}
      lead={
        data.state === 'held' && data.hold !== undefined ? (
          <>
            Held; if nobody answers it is denied in <Countdown untilMs={data.hold.untilMs} />.
          </>
        ) : (
          `Not held any more: ${data.state.replace('_', ' ')}.`
        )
      }
      actions={
        <Link to="/decisions/$id" params={{ id }}>
          The whole decision
        </Link>
      }
    >
      <div className={css['columns']}>
        <div className={css['stack']}>
          <Answer execution={data} />
        </div>
        <div className={css['stack']}>
          {data.hold !== undefined && (
            <Panel title="Who is asked">
              <Asked of={data} />
            </Panel>
          )}
          <Panel title="Who asks">
            <Chain links={data.chain} />
          </Panel>
          <Panel title="What holds it">
            <Facts
              items={[
                ['Policies', data.reasons.join(', ') || 'none'],
                [
                  'Resources',
                  <span key="r">
                    {(data.resources ?? []).map(({ type, id: name }, at) => (
                      <div key={at}>
                        {type}{' '}
                        <code>
                          <Untrusted>{name}</Untrusted>
                        </code>
                      </div>
                    ))}
                  </span>,
                ],
                ['Door', `${data.grade}, ${data.custody}, ${data.confine}`],
              ]}
            />
          </Panel>
        </div>
      </div>
    </Page>
  );
}
