// The fixed scenarios, in order of their keys (RULE 46). There are no others: the page cannot compose one.
import { denied, forged, held, permitted } from './file-scenarios.ts';
import { contained, revoked } from './halt-scenarios.ts';
import { altered, replayed } from './order-scenarios.ts';
import type { Scenario } from './scenario.ts';

/** The scenarios in order of their keys. */
export const SCENARIOS: readonly Scenario[] = [
  permitted,
  denied,
  held,
  replayed,
  altered,
  revoked,
  contained,
  forged,
];
