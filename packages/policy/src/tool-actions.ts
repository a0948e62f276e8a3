/**
 * Actions for the tools of any MCP server, from what the server says of them. Nothing is mapped to a resource: which
 * argument names a file or an account is for the author of the policy to say, and each tool is its own resource
 * until then. Arguments that policies could not see are marked so, instead of denying the calls that have them.
 */
import type { Json } from '@licet/evidence';
import { compileCheck, planAction } from './action-plan.ts';
import type { ActionSpec, JsonSchema } from './bundle.ts';
import { isSchema } from './json-mapping.ts';

/** A tool as the server lists it. */
export interface ListedTool {
  readonly name: string;
  readonly inputSchema?: Json;
}

/** The actions of a server, and the tools that can have none. */
export interface ToolActions {
  readonly actions: Readonly<Record<string, ActionSpec>>;
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

/** Reading a resource and getting a prompt are decided too; the gateway gives them these names. */
const METHODS: Readonly<Record<string, ActionSpec>> = {
  'resources.read': {
    schema: {
      type: 'object',
      properties: { uri: { type: 'string' } },
      required: ['uri'],
      additionalProperties: false,
    },
    resources: {},
  },
  'prompts.get': {
    schema: {
      type: 'object',
      properties: { name: { type: 'string' }, arguments: { type: 'object' } },
      required: ['name'],
      additionalProperties: false,
    },
    resources: {},
    opaque: ['arguments'],
  },
};

const TOOL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/;

/** Returns the actions `<server>/<tool>` of these tools, besides reading resources and getting prompts. Never throws. */
export function toolActions(server: string, tools: readonly ListedTool[]): ToolActions {
  const actions: Record<string, ActionSpec> = Object.fromEntries(
    Object.entries(METHODS).map(([method, spec]) => [`${server}/${method}`, spec]),
  );
  const skipped: { name: string; why: string }[] = [];
  for (const { name, inputSchema } of tools) {
    const action = `${server}/${name}`;
    const spec = TOOL.test(name)
      ? Object.hasOwn(actions, action)
        ? 'another tool has this name'
        : actionOf(action, inputSchema)
      : 'no action can have this name';
    if (typeof spec === 'string') skipped.push({ name, why: spec });
    else actions[action] = spec;
  }
  return { actions, skipped };
}

function actionOf(action: string, inputSchema: Json | undefined): ActionSpec | string {
  if (!isSchema(inputSchema) || inputSchema['type'] !== 'object')
    return 'its input schema is not that of an object';
  const schema: JsonSchema = inputSchema;
  const bare = planAction(action, { schema, resources: {} }, () => undefined);
  const spec: ActionSpec = {
    schema,
    resources: {},
    // RULE 11: not seen is said; an argument that a policy should see has to be given a type first.
    ...(bare.unmappable.length === 0 ? {} : { opaque: bare.unmappable }),
  };
  const fault = compileCheck(planAction(action, spec, () => undefined));
  return fault === undefined ? spec : `its input schema cannot be used: ${fault}`;
}
