/** `licet limits`: what is reserved, spent and left of each limit, whom it counts, and when it is there again. */
import type { Command } from 'commander';
import { withAttached } from '../attach.ts';
import { action, withPlane } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { columns, printable, time } from '../output.ts';

/** Adds the command. */
export function addLimits(program: Command): void {
  withPlane(program.command('limits'))
    .description('the counters of the limits: reserved, spent, left, and when they are there again')
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const items = await client.limits();
          out.document({ ok: true, items });
          const rows = items.map(({ name, per, whom, max, currency, reserved, spent, left, resetsAtMs }) => [
            printable(name),
            `${per} ${printable(whom)}`,
            left === '0'
              ? out.style('bad', 'used up')
              : `${left} of ${max}${currency === undefined ? '' : ` ${currency}`} left`,
            out.style('dim', `reserved ${reserved}, spent ${spent}`),
            resetsAtMs === undefined ? '' : `until ${time(resetsAtMs)}`,
          ]);
          for (const line of columns(rows)) out.line(line);
          if (rows.length === 0) out.line('Nothing has been counted yet.');
          return EXIT.ok;
        }),
      ),
    );
}
