// What is reported as sent is what the server got: for every platform, with all that a job can say, and with nothing. The
// libraries drop, rename and add parameters by the name of the model, so there are several names for each.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallMessage, ProviderAnswer, ProviderCall } from '../../src/core/ports/provider.ts';
import { PARAMETERS } from '../../src/core/vocabulary.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { ask, callOf, realProvider } from './calls.ts';
import { PLATFORMS, pathOf } from './vendors.ts';

type PlatformKind = (typeof PLATFORMS)[number];

const MODELS: Readonly<Record<PlatformKind, readonly string[]>> = {
  ollama: ['llama3.2:3b', 'gpt-oss:20b'],
  'openai-compatible': ['org/some-model', 'gpt-4o'],
  openai: [
    'gpt-4o',
    'gpt-5',
    'gpt-5.1',
    'gpt-5-chat-latest',
    'o3',
    'o1-mini',
    'ft:gpt-4o:me::1',
    'unheard-of',
  ],
  anthropic: ['claude-3-haiku-20240307', 'claude-sonnet-4-5', 'claude-opus-4-8', 'unheard-of'],
  google: [
    'gemini-2.0-flash',
    'gemini-2.5-flash',
    'gemini-2.5-pro',
    'gemini-3-pro-preview',
    'gemma-3-27b-it',
  ],
  mistral: ['mistral-small-latest', 'magistral-medium-latest', 'unheard-of'],
};
const CASES = PLATFORMS.flatMap((kind) => MODELS[kind].map((model) => [kind, model] as const));

const SECRET = 'The words of the prompt';
const DATA = Buffer.from('the bytes of an image').toString('base64');
const MESSAGES: readonly CallMessage[] = [
  { role: 'system', content: `${SECRET} 1` },
  {
    role: 'user',
    content: [
      { type: 'text', text: `${SECRET} 2` },
      { type: 'image', media_type: 'image/png', data: DATA },
    ],
  },
];

const SCHEMA = { type: 'object', properties: { a: { type: 'string' } } } as const;
const EVERYTHING: Pick<ProviderCall, 'parameters' | 'extra' | 'drawer'> = {
  parameters: {
    ...{ temperature: 0.2, top_p: 0.9, top_k: 40, min_p: 0.05, max_tokens: 400, stop: ['END'], seed: 7 },
    ...{ frequency_penalty: 0.1, presence_penalty: 0.2, reasoning: 'high', response_schema: SCHEMA },
  },
  extra: { made_up: { nested: [1, null] }, 'odd key': '⌘' },
  drawer: { of_this_platform: true, model: 'another', stream: false },
};

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer({ models: Object.values(MODELS).flat() });
});
afterAll(async () => server.close());

async function asked(
  kind: PlatformKind,
  model: string,
  more: Partial<ProviderCall>,
): Promise<{ readonly answer: ProviderAnswer; readonly seen: Readonly<Record<string, unknown>> }> {
  server.reset();
  const answer = await ask(
    realProvider(kind),
    callOf(kind, `${server.url}${pathOf(kind)}`, { messages: MESSAGES, model, ...more }),
  );
  const [request] = server.requests;
  const { messages, system, contents, systemInstruction, ...body } = request?.body ?? {};
  expect([messages ?? contents, system ?? systemInstruction]).not.toEqual([undefined, undefined]);
  // Where the model stands in the path, the body does not name it.
  return { answer, seen: { model: request?.model ?? '', ...body } };
}

describe.each(CASES)('what %s is sent for %s', (kind, model) => {
  it('R5: is reported as it left, with every word, unknown keys and the drawer', async () => {
    const { answer, seen } = await asked(kind, model, EVERYTHING);
    expect(answer.parameters_sent).toEqual(seen);
    expect(seen['model']).toBe(model);
    const text = JSON.stringify(seen);
    expect(text).toContain('"made_up":{"nested":[1,null]}');
    expect(text).toContain('"odd key":"⌘"');
    expect(text).toContain('"of_this_platform":true');
    expect(answer.warnings.filter((warning) => warning.includes('promptd sets it itself'))).toHaveLength(
      kind === 'google' ? 1 : 2,
    );
  });

  it('R3: loses no word without a warning that names it', async () => {
    const { answer: without } = await asked(kind, model, {});
    for (const word of PARAMETERS) {
      const parameters = { [word]: EVERYTHING.parameters[word] ?? null };
      const { answer, seen } = await asked(kind, model, { parameters });
      const changed = JSON.stringify(seen) !== JSON.stringify(without.parameters_sent);
      const warned = answer.warnings.some((warning) => warning.startsWith(word));
      expect({ word, changed: changed || warned }).toEqual({ word, changed: true });
    }
  });

  it('is reported as it left where the job says nothing', async () => {
    const { answer, seen } = await asked(kind, model, {});
    expect(answer.parameters_sent).toEqual(seen);
  });

  it('has neither the prompt nor what is attached among its parameters', async () => {
    const { answer } = await asked(kind, model, EVERYTHING);
    const text = JSON.stringify(answer.parameters_sent);
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(DATA);
  });
});

it.each([
  ['claude-sonnet-4-5', 'high', 38_800],
  ['claude-opus-4-8', 'high', 400],
  ['claude-sonnet-4-5', false, 400],
] as const)(
  'R5: says where Anthropic’s max_tokens are more than the job’s: %s, %o',
  async (model, reasoning, sent) => {
    const { answer } = await asked('anthropic', model, { parameters: { max_tokens: 400, reasoning } });
    expect(answer.parameters_sent['max_tokens']).toBe(sent);
    expect(answer.warnings).toEqual(
      sent === 400 ? [] : ['max_tokens was sent as 38800: the 400 of the job, and 38400 to reason with.'],
    );
  },
);

it('speaks of the words of a job, and not of the library’s', async () => {
  const { answer } = await asked('openai', 'o3', { parameters: { top_p: 0.5, frequency_penalty: 1 } });
  expect(answer.warnings).toEqual([
    'top_p is not supported here: top_p is not supported for reasoning models',
    'frequency_penalty is not supported here: frequency_penalty is not supported for reasoning models',
  ]);
});
