/**
 * Annotations: `@id`, `@hold`, `@mode`, `@explain`, `@advice`, `@until` and the terms. A closed list, because
 * Cedar ignores what it does not know and a misspelt `@hold` would be a plain forbid, a misspelt `@max` no
 * limit at all (RULE 14).
 */
import type { Problem, ProblemKind } from './errors.ts';
import { ASSURANCES, GRADES, parseDuration, type Assurance, type Grade, type TermChange } from './terms.ts';

/** Who has to approve, and how many of them. */
export interface HoldAsk {
  readonly group: string;
  readonly need: number;
  /** Milliseconds the hold waits for them. Absent: the plane's default. */
  readonly waitMs?: number;
}

/** What the annotations of one policy say. */
export interface Annotations {
  readonly id: string;
  readonly hold?: HoldAsk;
  readonly shadow: boolean;
  readonly explain?: 'full' | 'code';
  /** A sentence of the author for whoever is denied. */
  readonly advice?: string;
  readonly terms: TermChange;
}

type Report = (kind: ProblemKind, message: string, more?: Partial<Problem>) => void;

const GROUP = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const POLICY_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** Returns what the annotations say; every fault goes to `report`. */
export function readAnnotations(
  raw: Readonly<Record<string, string | null>>,
  effect: 'permit' | 'forbid',
  report: Report,
): Annotations {
  const id = raw['id'] ?? '';
  if (!POLICY_ID.test(id))
    report('id_missing', id === '' ? 'a policy has no @id' : `@id("${id}") is malformed`);
  let hold: HoldAsk | undefined;
  let shadow = false;
  let explain: 'full' | 'code' | undefined;
  let advice: string | undefined;
  let waitMs: number | undefined;
  const terms: { -readonly [K in keyof TermChange]: TermChange[K] } = {};
  const malformed = (name: string, value: string | null): void =>
    report('term', `@${name}(${value === null ? '' : JSON.stringify(value)}) is malformed`);

  for (const [name, value] of Object.entries(raw)) {
    switch (name) {
      case 'id':
        break;
      case 'hold': {
        const match = /^([^:]+)(?::([1-9]|1[0-6]))?$/.exec(value ?? '');
        if (effect === 'permit') report('hold', '@hold stands on a permit');
        if (match === null || !GROUP.test(match[1]!)) malformed(name, value);
        else hold = { group: match[1]!, need: Number(match[2] ?? 1) };
        break;
      }
      case 'mode':
        if (value === 'shadow') shadow = true;
        else malformed(name, value);
        break;
      case 'explain':
        if (value === 'full' || value === 'code') explain = value;
        else malformed(name, value);
        break;
      case 'advice':
        if (value !== null && value.length > 0 && value.length <= 500) advice = value;
        else malformed(name, value);
        break;
      case 'until':
        waitMs = parseDuration(value ?? '');
        if (waitMs === undefined) malformed(name, value);
        break;
      case 'lease':
      case 'max': {
        const ms = parseDuration(value ?? '');
        if (ms === undefined) malformed(name, value);
        else terms[name === 'lease' ? 'leaseMs' : 'maxMs'] = ms;
        break;
      }
      case 'grade':
        if ((GRADES as readonly (string | null)[]).includes(value)) terms.grade = value as Grade;
        else malformed(name, value);
        break;
      case 'assurance':
        if ((ASSURANCES as readonly (string | null)[]).includes(value)) terms.assurance = value as Assurance;
        else malformed(name, value);
        break;
      case 'confine':
        if (value === null || value === '') terms.confine = true;
        else malformed(name, value);
        break;
      default:
        report('annotation', `@${name} is not an annotation`);
    }
  }
  if (waitMs !== undefined && hold === undefined) report('hold', '@until stands without @hold');
  if (effect === 'forbid' && Object.keys(terms).length > 0)
    report('term', 'a forbid carries terms, which only permits can give');
  return {
    id,
    shadow,
    terms,
    ...(hold === undefined ? {} : { hold: waitMs === undefined ? hold : { ...hold, waitMs } }),
    ...(explain === undefined ? {} : { explain }),
    ...(advice === undefined ? {} : { advice }),
  };
}
