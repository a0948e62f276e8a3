/**
 * The closed shape of a bundle (DESIGN §6): every field known, of its type and within bounds. A field that is
 * not known is a fault, because a misspelt `opaque` or `floor` would otherwise loosen in silence.
 */
import type { ApprovalSpec } from './bundle.ts';
import { ATTESTATION_KINDS, ATTESTERS } from './attestation.ts';
import { problem, type Problem } from './errors.ts';
import { pathFault, RESOURCE_KINDS, TYPES_OF_KIND, type ResourceKind } from './resources.ts';
import { ASSURANCES, GRADES, parseDuration } from './terms.ts';

type Check = (value: unknown, at: string, problems: Problem[]) => void;

const ACTION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/;
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const ID = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,95}$/;
const GROUP = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const MAX_QUORUM = 16;
/** Longest life of an approval (RULE 22). */
const MAX_APPROVAL_MS = 900_000;
const ORIGIN = /^[A-Za-z0-9][A-Za-z0-9.:/_-]{0,199}$/;
/** Four places and the range of Cedar's decimal; never a float (RULE 21). */
export const DECIMAL = /^-?(0|[1-9][0-9]{0,13})(\.[0-9]{1,4})?$/;

/** Adds a problem for everything in `value` that is not as a bundle must be. */
export function checkBundle(value: unknown, problems: Problem[]): void {
  bundle(value, 'bundle', problems);
  if (problems.length > 0) return;
  const found = value as { layer: string; org?: string; origin?: string; tenant?: string };
  // RULE 20: the organisation's names the organisation, the team's names origin and tenant.
  if (
    found.layer === 'org' &&
    (found.org === undefined || found.origin !== undefined || found.tenant !== undefined)
  )
    fault(problems, 'bundle', 'an organisation bundle with org and without origin and tenant');
  if (found.layer === 'team' && found.org !== undefined)
    fault(problems, 'bundle.org', 'absent in a team bundle');
}

/** Adds a problem for everything in `value` that is not as the body of a mandate must be. */
export function checkMandateBody(value: unknown, problems: Problem[]): void {
  mandateBody(value, 'mandate', problems);
}

function fault(problems: Problem[], at: string, expected: string): void {
  problems.push(problem('format', `${at}: expected ${expected}`, { file: 'bundle.json' }));
}

const text =
  (pattern: RegExp, expected: string): Check =>
  (value, at, problems) => {
    if (typeof value !== 'string' || !pattern.test(value)) fault(problems, at, expected);
  };

const anyText: Check = (value, at, problems) => {
  if (typeof value !== 'string' || !value.isWellFormed() || value.length > 200_000)
    fault(problems, at, 'a text of at most 200,000 characters');
};

const oneOf =
  (...options: readonly (string | number | boolean)[]): Check =>
  (value, at, problems) => {
    if (!options.includes(value as string)) fault(problems, at, `one of ${options.join(', ')}`);
  };

const whole =
  (min: number): Check =>
  (value, at, problems) => {
    if (!Number.isSafeInteger(value) || (value as number) < min)
      fault(problems, at, `a whole number from ${min}`);
  };

const duration: Check = (value, at, problems) => {
  if (typeof value !== 'string' || parseDuration(value) === undefined)
    fault(problems, at, 'a duration such as 30s, 10m or 12h, from 100ms to 31d');
};

const list =
  (item: Check): Check =>
  (value, at, problems) => {
    if (!Array.isArray(value) || value.length > 4_096) return fault(problems, at, 'a list');
    for (const [index, element] of value.entries()) item(element, `${at}[${index}]`, problems);
  };

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const dictionary =
  (key: RegExp, item: Check): Check =>
  (value, at, problems) => {
    if (!isObject(value)) return fault(problems, at, 'an object');
    for (const [name, element] of Object.entries(value)) {
      if (!key.test(name)) fault(problems, `${at}.${name}`, `a name that matches ${key.source}`);
      else item(element, `${at}.${name}`, problems);
    }
  };

const closed =
  (required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>> = {}): Check =>
  (value, at, problems) => {
    if (!isObject(value)) return fault(problems, at, 'an object');
    for (const name of Object.keys(value))
      if (!Object.hasOwn(required, name) && !Object.hasOwn(optional, name))
        fault(problems, `${at}.${name}`, 'no such field');
    for (const [name, check] of Object.entries(required))
      check(Object.hasOwn(value, name) ? value[name] : undefined, `${at}.${name}`, problems);
    for (const [name, check] of Object.entries(optional))
      if (Object.hasOwn(value, name)) check(value[name], `${at}.${name}`, problems);
  };

const jsonSchema: Check = (value, at, problems) => {
  if (!isObject(value) || value['type'] !== 'object')
    fault(problems, at, 'a JSON Schema with "type": "object"');
};

const absolute: Check = (value, at, problems) => {
  if (typeof value !== 'string' || pathFault(value) !== undefined)
    fault(problems, at, 'a canonical absolute path');
};

const resource: Check = (value, at, problems) => {
  closed(
    { kind: oneOf(...RESOURCE_KINDS) },
    {
      type: text(/^[A-Z][A-Za-z]*$/, 'an entity type'),
      base: absolute,
      schemes: list(text(/^[a-z][a-z0-9+.-]*$/, 'a scheme')),
      optional: oneOf(true),
    },
  )(value, at, problems);
  if (!isObject(value)) return;
  const types = TYPES_OF_KIND[value['kind'] as ResourceKind] as readonly string[] | undefined;
  if (types === undefined) return;
  if (value['type'] !== undefined && !types.includes(value['type'] as string))
    fault(problems, `${at}.type`, `one of ${types.join(', ')} for a ${String(value['kind'])}`);
  if (value['base'] !== undefined && value['kind'] !== 'path')
    fault(problems, `${at}.base`, 'only for paths');
  if (value['schemes'] !== undefined && value['kind'] !== 'url')
    fault(problems, `${at}.schemes`, 'only for URLs');
};

const cost: Check = (value, at, problems) => {
  if (Number.isSafeInteger(value) && (value as number) > 0) return;
  if (typeof value === 'string' && DECIMAL.test(value) && !value.startsWith('-')) return;
  if (isObject(value)) return closed({ argument: anyText })(value, at, problems);
  fault(problems, at, 'a positive whole number, a decimal, or { argument }');
};

const floor = closed(
  {},
  {
    lease: duration,
    max: duration,
    grade: oneOf(...GRADES),
    assurance: oneOf(...ASSURANCES),
    confine: oneOf(true),
  },
);

const action = closed(
  { schema: jsonSchema, resources: dictionary(/^.{1,128}$/s, resource) },
  {
    opaque: list(anyText),
    unordered: list(anyText),
    floor,
    groups: list(text(ID, 'a group name')),
    bound: list(text(ID, 'a part such as resource or input.path')),
    meters: list(closed({ limit: text(NAME, 'a limit name') }, { cost })),
  },
);

const limit: Check = (value, at, problems) => {
  const amount = isObject(value) && value['kind'] === 'amount';
  const fanOut = isObject(value) && value['kind'] === 'fan-out';
  const group = isObject(value) && value['per'] === 'group';
  closed(
    {
      kind: oneOf('count', 'concurrency', 'depth', 'fan-out', 'amount'),
      // Children are counted below a parent, or in its run.
      per: fanOut
        ? oneOf('execution', 'run')
        : oneOf('execution', 'run', 'agent', 'user', 'tool', 'group', 'tenant'),
      max: amount ? text(DECIMAL, 'an exact decimal as text') : whole(0),
      ...(group ? { group: text(ID, 'a group of agents') } : {}),
      ...(amount ? { currency: text(/^[A-Z]{3}$/, 'a currency of three letters') } : {}),
    },
    { window: duration, settleLower: oneOf(true) },
  )(value, at, problems);
};

const factType: Check = (value, at, problems) => {
  if (isObject(value)) return closed({ enum: list(text(ID, 'a word')) })(value, at, problems);
  oneOf('boolean', 'integer', 'decimal')(value, at, problems);
};

const containmentRule: Check = (value, at, problems) => {
  const denials = isObject(value) && value['on'] === 'denials';
  closed({
    id: text(ID, 'an id'),
    on: oneOf('outcome_without_start', 'foreign_permit', 'replayed_permit', 'unpinned_tool', 'denials'),
    scope: oneOf('run', 'agent'),
    ...(denials ? { count: whole(1), within: duration } : {}),
  })(value, at, problems);
};

const approval: Check = (value, at, problems) => {
  closed(
    {},
    {
      quorum: whole(1),
      apart: list(text(GROUP, 'a group name')),
      wait: duration,
      ttl: duration,
      escalation: list(closed({ after: duration, to: text(GROUP, 'a group name') })),
      reason: oneOf('required'),
      method: oneOf('passkey'),
    },
  )(value, at, problems);
  if (problems.length > 0 || !isObject(value)) return;
  const { quorum = 1, apart, wait = '15m', ttl, escalation = [] } = value as ApprovalSpec;
  if (quorum > MAX_QUORUM) fault(problems, `${at}.quorum`, `at most ${MAX_QUORUM}`);
  if (apart !== undefined && (new Set(apart).size !== apart.length || apart.length > 8))
    fault(problems, `${at}.apart`, 'at most 8 groups, each once');
  if (apart !== undefined && apart.length < quorum)
    fault(problems, `${at}.apart`, `at least as many groups as the quorum, ${quorum}`);
  if (ttl !== undefined && parseDuration(ttl)! > MAX_APPROVAL_MS) fault(problems, `${at}.ttl`, 'at most 15m');
  if (escalation.length > 4) fault(problems, `${at}.escalation`, 'at most 4 steps');
  for (const [index, step] of escalation.entries()) {
    const before = escalation[index - 1];
    if (parseDuration(step.after)! >= parseDuration(wait)!)
      fault(problems, `${at}.escalation[${index}].after`, `less than the wait, ${wait}`);
    if (before !== undefined && parseDuration(step.after)! <= parseDuration(before.after)!)
      fault(problems, `${at}.escalation[${index}].after`, 'later than the step before it');
  }
};
const digest = text(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, '32 bytes in base64url');

/** An empty list would be met by nothing, or by anything: neither is what its author means. */
const some =
  (item: Check): Check =>
  (value, at, problems) => {
    if (Array.isArray(value) && value.length === 0) return fault(problems, at, 'at least one');
    list(item)(value, at, problems);
  };

const attest = closed(
  { kind: oneOf(...ATTESTATION_KINDS) },
  {
    maxAge: duration,
    allow: (value, at, problems) => {
      if (value !== 'pinned') some(digest)(value, at, problems);
    },
    by: some(oneOf(...ATTESTERS)),
  },
);

const bundle = closed(
  {
    v: oneOf(1),
    layer: oneOf('org', 'team'),
    version: whole(1),
    policies: list(closed({ name: text(ID, 'a file name'), text: anyText })),
    actions: dictionary(ACTION, action),
    limits: dictionary(NAME, limit),
    pins: dictionary(ACTION, digest),
  },
  {
    origin: text(ORIGIN, 'a log origin'),
    tenant: text(ID, 'a tenant'),
    org: text(ID, 'an organisation'),
    facts: dictionary(NAME, factType),
    containment: list(containmentRule),
    approvals: dictionary(GROUP, approval),
    attest: dictionary(ID, some(attest)),
    explain: oneOf('full', 'code'),
    maxAge: duration,
  },
);

const budget: Check = (value, at, problems) => {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return;
  text(DECIMAL, 'a whole number, or an exact decimal as text')(value, at, problems);
};

const mandateBody = closed(
  {
    v: oneOf(1),
    id: text(ID, 'an id'),
    policies: list(closed({ name: text(ID, 'a file name'), text: anyText })),
  },
  { depth: whole(0), limits: dictionary(NAME, closed({ max: budget })) },
);
