/**
 * From what a token says to who that is here: the rules of its issuer's settings, and nothing else. A subject that no
 * rule names is nobody.
 */
import type { TokenPresented } from '@licet/control-plane';
import type { AgentRule, IssuerSettings, PersonRule } from '@licet/api';
import type { Claims } from './claims.ts';
import { claimAt, type Members } from './members.ts';

type Mapped = Pick<TokenPresented, 'subject' | 'enrol'>;
const DEFAULT_NAME = ['sub'];

/** Returns who an agent is, by the first rule that fits. `person`: on whose behalf it comes, by that person's token. */
export function mapAgent(
  { issuer, agents = [] }: IssuerSettings,
  claims: Claims,
  person?: TokenPresented['subject'],
): Mapped | 'behalf' | undefined {
  const rule = agents.find(({ when }) => fits(when, claims));
  const parts = namedBy(rule?.named ?? DEFAULT_NAME, claims);
  if (parts === undefined) return undefined;
  // Nobody's rule: whom the issuer enrolled before loses what it gave.
  if (rule === undefined) return { subject: { named: [issuer, ...parts] }, enrol: NOTHING };
  if (rule.is !== undefined) return { subject: { is: rule.is } };
  // RULE 17: whoever acts for those who come with it acts for nobody alone, and is another agent for each of them.
  if ((rule.behalf === true) !== (person !== undefined)) return 'behalf';
  const whom = person ?? (rule.for === undefined ? undefined : { is: rule.for });
  const named = [issuer, ...parts, ...(person === undefined ? [] : ['for', ...nameOf(person)])];
  return { subject: { named }, enrol: agentOf(rule, claims, whom) };
}

/** Returns who a person is, by all rules that fit. */
export function mapPerson({ issuer, people = [] }: IssuerSettings, claims: Claims): Mapped {
  const rules = people.filter(({ when }) => fits(when, claims));
  const is = rules.find((rule) => rule.is !== undefined)?.is;
  if (is !== undefined) return { subject: { is } };
  const subject = { named: [issuer, claims.sub] };
  return { subject, enrol: rules.length === 0 ? NOTHING : personOf(rules, claims) };
}

const NOTHING = { granted: false, roles: [], groups: [] } as const;

const agentOf = (
  { groups = [], root }: AgentRule,
  claims: Claims,
  whom: TokenPresented['subject'] | undefined,
): NonNullable<Mapped['enrol']> => ({
  granted: true,
  roles: [],
  groups,
  name: shownName(claims.sub),
  ...(whom === undefined ? {} : { for: whom }),
  ...(root === undefined ? {} : { root }),
});

function personOf(rules: readonly PersonRule[], claims: Claims): NonNullable<Mapped['enrol']> {
  const all = (of: (rule: PersonRule) => readonly string[] | undefined): readonly string[] =>
    [...new Set(rules.flatMap((rule) => of(rule) ?? []))].sort();
  const shown = [claims['name'], claims['preferred_username'], claims.sub].find(
    (name): name is string => typeof name === 'string' && name !== '',
  );
  return {
    granted: true,
    roles: all(({ roles }) => roles).slice(0, 8),
    groups: all(({ groups }) => groups).slice(0, 32),
    name: shownName(shown ?? claims.sub),
  };
}

const nameOf = (person: TokenPresented['subject']): readonly string[] =>
  'is' in person ? ['is', person.is] : person.named;
const shownName = (text: string): string => text.slice(0, 120);

function namedBy(names: readonly string[], claims: Claims): readonly string[] | undefined {
  const values = names.map((name) => claimAt(claims, name));
  // Each with its claim: two that swap their values are not the same.
  return values.every((value): value is string => typeof value === 'string' && value !== '')
    ? names.flatMap((name, at) => (name === 'sub' ? [values[at]!] : [name, values[at]!]))
    : undefined;
}

const fits = (when: AgentRule['when'], claims: Members): boolean =>
  Object.entries(when).every(([name, wanted]) => {
    const found = claimAt(claims, name);
    const values = Array.isArray(found) ? found : [found];
    return values.some((value) => wanted.some((pattern) => covers(pattern, value)));
  });

/** Exactly this, or with `/*` at its end what lies below it. Booleans and numbers are compared as they are written. */
function covers(pattern: string, value: unknown): boolean {
  if (typeof value === 'boolean' || typeof value === 'number') return String(value) === pattern;
  if (typeof value !== 'string') return false;
  return pattern.endsWith('/*')
    ? value.length >= pattern.length && value.startsWith(pattern.slice(0, -1))
    : value === pattern;
}
