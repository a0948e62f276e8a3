// Scenarios on orders that arrive at an HTTP target: a permit is used twice, and a permit for one order is taken to send
// another.
import { randomBytes } from 'node:crypto';
import { base64url } from '@licet/evidence';
import { openExecution } from '@licet/sdk';
import { see } from '../demo/claim.ts';
import { between } from './between.ts';
import { endRefused, thrown, type Scenario } from './scenario.ts';

const CLAIM = { grade: 'in-process', confine: 'none', bound: ['input', 'resource'] } as const;

export const replayed: Scenario = {
  id: 'replayed',
  title: 'Replayed permit',
  what: 'Places an order, then uses the same permit again.',
  needsPlane: true,
  async run(theatre, recorder) {
    const agent = await theatre.agent();
    const plane = recorder.tap(agent.plane);
    const url = `${theatre.target.url}/governed/orders`;
    const body = `one order ${recorder.view.id}`;
    for (let twice = 0; twice < 2; twice += 1) await post(`${theatre.target.url}/free/orders`, body);
    const answer = await plane.request({
      action: 'http/post',
      arguments: { url, body },
      idempotencyKey: random(),
      instance: random(),
      door: CLAIM,
    });
    see(answer.verdict === 'allow', `no permit: ${JSON.stringify(answer)}`);
    const spend = async (instance: string): Promise<string> => {
      const spent = await plane.redeem(answer.executionId, { permit: answer.permit, instance, door: CLAIM });
      if (spent.verdict !== 'started') return spent.code;
      await post(url, body);
      return 'started';
    };
    const [first, second] = [random(), random()];
    see((await spend(first)) === 'started', 'the first use was refused');
    const again = await spend(second);
    see(again !== 'started', 'the second use was let through');
    // A replay contains its run, so the outcome of the first use may come late; it is reported all the same.
    await plane
      .report(answer.executionId, { instance: first, status: 'completed' })
      .catch((error: unknown) => recorder.say(`outcome → ${String(error)}`));
    recorder.stage('Report', 'done', [['Second use', again]]);
    recorder.end(
      'deny',
      `The order arrived once; the second use was refused: ${again}.`,
      'The order arrived twice.',
      await theatre.look(),
    );
  },
};

export const altered: Scenario = {
  id: 'altered',
  title: 'Altered argument',
  what: 'Asks for an order of 10, then tries to send 9,999.',
  needsPlane: true,
  async run(theatre, recorder) {
    const agent = await theatre.agent();
    const url = (side: string): string => `${theatre.target.url}/${side}/orders`;
    await post(url('free'), 'order 9,999');
    const tapped = recorder.tap(agent.plane);
    // Between agent and plane somebody swaps the question; the permit that comes back is for the small order.
    const swapped = between(tapped, {
      request: (body, options) =>
        tapped.request({ ...body, arguments: { url: url('governed'), body: 'order 10' } }, options),
    });
    const error = await thrown(
      openExecution(theatre.door(swapped, agent), {
        action: 'http/post',
        arguments: { url: url('governed'), body: 'order 9,999' },
        claim: CLAIM,
      }).then((execution) => post(String(execution.args['url']), String(execution.args['body']))),
    );
    await endRefused(
      theatre,
      recorder,
      error,
      'Nothing arrived: the permit commits to other arguments, and the door computed that itself.',
      'An order of 9,999 arrived.',
    );
  },
};

const random = (): string => base64url(randomBytes(16));
const post = async (url: string, body: string): Promise<void> => {
  await (await fetch(url, { method: 'POST', body })).text();
};
