import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { ask, callOf, failureOf, realProvider } from './calls.ts';
import { httpProviderSuite } from './http-provider-suite.ts';
import { providerSuite } from './provider-suite.ts';

describe('every provider: openai-compatible', () => {
  providerSuite('openai-compatible', async () => {
    const server = await startModelServer();
    server.script('slowly', { tokens: 20, token_delay_ms: 1 });
    const slow = { messages: [{ role: 'user', content: 'slowly' }] } as const;
    return { slow, base_url: `${server.url}/v1`, close: async () => server.close() };
  });
});

describe('every provider over HTTP: openai-compatible', () => {
  httpProviderSuite('openai-compatible', '/v1');
});

describe('openai-compatible', () => {
  let server: ModelServer;
  const provider = realProvider('openai-compatible');
  beforeAll(async () => {
    server = await startModelServer();
  });
  afterAll(async () => server.close());

  it('R5: says the vocabulary in OpenAI’s words, and parameters_sent is what the server saw', async () => {
    const call = callOf('openai-compatible', `${server.url}/v1`, {
      parameters: {
        ...{ temperature: 0.2, top_p: 0.9, top_k: 40, min_p: 0.05, max_tokens: 400, stop: 'END', seed: 7 },
        ...{ frequency_penalty: 0.1, presence_penalty: 0.2, reasoning: 'high' },
        response_schema: { type: 'object' },
      },
      extra: { repetition_penalty: 1.1 },
      drawer: { chat_template_kwargs: { enable_thinking: false }, n: 2 },
    });
    const answer = await ask(provider, call);
    const { messages: _messages, ...seen } = server.requests[0]?.body ?? {};
    expect(answer.parameters_sent).toEqual(seen);
    expect(seen).toEqual({
      ...{ model: 'test-model', stream: true, stream_options: { include_usage: true } },
      ...{ temperature: 0.2, top_p: 0.9, top_k: 40, min_p: 0.05, max_tokens: 400, stop: ['END'], seed: 7 },
      ...{ frequency_penalty: 0.1, presence_penalty: 0.2, reasoning_effort: 'high', repetition_penalty: 1.1 },
      chat_template_kwargs: { enable_thinking: false },
      response_format: {
        type: 'json_schema',
        json_schema: { schema: { type: 'object' }, strict: true, name: 'response' },
      },
    });
    expect(answer.warnings).toEqual(['n was not sent: promptd sets it itself.']);
  });

  it('warns of what it cannot say', async () => {
    const answer = await ask(
      provider,
      callOf('openai-compatible', `${server.url}/v1`, { parameters: { reasoning: true } }),
    );
    expect(answer.warnings).toEqual([expect.stringContaining('reasoning: true was not sent')]);
    expect(answer.parameters_sent).not.toHaveProperty('reasoning_effort');
  });

  it('keeps calls of one model at a time apart', async () => {
    server.script('apart', { hold: 'headers' });
    const asked = ['a', 'b'].map(async (key) =>
      ask(
        provider,
        callOf('openai-compatible', `${server.url}/v1`, {
          messages: [{ role: 'user', content: `apart ${key}` }],
          extra: { key },
        }),
      ),
    );
    await server.until(() => server.stats().open === 2);
    server.release();
    expect((await Promise.all(asked)).map(({ parameters_sent }) => parameters_sent['key'])).toEqual([
      'a',
      'b',
    ]);
  });

  it('refuses a whole answer where it asked for a stream', async () => {
    server.script('whole', { status: 200, body: '{"choices":[]}', content_type: 'application/json' });
    const failure = await failureOf(
      ask(
        provider,
        callOf('openai-compatible', `${server.url}/v1`, { messages: [{ role: 'user', content: 'whole' }] }),
      ),
    );
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'InvalidAnswer' });
    expect(failure.message).toContain('expected a stream of events, got application/json');
  });
});
