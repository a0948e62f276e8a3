/** Contain from here: what it would stop, counted by the plane now; the order itself is given on the operator's page. */
import { Link } from '@tanstack/react-router';
import { useMutation } from '@tanstack/react-query';
import type { PlaneClient } from '@licet/api';
import { Button } from '../../components/button.tsx';
import { Note } from '../../components/states.tsx';
import { post } from '../../data/call.ts';
import { useMissing } from '../../data/session.ts';
import css from './lineage.module.css';

type Preview = Awaited<ReturnType<PlaneClient['previewContainment']>>;

export function ContainHere({ exec }: { readonly exec: string }) {
  const because = useMissing('operator');
  const preview = useMutation({
    mutationFn: () => post<Preview>('/v1/containments/preview', { scope: { kind: 'subtree', id: exec } }),
  });
  const { data } = preview;
  const pending = data?.executions.filter(({ state }) => state !== 'running').length ?? 0;
  return (
    <div className={css['contain']}>
      <Button kind="danger" because={because} busy={preview.isPending} onPress={() => preview.mutate()}>
        Preview containing from here
      </Button>
      {preview.error !== null && <Note tone="deny">{preview.error.message}</Note>}
      {data !== undefined && (
        <Note tone="contain">
          <p role="status">
            Would stop {count(data.executions.length, 'open execution')} of{' '}
            {count(data.agents.length, 'agent')}: {count(data.executions.length - pending, 'running lease')},{' '}
            {count(pending, 'pending effect')}. It also bars everything new below this execution.
          </p>
          <Link to="/containment" search={{ kind: 'subtree', id: exec }}>
            Go to the confirmation
          </Link>
        </Note>
      )}
    </div>
  );
}

const count = (n: number, noun: string): string => `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
