// What makes two jobs the same work, as properties of jobs that were prepared in a real workspace.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONFIGURATION, PNG, PromptWorkspace, SCRIPT } from './workspace.ts';

const JPEG = Buffer.from('ffd8ffe000104a46494600', 'hex');

let workspace: PromptWorkspace;
beforeAll(() => {
  workspace = new PromptWorkspace({
    'prompts/make.sh': SCRIPT,
    'prompts/copy.sh': SCRIPT,
    'prompts/other.sh': '#!/bin/sh\necho other\n',
    'commands/call.sh': SCRIPT,
    'commands/other.sh': '#!/bin/sh\necho other\n',
    'data/in.csv': 'a\n1\n',
    'data/x.png': PNG,
    'data/y.jpg': JPEG,
  });
});
afterAll(() => workspace[Symbol.dispose]());

type Job = Readonly<Record<string, unknown>>;

/** Jobs of every shape, each of which is the same work under any name. */
const shapes: readonly Job[] = [
  { prompt: 'Say hello.', configuration: CONFIGURATION },
  {
    prompt: {
      prepend: 'P',
      base: '{{ x }}',
      data: { x: { value: { b: 1, a: [2, { d: 3, c: 4 }] } }, y: { csv: 'data/in.csv', row: 0 } },
    },
    configuration: {
      ...CONFIGURATION,
      temperature: 0.2,
      seed: 7,
      stop: ['END'],
      mirostat: 2,
      ollama: { num_ctx: 1 },
    },
  },
  {
    prompt: {
      messages: [
        { role: 'system', content: 'S' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What?' },
            { type: 'image', file: 'data/x.png' },
          ],
        },
      ],
    },
    configuration: { ...CONFIGURATION, sample: 3, response_schema: { type: 'object' } },
  },
  {
    prompt: { script: 'prompts/make.sh', pure: true, args: { b: 1, a: 2 }, inputs: ['data/in.csv'] },
    configuration: {
      ...CONFIGURATION,
      command: { script: 'commands/call.sh', pure: true, args: { d: 1, c: 2 } },
    },
  },
  {
    prompt: { base: '{{ m }}', data: { m: { script: 'prompts/make.sh', pure: true }, n: 'x' } },
    configuration: CONFIGURATION,
  },
  { type: 'command', prompt: 'one two', configuration: { argv: ['wc', '-w'] } },
];

/** What is no part of the work. */
const around = fc.record(
  {
    $schema: fc.constant('../schema/job.schema.json'),
    name: fc.constantFrom('a', 'faq-17', null),
    batch: fc.constantFrom('b', 'night', null),
    key: fc.oneof(fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }), fc.nat(), fc.constant(null)),
    metadata: fc.jsonValue({ maxDepth: 2 }),
    if_exists: fc.constantFrom('same', 'new_run', null),
    options: fc.option(
      fc.record(
        {
          priority: fc.integer({ min: -10, max: 10 }),
          timeout: fc.constantFrom('10m', 90_000, null),
          max_attempts: fc.integer({ min: 1, max: 9 }),
          run_at: fc.constantFrom('2026-12-01T08:00:00Z', null),
          tags: fc.array(fc.constantFrom('x', 'y'), { maxLength: 3 }),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: [] },
);

/** Words that may be written out as null, and then say nothing. */
const NOTHING = [
  'top_p',
  'max_tokens',
  'reasoning',
  'response_schema',
  'sample',
  'seed',
  'openai',
  'anthropic',
];

describe('R6: the digest of a prepared job', () => {
  it('does not change by labels, options, the order of keys, or defaults written out', async () => {
    const arbitrary = fc.tuple(
      fc.constantFrom(...shapes),
      around,
      fc.subarray(NOTHING),
      fc.integer({ min: 1, max: 1_000 }),
    );
    await fc.assert(
      fc.asyncProperty(arbitrary, async ([shape, labels, nothing, seed]) => {
        const configuration = {
          ...Object.fromEntries(nothing.map((word) => [word, null])),
          ...(shape['configuration'] as object),
        };
        const job = shuffled({ type: 'llm', ...shape, ...labels, configuration }, seed) as object;
        expect(await workspace.digest(job)).toBe(await workspace.digest(shape));
      }),
      { numRuns: 300 },
    );
  });

  it('does not change by the template where the built messages are equal', async () => {
    const text = fc
      .string({ minLength: 1, maxLength: 30, unit: 'grapheme' })
      .filter((said) => said.trim() !== '');
    await fc.assert(
      fc.asyncProperty(text, text, async (a, b) => {
        const plain = await workspace.digest({ prompt: `${a}\n\n${b}` });
        const ways = [
          { messages: [{ role: 'user', content: `${a}\n\n${b}` }] },
          {
            messages: [
              { role: 'user', content: [`${a}\n`, `\n${b}`].map((part) => ({ type: 'text', text: part })) },
            ],
          },
          { base: '{{ a }}', append: '{{ b }}', data: { a, b } },
          {
            prepend: '{{ a }}',
            base: '{{ b }}',
            data: { a: { value: a }, b, unused: { csv: 'data/in.csv' } },
          },
          {
            base: '{% for t in l %}{{ t }}{% unless forloop.last %}\n\n{% endunless %}{% endfor %}',
            data: { l: { value: [a, b] } },
          },
        ];
        for (const prompt of ways) expect(await workspace.digest({ prompt })).toBe(plain);
      }),
      { numRuns: 60 },
    );
  });

  it('does not change by the names of data files', async () => {
    const digests: string[] = [];
    for (const file of ['data/one.csv', 'data/deep/er/two.csv', 'prompts/three.csv']) {
      workspace.write(file, 'a,b\n1,2\n');
      const data = { x: { csv: file, row: 0, column: 'b' } };
      digests.push(await workspace.digest({ prompt: { base: '{{ x }}', data } }));
    }
    digests.push(await workspace.digest({ prompt: '2' }));
    expect(new Set(digests).size).toBe(1);
  });

  it('changes with each thing that matters, and with no two of them alike', async () => {
    const configured = (more: object): Job => ({ prompt: 'x', configuration: { ...CONFIGURATION, ...more } });
    const asked = (prompt: unknown): Job => ({ prompt, configuration: CONFIGURATION });
    const said = (...messages: readonly (readonly [string, unknown])[]): Job =>
      asked({ messages: messages.map(([role, content]) => ({ role, content })) });
    const image = (file: string, more: object = {}): object => ({ type: 'image', file, ...more });
    const pure = (script: string, more: object = {}): object => ({ script, pure: true, ...more });
    const run = (argv: readonly string[], more: object = {}): Job => ({
      type: 'command',
      prompt: 'x',
      configuration: { argv, ...more },
    });
    const variants: readonly Job[] = [
      configured({}),
      ...['ollama:llama3.2:1b', 'simulator:llama3.2:3b'].map((LLM_name) => configured({ LLM_name })),
      ...[0, 0.3].map((temperature) => configured({ temperature })),
      ...[0.8, 0.9].map((top_p) => configured({ top_p })),
      ...[10, 40].map((top_k) => configured({ top_k })),
      configured({ min_p: 0.1 }),
      ...[10, 11].map((max_tokens) => configured({ max_tokens })),
      ...[['A'], ['B'], ['A', 'B'], ['B', 'A']].map((stop) => configured({ stop })),
      ...[7, 8].map((seed) => configured({ seed })),
      configured({ frequency_penalty: 0.5 }),
      configured({ presence_penalty: 0.5 }),
      ...[true, false, 'low', 'high'].map((reasoning) => configured({ reasoning })),
      ...[0, 1, '1', 'again'].map((sample) => configured({ sample })),
      ...[
        { a: {}, b: {} },
        { b: {}, a: {} },
      ].map((properties) => configured({ response_schema: { properties } })),
      configured({ response_schema: { type: 'object' } }),
      ...[1, 2].map((mirostat) => configured({ mirostat })),
      ...[1, 2].map((num_ctx) => configured({ ollama: { num_ctx } })),
      asked('y'),
      asked('x\n'),
      said(['system', 'x'], ['user', 'x']),
      said(['user', 'x'], ['assistant', 'x'], ['user', 'x']),
      said(['user', 'x'], ['user', 'x']),
      said(['user', [image('data/x.png')]]),
      said(['user', [image('data/y.jpg')]]),
      said(['user', [image('data/x.png', { media_type: 'image/gif' })]]),
      said(['user', [image('data/x.png'), image('data/y.jpg')]]),
      said(['user', [image('data/y.jpg'), image('data/x.png')]]),
      said(['user', [image('data/x.png'), { type: 'text', text: 'x' }]]),
      asked(pure('prompts/make.sh')),
      asked(pure('prompts/copy.sh')),
      asked(pure('prompts/other.sh')),
      asked(pure('prompts/make.sh', { args: [1] })),
      asked(pure('prompts/make.sh', { args: [2] })),
      asked(pure('prompts/make.sh', { inputs: ['data/in.csv'] })),
      asked({ script: 'prompts/make.sh' }),
      asked({ base: '{{ m }}', data: { m: pure('prompts/make.sh') } }),
      asked({ base: '{{ m }}', data: { m: pure('prompts/other.sh') } }),
      asked({ base: '{{ m }}.', data: { m: pure('prompts/make.sh') } }),
      asked({ base: '{{ m }}', data: { m: pure('prompts/make.sh'), n: 'x' } }),
      configured({ command: 'commands/call.sh' }),
      configured({ command: pure('commands/call.sh') }),
      configured({ command: pure('commands/other.sh') }),
      configured({ command: pure('commands/call.sh', { args: 1 }) }),
      run(['wc', '-w']),
      run(['wc', '-l']),
      run(['wc', '-w', '']),
      run(['cat', '-w']),
      run(['commands/call.sh']),
      run(['commands/other.sh']),
      { ...run(['wc', '-w']), prompt: 'y' },
      run(['wc', '-w'], { sample: 1 }),
    ];
    const digests = await Promise.all(variants.map((job) => workspace.digest(job)));
    const alike = digests.flatMap((digest, at) =>
      digests.indexOf(digest) === at ? [] : [[variants[digests.indexOf(digest)], variants[at]]],
    );
    expect(alike).toEqual([]);
    expect(new Set(await Promise.all(shapes.map((job) => workspace.digest(job)))).size).toBe(shapes.length);
  });
});

/** The same value with the keys of its objects in another order, but where the order is part of the work. */
function shuffled(value: unknown, seed: number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, seed));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(
    ([key, item]) => [key, key === 'response_schema' ? item : shuffled(item, seed)] as const,
  );
  const turn = seed % Math.max(entries.length, 1);
  const turned = [...entries.slice(turn), ...entries.slice(0, turn)];
  return Object.fromEntries(seed % 2 === 0 ? turned : turned.toReversed());
}
