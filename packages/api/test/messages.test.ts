// Goal: the schemas of the contract and the interfaces of the client are the same types. Method: the compiler; each
// line below is an error when one side has a field, an option or a type that the other has not.
import type { Static, TSchema } from 'typebox';
import { expect, test } from 'vitest';
import type { Json } from '@licet/evidence';
import type * as answers from '../src/answers.ts';
import type * as bodies from '../src/bodies.ts';
import type * as client from '../src/index.ts';
import { ROUTES, ROUTE_NAMES, misfit } from '../src/index.ts';
import type { Route } from '../src/index.ts';

type Plain = string | number | boolean | null | undefined;
type Ro<T> = [Json] extends [T] ? T : T extends Plain ? T : { readonly [K in keyof T]: Ro<T[K]> };
type Same<S extends TSchema, T> = [Ro<Static<S>>] extends [T]
  ? [T] extends [Ro<Static<S>>]
    ? true
    : 'type has less'
  : 'schema has less';
const same = <_S extends TSchema, _T>(..._proof: Same<_S, _T> extends true ? [] : [Same<_S, _T>]): void => {};

type ArgumentOf<M extends keyof client.PlaneClient, I extends number> = client.PlaneClient[M] extends (
  ...a: infer A
) => unknown
  ? A[I]
  : never;
type AnswerOf<M extends keyof client.PlaneClient> = client.PlaneClient[M] extends (
  ...a: never[]
) => Promise<infer R>
  ? R
  : never;

test('every schema of a body is the type that the client takes', () => {
  same<typeof bodies.RequestBody, client.ExecutionRequest>();
  same<typeof bodies.DecideBody, ArgumentOf<'decide', 1>>();
  same<typeof bodies.RedeemBody, ArgumentOf<'redeem', 1>>();
  same<typeof bodies.RenewBody, ArgumentOf<'renew', 1>>();
  same<typeof bodies.ReportBody, client.Report>();
  same<typeof bodies.ResolveBody, ArgumentOf<'resolve', 1>>();
  same<typeof bodies.ApproveBody, ArgumentOf<'approve', 1>>();
  same<typeof bodies.FactBody, ArgumentOf<'setFact', 0>>();
});

test('every schema of an answer is the type that the client gives', () => {
  same<typeof answers.DecisionAnswer, client.Answer>();
  same<typeof answers.RedeemedAnswer, client.RedeemAnswer>();
  same<typeof answers.RenewedAnswer, client.RenewAnswer>();
  same<typeof answers.ReportedAnswer, client.ReportAnswer>();
  same<typeof answers.CancelledAnswer, AnswerOf<'cancel'>>();
  same<typeof answers.ExecutionAnswer, client.ExecutionView>();
  same<typeof answers.ExecutionsAnswer, AnswerOf<'executions'>>();
  same<typeof answers.FeedEventAnswer, client.FeedEvent>();
  same<typeof answers.StatusAnswer, AnswerOf<'status'>>();
  same<typeof answers.CheckpointAnswer, AnswerOf<'checkpoint'>>();
  same<typeof answers.OperatorAnswers, client.OperatorAnswer>();
  same<typeof answers.ApprovedAnswer, AnswerOf<'approve'>>();
  same<typeof answers.PreviewAnswer, AnswerOf<'previewContainment'>>();
  same<typeof answers.ContainmentsAnswer, AnswerOf<'containments'>>();
  same<typeof answers.OrderAnswer, AnswerOf<'order'>>();
  same<typeof answers.CheckedAnswer, AnswerOf<'checkBundle'>>();
  same<typeof answers.ReplayedAnswer, AnswerOf<'replay'>>();
});

const rows: readonly (readonly [string, Route])[] = ROUTE_NAMES.map((name) => [name, ROUTES[name]]);

test('no two routes of one listener share method and path, and every changing route takes a closed body', () => {
  const seen = new Set(
    rows.map(
      ([, route]) => `${route.listener === 'public' ? 'public' : 'control'} ${route.method} ${route.path}`,
    ),
  );
  expect(seen.size).toBe(rows.length);
  for (const [name, route] of rows) {
    expect(route.body === undefined, name).toBe(route.method === 'GET');
    if (route.body !== undefined) expect(misfit(route.body, { surprise: 1 }), name).toMatch(/\S/);
  }
});

test('rule 42: the public listener has GET routes only', () => {
  for (const [name, route] of rows) if (route.listener !== 'control') expect(route.method, name).toBe('GET');
});
