import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkJob, type CheckedJob, jobJsonSchema } from '../../src/core/job.ts';
import type { Fault } from '../../src/core/errors.ts';

const context = { endpoints: new Set(['ollama', 'simulator']), default_endpoint: 'ollama' };
const configuration = { LLM_name: 'ollama:llama3.2:3b' };

function accepted(job: unknown): CheckedJob {
  const result = checkJob(job, context);
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result.job;
}

function faultsOf(job: unknown): readonly Fault[] {
  const result = checkJob(job, context);
  return result.ok ? [] : result.faults;
}

describe('R1: a job', () => {
  it("is a prompt and a configuration, with the seed's own keys", () => {
    expect(
      accepted({ prompt: 'Say hello.', configuration: { LLM_name: 'ollama:llama3.2:3b', seed: 7 } }),
    ).toEqual({
      name: null,
      batch: null,
      key: null,
      metadata: undefined,
      type: 'llm',
      if_exists: 'same',
      prompt: { kind: 'text', text: 'Say hello.' },
      endpoint: 'ollama',
      model: 'llama3.2:3b',
      parameters: { seed: 7 },
      extra: {},
      drawers: {},
      sample: null,
      command: null,
      argv: null,
      options: {
        priority: 0,
        attempt_timeout_ms: 600_000,
        first_token_timeout_ms: 300_000,
        stall_timeout_ms: 60_000,
        max_attempts: 4,
        run_at: null,
        tags: [],
      },
      spec: { type: 'llm', prompt: 'Say hello.', configuration: { LLM_name: 'ollama:llama3.2:3b', seed: 7 } },
    });
  });

  it('may say everything that the design lists', () => {
    const job = accepted({
      $schema: '../schema/job.schema.json',
      name: 'faq-17',
      batch: 'faq',
      key: 17,
      metadata: { gold: 'B' },
      type: 'llm',
      if_exists: 'new_run',
      prompt: 'x',
      configuration: {
        model: 'simulator:demo',
        temperature: 0,
        stop: 'END',
        reasoning: 'low',
        repeat_penalty: 1.1,
        ollama: { num_ctx: 1 },
        sample: 'b',
      },
      options: {
        priority: -5,
        timeout: '10m',
        first_token_timeout: '1h30m',
        stall_timeout: 90_000,
        max_attempts: 2,
        run_at: '2026-12-01T08:00:00+01:00',
        tags: ['nightly'],
      },
    });
    expect(job).toMatchObject({
      name: 'faq-17',
      batch: 'faq',
      key: '17',
      metadata: { gold: 'B' },
      if_exists: 'new_run',
      endpoint: 'simulator',
      model: 'demo',
      parameters: { temperature: 0, stop: ['END'], reasoning: 'low' },
      extra: { repeat_penalty: 1.1 },
      drawers: { ollama: { num_ctx: 1 } },
      sample: 'b',
      options: {
        priority: -5,
        attempt_timeout_ms: 600_000,
        first_token_timeout_ms: 5_400_000,
        stall_timeout_ms: 90_000,
        max_attempts: 2,
        run_at: Date.UTC(2026, 11, 1, 7),
        tags: ['nightly'],
      },
    });
  });

  it('takes null for what was not set, as other programs write it', () => {
    const job = {
      name: null,
      batch: null,
      key: null,
      if_exists: null,
      options: null,
      prompt: 'x',
      configuration: { ...configuration, seed: null, sample: null, ollama: null },
    };
    expect(accepted(job)).toMatchObject({ name: null, parameters: {}, drawers: {}, sample: null });
  });

  it.each([
    ['llama3.2:3b', 'ollama', 'llama3.2:3b'],
    ['simulator:demo', 'simulator', 'demo'],
    ['ollama:hf.co/bartowski/x:Q4_K_M', 'ollama', 'hf.co/bartowski/x:Q4_K_M'],
    ['registry.local:5000/x:1b', 'ollama', 'registry.local:5000/x:1b'],
    ['llama:7b', 'ollama', 'llama:7b'],
  ])('names its model as %s', (LLM_name, endpoint, model) => {
    expect(accepted({ prompt: 'x', configuration: { LLM_name } })).toMatchObject({ endpoint, model });
  });

  it('needs an endpoint where there is no default one', () => {
    const result = checkJob(
      { prompt: 'x', configuration: { LLM_name: 'llama3.2:3b' } },
      { endpoints: new Set(['gpu']), default_endpoint: null },
    );
    expect(result.ok ? [] : result.faults).toMatchObject([
      { code: 'UnknownEndpoint', expected: 'endpoint:model with a known endpoint (known: gpu)' },
    ]);
  });

  it('gives faults instead of exceptions, whatever it is, and never passes one of them on as valid', () => {
    const word = fc.constantFrom(
      'prompt',
      'configuration',
      'options',
      'LLM_name',
      'base',
      'data',
      'messages',
      'content',
      'role',
      'file',
      'csv',
      'row',
      'where',
      'stop',
      'tags',
      'type',
      'script',
      'args',
      'pure',
      'inputs',
      'command',
      'argv',
      'image_url',
      'url',
      'media_type',
      '__proto__',
      'constructor',
      'toString',
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(
          'x',
          '',
          'user',
          'command',
          'image',
          'prompts/x.py',
          'data:image/png;base64,eA==',
          1,
          -1,
          0.5,
          null,
          true,
        ),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(word, tie('value'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(value, (job) => {
        const result = checkJob(job, context);
        if (!result.ok) expect(result.faults.length).toBeGreaterThan(0);
        for (const fault of result.ok ? [] : result.faults) {
          expect(fault.expected).not.toMatch(/Invalid input|Too small|Too big|expected string|Unrecognized/);
          expect(fault.path).not.toBe('');
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('is described by a JSON Schema that is kept for editors', () => {
    const file = path.join(import.meta.dirname, '../../schema/job.schema.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(jobJsonSchema());
  });
});

describe('R2: a prompt', () => {
  it('has prepended text, a base, appended text and data', () => {
    const { prompt } = accepted({
      prompt: {
        prepend: 'P',
        base: 'B {{ a }}',
        append: 'A',
        data: {
          a: 'text',
          b: { value: [1, { c: null }] },
          c: { file: 'data/c.txt' },
          d: { csv: 'data/d.csv', row: 0 },
          e: { jsonl: 'data/e.jsonl', row: { where: { id: 7 } }, column: 'text' },
          f: { json: 'prompts/f.json' },
        },
      },
      configuration,
    });
    expect(prompt).toEqual({
      kind: 'parts',
      prepend: 'P',
      base: 'B {{ a }}',
      append: 'A',
      data: new Map<string, unknown>([
        ['a', { kind: 'value', value: 'text' }],
        ['b', { kind: 'value', value: [1, { c: null }] }],
        ['c', { kind: 'file', file: 'data/c.txt' }],
        ['d', { kind: 'rows', format: 'csv', file: 'data/d.csv', row: 0, column: null }],
        [
          'e',
          { kind: 'rows', format: 'jsonl', file: 'data/e.jsonl', row: { where: { id: 7 } }, column: 'text' },
        ],
        ['f', { kind: 'rows', format: 'json', file: 'prompts/f.json', row: null, column: null }],
      ]),
    });
  });

  it('may be messages, whose parts of text are joined', () => {
    const messages = [
      { role: 'system', content: 'S' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      { role: 'assistant', content: '' },
    ];
    expect(accepted({ prompt: { messages }, configuration }).prompt).toEqual({
      kind: 'messages',
      messages: [
        { role: 'system', content: 'S' },
        { role: 'user', content: 'ab' },
        { role: 'assistant', content: '' },
      ],
      data: null,
    });
  });
});

describe('R3: a configuration', () => {
  it.each([
    'sk-proj-abcdefghijklmnop1234',
    'AIzaSyA1234567890abcdefghijklmnopqrstuvw',
    'xai-abcdefghijklmnopqrstuvwx',
    'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
    'hf_abcdefghijklmnopqrstuvwxyz',
    'AKIAABCDEFGHIJKLMNOP',
    'Bearer abcdefghijklmnopqrstu',
    'gsk_abcdefghijklmnopqrstuvwx',
    '-----BEGIN RSA PRIVATE KEY-----',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.x',
  ])('is refused with a secret like %s wherever it stands, and does not repeat it', (secret) => {
    for (const place of [
      { LLM_name: secret },
      { user: secret },
      { stop: [secret] },
      { ollama: { a: [{ b: secret }] } },
      { response_schema: { description: secret } },
      { seed: secret },
    ]) {
      const faults = faultsOf({ prompt: 'x', configuration: { ...configuration, ...place } });
      expect(faults.map(({ code }) => code)).toEqual(['SecretInJob']);
      expect(JSON.stringify(faults)).not.toContain(secret);
    }
  });

  it.each([
    'api_key',
    'apiKey',
    'API-Key',
    'openai_api_key',
    'authorization',
    'Authorization',
    'base_url',
    'baseURL',
    'headers',
    'extra_headers',
    'access_token',
    'auth_token',
    'token',
    'password',
    'client_secret',
    'x-api-key',
    'host',
    'url',
  ])('is refused with the key %s, at any depth', (key) => {
    for (const place of [{ [key]: 'x' }, { ollama: { deep: [{ [key]: 'x' }] } }]) {
      expect(faultsOf({ prompt: 'x', configuration: { ...configuration, ...place } })).toMatchObject([
        { code: 'SecretInJob' },
      ]);
    }
  });

  it('may ask for answers about keys and addresses', () => {
    const response_schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      properties: { url: {}, token: {}, password: {}, headers: {} },
    };
    expect(
      accepted({
        prompt: 'Which URL? sk-abcdefghijklmnopqrstuvwxyz',
        configuration: { ...configuration, response_schema, stop: ['http://'], max_tokens: 5 },
      }).parameters,
    ).toMatchObject({ max_tokens: 5 });
  });

  it('passes unknown parameters on under their own names', () => {
    const extra = {
      mirostat: 2,
      repeat_penalty: 1.1,
      top_a: 0.1,
      min_tokens: 5,
      logit_bias: { 50256: -100 },
      user: 'x',
      keep_alive: '5m',
      num_ctx: 4096,
      n_probs: 3,
    };
    expect(accepted({ prompt: 'x', configuration: { ...configuration, ...extra } }).extra).toEqual(extra);
  });
});

describe('R2, R3: a job with programs and attachments', () => {
  const kinds = new Map([
    ['ollama', 'ollama'],
    ['shell', 'command'],
  ] as const);
  const known = { endpoints: new Set(kinds.keys()), default_endpoint: 'ollama', kinds };
  const matchesSchema = new Ajv2020({ allowUnionTypes: true }).compile(jobJsonSchema());
  const content = [
    { type: 'text', text: 'a' },
    { type: 'image', file: 'data/x.png' },
    { type: 'file', file: 'data/x.pdf', media_type: 'application/pdf' },
    { type: 'image', data: 'eA==', media_type: null },
    { type: 'file', data: 'eA==', media_type: 'text/plain', filename: 'x.txt' },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,eA==' } },
  ];

  it.each<[string, object]>([
    ['a script', { prompt: { script: 'prompts/x.py' }, configuration }],
    [
      'a pure script with all its words',
      {
        prompt: { script: 'prompts/x.py', args: [1, null], pure: true, inputs: ['data/x.csv'] },
        configuration,
      },
    ],
    [
      'data of a script',
      { prompt: { base: 'x', data: { a: { script: 'commands/x', args: 'y' } } }, configuration },
    ],
    ['attachments', { prompt: { messages: [{ role: 'user', content }] }, configuration }],
    ['a command', { prompt: 'x', configuration: { ...configuration, command: 'commands/x.py' } }],
    [
      'a command with words',
      { prompt: 'x', configuration: { ...configuration, command: { script: 'prompts/x.py' } } },
    ],
    [
      'words of programs that are null',
      { prompt: 'x', configuration: { ...configuration, command: null, argv: null } },
    ],
    ['a command of its own', { type: 'command', prompt: 'x', configuration: { argv: ['wc', '-w'] } }],
  ])('%s is accepted, as the schema for editors says', (_title, job) => {
    const result = checkJob(job, known);
    expect(result.ok ? [] : result.faults).toEqual([]);
    expect(matchesSchema(job), JSON.stringify(matchesSchema.errors)).toBe(true);
  });

  it.each<[string, object]>([
    ['a script with more words', { prompt: { script: 'prompts/x.py', shell: true }, configuration }],
    [
      'a part of no kind',
      { prompt: { messages: [{ role: 'user', content: [{ type: 'audio' }] }] }, configuration },
    ],
    ['no part at all', { prompt: { messages: [{ role: 'user', content: [] }] }, configuration }],
    ['no program', { type: 'command', prompt: 'x', configuration: { argv: [] } }],
  ])('%s is refused, as the schema for editors says', (_title, job) => {
    expect(checkJob(job, known).ok).toBe(false);
    expect(matchesSchema(job)).toBe(false);
  });

  it('keeps no part of a job as a text part that is none, and gives base64 its one form', () => {
    const result = checkJob({ prompt: { messages: [{ role: 'user', content }] }, configuration }, known);
    const prompt = result.ok ? result.job.prompt : null;
    expect(prompt?.kind === 'messages' && prompt.messages[0]?.content).toMatchObject([
      { type: 'text', text: 'a' },
      { type: 'image', from: { file: 'data/x.png' }, media_type: null },
      { type: 'file', from: { file: 'data/x.pdf' }, media_type: 'application/pdf' },
      { type: 'image', from: { data: 'eA==' }, media_type: null },
      { type: 'file', from: { data: 'eA==' }, filename: 'x.txt' },
      { type: 'image', from: { data: 'eA==' }, media_type: 'image/png' },
    ]);
  });
});
