/**
 * `licet webhooks list | add | remove | test`: where the plane tells of holds (docs/formats/webhooks.md). Nothing leaves
 * before one is added (RULE 47).
 */
import type { Command } from 'commander';
import type { WebhooksView } from '@licet/api';
import { withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { printable, type Output } from '../output.ts';

/** Adds the commands. */
export function addWebhooks(program: Command): void {
  const webhooks = program.command('webhooks').description('where the plane tells of holds');
  withPlane(webhooks.command('list', { isDefault: true }))
    .description('what is set, and how it fares')
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client }) => show(out, await client.webhooks())),
      ),
    );
  withPlane(webhooks.command('add'))
    .description('tell of holds at this address: https, or http on loopback')
    .argument('<url>')
    .option('--arguments', 'with the arguments of held calls, in the clear')
    .action(
      action<{ readonly arguments?: boolean }>(({ options, out }, url) =>
        withAttached(options, async ({ client }) =>
          show(out, await client.addWebhook({ url: url!, arguments: options.arguments === true })),
        ),
      ),
    );
  withPlane(webhooks.command('remove'))
    .description('tell nothing there any more')
    .argument('<id>')
    .action(
      action(({ options, out }, id) =>
        withAttached(options, async ({ client }) => show(out, await client.removeWebhook(id!))),
      ),
    );
  withPlane(webhooks.command('test'))
    .description('send a test event, once')
    .argument('<id>')
    .action(
      action(({ options, out }, id) =>
        withAttached(options, async ({ client }) => {
          const answer = await client.testWebhook(id!);
          out.document(answer);
          out.line(
            `${out.style(answer.ok ? 'good' : 'bad', answer.ok ? '✓' : '✗')} ${printable(answer.why)}`,
          );
          return answer.ok ? EXIT.ok : EXIT.failed;
        }),
      ),
    );
}

function show(out: Output, view: WebhooksView): void {
  out.document(view);
  for (const { id, url, arguments: open, waiting, delivered, dropped, lastError } of view.items) {
    out.line(`${out.style('strong', id)}  ${printable(url)}${open ? ', with arguments' : ''}`);
    out.line(`  delivered ${delivered}, waiting ${waiting}, dropped ${dropped}`);
    if (lastError !== undefined) out.line(`  last trouble: ${printable(lastError)}`);
  }
  if (view.items.length === 0) out.line('Nothing is told anywhere.');
  else if (view.publicKey !== undefined) out.line(`signed by ${view.publicKey}`);
}
