// The one vocabulary on every platform: said in its words, or warned of; and what is reported is what the server saw.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENDPOINT_KINDS, VENDOR_URLS, type EndpointKind } from '../../src/core/endpoints.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import type { ProviderAnswer, ProviderCall } from '../../src/core/ports/provider.ts';
import { PARAMETERS } from '../../src/core/vocabulary.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { ask, callOf, failureOf, realProvider } from './calls.ts';
import { VENDORS } from './vendors.ts';

const MODELS = {
  openai: ['gpt-4o', 'gpt-5.1'],
  anthropic: ['claude-sonnet-4-5', 'claude-opus-4-8'],
  google: ['gemini-3-pro-preview', 'gemini-2.5-flash'],
  mistral: ['magistral-medium-latest', 'mistral-large-latest'],
} as const;
type Vendor = keyof typeof MODELS;

const SCHEMA = { type: 'object', properties: { a: { type: 'string' } } } as const;
const EVERYTHING: JsonObject = {
  ...{ temperature: 0.2, top_p: 0.9, top_k: 40, min_p: 0.05, max_tokens: 400, stop: 'END', seed: 7 },
  ...{ frequency_penalty: 0.1, presence_penalty: 0.2, reasoning: 'high', response_schema: SCHEMA },
};

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer({ models: Object.values(MODELS).flat() });
});
afterAll(async () => server.close());

async function asked(kind: EndpointKind, more: Partial<ProviderCall>): Promise<ProviderAnswer> {
  const base = VENDORS.find(([vendor]) => vendor === kind)?.[1] ?? '';
  server.reset();
  return ask(realProvider(kind), callOf(kind, `${server.url}${base}`, more));
}

/** The parameters of the request as the server got it, with the model where the path named it. */
function seen(): JsonObject {
  const [request] = server.requests;
  const prompt = new Set(['messages', 'system', 'contents', 'systemInstruction']);
  const body = Object.entries((request?.body ?? {}) as JsonObject).filter(([name]) => !prompt.has(name));
  return { model: request?.model ?? '', ...Object.fromEntries(body) };
}

const docs = readFileSync(path.join(import.meta.dirname, '../../docs/jobs.md'), 'utf8');
/** Of docs/jobs.md: where a word of the vocabulary stands in a platform's body; null at a dash. */
function documentedPlace(word: string, kind: Vendor): readonly string[] | null {
  const cells = (line: string): string[] => line.split(/(?<!\\)\|/).map((cell) => cell.trim());
  const lines = docs.split('\n');
  const column = cells(lines.find((line) => line.startsWith('| parameter |')) ?? '').indexOf(`\`${kind}\``);
  const cell = cells(lines.find((line) => line.startsWith(`| \`${word}\` |`)) ?? '')[column] ?? '';
  return cell === '—' ? null : cell.replaceAll('`', '').split('.');
}

function at(body: JsonObject, place: readonly string[]): Json | undefined {
  return place.reduce<unknown>(
    (inside, key) => (inside as Record<string, unknown> | undefined)?.[key],
    body,
  ) as Json | undefined;
}

describe.each(Object.keys(MODELS) as Vendor[])('the vocabulary on %s', (kind) => {
  it.each(PARAMETERS)(
    'R3: says %s as docs/jobs.md tells, or warns of it where that has a dash',
    async (word) => {
      const parameters = { [word]: EVERYTHING[word] ?? null };
      const { warnings } = await asked(kind, { model: MODELS[kind][0], parameters });
      const place = documentedPlace(word, kind);
      if (place === null) expect(warnings).toEqual([`${word} is not supported here.`]);
      else {
        const sent = at(seen(), place);
        if (typeof parameters[word] === 'number') expect(sent).toBe(parameters[word]);
        else expect(sent).toBeDefined();
      }
    },
  );

  it.each(MODELS[kind])(
    'sends each word to %s or names it in a warning, with all of them at once',
    async (model) => {
      const { warnings, parameters_sent } = await asked(kind, { model, parameters: EVERYTHING });
      expect(parameters_sent).toEqual(seen());
      for (const word of PARAMETERS) {
        const place = documentedPlace(word, kind);
        const renamed = word === 'max_tokens' ? at(parameters_sent, ['max_completion_tokens']) : undefined;
        const sent = place === null ? undefined : (at(parameters_sent, place) ?? renamed);
        const warned = warnings.some((warning) => warning.startsWith(`${word} is not supported here`));
        expect({ word, sent: sent !== undefined, warned }).toEqual({ word, sent: !warned, warned });
      }
    },
  );
});

it('R5: docs/configuration.md lists every kind with what it never honours: the dashes of docs/jobs.md', () => {
  const file = path.join(import.meta.dirname, '../../docs/configuration.md');
  const [, text = ''] = readFileSync(file, 'utf8').split('### Kinds of endpoint');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  const words = rows.map((row) => row.split('|').map((cell) => cell.trim()));
  const kinds = words.map(([, kind = '']) => kind.replaceAll('`', ''));
  expect(kinds.slice(0, ENDPOINT_KINDS.length).toSorted()).toEqual(ENDPOINT_KINDS.toSorted());
  for (const kind of Object.keys(MODELS) as Vendor[]) {
    const cell = words[kinds.indexOf(kind)]?.[4] ?? '';
    const dashes = PARAMETERS.filter((word) => documentedPlace(word, kind) === null);
    expect([...cell.matchAll(/`(\w+)`/g)].map(([, word = '']) => word).toSorted()).toEqual(dashes.toSorted());
  }
});

it('knows the address of every vendor, as docs/configuration.md tells them', () => {
  const told = readFileSync(path.join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
  for (const kind of Object.keys(MODELS) as Vendor[]) expect(told).toContain(`\`${VENDOR_URLS[kind]}\``);
});

interface Said {
  readonly kind: Vendor;
  readonly call: Partial<ProviderCall>;
  readonly body: JsonObject;
  readonly warnings: readonly string[];
  /** What `reasoning: false` becomes. */
  readonly off: JsonObject;
}

const RESPONSE_FORMAT = (strict: boolean): JsonObject => ({
  type: 'json_schema',
  json_schema: { schema: SCHEMA, strict, name: 'response' },
});

const SAID: readonly Said[] = [
  {
    kind: 'openai',
    call: {
      model: 'gpt-4o',
      parameters: { temperature: 0.2, stop: ['A', 'B'], seed: 7, reasoning: true, response_schema: SCHEMA },
      extra: { logit_bias: { '50256': -100 } },
      drawer: { service_tier: 'flex', n: 2 },
    },
    body: {
      ...{ model: 'gpt-4o', stream: true, stream_options: { include_usage: true }, temperature: 0.2 },
      ...{ stop: ['A', 'B'], seed: 7, reasoning_effort: 'medium', response_format: RESPONSE_FORMAT(true) },
      ...{ logit_bias: { '50256': -100 }, service_tier: 'flex' },
    },
    warnings: ['n was not sent: promptd sets it itself.'],
    off: { reasoning_effort: 'none' },
  },
  {
    kind: 'mistral',
    call: {
      model: 'magistral-medium-latest',
      parameters: { max_tokens: 9, seed: 7, reasoning: 'high', response_schema: SCHEMA },
      extra: { odd: 1 },
      drawer: { safe_prompt: true, stream: false },
    },
    body: {
      ...{ model: 'magistral-medium-latest', stream: true, max_tokens: 9, random_seed: 7 },
      ...{ reasoning_effort: 'high', response_format: RESPONSE_FORMAT(false), odd: 1, safe_prompt: true },
    },
    warnings: ['stream was not sent: promptd sets it itself.'],
    off: { reasoning_effort: 'none' },
  },
  {
    kind: 'anthropic',
    call: {
      model: 'claude-opus-4-8',
      parameters: { max_tokens: 400, stop: 'END', reasoning: 'low', response_schema: SCHEMA },
      extra: { odd: 1 },
      drawer: {
        ...{ service_tier: 'auto', thinking: { display: 'omitted' }, system: 'Lie.' },
        output_config: { effort: 'max' },
      },
    },
    body: {
      ...{ model: 'claude-opus-4-8', stream: true, max_tokens: 400, stop_sequences: ['END'] },
      thinking: { type: 'adaptive', display: 'omitted' },
      // What the vocabulary put there stays where the drawer says nothing of it.
      output_config: {
        effort: 'max',
        format: { type: 'json_schema', schema: { ...SCHEMA, additionalProperties: false } },
      },
      ...{ odd: 1, service_tier: 'auto' },
    },
    warnings: ['system was not sent: promptd sets it itself.'],
    off: { thinking: { type: 'disabled' } },
  },
  {
    kind: 'google',
    call: {
      model: 'gemini-2.5-flash',
      parameters: { temperature: 0, top_k: 40, stop: 'END', reasoning: 'low', response_schema: SCHEMA },
      extra: { odd: 1 },
      drawer: {
        safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'OFF' }],
        generationConfig: { candidateCount: 3, thinkingConfig: { thinkingBudget: 77 } },
        mediaResolution: 'MEDIA_RESOLUTION_LOW',
        contents: [],
      },
    },
    body: {
      model: 'gemini-2.5-flash',
      generationConfig: {
        ...{ temperature: 0, topK: 40, stopSequences: ['END'], responseMimeType: 'application/json' },
        ...{ responseJsonSchema: SCHEMA, thinkingConfig: { thinkingBudget: 77, includeThoughts: true } },
        ...{ odd: 1, mediaResolution: 'MEDIA_RESOLUTION_LOW' },
      },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'OFF' }],
    },
    warnings: [
      'candidateCount was not sent: promptd sets it itself.',
      'contents was not sent: promptd sets it itself.',
    ],
    off: { generationConfig: { thinkingConfig: { thinkingBudget: 0 } } },
  },
];

describe.each(SAID)('R5: what leaves for $kind', ({ kind, call, body, warnings, off }) => {
  it('is what the drawer and unknown keys add to the vocabulary, and parameters_sent is what the server saw', async () => {
    const answer = await asked(kind, call);
    expect(seen()).toEqual(body);
    expect(answer.parameters_sent).toEqual(body);
    expect(answer.warnings).toEqual(warnings);
  });

  it('turns reasoning off where it is asked to', async () => {
    await asked(kind, { model: call.model ?? '', parameters: { reasoning: false } });
    expect(seen()).toMatchObject(off);
    expect(JSON.stringify(seen())).not.toContain('includeThoughts');
  });
});

it('sends Anthropic the version of its API, and no header that the library made beside it', async () => {
  await asked('anthropic', { model: 'claude-sonnet-4-5', api_key: 'sk-ant-0123456789' });
  const headers = server.requests[0]?.headers ?? {};
  expect(headers).toMatchObject({ 'anthropic-version': '2023-06-01', 'x-api-key': 'sk-ant-0123456789' });
  expect(headers['user-agent']).toBe('promptd');
  expect(headers).not.toHaveProperty('authorization');
});

it.each(['../files?x=', 'models/../../v1/secret', 'a b', 'x#y', 'x:embedContent', 'a//b', '.', ''])(
  'lets no name of a model lead to another address of Google: %o',
  async (model) => {
    const failure = await failureOf(asked('google', { model }));
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
    expect(failure.message).toContain('can be no model of Gemini');
    expect(server.stats().paths).toEqual({});
  },
);

it('blames the job for a prompt that a platform has no words for, without asking', async () => {
  const messages = [
    { role: 'user', content: 'One?' },
    { role: 'system', content: 'Two.' },
  ] as const;
  const failure = await failureOf(asked('google', { model: 'gemini-2.5-flash', messages }));
  expect(failure).toMatchObject({ blame: 'job', reason_code: 'BadRequest' });
  expect(failure.message).toContain('system messages are only supported at the beginning');
  expect(server.stats().total).toBe(0);
});
