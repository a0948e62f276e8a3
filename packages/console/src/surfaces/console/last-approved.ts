/** The last call of an action that people approved: what a new one is compared with. */
import type { ExecutionView } from '@licet/api';
import type { Json } from '@licet/evidence';
import { get } from '../../data/call.ts';

export interface ApprovedBefore {
  readonly atMs: number;
  readonly arguments: { readonly [name: string]: Json };
}

/** Resolves to it, or to `none` when the newest 200 permitted calls of the action hold none with readable arguments. */
export async function lastApproved(
  action: string,
  but: string,
  signal: AbortSignal,
): Promise<ApprovedBefore | 'none'> {
  const query = new URLSearchParams({ action, verdict: 'allow', limit: '200' });
  const { items } = await get<{ readonly items: readonly ExecutionView[] }>(
    `/v1/executions?${query}`,
    signal,
  );
  const found = items.find(
    ({ hold, executionId }) =>
      executionId !== but &&
      hold !== undefined &&
      hold.approvals.some(({ verdict }) => verdict === 'approve'),
  );
  if (found === undefined) return 'none';
  const whole = await get<ExecutionView>(`/v1/executions/${found.executionId}`, signal);
  return whole.arguments === undefined || whole.arguments === 'erased'
    ? 'none'
    : { atMs: whole.atMs, arguments: whole.arguments };
}
