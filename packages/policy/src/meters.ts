/**
 * What a call costs: the amounts that the plane reserves before a permit (RULES 4, 21). Exact decimals as text;
 * counting and reserving are the plane's.
 */
import type { ActionPlan } from './action-plan.ts';
import type { LimitSpec } from './bundle.ts';
import { DECIMAL } from './bundle-shape.ts';
import type { Arguments, InputDenial } from './input.ts';

/** An amount to reserve. */
export interface MeterCost {
  readonly limit: string;
  /** An exact decimal. */
  readonly amount: string;
  readonly currency?: string;
}

/** Returns what a call costs, or a denial when an amount cannot be read exactly. */
export function meterCosts(
  plan: ActionPlan,
  limits: Readonly<Record<string, LimitSpec>>,
  args: Arguments,
): readonly MeterCost[] | InputDenial {
  const costs: MeterCost[] = [];
  for (const { limit, cost = 1 } of plan.meters) {
    const spec = limits[limit];
    const given =
      typeof cost === 'object'
        ? Object.hasOwn(args, cost.argument)
          ? args[cost.argument]
          : undefined
        : cost;
    const amount = typeof given === 'number' || typeof given === 'string' ? String(given) : '';
    // A negative amount would give budget back.
    if (spec === undefined || !DECIMAL.test(amount) || amount.startsWith('-'))
      return { deny: 'unmappable', detail: `the amount for the limit ${limit} is not an exact decimal` };
    if (spec.kind !== 'amount' && amount.includes('.'))
      return { deny: 'unmappable', detail: `the amount for the limit ${limit} is not a whole number` };
    costs.push({ limit, amount, ...(spec.kind === 'amount' ? { currency: spec.currency } : {}) });
  }
  return costs;
}
