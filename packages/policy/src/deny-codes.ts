/**
 * Why an execution was refused: the closed list of codes that decisions, entries and answers carry, with what
 * each means and what an agent or its operator does next (DESIGN §8; RULE 45). The plane uses the same list.
 */

interface DenyRow {
  readonly meaning: string;
  readonly next: string;
}

const retry = 'Try again after a short wait; if it lasts, tell the operator.';
const askOperator = 'Stop and tell the operator; repeating the call will not help.';

/** Every deny code. The texts name no policy, resource or argument. */
export const DENY_CODES = {
  unidentified: { meaning: 'The caller is not identified, or its identity is revoked.', next: askOperator },
  revoked: { meaning: 'An identity on the chain has been revoked or changed.', next: askOperator },
  key_retired: {
    meaning: 'The key that spoke is no longer a key of this agent.',
    next: 'Use the current key, or enrol again.',
  },
  token_ended: {
    meaning: 'What vouched for this key has run out, or its issuer is no longer trusted.',
    next: 'Open a session with a fresh token.',
  },
  role: {
    meaning: 'This person does not have the role that the action needs.',
    next: 'Ask an operator for the role.',
  },
  unknown_action: {
    meaning: 'No bundle describes this action.',
    next: 'Use another tool, or ask the author of the bundle to map this one.',
  },
  schema: {
    meaning: 'The arguments do not fit the pinned schema of the action.',
    next: 'Correct the arguments: all required ones, no unknown ones, the right types.',
  },
  unmappable: {
    meaning: 'An argument holds a value that policies cannot see exactly.',
    next: 'Send whole numbers or at most four decimal places, and leave out optional free-form arguments.',
  },
  not_canonical: {
    meaning: 'A path, address or account is not written in its one canonical form.',
    next: 'Send an absolute path or address without "..", "//", "%", links or unusual characters.',
  },
  missing_entity: { meaning: 'A group or resource that was named is not known.', next: askOperator },
  policy: {
    meaning: 'No policy permits this, or a policy forbids it.',
    next: 'Do something else that is permitted, or ask the operator for a change of policy.',
  },
  policy_error: { meaning: 'A policy could not be evaluated, so the call is denied.', next: askOperator },
  no_bundle: { meaning: 'No valid bundle is loaded; everything is denied.', next: askOperator },
  bundle_expired: { meaning: 'The bundle is older than its maximum age or its floor.', next: askOperator },
  mandate: {
    meaning: 'The mandate this agent acts under does not allow it.',
    next: 'Stay within the mandate.',
  },
  grade: {
    meaning: 'This door is easier to go round than the policy accepts.',
    next: 'Make the call through a gateway or a target that verifies permits.',
  },
  confine: {
    meaning: 'This door cannot confine the process as the policy asks.',
    next: 'Run it where process namespaces or cgroups are available.',
  },
  unbound: {
    meaning: 'The decision would rest on something that this door does not bind to the effect.',
    next: 'Make the call through a door that commits to the whole request.',
  },
  assurance_unavailable: { meaning: 'The required witnesses did not answer in time.', next: retry },
  attestation_missing: {
    meaning: 'Something has to be attested before this, and nobody has attested it.',
    next: 'Make the call through a door that attests what it runs, such as licet exec or licet mcp.',
  },
  attestation_stale: {
    meaning: 'What was attested is too old to count.',
    next: 'Attest it again, then call again.',
  },
  attestation_contraindicated: {
    meaning: 'What was measured is not what may run here.',
    next: askOperator,
  },
  unpinned: {
    meaning: 'The definition of this tool is not the one that was pinned.',
    next: 'Wait until a person has reviewed and pinned the tool again.',
  },
  contained: {
    meaning: 'A containment order covers this execution.',
    next: 'Stop. A person has to lift it.',
  },
  root_grant: { meaning: 'This principal may not open another root execution.', next: askOperator },
  parent: { meaning: "The parent execution is not running, or is not this key's to use.", next: 'Stop.' },
  parent_ended: { meaning: 'An execution above this one is no longer running.', next: 'Stop.' },
  chain: { meaning: 'The chain of principals is broken or too long.', next: askOperator },
  limit: {
    meaning: 'A budget, rate or concurrency limit is used up.',
    next: 'Wait, or ask for a larger limit.',
  },
  contended: { meaning: 'What the decision rested on kept changing.', next: retry },
  overload: { meaning: 'The plane has too much to do.', next: retry },
  too_large: { meaning: 'The request, its chain or its record is too large.', next: 'Make it smaller.' },
  not_durable: { meaning: 'The decision could not be recorded, so nothing was permitted.', next: retry },
  unreachable: { meaning: 'The plane did not answer in time, or not provably.', next: retry },
  clock: { meaning: 'The clock is behind the log.', next: askOperator },
  log: { meaning: 'The log could not be linked to the one known before.', next: askOperator },
  spent: { meaning: 'The permit has been used already.', next: 'Ask for a new decision.' },
  foreign_permit: { meaning: 'The permit belongs to another key.', next: askOperator },
  other_door: {
    meaning: 'The door that would start it is not the one that was decided about.',
    next: 'Start it from the door that asked.',
  },
  max_time: {
    meaning: 'The execution has run as long as its permit allows.',
    next: 'Ask for a new decision for what is left to do.',
  },
  not_started: { meaning: 'An outcome was reported for something that never started.', next: askOperator },
  held: {
    meaning: 'People have to approve this first.',
    next: 'Call again with the same arguments once they have.',
  },
  wrong_place: {
    meaning: 'The permit is to be spent elsewhere.',
    next: 'Use it only at the place it names.',
  },
  expired: { meaning: 'The permit or lease has run out.', next: 'Ask for a new decision.' },
  already_started: { meaning: 'Another process has started this execution.', next: 'Do not start it again.' },
  denied_by_person: {
    meaning: 'A person was asked and refused.',
    next: 'Do not ask again for the same thing.',
  },
  hold_expired: { meaning: 'Nobody approved in time.', next: 'Ask again only if it is still needed.' },
  approval_expired: { meaning: 'The approval ran out before it was used.', next: 'Ask for a new approval.' },
  cancelled: { meaning: 'The caller took the request back.', next: 'Nothing.' },
} as const satisfies Readonly<Record<string, DenyRow>>;

/** The closed union of deny codes. */
export type DenyCode = keyof typeof DENY_CODES;

/** The codes that `evaluate` itself gives; only these can be decided again from recorded inputs (RULE 19). */
export const DECIDABLE_CODES: ReadonlySet<DenyCode> = new Set([
  'policy',
  'policy_error',
  'mandate',
  'grade',
  'confine',
  'unbound',
  'missing_entity',
  'attestation_missing',
  'attestation_stale',
  'attestation_contraindicated',
] satisfies DenyCode[]);
