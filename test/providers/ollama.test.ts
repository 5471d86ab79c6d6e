import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { ask, callOf, realProvider } from './calls.ts';
import { httpProviderSuite } from './http-provider-suite.ts';
import { providerSuite } from './provider-suite.ts';

describe('every provider: ollama', () => {
  providerSuite('ollama', async () => {
    const server = await startModelServer();
    server.script('slowly', { tokens: 20, token_delay_ms: 1 });
    const slow = { messages: [{ role: 'user', content: 'slowly' }] } as const;
    return { slow, base_url: server.url, close: async () => server.close() };
  });
});

describe('every provider over HTTP: ollama', () => {
  httpProviderSuite('ollama', '', { filters_nothing: true });
});

describe('ollama', () => {
  let server: ModelServer;
  const provider = realProvider('ollama');
  beforeAll(async () => {
    server = await startModelServer();
  });
  afterAll(async () => server.close());

  it('R5: says the vocabulary in Ollama’s words, and parameters_sent is what the server saw', async () => {
    const call = callOf('ollama', server.url, {
      parameters: {
        ...{ temperature: 0.2, top_p: 0.9, top_k: 40, min_p: 0.05, max_tokens: 400, stop: 'END', seed: 7 },
        ...{ frequency_penalty: 0.1, presence_penalty: 0.2, reasoning: 'high' },
        response_schema: { type: 'object' },
      },
      extra: { repeat_penalty: 1.1, made_up: 1 },
      drawer: { num_ctx: 16_384, keep_alive: '10m', options: { num_keep: 5 }, stream: false },
    });
    const answer = await ask(provider, call);
    const { messages: _messages, ...seen } = server.requests[0]?.body ?? {};
    expect(answer.parameters_sent).toEqual(seen);
    expect(seen).toEqual({
      ...{
        model: 'test-model',
        stream: true,
        truncate: false,
        shift: false,
        think: 'high',
        keep_alive: '10m',
      },
      format: { type: 'object' },
      options: {
        ...{ temperature: 0.2, top_p: 0.9, top_k: 40, min_p: 0.05, num_predict: 400, stop: ['END'], seed: 7 },
        ...{
          frequency_penalty: 0.1,
          presence_penalty: 0.2,
          repeat_penalty: 1.1,
          made_up: 1,
          num_ctx: 16_384,
          num_keep: 5,
        },
      },
    });
    expect(answer.warnings).toEqual([
      'made_up was sent, but is no option that Ollama is known to honour.',
      'ollama.stream was not sent: promptd sets it itself.',
    ]);
  });

  it.each([
    ['none', false],
    [false, false],
    [true, true],
    ['low', 'low'],
  ])('asks for reasoning %o as think: %o', async (reasoning, think) => {
    const answer = await ask(provider, callOf('ollama', server.url, { parameters: { reasoning } }));
    expect(answer.parameters_sent['think']).toBe(think);
  });

  it('asks in one place what a missing model can be pulled with', async () => {
    const asked = ask(provider, callOf('ollama', server.url, { model: 'llama3.1:8b' }));
    await expect(asked).rejects.toThrow(
      'ollama has no model "llama3.1:8b" (has: test-model). On that machine: ollama pull llama3.1:8b',
    );
  });
});
