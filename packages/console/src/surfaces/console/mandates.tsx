/** The mandates that an identity holds or has given: what each allows, until when, and a way to end it (RULE 17). */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { MandateView, OperatorAnswer } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { Time, useNow } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { post } from '../../data/call.ts';
import { mandatesQuery } from '../../data/queries.ts';
import { useMissing } from '../../data/session.ts';
import { OperatorResult } from './operate.tsx';
import css from './console.module.css';

export function Mandates({ of }: { readonly of: string }) {
  const { data, error, isPending, refetch } = useQuery(mandatesQuery);
  const own = (data ?? []).filter(({ from, to }) => from === of || to === of);
  return (
    <Panel title="Mandates" flush>
      {isPending ? (
        <Loading what="mandates" />
      ) : error !== null ? (
        <Failed error={error} what="mandates" retry={() => void refetch()} />
      ) : own.length === 0 ? (
        <Empty title="None given or held.">
          <code>licet mandates grant --to {of} --may "files-read in /srv/notes" --for 8h</code> signs one with
          the key of its giver.
        </Empty>
      ) : (
        <ul className={css['list']}>
          {own.map((one) => (
            <Mandate key={one.id} of={one} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Mandate({ of }: { readonly of: MandateView }) {
  const client = useQueryClient();
  const missing = useMissing('operator');
  const revoke = useMutation({
    mutationFn: () => post<OperatorAnswer>(`/v1/mandates/${encodeURIComponent(of.id)}/revoke`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: ['mandates'] }),
  });
  const now = useNow();
  const over = of.revoked || now >= of.exp;
  return (
    <li>
      <div className={css['spread']}>
        <span>
          <Link to="/agents/$id" params={{ id: of.from }}>
            <Untrusted>{of.from}</Untrusted>
          </Link>{' '}
          →{' '}
          <Link to="/agents/$id" params={{ id: of.to }}>
            <Untrusted>{of.to}</Untrusted>
          </Link>
        </span>
        <span>
          {of.revoked ? (
            'revoked'
          ) : (
            <>
              {over ? 'was over' : 'until'} <Time ms={of.exp} />
            </>
          )}{' '}
          <LeafTicks place={of} />
        </span>
      </div>
      <Untrusted block>{wordsOf(of)}</Untrusted>
      {!over && (
        <div className={css['buttons']}>
          <Button because={missing} busy={revoke.isPending} onPress={() => revoke.mutate()}>
            End it
          </Button>
        </div>
      )}
      <OperatorResult
        answer={revoke.data}
        error={revoke.error}
        done="What ran under it halts at its next beat."
      />
    </li>
  );
}

/** The policies as they were signed, and the budgets. */
function wordsOf({ body }: MandateView): string {
  const { policies, limits, depth } = (body ?? {}) as {
    readonly policies?: readonly { readonly text: string }[];
    readonly limits?: Readonly<Record<string, { readonly max: number | string }>>;
    readonly depth?: number;
  };
  if (policies === undefined) return 'Its words were erased: it allows nothing.';
  return [
    ...policies.map(({ text }) => text.trim()),
    ...Object.entries(limits ?? {}).map(([name, { max }]) => `// at most ${max} of ${name} in all`),
    ...(depth === undefined ? [] : [`// at most ${depth} may act below`]),
  ].join('\n');
}
