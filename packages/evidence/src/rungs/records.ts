/**
 * The rungs about what the log only commits to: arguments and resources of each decision, and the result of each
 * outcome (RULE 40, 44).
 */
import { verifyCommitment, type CommitmentKind } from '../commitments.ts';
import type { DisclosedPart } from '../evidence-bundle.ts';
import {
  byLeaf,
  check,
  messageOf,
  ofType,
  recordOf,
  recordOfDecision,
  sum,
  type Case,
  type Finding,
  type Placed,
  type RungItem,
} from './case.ts';
import { withheldOrErased } from './policy.ts';

/** What is disclosed is exactly what the decisions commit to. */
export function argumentsRung(c: Case): Finding {
  const items: RungItem[] = [];
  const decided = new Set<string>();
  for (const { index, entry } of [...ofType(c, 'permit'), ...ofType(c, 'refusal')]) {
    if (entry.exec === undefined) continue;
    decided.add(entry.exec);
    const record = recordOfDecision(c, entry);
    if (record === undefined) {
      if (entry.args !== undefined)
        items.push({ status: 'not checked', what: `decision ${index}: ${withheldOrErased(c, entry.exec)}` });
      continue;
    }
    if (entry.args !== undefined)
      items.push(opened(`decision ${index} arguments`, 'argument', entry.args, record.arguments));
    if (entry.resource !== undefined)
      items.push(opened(`decision ${index} resources`, 'resource', entry.resource, record.resources));
    if (entry.inputs !== undefined)
      items.push(opened(`decision ${index} inputs`, 'input', entry.inputs, record.inputs));
  }
  for (const exec of Object.keys(c.file.executions)) {
    if (!decided.has(exec))
      items.push({ status: 'fail', what: `a record of ${exec}, of which no decision is in this file` });
  }
  return sum(items, 'no decision in this file commits to arguments');
}

/** Each outcome belongs to its start, at most one ends an execution, and its result is what is disclosed. */
export function outcomeRung(c: Case): Finding {
  const outcomes = ofType(c, 'outcome');
  const items = outcomes.flatMap((outcome) => checkOutcome(c, outcome));
  for (const exec of new Set(outcomes.map(({ entry }) => entry.exec))) {
    // RULE 25: a late report moves no state; in doubt is resolved by an outcome that names it.
    const ending = outcomes.filter(
      ({ entry }) => entry.exec === exec && entry.late !== true && entry.resolves === undefined,
    );
    if (ending.length > 1) items.push({ status: 'fail', what: `${exec} ended ${ending.length} times` });
  }
  for (const [exec, record] of Object.entries(c.file.executions)) {
    if (
      record.result !== undefined &&
      !outcomes.some(({ entry }) => entry.exec === exec && entry.result !== undefined)
    ) {
      items.push({ status: 'fail', what: `a result of ${exec}, to which no outcome in this file commits` });
    }
  }
  return sum(items, 'no outcome in this file');
}

function checkOutcome(c: Case, { index, entry }: Placed<'outcome'>): readonly RungItem[] {
  const items: RungItem[] = [];
  const name = `outcome ${index} (${entry.status})`;
  if (entry.start === undefined) {
    items.push(check(entry.status === 'expired', `${name} never started`, `${name} names no start`));
    if (entry.permit !== undefined) {
      const permit = byLeaf(c, entry.permit, 'permit');
      if (permit === undefined)
        items.push({ status: 'not checked', what: `${name}: its permit is not in this file` });
      else
        items.push(
          check(
            permit.entry.exec === entry.exec && permit.index < index,
            `${name} of its permit`,
            `${name} is of another permit`,
          ),
        );
    }
  } else {
    const start = byLeaf(c, entry.start, 'start');
    if (start === undefined)
      items.push({ status: 'not checked', what: `${name}: its start is not in this file` });
    else {
      const fits =
        start.entry.exec === entry.exec &&
        (entry.permit === undefined || entry.permit === start.entry.permit);
      items.push(
        check(
          fits && entry.status !== 'expired',
          `${name} of its start`,
          `${name} does not belong to the start it names`,
        ),
      );
    }
  }
  if (entry.resolves !== undefined) {
    const doubted = byLeaf(c, entry.resolves, 'outcome');
    const good =
      doubted?.entry.exec === entry.exec &&
      doubted.entry.status === 'in_doubt' &&
      entry.by === 'operator' &&
      doubted.index < index;
    items.push(
      check(good, `${name} resolves what was in doubt`, `${name} resolves nothing that was in doubt`),
    );
  }
  if (entry.result !== undefined) {
    // The file opens the result of the outcome that ended it; what a late report claimed stays closed.
    const result = entry.late === true ? undefined : recordOf(c, entry.exec)?.result;
    items.push(
      result === undefined
        ? { status: 'not checked', what: `${name}: result ${withheldOrErased(c, entry.exec)}` }
        : opened(`${name} result`, 'result', entry.result, result),
    );
  }
  return items;
}

/** Opens one commitment; what matches but shows nothing has not been checked by anybody. */
export function opened(
  name: string,
  kind: CommitmentKind,
  commitment: string,
  part: DisclosedPart,
): RungItem {
  try {
    verifyCommitment(kind, commitment, part.disclosed, part.withheld);
  } catch (error) {
    return { status: 'fail', what: `${name}: ${messageOf(error)}` };
  }
  const { length } = part.withheld;
  if (length > 0 && part.disclosed.length === 0) return { status: 'not checked', what: `${name}: withheld` };
  return {
    status: 'pass',
    what: `${name}: ${part.disclosed.length} disclosed${length > 0 ? `, ${length} withheld` : ''}`,
  };
}
