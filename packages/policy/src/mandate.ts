/**
 * Mandates: authority handed down for a task, as a policy set of its own that must also allow (RULE 17). It can only
 * narrow: every policy of the bundle is asked as well, for every link of the chain.
 */
import { checkMandateBody } from './bundle-shape.ts';
import type { DecisionInput, MandateOnChain } from './decision-input.ts';
import type { Engine } from './engine.ts';
import { PolicyError, type Problem } from './errors.ts';
import type { Evaluation } from './evaluate.ts';
import { loadMandate, type LoadedBundle, type LoadedMandate } from './load.ts';
import { DEFAULT_TERMS } from './terms.ts';

/** What the giver of a mandate signs, by commitment. */
export interface MandateBody {
  readonly v: 1;
  /** The mandate's id, as in its entry. */
  readonly id: string;
  readonly policies: readonly { readonly name: string; readonly text: string }[];
  /** Links that may act below the one it is given to. Absent: as many as the plane allows. */
  readonly depth?: number;
  /** Budgets: of a limit of the bundle, how much may be used under this mandate in all. */
  readonly limits?: { readonly [limit: string]: { readonly max: number | string } };
}

/** A mandate's body, and the first link of the chain that it binds. */
export interface MandateAt {
  readonly body: MandateBody;
  readonly from: number;
}

/** Returns the body that a JSON value is. Throws ERR_MANDATE_INVALID with every fault. */
export function parseMandateBody(value: unknown): MandateBody {
  const problems: Problem[] = [];
  checkMandateBody(value, problems);
  if (problems.length > 0) throw new PolicyError('ERR_MANDATE_INVALID', 'not a mandate', { problems });
  return value as MandateBody;
}

/** Mandates that were loaded against a bundle; gone with it. */
const known = new WeakMap<LoadedBundle, Map<string, LoadedMandate>>();
const MAX_KNOWN = 256;

/** Returns the mandates, loaded against this bundle. Throws ERR_MANDATE_INVALID when one does not fit it. */
export function loadMandates(
  engine: Engine,
  loaded: LoadedBundle,
  mandates: readonly MandateAt[],
): readonly MandateOnChain[] {
  const cache = known.get(loaded) ?? new Map<string, LoadedMandate>();
  known.set(loaded, cache);
  return mandates.map(({ body, from }) => {
    const text = JSON.stringify(body);
    const mandate = cache.get(text) ?? loadMandate(engine, loaded, body);
    if (cache.size >= MAX_KNOWN) cache.clear();
    cache.set(text, mandate);
    return { mandate, from };
  });
}

/** Returns the verdict under these mandates. One that does not fit the bundle in force allows nothing. */
export function evaluateUnder(
  engine: Engine,
  loaded: LoadedBundle,
  input: DecisionInput,
  mandates: readonly MandateAt[],
): Evaluation {
  if (mandates.length === 0) return engine.evaluate(loaded, input);
  let onChain: readonly MandateOnChain[];
  try {
    onChain = loadMandates(engine, loaded, mandates);
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause;
    return {
      verdict: 'deny',
      code: 'mandate',
      detail: cause.message,
      reasons: [],
      terms: loaded.actions.get(input.action)?.floor ?? DEFAULT_TERMS,
      shadow: [],
      explain: [],
      perPair: [],
    };
  }
  return engine.evaluate(loaded, input, onChain);
}

/** One sentence of a mandate: an action or a group of actions, and where. */
export interface MandateClause {
  /** `files/write_file`, or a group such as `files-read` or `mail`. */
  readonly action: string;
  /** What it is bounded to. Absent: anything that the action may touch. */
  readonly in?: {
    readonly type: 'Folder' | 'File' | 'Url' | 'Host' | 'Account' | 'Program';
    readonly id: string;
  };
}

/** Returns the Cedar text of these sentences. A gateway's session is allowed: without one nothing could be asked. */
export function mandatePolicy(clauses: readonly MandateClause[]): string {
  const permits = clauses.map(({ action, in: place }, at) => {
    const where = place === undefined ? 'resource' : `resource in ${place.type}::${JSON.stringify(place.id)}`;
    return `@id("may-${at + 1}")\npermit (principal, action in Action::${JSON.stringify(action)}, ${where});\n`;
  });
  const session = '@id("session")\npermit (principal, action == Action::"licet/session", resource);\n';
  return [...permits, session].join('\n');
}
