import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalRequest,
  digestHex,
  digestOf,
  freshRequest,
  isFreshDrawOf,
  readRequest,
  type RequestContext,
  requestOf,
  sha256,
} from '../../src/core/identity.ts';
import { differences, differing } from '../../src/core/differences.ts';
import { checkJob, type CheckedJob } from '../../src/core/job.ts';
import { canonicalJson } from '../../src/core/json.ts';

const endpoints = { endpoints: new Set(['ollama', 'gpu']), default_endpoint: 'ollama' };
const context: RequestContext = { prompt_sha256: sha256('prompt'), endpoint_kind: 'ollama' };

function checked(job: object): CheckedJob {
  const result = checkJob(job, endpoints);
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result.job;
}

function requestText(job: object, more: Partial<RequestContext> = {}): string {
  return canonicalRequest(requestOf(checked(job), { ...context, ...more }));
}

function digest(job: object, more: Partial<RequestContext> = {}): string {
  return digestOf(requestText(job, more));
}

const base = {
  prompt: 'Say hello.',
  configuration: {
    LLM_name: 'ollama:llama3.2:3b',
    temperature: 0.2,
    seed: 7,
    stop: ['END'],
    mirostat: 2,
    ollama: { num_ctx: 4096 },
  },
};
const configured = (more: object): object => ({ ...base, configuration: { ...base.configuration, ...more } });

/** What does not determine the answer. */
const around = fc.record(
  {
    name: fc.constantFrom('a', 'faq-17'),
    batch: fc.constantFrom('b', 'night'),
    key: fc.string({ minLength: 1, maxLength: 20 }),
    metadata: fc.jsonValue({ maxDepth: 2 }),
    if_exists: fc.constantFrom('same', 'new_run'),
    type: fc.constant('llm'),
    options: fc.record(
      {
        priority: fc.integer({ min: -10, max: 10 }),
        timeout: fc.constantFrom('10m', 90_000),
        max_attempts: fc.integer({ min: 1, max: 9 }),
        run_at: fc.constant('2026-12-01T08:00:00Z'),
        tags: fc.array(fc.constantFrom('x', 'y'), { maxLength: 3 }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

describe('R6: the digest of a job', () => {
  it('is what is sent, as a hash that anybody can make again', () => {
    const text = requestText(base);
    expect(JSON.parse(text)).toEqual({
      type: 'llm',
      endpoint: 'ollama',
      model: 'llama3.2:3b',
      prompt: sha256('prompt'),
      parameters: { temperature: 0.2, seed: 7, stop: ['END'] },
      extra: { mirostat: 2 },
      drawers: { ollama: { num_ctx: 4096 } },
    });
    expect(digest(base)).toBe(`1:${sha256(text)}`);
    expect(digestHex(digest(base))).toBe(sha256(text));
  });

  it('has not changed since the first version', () => {
    expect(digest(base)).toBe('1:bbd3dbf44e998e6c27f67b51ce6a4c51b9664e6cb3f919a3c47257a83a453be3');
  });

  it('does not change by names, labels, options, or the order of keys', () => {
    fc.assert(
      fc.property(around, fc.integer({ min: 0, max: 1_000 }), (more, seed) => {
        const job = { ...base, ...more };
        expect(digest(job)).toBe(digest(base));
        expect(digest(shuffled(job, seed) as object)).toBe(digest(base));
      }),
    );
  });

  it.each([
    [
      'model for LLM_name',
      { prompt: 'x', configuration: { model: 'ollama:a' } },
      { prompt: 'x', configuration: { LLM_name: 'ollama:a' } },
    ],
    [
      'the default endpoint named',
      { prompt: 'x', configuration: { LLM_name: 'a:7b' } },
      { prompt: 'x', configuration: { LLM_name: 'ollama:a:7b' } },
    ],
    ['a single stop', configured({ stop: 'END' }), base],
    [
      'a parameter that is null',
      configured({ top_p: null, response_schema: null, openai: null, sample: null }),
      base,
    ],
    [
      'an empty drawer',
      configured({ ollama: {} }),
      { ...base, configuration: { ...base.configuration, ollama: null } },
    ],
    ['the drawer of another platform', configured({ openai: { store: false } }), base],
    [
      'a number written otherwise',
      configured({ temperature: JSON.parse('2e-1') as number, seed: JSON.parse('7.0') as number }),
      base,
    ],
  ])('is the same for %s', (_title, a, b) => {
    expect(digest(a)).toBe(digest(b));
  });

  it('changes with each thing that determines the answer', () => {
    const variants: readonly [object, Partial<RequestContext>?][] = [
      [base],
      [base, { prompt_sha256: sha256('another prompt') }],
      [base, { fresh: 'once more' }],
      [base, { only_for: 'faq-17' }],
      [base, { only_for: '' }],
      [base, { program_sha256: sha256('a program') }],
      [base, { program_sha256: sha256('an edited program') }],
      [configured({ LLM_name: 'gpu:llama3.2:3b' })],
      [configured({ LLM_name: 'ollama:llama3.2:1b' })],
      [configured({ temperature: 0.3 })],
      [configured({ temperature: null })],
      [configured({ top_p: 0.9 })],
      [configured({ top_k: 40 })],
      [configured({ min_p: 0.1 })],
      [configured({ max_tokens: 100 })],
      [configured({ stop: ['END', 'STOP'] })],
      [configured({ stop: ['STOP', 'END'] })],
      [configured({ seed: 8 })],
      [configured({ frequency_penalty: 0.5 })],
      [configured({ presence_penalty: 0.5 })],
      [configured({ reasoning: true })],
      [configured({ reasoning: false })],
      [configured({ reasoning: 'high' })],
      [configured({ response_schema: { type: 'object' } })],
      [configured({ response_schema: { properties: { why: {}, answer: {} } } })],
      [configured({ response_schema: { properties: { answer: {}, why: {} } } })],
      [configured({ mirostat: 1 })],
      [configured({ mirostat: null })],
      [configured({ ollama: { num_ctx: 8192 } })],
      [configured({ sample: 0 })],
      [configured({ sample: 1 })],
      [configured({ sample: '1' })],
    ];
    const digests = variants.map(([job, more]) => digest(job, more));
    expect(new Set(digests).size).toBe(variants.length);
  });
});

describe('R6: a sample', () => {
  const sent = (job: object): unknown => readRequest(requestText(job)).parameters['seed'];

  it.each([
    ['0', { seed: 40, sample: 0 }, 40],
    ['3', { seed: 40, sample: 3 }, 43],
    ['that is negative', { seed: 40, sample: -3 }, 37],
    ['that is a text', { seed: 40, sample: '3' }, 40],
    ['without a seed', { seed: null, sample: 3 }, undefined],
  ])('%s: draw k of a job with a seed is sent seed + k, a text leaves it', (_title, more, seed) => {
    expect(sent(configured(more))).toBe(seed);
  });

  it('stays part of the identity where a seed alone would send the same', () => {
    expect(digest(configured({ seed: 8, sample: null }))).not.toBe(
      digest(configured({ seed: 7, sample: 1 })),
    );
  });

  it.each([
    [Number.MAX_SAFE_INTEGER, 1],
    [-Number.MAX_SAFE_INTEGER, -1],
  ])('is refused where the seed %d and it (%d) make no exact integer', (seed, sample) => {
    const result = checkJob(configured({ seed, sample }), endpoints);
    expect(result).toMatchObject({
      ok: false,
      faults: [{ code: 'InvalidJob', path: 'configuration.sample', got: String(sample) }],
    });
    expect(checkJob(configured({ seed, sample: 0 }), endpoints).ok).toBe(true);
  });
});

describe('a stored request', () => {
  it('reads back as all that an order needs', () => {
    expect(readRequest(requestText({ prompt: 'x', configuration: { LLM_name: 'a' } }))).toEqual({
      type: 'llm',
      endpoint: 'ollama',
      model: 'a',
      prompt: sha256('prompt'),
      parameters: {},
      extra: {},
      drawers: {},
      command: null,
      argv: null,
      program_sha256: null,
      only_for: null,
      sample: null,
      fresh: null,
    });
    const response_schema = { properties: { why: {}, answer: {} } };
    const { parameters } = readRequest(requestText(configured({ response_schema })));
    expect(JSON.stringify(parameters['response_schema'])).toBe(JSON.stringify(response_schema));
    expect(readRequest(requestText(base)).drawers).toEqual({ ollama: { num_ctx: 4096 } });
  });

  it('knows its own fresh draws, and no others', () => {
    const text = requestText(base);
    expect(isFreshDrawOf(freshRequest(text, 'a'), text)).toBe(true);
    expect(isFreshDrawOf(text, text)).toBe(false);
    expect(isFreshDrawOf(freshRequest(requestText(configured({ seed: 8 })), 'a'), text)).toBe(false);
    expect(isFreshDrawOf(freshRequest(text, 'a'), freshRequest(text, 'b'))).toBe(false);
  });

  it('becomes another as a fresh draw, and the same where the word is shared', () => {
    const text = requestText(base);
    expect(digestOf(freshRequest(text, 'a'))).not.toBe(digestOf(text));
    expect(digestOf(freshRequest(text, 'a'))).not.toBe(digestOf(freshRequest(text, 'b')));
    expect(freshRequest(text, 'a')).toBe(requestText(base, { fresh: 'a' }));
  });
});

describe('what makes two jobs different', () => {
  const differs = (a: object, b: object, more: Partial<RequestContext> = {}): string[] =>
    differing(
      requestText(a),
      requestText(b, more),
      canonicalJson(checked(a).spec),
      canonicalJson(checked(b).spec),
    );
  const other = { prompt_sha256: sha256('other') };
  const parts = {
    ...base,
    prompt: { base: 'Say {{ w }}.', append: 'Now.', data: { w: { file: 'data/w.txt' } } },
  };

  it.each([
    ['nothing', base, { ...base, options: { priority: 3 } }, {}, []],
    ['a parameter', base, configured({ temperature: 0.7 }), {}, ['configuration.temperature']],
    ['a parameter that one has', base, configured({ top_p: 0.5 }), {}, ['configuration.top_p']],
    [
      'a word of the platform',
      base,
      configured({ ollama: { num_ctx: 1 } }),
      {},
      ['configuration.ollama.num_ctx'],
    ],
    ['the model', base, configured({ LLM_name: 'gpu:x' }), {}, ['configuration.LLM_name']],
    ['the sample', base, configured({ sample: 2 }), {}, ['configuration.sample']],
    [
      'another draw of a seed',
      configured({ sample: 1 }),
      configured({ sample: 2 }),
      {},
      ['configuration.sample'],
    ],
    ['a seed', configured({ sample: 1 }), configured({ sample: 1, seed: 9 }), {}, ['configuration.seed']],
    ['a fresh draw', base, base, { fresh: 'w' }, ['fresh']],
    ['a program that was edited', base, base, { program_sha256: 'f' }, ['configuration.argv']],
    ['a script that is not pure', base, base, { only_for: 'faq-18' }, ['name']],
    [
      'the order of a schema',
      configured({ response_schema: { a: 1, b: 2 } }),
      configured({ response_schema: { b: 2, a: 1 } }),
      {},
      ['configuration.response_schema'],
    ],
    ['the text', base, { ...base, prompt: 'Say bye.' }, other, ['prompt']],
    [
      'a part',
      parts,
      { ...parts, prompt: { ...parts.prompt, base: 'Sing {{ w }}.' } },
      other,
      ['prompt.base'],
    ],
    ['a file that was edited', parts, parts, other, ['prompt.data']],
    [
      'a link',
      parts,
      { ...parts, prompt: { ...parts.prompt, data: { w: { file: 'data/v.txt' } } } },
      other,
      ['prompt.data.w'],
    ],
    [
      'several things',
      base,
      { ...configured({ seed: 8, mirostat: 1 }), prompt: 'x' },
      other,
      ['prompt', 'configuration.seed', 'configuration.mirostat'],
    ],
  ])('is named: %s', (_title, a, b, more, paths) => {
    expect(differs(a, b, more)).toEqual(paths);
  });
});

describe('R6: a difference', () => {
  const work = (job: object, prompt: string) => ({
    request: requestText(job, { prompt_sha256: sha256(prompt) }),
    spec: canonicalJson(checked(job).spec),
    prompt,
  });

  it('has what each of the two has there', () => {
    expect(differences(work(base, 'p'), work(configured({ top_p: 0.5, temperature: 1 }), 'p'))).toEqual([
      { path: 'configuration.temperature', a: 0.2, b: 1 },
      { path: 'configuration.top_p', a: null, b: 0.5 },
    ]);
  });

  it('of data alone has a little of both prompts, from where they begin to differ', () => {
    const text = 'x'.repeat(100);
    const [found] = differences(work(base, `${text}one${text}`), work(base, `${text}two${text}`));
    expect(found).toEqual({
      path: 'prompt.data',
      a: `${'x'.repeat(30)}one${'x'.repeat(57)}`,
      b: `${'x'.repeat(30)}two${'x'.repeat(57)}`,
    });
  });
});

function shuffled(value: unknown, seed: number): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  const rank = (key: string): string => sha256(`${seed}${key}`);
  const entries = Object.entries(value).toSorted(([a], [b]) => (rank(a) < rank(b) ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, shuffled(item, seed)]));
}
