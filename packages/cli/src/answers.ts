/** How answers of a plane are told: done, held for another person, or denied. Held and denied are exit code 3. */
import type { Denial, Held, OperatorAnswer } from '@licet/api';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { printable, time, type Output } from './output.ts';

/** Tells what an operator's action came to; `done` is said when it was. */
export function tellAnswer(out: Output, answer: OperatorAnswer, done: string): ExitCode {
  out.document({ ok: answer.verdict === 'done', ...answer });
  switch (answer.verdict) {
    case 'done':
      out.line(`${out.style('good', '✓')} ${printable(done)}`);
      if (answer.leaf !== undefined) out.line(`  entry ${answer.leaf}`);
      return EXIT.ok;
    case 'hold':
      tellHold(out, answer);
      return EXIT.denied;
    case 'deny':
      tellDenial(out, answer);
      return EXIT.denied;
    default:
      return answer satisfies never;
  }
}

/** Tells a denial to people. */
export function tellDenial(out: Output, denial: Denial): void {
  out.line(`${out.style('bad', '✗ denied')} ${denial.code}: ${printable(denial.reason)}`);
  if (denial.policies.length > 0) out.line(`  policies  ${denial.policies.map(printable).join(', ')}`);
  out.line(`  decision  ${denial.decisionId}`);
  out.line(`Next: ${printable(denial.next)}`);
}

/** Tells a hold to people. */
export function tellHold(out: Output, held: Held): void {
  out.line(`${out.style('warn', '… held')} ${held.executionId}: ${printable(held.reason)}`);
  for (const { group, need, until } of held.holds)
    out.line(
      `  ${printable(group)} ×${need} until ${time(until)}: licet approve ${held.executionId} --group ${printable(group)}`,
    );
  out.line(`Next: ${printable(held.next)}`);
}
