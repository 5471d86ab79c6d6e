import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { AnswerCheck } from '../../src/executor/answer-check.ts';
import { ask, callOf, endpointOf, realProvider } from './calls.ts';

const endpoint = endpointOf('simulator', { settings: { tokens_per_second: 0 } });
const answerTo = async (response_schema: JsonObject, seed: number): Promise<string> =>
  (
    await ask(
      realProvider('simulator'),
      callOf('simulator', '', { endpoint, parameters: { response_schema, seed } }),
    )
  ).text;

const SCHEMAS: Readonly<Record<string, JsonObject>> = {
  'a plain object': {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 20, maxLength: 30 },
      age: { type: 'integer', minimum: 18, maximum: 20 },
      share: { type: 'number', minimum: 0.2, maximum: 0.8 },
      above: { type: 'number', exclusiveMinimum: -5, exclusiveMaximum: 5, multipleOf: 0.5 },
      below: { type: 'number', maximum: -7 },
      good: { type: 'boolean' },
      kind: { enum: ['a', 'b', 3] },
      fixed: { const: { x: null } },
      maybe: { type: ['null', 'string'] },
      code: { type: 'string', maxLength: 2 },
    },
    required: ['name', 'unknown'],
    additionalProperties: true,
  },
  lists: {
    type: 'array',
    minItems: 3,
    maxItems: 4,
    prefixItems: [{ type: 'number' }, { const: 'second' }],
    items: { type: 'array', items: { type: 'boolean' }, maxItems: 1 },
  },
  'a tree that refers to itself': {
    $ref: '#/$defs/a~1node',
    $defs: {
      'a/node': {
        type: 'object',
        properties: {
          value: { type: 'integer' },
          left: { anyOf: [{ $ref: '#/$defs/a~1node' }, { type: 'null' }] },
          children: { type: 'array', items: { $ref: '#/$defs/a~1node' } },
        },
        required: ['value', 'left'],
        additionalProperties: false,
      },
    },
  },
  'parts that are all to match': {
    allOf: [
      { properties: { a: { type: 'string' } }, required: ['a'] },
      { properties: { b: { type: 'number' } } },
    ],
    properties: { c: { type: 'boolean' } },
    required: ['a', 'b', 'c'],
  },
};

describe('the simulator, asked for a schema', () => {
  it.each(Object.entries(SCHEMAS))('R3: answers with what matches: %s', async (_title, schema) => {
    const check = new AnswerCheck();
    const texts = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      const text = await answerTo(schema, seed);
      expect([text, check.check(schema, text)]).toEqual([text, { kind: 'matches' }]);
      expect(await answerTo(schema, seed)).toBe(text);
      texts.add(text);
    }
    expect(texts.size).toBeGreaterThan(2);
  });

  it('comes to an end whatever the schema says', async () => {
    const endless = { $ref: '#' };
    const mutual = { allOf: [{ $ref: '#/$defs/b' }], $defs: { b: { allOf: [{ $ref: '#' }] } } };
    const chain = { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] };
    const two = { type: 'object', properties: { a: { $ref: '#' }, b: { $ref: '#' } }, required: ['a', 'b'] };
    const rows = { type: 'array', minItems: 1e9, items: { type: 'string', minLength: 1e9 } };
    const wide = { type: 'array', minItems: 1e9, items: rows };
    for (const schema of [endless, mutual, chain, two, wide, { $ref: '#/none' }, { type: 'thing' }, {}])
      expect(typeof JSON.parse(await answerTo(schema, 1))).toBe('object');
  });
});
