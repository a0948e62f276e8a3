/** Goal: rule 11. Arguments are built into Cedar values by the plan; nothing is passed through or rounded. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '@licet/evidence';
import * as generator from '@cedar-policy/mcp-schema-generator-wasm';
import { closeObjects } from '../src/argument-schema.ts';
import { planAction } from '../src/action-plan.ts';
import { buildInput, type ActionSpec, type JsonSchema } from '../src/index.ts';
import { cedarRecord } from '../src/json-mapping.ts';
import { cedar } from './support.ts';

function plan(properties: Record<string, JsonSchema>, more: Partial<ActionSpec> = {}) {
  const spec = { resources: {}, ...more, schema: { type: 'object', properties, ...more.schema } };
  return planAction('s/t', spec, (fault) => {
    throw new Error(fault);
  });
}
const build = (properties: Record<string, JsonSchema>, args: Json, more: Partial<ActionSpec> = {}) => {
  const built = buildInput(plan(properties, more), args);
  return 'deny' in built ? built.deny : built.input;
};

describe('rule 11: a value is built by its type', () => {
  it('text, whole number, decimal, truth, set, record', () => {
    expect(
      build(
        {
          s: { type: 'string' },
          i: { type: 'integer' },
          n: { type: 'number' },
          b: { type: 'boolean' },
          a: { type: 'array', items: { type: 'string' }, uniqueItems: true },
          o: { type: 'object', properties: { x: { type: 'integer' } } },
          e: { enum: ['a', 'b'] },
        },
        { s: 'x', i: 7, n: 1.25, b: true, a: ['p', 'q'], o: { x: 1 }, e: 'a' },
      ),
    ).toEqual({
      s: 'x',
      i: 7,
      n: { __extn: { fn: 'decimal', arg: '1.25' } },
      b: true,
      a: ['p', 'q'],
      o: { x: 1 },
      e: 'a',
    });
  });

  it('null is absent', () => {
    expect(
      build({ s: { type: ['string', 'null'] } }, { s: null }, { schema: { required: ['s'] } as never }),
    ).toEqual({});
    expect(build({ s: { anyOf: [{ type: 'string' }, { type: 'null' }] } }, { s: 'x' })).toEqual({ s: 'x' });
  });

  for (const value of [0.1 + 0.2, 1.00001, 1e21, 1e-7, 922_337_203_685_478, -0])
    it(`a number that a decimal cannot hold exactly is unmappable: ${Object.is(value, -0) ? '-0' : value}`, () =>
      expect(build({ n: { type: 'number' } }, { n: value })).toBe('unmappable'));

  it('a whole number beyond 2^53 is unmappable', () => {
    expect(build({ i: { type: 'integer' } }, { i: 2 ** 53 })).toBe('unmappable');
  });

  const unmappable: Readonly<Record<string, readonly [JsonSchema, Json]>> = {
    'an ordered array': [{ type: 'array', items: { type: 'string' } }, ['a', 'b']],
    'an array of objects': [
      { type: 'array', uniqueItems: true, items: { type: 'object', properties: {} } },
      [{}],
    ],
    'a free object': [{ type: 'object' }, { x: 1 }],
    'an object with free names': [
      { type: 'object', properties: {}, additionalProperties: { type: 'string' } },
      { x: 'y' },
    ],
    'a union': [{ anyOf: [{ type: 'string' }, { type: 'integer' }] }, 1],
    'no type': [{}, 1],
    'several types': [{ type: ['string', 'integer'] }, 1],
  };
  for (const [title, [schema, value]] of Object.entries(unmappable)) {
    it(`${title} denies unless it is opaque`, () => {
      expect(build({ x: schema }, { x: value })).toBe('unmappable');
      expect(build({ x: schema }, {})).toEqual({});
      expect(build({ x: schema }, { x: value }, { opaque: ['x'] })).toEqual({});
    });
  }

  it('an array is a set only where its order has no meaning, and never with repeats', () => {
    const items = { x: { type: 'array', items: { type: 'integer' } } };
    expect(build(items, { x: [2, 1] }, { unordered: ['x'] })).toEqual({ x: [2, 1] });
    expect(build(items, { x: [1, 1] }, { unordered: ['x'] })).toBe('unmappable');
  });
});

describe('rule 11: arguments are refused', () => {
  it('when they do not fit the schema, or it does not name them', () => {
    const properties = { s: { type: 'string', maxLength: 3 } };
    for (const args of [{ s: 1 }, { s: 'long' }, { t: 'x' }, { s: 'x', extra: 1 }, [], 'x', null] as Json[])
      expect(build(properties, args)).toBe('schema');
    expect(build(properties, {}, { schema: { required: ['s'] } as never })).toBe('schema');
    expect(build(properties, { s: 'x', y: 1 }, { schema: { additionalProperties: true } as never })).toBe(
      'schema',
    );
    expect(
      build(properties, { s: 'x', y: 1 }, { schema: { additionalProperties: { type: 'integer' } } as never }),
    ).toBe('schema');
    expect(
      build(
        { o: { type: 'object', properties: { x: { type: 'integer' } }, additionalProperties: true } },
        { o: { y: 1 } },
      ),
    ).toBe('schema');
  });

  it('when a member is named __entity, __extn or __expr, opaque ones included', () => {
    for (const name of ['__entity', '__extn', '__expr']) {
      const value = { [name]: { type: 'Agent', id: 'root' } };
      expect(build({ o: { type: 'object' } }, { o: value })).toBe('schema');
      expect(build({ o: { type: 'object' } }, { o: [{ deep: value }] }, { opaque: ['o'] })).toBe('schema');
    }
  });

  it('and a name like __proto__ or constructor is data and no door', () => {
    expect(build({ s: { type: 'string' } }, JSON.parse('{"__proto__":{"s":"x"}}'))).toBe('schema');
    expect(build({ constructor: { type: 'string' } }, { constructor: 'x' })).toEqual({ constructor: 'x' });
    expect(build({ toString: { type: 'string' } }, {}, { schema: { required: ['toString'] } as never })).toBe(
      'schema',
    );
  });
});

describe('rule 13: mapped arguments', () => {
  const path = { p: { type: 'string' } };
  const paths = { p: { type: 'array', items: { type: 'string' } } };
  const mapped = { resources: { p: { kind: 'path' as const } } };

  it('are entities for policies, and the executor gets the same value', () => {
    expect(buildInput(plan(path, mapped), { p: '/w/a/' })).toMatchObject({
      input: { p: { __entity: { type: 'Folder', id: '/w/a' } } },
      args: { p: '/w/a' },
      resources: [{ argument: 'p', uid: { type: 'Folder', id: '/w/a' } }],
    });
  });

  it('that are lists give one resource each, once', () => {
    const built = buildInput(plan(paths, mapped), { p: ['/a', '/b', '/a/'] });
    expect('deny' in built ? built : built.resources.map(({ uid }) => uid.id)).toEqual(['/a', '/b']);
    expect(build(paths, { p: ['/a', '../b'] }, mapped)).toBe('not_canonical');
    expect(build(paths, { p: [] }, mapped)).toBe('schema');
    expect(build(paths, { p: Array.from({ length: 33 }, (_, i) => `/${i}`) }, mapped)).toBe('too_large');
  });

  it('that are absent deny, since what the tool then touches is unknown', () => {
    expect(build(path, {}, mapped)).toBe('schema');
    expect(build(path, {}, { resources: { p: { kind: 'path', optional: true } } })).toBe('schema');
  });
});

it('rule 11: whatever the arguments are, what is built passes Cedar or is refused', () => {
  const properties: Record<string, JsonSchema> = {
    s: { type: 'string' },
    n: { type: 'number' },
    i: { type: 'integer' },
    a: { type: 'array', uniqueItems: true, items: { type: 'number' } },
    o: { type: 'object', properties: { x: { type: 'string' }, y: { type: 'boolean' } }, required: ['x'] },
  };
  const made = plan(properties);
  const schema = {
    '': {
      entityTypes: { U: {} },
      actions: {
        t: { appliesTo: { principalTypes: ['U'], resourceTypes: ['U'], context: cedarRecord(made.fields) } },
      },
    },
  } as never;
  cedar.preparseSchema('input-test', schema);
  cedar.preparsePolicySet('input-test', { staticPolicies: 'permit(principal, action, resource);' });
  const value = fc.record(
    {
      s: fc.oneof(fc.string(), fc.jsonValue()),
      n: fc.oneof(
        fc.double(),
        fc.integer(),
        fc.integer().map((x) => x / 10_000),
      ),
      i: fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger()),
      a: fc.array(fc.oneof(fc.integer(), fc.double())),
      o: fc.oneof(fc.record({ x: fc.string(), y: fc.boolean() }, { requiredKeys: [] }), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(value, (args) => {
      const built = buildInput(made, args as Json);
      if ('deny' in built) return;
      const uid = { type: 'U', id: 'u' };
      const answer = cedar.statefulIsAuthorized({
        principal: uid,
        action: { type: 'Action', id: 't' },
        resource: uid,
        context: built.input as never,
        entities: [],
        preparsedSchemaName: 'input-test',
        preparsedPolicySetId: 'input-test',
        validateRequest: true,
      });
      expect(answer.type).toBe('success');
    }),
    { numRuns: 500 },
  );
});

it('closing a schema keeps opaque insides as their author wrote them', () => {
  const schema = {
    type: 'object',
    properties: { o: { type: 'object', properties: { x: {} } } },
  } as JsonSchema;
  expect(JSON.stringify(closeObjects(schema, [])).match(/unevaluatedProperties/g)).toHaveLength(2);
  expect(JSON.stringify(closeObjects(schema, ['o'])).match(/unevaluatedProperties/g)).toHaveLength(1);
});

it('the mapping agrees with the generator of the Cedar project on what both map', () => {
  const properties: Record<string, JsonSchema> = {
    s: { type: 'string' },
    i: { type: 'integer' },
    n: { type: 'number' },
    b: { type: 'boolean' },
    a: { type: 'array', uniqueItems: true, items: { type: 'string' } },
    o: {
      type: 'object',
      properties: { x: { type: 'string' } },
      required: ['x'],
      additionalProperties: false,
    },
  };
  const stub =
    'namespace S { @mcp_principal entity User; @mcp_resource entity Mcp; action "call_tool" appliesTo { principal: [User], resource: [Mcp] }; }';
  const tools = [
    { name: 't', description: 'd', inputSchema: { type: 'object', properties, required: ['s'] } },
  ];
  const config = { objectsAsRecords: true, numbersAsDecimal: true, flattenNamespaces: true };
  const made = JSON.parse(generator.generateSchema(stub, JSON.stringify(tools), JSON.stringify(config)));
  const theirs = cedar.schemaToJsonWithResolvedTypes(made.schema as string) as unknown as {
    json: { S: { commonTypes: Record<string, { attributes: Record<string, Record<string, unknown>> }> } };
  };
  const common = theirs.json.S.commonTypes;
  const kind = (type: Record<string, unknown>): string => {
    const name = String(type['name'] ?? type['type']).replace(/^(__cedar|S)::/, '');
    if (name in common) return `Record{${Object.keys(common[name]!.attributes).join()}}`;
    if (type['type'] === 'Set') return `Set<${kind(type['element'] as Record<string, unknown>)}>`;
    if (type['type'] === 'Record') return `Record{${Object.keys(type['attributes'] as object).join()}}`;
    return name === 'Boolean' ? 'Bool' : name;
  };
  const ours = (
    cedarRecord(plan(properties, { schema: { required: ['s'] } as never }).fields) as unknown as {
      attributes: Record<string, Record<string, unknown>>;
    }
  ).attributes;
  const wanted = common['tInput']!.attributes;
  expect(Object.keys(ours).sort()).toEqual(Object.keys(wanted).sort());
  for (const name of Object.keys(ours)) {
    expect([name, kind(ours[name]!).replace('Boolean', 'Bool')]).toEqual([
      name,
      kind(wanted[name]!).replace('Boolean', 'Bool'),
    ]);
    expect([name, ours[name]!['required'] ?? true]).toEqual([name, wanted[name]!['required'] ?? true]);
  }
});
