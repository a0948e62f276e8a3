/** `/facts`: what operators state about the world for policies to go by, each with an end (RULE 34). */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { FactsView, OperatorAnswer } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading } from '../../components/states.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { Time } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { post } from '../../data/call.ts';
import { factsQuery } from '../../data/queries.ts';
import { useMissing } from '../../data/session.ts';
import { PeopleOnly } from '../../frame/sign-in.tsx';
import { ConsoleNav } from './console-nav.tsx';
import { Limits } from './limits.tsx';
import { OperatorResult } from './operate.tsx';
import css from './console.module.css';

type Declared = FactsView['declared'][number];
type Stated = FactsView['items'][number];

/** How long a statement may hold, as people choose it. */
const SPANS = [
  ['10 minutes', 600_000],
  ['2 hours', 7_200_000],
  ['1 day', 86_400_000],
  ['7 days', 604_800_000],
] as const;

export function FactsPage() {
  return (
    <>
      <ConsoleNav />
      <PeopleOnly>
        <Facts />
      </PeopleOnly>
    </>
  );
}

function Facts() {
  const { data, error, isPending, refetch } = useQuery(factsQuery);
  return (
    <Page
      title="Facts and limits"
      lead="What operators state about the world. A fact is in the log before it counts, holds for a time, and ends what runs and is no longer permitted at its next beat."
    >
      <Panel flush>
        {isPending ? (
          <Loading what="facts" />
        ) : error !== null ? (
          <Failed error={error} what="facts" retry={() => void refetch()} />
        ) : data.declared.length === 0 ? (
          <Empty title="The policy knows of no fact.">
            <code>"facts"</code> in <code>bundle.json</code> declares them; a policy reads{' '}
            <code>context.facts</code>.
          </Empty>
        ) : (
          <ul className={css['list']}>
            {data.declared.map((fact) => (
              <Fact key={fact.name} of={fact} stated={data.items.find(({ name }) => name === fact.name)} />
            ))}
          </ul>
        )}
      </Panel>
      <Limits />
    </Page>
  );
}

function Fact({ of, stated }: { readonly of: Declared; readonly stated: Stated | undefined }) {
  const client = useQueryClient();
  const missing = useMissing('operator');
  const choices = of.type === 'boolean' ? ['true', 'false'] : of.values;
  const [value, setValue] = useState(choices?.[0] ?? '');
  const [forMs, setForMs] = useState<number>(SPANS[1][1]);
  const state = useMutation({
    mutationFn: (body: { readonly value: boolean | number | string; readonly forMs: number }) =>
      post<OperatorAnswer>('/v1/facts', { name: of.name, ...body }),
    onSettled: () => client.invalidateQueries({ queryKey: ['facts'] }),
  });
  const read = typed(of, value);
  return (
    <li>
      <div className={css['spread']}>
        <span>
          <strong>
            <Untrusted>{of.name}</Untrusted>
          </strong>{' '}
          {stated === undefined ? (
            <span className="muted">is not stated</span>
          ) : (
            <>
              is{' '}
              <code>
                <Untrusted>{String(stated.value)}</Untrusted>
              </code>
            </>
          )}
        </span>
        {stated !== undefined && (
          <span>
            until <Time ms={stated.exp} /> <LeafTicks place={stated} />
          </span>
        )}
      </div>
      <div className={css['buttons']}>
        {choices === undefined ? (
          <input
            aria-label={`Value of ${of.name}, ${of.type}`}
            value={value}
            onChange={({ target }) => setValue(target.value)}
          />
        ) : (
          <select
            aria-label={`Value of ${of.name}`}
            value={value}
            onChange={({ target }) => setValue(target.value)}
          >
            {choices.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
        <select
          aria-label={`How long ${of.name} holds`}
          value={forMs}
          onChange={({ target }) => setForMs(Number(target.value))}
        >
          {SPANS.map(([name, ms]) => (
            <option key={name} value={ms}>
              for {name}
            </option>
          ))}
        </select>
        <Button
          because={missing ?? (read === undefined ? `Expected: ${of.type}.` : undefined)}
          busy={state.isPending}
          onPress={() => state.mutate({ value: read!, forMs })}
        >
          State it
        </Button>
        {stated !== undefined && (
          <Button
            because={missing}
            busy={state.isPending}
            onPress={() => state.mutate({ value: stated.value, forMs: 1 })}
          >
            End it
          </Button>
        )}
      </div>
      <OperatorResult answer={state.data} error={state.error} done="It is in the log." />
    </li>
  );
}

/** The value in its declared type; undefined when the text is none. */
function typed({ type }: Declared, text: string): boolean | number | string | undefined {
  if (type === 'boolean') return text === 'true';
  if (type === 'integer') return /^-?[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  return text === '' ? undefined : text;
}
