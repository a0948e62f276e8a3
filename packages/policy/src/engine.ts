/**
 * The engine: Cedar with its pre-parsed sets looked after. Cedar cannot drop a pre-parsed set, only overwrite
 * one, so sets live in a fixed number of slots, keyed by content; the least recently used slot is overwritten.
 * Anything but a clean answer is an error for the caller (RULE 14).
 */
import type { CedarModule, CedarSchemaJson, CedarValue, Entity, Uid } from './cedar.ts';
import type { DecisionInput, MandateOnChain } from './decision-input.ts';
import { PolicyError } from './errors.ts';
import { evaluate, type Evaluation } from './evaluate.ts';
import type { LoadedBundle } from './load.ts';
import type { Slice } from './slices.ts';

/** One request exactly as Cedar gets it. */
export interface CedarRequest {
  readonly principal: Uid;
  readonly action: Uid;
  readonly resource: Uid;
  readonly context: { readonly [name: string]: CedarValue };
  readonly entities: readonly Entity[];
}

/** What Cedar answered. `errors` is never empty when the request itself was refused. */
export interface CedarAnswer {
  readonly decision: 'allow' | 'deny';
  /** Ids of the determining policies, sorted. */
  readonly reasons: readonly string[];
  readonly errors: readonly string[];
}

/** A pre-parsed schema: its name must change with its content. */
export interface EngineSchema {
  readonly digest: string;
  readonly json: CedarSchemaJson;
}

export interface Engine {
  /** As recorded in entries, `cedar/4.13.0`. */
  readonly version: string;
  readonly cedar: CedarModule;
  /** Evaluates one request against one slice. Never throws for a bad request; that is an answer with errors. */
  authorize(schema: EngineSchema, slice: Slice, request: CedarRequest): CedarAnswer;
  /** Returns the verdict over all links and resources; `mandates` must allow as well. Never throws for a bad input. */
  evaluate(loaded: LoadedBundle, input: DecisionInput, mandates?: readonly MandateOnChain[]): Evaluation;
}

const POLICY_SLOTS = 512;
const SCHEMA_SLOTS = 512;

/**
 * Slots belong to the WebAssembly instance, which several engines of one thread may share, also through different
 * module objects; the instance is known by its function. Two books over one instance would overwrite each other.
 */
const slotsOf = new WeakMap<
  CedarModule['preparsePolicySet'],
  { readonly policies: Slots; readonly schemas: Slots }
>();

/** Returns an engine over a Cedar module. Throws ERR_ENGINE when the module is not one. */
export function createEngine(cedar: CedarModule): Engine {
  let version: string;
  try {
    version = `cedar/${cedar.getCedarVersion()}`;
    if (typeof cedar.preparsePolicySet !== 'function') throw new TypeError('no preparsePolicySet');
  } catch (cause) {
    throw new PolicyError('ERR_ENGINE', 'the module given is not cedar-wasm', { cause });
  }
  let slots = slotsOf.get(cedar.preparsePolicySet);
  if (slots === undefined) {
    slots = { policies: new Slots('p', POLICY_SLOTS), schemas: new Slots('s', SCHEMA_SLOTS) };
    slotsOf.set(cedar.preparsePolicySet, slots);
  }
  const { policies, schemas } = slots;

  const policySlot = (slice: Slice): string =>
    policies.slotFor(slice.key, (slot) =>
      accept(
        cedar.preparsePolicySet(slot, {
          staticPolicies: Object.fromEntries(slice.policies.map(({ id, text }) => [id, text])),
        }),
      ),
    );
  const schemaSlot = (schema: EngineSchema): string =>
    schemas.slotFor(schema.digest, (slot) => accept(cedar.preparseSchema(slot, schema.json)));

  const engine: Engine = {
    version,
    cedar,
    evaluate: (loaded, input, mandates = []) => evaluate(engine, loaded, input, mandates),
    authorize(schema, slice, request) {
      const preparsedSchemaName = schemaSlot(schema);
      const preparsedPolicySetId = policySlot(slice);
      let answer: ReturnType<CedarModule['statefulIsAuthorized']>;
      try {
        answer = cedar.statefulIsAuthorized({
          ...(request as unknown as Parameters<CedarModule['statefulIsAuthorized']>[0]),
          preparsedSchemaName,
          preparsedPolicySetId,
          validateRequest: true, // RULE 11: on every call
        });
      } catch (cause) {
        return refused([cause instanceof Error ? cause.message : 'cedar stopped']);
      }
      if (answer.type !== 'success') return refused(answer.errors.map((error) => error.message));
      const { decision, diagnostics } = answer.response;
      const errors = [
        ...diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${error.message}`),
        ...answer.warnings.map((warning) => warning.message),
      ].sort();
      return { decision, reasons: [...diagnostics.reason].sort(), errors };
    },
  };
  return engine;
}

/** RULE 14: a request that Cedar would not take is an error even if Cedar gave no message. */
function refused(errors: readonly string[]): CedarAnswer {
  return {
    decision: 'deny',
    reasons: [],
    errors: errors.length === 0 ? ['the request was refused'] : errors,
  };
}

function accept(answer: {
  readonly type: string;
  readonly errors?: readonly { readonly message: string }[];
}): void {
  if (answer.type !== 'success')
    throw new PolicyError('ERR_ENGINE', answer.errors?.[0]?.message ?? 'a parsed text was refused');
}

/** Content key → slot name, least recently used first. */
class Slots {
  readonly #prefix: string;
  readonly #size: number;
  readonly #held = new Map<string, string>();

  constructor(prefix: string, size: number) {
    this.#prefix = prefix;
    this.#size = size;
  }

  slotFor(key: string, fill: (slot: string) => void): string {
    const known = this.#held.get(key);
    if (known !== undefined) {
      this.#held.delete(key);
      this.#held.set(key, known);
      return known;
    }
    let slot = `${this.#prefix}${this.#held.size}`;
    if (this.#held.size >= this.#size) {
      const [oldest, freed] = this.#held.entries().next().value!;
      // Forgotten before it is overwritten: a refused text must not leave the old key pointing at this slot.
      this.#held.delete(oldest);
      slot = freed;
    }
    try {
      fill(slot);
    } catch (cause) {
      this.#held.set(`free ${slot}`, slot);
      throw cause;
    }
    this.#held.set(key, slot);
    return slot;
  }
}
