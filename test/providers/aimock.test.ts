// The providers against a model server that others wrote: what both sides of our own tests might have misread alike.
import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointKind } from '../../src/core/endpoints.ts';
import type { ProviderCall } from '../../src/core/ports/provider.ts';
import { ask, callOf, failureOf, hear, neverAborted, realProvider } from './calls.ts';

const TEXT = 'Ünïcode — in several pieces, with 😀 and\n\n| a | table |\n';

describe.each<[EndpointKind, string]>([
  ['ollama', ''],
  ['openai-compatible', '/v1'],
  ['openai', '/v1'],
  ['anthropic', '/v1'],
  ['google', '/v1beta'],
  // It has no Mistral of its own; Mistral's chat is OpenAI's but for what it adds.
  ['mistral', '/v1'],
])('a server by others that speaks as %s', (kind, path) => {
  const mock = new LLMock({ port: 0, chunkSize: 5 });
  const provider = realProvider(kind);
  const call = (content: string, more: Partial<ProviderCall> = {}): ProviderCall =>
    callOf(kind, `${mock.url}${path}`, { messages: [{ role: 'user', content }], ...more });

  beforeAll(async () => {
    mock.onMessage('hello', { content: TEXT });
    mock.onMessage('number', { content: '{"n":42}' });
    mock.onMessage('think', { content: 'Forty-two.', reasoning: 'Six times seven.' });
    mock.onMessage('limited', { error: { message: 'Slow down', type: 'rate_limit_error' }, status: 429 });
    mock.onMessage('broken', { error: { message: 'It broke', type: 'server_error' }, status: 500 });
    mock.onMessage('cut', { content: TEXT }, { truncateAfterChunks: 3, latency: 10 });
    await mock.start();
  });
  afterAll(async () => mock.stop());

  it('R5: is understood, piece by piece', async () => {
    const heard = hear();
    const answer = await provider.call(call('hello'), heard.observer, neverAborted());
    expect(answer).toMatchObject({ text: TEXT, finish_reason: 'stop' });
    expect(heard.pieces.length).toBeGreaterThan(3);
  });

  it('understands us: model, messages and parameters', async () => {
    mock.clearRequests();
    const answer = await ask(
      provider,
      call('hello', { parameters: { temperature: 0.5, max_tokens: 99, seed: 3 } }),
    );
    const seen = mock.getLastRequest()?.body as Record<string, unknown>;
    expect(seen).toMatchObject({
      model: 'test-model',
      // It shows all requests in OpenAI's form; a content may be a text or a list of parts.
      messages: [{ role: 'user', content: kind === 'mistral' ? [{ type: 'text', text: 'hello' }] : 'hello' }],
      temperature: 0.5,
      max_tokens: 99,
    });
    expect(answer.parameters_sent).toMatchObject({ model: 'test-model' });
    expect(mock.getRequests()).toHaveLength(1);
  });

  it('R3: answers a call with a schema, and understands it where it can', async () => {
    mock.clearRequests();
    const schema = { type: 'object', properties: { n: { type: 'number' } } };
    const answer = await ask(provider, call('number', { parameters: { response_schema: schema } }));
    expect(answer).toMatchObject({ text: '{"n":42}', finish_reason: 'stop' });
    // It leaves out what Ollama and Google are told of it.
    if (kind === 'ollama' || kind === 'google') return;
    const { response_format, tools } = mock.getLastRequest()!.body as unknown as Record<string, unknown>;
    const asTool = [{ function: { name: 'json', parameters: schema } }];
    if (kind === 'anthropic') expect(tools).toMatchObject(asTool);
    else expect(response_format).toMatchObject({ type: 'json_schema', json_schema: { schema } });
  });

  it('R3: answers a question with an image, whose text it finds', async () => {
    mock.clearRequests();
    const content = [
      { type: 'text', text: 'hello' },
      { type: 'image', media_type: 'image/png', data: 'AAAA' },
    ] as const;
    const answer = await ask(provider, call('', { messages: [{ role: 'user', content }] }));
    expect(answer.text).toBe(TEXT);
    expect(JSON.stringify(answer.parameters_sent)).not.toContain('AAAA');
  });

  // It writes Ollama's and Mistral's reasoning as `reasoning_content`, which they do not: it cannot tell there. OpenAI tells none.
  if (kind === 'openai-compatible' || kind === 'anthropic' || kind === 'google') {
    it('has its reasoning told apart', async () => {
      expect(await ask(provider, call('think'))).toMatchObject({
        text: 'Forty-two.',
        reasoning: 'Six times seven.',
      });
    });
  }

  it('throttles, breaks and cuts, and each is told apart', async () => {
    expect(await failureOf(ask(provider, call('limited')))).toMatchObject({
      blame: 'throttled',
      reason_code: 'EndpointThrottled',
    });
    expect(await failureOf(ask(provider, call('broken')))).toMatchObject({
      blame: 'transient',
      reason_code: 'ProviderError',
    });
    expect(await failureOf(ask(provider, call('cut')))).toMatchObject({
      blame: 'transient',
      reason_code: 'InvalidAnswer',
    });
  });

  it('lists its models, where it has a list', async (ctx) => {
    if (kind === 'google') ctx.skip('this server has no list of models for Google');
    expect(
      Array.isArray(await provider.models(call('').endpoint, `${mock.url}${path}`, null, neverAborted())),
    ).toBe(true);
  });
});
