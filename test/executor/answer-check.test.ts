import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { AnswerCheck } from '../../src/executor/answer-check.ts';

const PRODUCT: JsonObject = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    tags: { type: 'array', items: { enum: ['a', 'b'] } },
    size: { anyOf: [{ type: 'number' }, { type: 'null' }] },
  },
  required: ['name'],
  additionalProperties: false,
};

const verdictOf = (schema: JsonObject, text: string | null) => new AnswerCheck().check(schema, text);

describe('an answer and the schema of its job', () => {
  it('R3: matches, whatever white space stands around it and in whatever order its keys are', () => {
    expect(verdictOf(PRODUCT, '\n {"tags": ["a", "b"], "name": "x", "size": null}\n')).toEqual({
      kind: 'matches',
    });
  });

  it.each([
    ['{"name": 7}', 'at /name: must be string, got 7'],
    ['{"tags": []}', 'at its root: must have required property \'name\', got {"tags":[]}'],
    [
      '{"name": "x", "tags": ["a", "c"]}',
      'at /tags/1: must be equal to one of the allowed values (["a","b"]), got "c"',
    ],
    [
      '{"name": "x", "odd": 1}',
      'at its root: must NOT have additional properties ("odd"), got {"name":"x","odd":1}',
    ],
    [
      '{"name": "x", "size": "L"}',
      'at /size: must match a schema in anyOf, got "L"; at /size: must be number, got "L"',
    ],
    ['', 'expected JSON, got an empty answer'],
    ['Here you are: {"name": "x"}', 'expected JSON, got "Here you are: {\\"name\\": \\"x\\"}"'],
    ['{"name": "x"', 'expected JSON, got "{\\"name\\": \\"x\\""'],
    [
      '```json\n{"name": "x"}\n```',
      'expected JSON alone, got a Markdown code fence (```). Ask for JSON without a fence around it',
    ],
  ])('differs, and where, what was expected and what was got is said: %s', (text, message) => {
    expect(verdictOf(PRODUCT, text)).toEqual({ kind: 'differs', message });
  });

  it('says it in at most 1,000 characters, however long the answer and the list of what is allowed', () => {
    const schema = {
      patternProperties: { '^k': { enum: Array.from({ length: 1_000 }, (_, i) => `v${i}`) } },
    };
    const verdict = verdictOf(schema, JSON.stringify({ ['k'.repeat(5_000)]: 'x'.repeat(5_000) }));
    expect(verdict).toMatchObject({ kind: 'differs' });
    expect('message' in verdict && verdict.message.length).toBe(1_000);
  });

  it('differs where it is nested deeper than it can be followed', () => {
    const schema = {
      $defs: { list: { type: 'array', items: { $ref: '#/$defs/list' } } },
      $ref: '#/$defs/list',
    };
    const depth = 50_000;
    expect(verdictOf(schema, '['.repeat(depth) + ']'.repeat(depth))).toEqual({
      kind: 'differs',
      message: 'the answer is nested too deep to be checked',
    });
  });
});

describe('a schema', () => {
  it.each([
    ['2020-12', { $schema: 'https://json-schema.org/draft/2020-12/schema', prefixItems: [{ type: 'null' }] }],
    ['2019-09', { $schema: 'https://json-schema.org/draft/2019-09/schema', items: [{ type: 'null' }] }],
    ['draft-07', { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'null' }] }],
    ['draft-06', { $schema: 'http://json-schema.org/draft-06/schema#', items: [{ type: 'null' }] }],
    ['the newest, where it does not say', { prefixItems: [{ type: 'null' }] }],
    ['an older one, where it can be no newer', { items: [{ type: 'null' }] }],
  ])('is read as %s', (_dialect, schema) => {
    expect(verdictOf(schema, '[null]')).toEqual({ kind: 'matches' });
    expect(verdictOf(schema, '[1]')).toEqual({ kind: 'differs', message: 'at /0: must be null, got 1' });
  });

  it('may have the name of another one', () => {
    const check = new AnswerCheck();
    expect(check.check({ $id: 'urn:example:x', type: 'null' }, 'null')).toEqual({ kind: 'matches' });
    expect(check.check({ $id: 'urn:example:x', type: 'number' }, '1')).toEqual({ kind: 'matches' });
  });

  it('may have keywords and formats that nobody knows, and patterns that are none in Unicode mode', () => {
    const schema = { 'x-note': 1, format: 'made-up', type: 'string', pattern: '^[\\w-.]+$' };
    expect(verdictOf(schema, '"a-b.c"')).toEqual({ kind: 'matches' });
    expect(verdictOf(schema, '"a b"')).toMatchObject({ kind: 'differs' });
  });

  it.each([
    [{ type: 'text' }, 'data/type must be equal to one of the allowed values'],
    [{ pattern: '(' }, 'Invalid regular expression'],
    [
      { $ref: 'https://example.com/other.json' },
      'the "$ref" to "https://example.com/other.json" leads nowhere within the schema, and nothing is fetched',
    ],
    [{ properties: { a: { $ref: '#/$defs/missing' } } }, '"#/$defs/missing" leads nowhere'],
    [
      { $schema: 'http://json-schema.org/draft-04/schema#' },
      'expected JSON Schema 2020-12, 2019-09, draft-07',
    ],
    [{ $schema: 'http://json-schema.org/draft-03/schema#' }, '"http://json-schema.org/draft-03/schema#"'],
  ])(
    'R3: that is none is told from an answer that differs, and before there is one: %j',
    (schema, message) => {
      for (const text of [null, '{}']) {
        const verdict = verdictOf(schema, text);
        expect(verdict).toEqual({ kind: 'bad_schema', message: expect.stringContaining(message) as string });
      }
    },
  );

  it('is asked of alone', () => {
    expect(verdictOf(PRODUCT, null)).toEqual({ kind: 'matches' });
  });
});
