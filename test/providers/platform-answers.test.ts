// Answers as the vendors write them (their API references of 2026): counts, reasoning, ends, and the model that answered.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import type { ProviderAnswer } from '../../src/core/ports/provider.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { speechOf } from '../support/model-speech.ts';
import { ask, callOf, failureOf, realProvider } from './calls.ts';
import { VENDORS } from './vendors.ts';

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterEach(() => server.reset());
afterAll(async () => server.close());

type Vendor = 'openai' | 'anthropic' | 'google' | 'mistral';

/** What the provider makes of these events. */
async function answerTo(kind: Vendor, events: readonly object[]): Promise<ProviderAnswer> {
  const lines = events.map((event) => {
    const name = 'type' in event ? `event: ${String(event.type)}\n` : '';
    return `${kind === 'anthropic' ? name : ''}data: ${JSON.stringify(event)}\n\n`;
  });
  const done = kind === 'openai' || kind === 'mistral' ? 'data: [DONE]\n\n' : '';
  const body = lines.join('') + done;
  server.script(/./, { status: 200, body, content_type: 'text/event-stream' });
  const path = VENDORS.find(([vendor]) => vendor === kind)?.[1] ?? '';
  return ask(realProvider(kind), callOf(kind, `${server.url}${path}`));
}

const chat = (delta: object | null, finish_reason: string | null = null, more: object = {}): object => ({
  ...{ id: 'c1', object: 'chat.completion.chunk', created: 1_767_225_600, model: 'the-model-2026-01-01' },
  choices: delta === null ? [] : [{ index: 0, delta, finish_reason }],
  ...more,
});

/** A message of Anthropic's with these blocks around their deltas. */
function message(usage: object, blocks: readonly (readonly [object, object])[], end: object): object[] {
  const start = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-2026', content: [], usage };
  return [
    { type: 'message_start', message: start },
    { type: 'ping' },
    ...blocks.flatMap(([content_block, delta], index) => [
      { type: 'content_block_start', index, content_block },
      { type: 'content_block_delta', index, delta },
      { type: 'content_block_stop', index },
    ]),
    end,
    { type: 'message_stop' },
  ];
}

const TEXT_BLOCK = [
  { type: 'text', text: '' },
  { type: 'text_delta', text: 'Yes.' },
] as const;
const messageDelta = (stop_reason: string, usage: object): object => ({
  ...{ type: 'message_delta', delta: { stop_reason, stop_sequence: null } },
  usage,
});

const gemini = (parts: readonly object[] | null, finishReason: string | null, more: object = {}): object => ({
  ...(parts === null
    ? {}
    : {
        candidates: [
          { content: { parts, role: 'model' }, index: 0, ...(finishReason === null ? {} : { finishReason }) },
        ],
      }),
  ...{ modelVersion: 'gemini-2026-01', responseId: 'r1' },
  ...more,
});

describe('OpenAI', () => {
  it('R5: is counted with what was cached and what was thought, and nothing of its own usage is lost', async () => {
    const usage = {
      ...{ prompt_tokens: 2006, completion_tokens: 300, total_tokens: 2306 },
      prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 256, audio_tokens: 0, rejected_prediction_tokens: 0 },
    };
    const answer = await answerTo('openai', [
      chat({ role: 'assistant', content: '' }),
      chat({ content: 'Yes.' }),
      chat({}, 'stop'),
      chat(null, null, { usage, service_tier: 'default' }),
    ]);
    expect(answer).toMatchObject({
      text: 'Yes.',
      finish_reason: 'stop',
      model_answered: 'the-model-2026-01-01',
      usage: { input: 2006, cached: 1920, output: 300, reasoning: 256 },
    });
    expect(answer.usage?.raw).toEqual(usage);
  });

  it('has unknown counts, and no zeros, where nothing was said of them', async () => {
    const usage = { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 };
    const answer = await answerTo('openai', [chat({ content: 'Yes.' }, 'stop'), chat(null, null, { usage })]);
    expect(answer.usage).toEqual({ input: 5, cached: null, output: 1, reasoning: null, raw: usage });
  });

  it('is taken to be filtered where the model refuses', async () => {
    const answer = await answerTo('openai', [
      chat({ refusal: 'I cannot help with that.' }),
      chat({}, 'stop'),
    ]);
    expect(answer).toMatchObject({ finish_reason: 'content_filter', text: 'I cannot help with that.' });
  });
});

describe('Anthropic', () => {
  const begun = {
    ...{ input_tokens: 10, cache_creation_input_tokens: 5, cache_read_input_tokens: 7, output_tokens: 1 },
    ...{ service_tier: 'standard', cache_creation: { ephemeral_5m_input_tokens: 5 } },
  };

  it('R5: is counted with what was read from a cache and written to it, and with what was thought', async () => {
    const answer = await answerTo(
      'anthropic',
      message(
        begun,
        [
          [
            { type: 'thinking', thinking: '', signature: '' },
            { type: 'thinking_delta', thinking: 'Let me see.' },
          ],
          TEXT_BLOCK,
        ],
        messageDelta('end_turn', { output_tokens: 30, output_tokens_details: { thinking_tokens: 11 } }),
      ),
    );
    expect(answer).toMatchObject({
      text: 'Yes.',
      reasoning: 'Let me see.',
      finish_reason: 'stop',
      model_answered: 'claude-2026',
      usage: { input: 22, cached: 7, output: 30, reasoning: 11 },
    });
    const details = { output_tokens_details: { thinking_tokens: 11 } };
    expect(answer.usage?.raw).toEqual({ ...begun, output_tokens: 30, ...details });
  });

  it('does not say how much was cached or thought where it was not told', async () => {
    const events = message(
      { input_tokens: 3, output_tokens: 1 },
      [TEXT_BLOCK],
      messageDelta('end_turn', { input_tokens: null, output_tokens: 4 }),
    );
    expect((await answerTo('anthropic', events)).usage).toMatchObject({
      ...{ input: 3, cached: null, output: 4, reasoning: null },
    });
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['refusal', 'content_filter'],
    ['tool_use', 'tool_calls'],
    ['something_new', 'other'],
  ])('ends with %s: %s', async (stop_reason, finish_reason) => {
    const events = message(begun, [TEXT_BLOCK], messageDelta(stop_reason, { output_tokens: 2 }));
    expect((await answerTo('anthropic', events)).finish_reason).toBe(finish_reason);
  });

  it('is answered through the schema’s own tool by models that have no other way', async () => {
    const tool = { type: 'tool_use', id: 't1', name: 'json', input: {} };
    const events = message(
      begun,
      [[tool, { type: 'input_json_delta', partial_json: '{"a":"b"}' }]],
      messageDelta('tool_use', { output_tokens: 2 }),
    );
    const body = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
    server.script(/./, { status: 200, body, content_type: 'text/event-stream' });
    const call = callOf('anthropic', `${server.url}/anthropic/v1`, {
      parameters: { response_schema: { type: 'object' } },
    });
    expect(await ask(realProvider('anthropic'), call)).toMatchObject({
      ...{ text: '{"a":"b"}', finish_reason: 'stop' },
    });
  });
});

describe('Google', () => {
  const usageMetadata: JsonObject = {
    ...{ promptTokenCount: 20, cachedContentTokenCount: 12, candidatesTokenCount: 4, thoughtsTokenCount: 5 },
    ...{ totalTokenCount: 29, promptTokensDetails: [{ modality: 'TEXT', tokenCount: 20 }] },
  };

  it('R5: is counted with what was cached, and its thoughts with the output', async () => {
    const answer = await answerTo('google', [
      gemini([{ text: 'Let me see.', thought: true }], null, { usageMetadata: { promptTokenCount: 20 } }),
      gemini([{ text: 'Yes.' }], 'STOP', { usageMetadata }),
    ]);
    expect(answer).toMatchObject({
      ...{ text: 'Yes.', reasoning: 'Let me see.', finish_reason: 'stop', model_answered: 'gemini-2026-01' },
      usage: { input: 20, cached: 12, output: 9, reasoning: 5 },
    });
    expect(answer.usage?.raw).toEqual(usageMetadata);
  });

  it('counts the thoughts of an answer that was cut before its first word', async () => {
    const counts = { promptTokenCount: 20, thoughtsTokenCount: 50, totalTokenCount: 70 };
    const answer = await answerTo('google', [gemini([], 'MAX_TOKENS', { usageMetadata: counts })]);
    expect(answer).toMatchObject({
      ...{ text: '', finish_reason: 'length' },
      usage: { input: 20, cached: null, output: 50, reasoning: 50 },
    });
  });

  it.each(['SAFETY', 'RECITATION', 'PROHIBITED_CONTENT', 'BLOCKLIST', 'SPII'])(
    'is filtered where it ends with %s',
    async (finishReason) => {
      const answer = await answerTo('google', [gemini([{ text: 'Ye' }], finishReason)]);
      expect(answer.finish_reason).toBe('content_filter');
    },
  );

  it('is filtered where the prompt was blocked', async () => {
    const blocked = { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } };
    const answer = await answerTo('google', [gemini(null, null, blocked)]);
    expect(answer).toMatchObject({ text: '', finish_reason: 'content_filter' });
  });

  it('is no answer where the platform says that it broke', async () => {
    const failure = await failureOf(answerTo('google', [gemini([], 'MALFORMED_FUNCTION_CALL')]));
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'InvalidAnswer' });
    expect(failure.message).toContain('MALFORMED_FUNCTION_CALL');
  });
});

describe('Mistral', () => {
  it.each([
    { num_cached_tokens: 3 },
    { prompt_tokens_details: { cached_tokens: 3 } },
    { prompt_token_details: { cached_tokens: 3 } },
  ])('R5: is counted with what was cached, however it says so: %o', async (cached) => {
    const usage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29, ...cached };
    const thinking = [{ type: 'thinking', thinking: [{ type: 'text', text: 'Let me see.' }] }];
    const answer = await answerTo('mistral', [
      chat({ role: 'assistant', content: thinking }),
      chat({ content: 'Yes.' }),
      chat({ content: '' }, 'stop', { usage }),
    ]);
    expect(answer).toMatchObject({
      ...{ text: 'Yes.', reasoning: 'Let me see.', finish_reason: 'stop' },
      usage: { input: 20, cached: 3, output: 9, reasoning: null },
    });
    expect(answer.usage?.raw).toEqual(usage);
  });

  it('is cut where it ends with model_length', async () => {
    const answer = await answerTo('mistral', [chat({ content: 'Ye' }, 'model_length')]);
    expect(answer.finish_reason).toBe('length');
  });
});

describe('a connection that stays open for a moment after the end of an answer', () => {
  it.each(['openai', 'anthropic', 'mistral'] as const)('is used again by %s', async (kind) => {
    const ports: (number | undefined)[] = [];
    let ended = Promise.resolve<unknown>(null);
    const late = createServer((request, response) => {
      ports.push(request.socket.remotePort);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const said = speechOf(kind, 'm');
      response.write(said.piece('Yes.', 'text') + said.finish('stop', { input: 1, output: 1 }));
      ended = new Promise((resolve) => {
        response.once('close', resolve);
      });
      setImmediate(() => setImmediate(() => response.end(': good-bye\n\n')));
    });
    late.listen(0, '127.0.0.1');
    await once(late, 'listening');
    const provider = realProvider(kind);
    for (let nth = 0; nth < 10; nth += 1) {
      const { port } = late.address() as AddressInfo;
      expect((await ask(provider, callOf(kind, `http://127.0.0.1:${port}`))).text).toBe('Yes.');
      await ended;
    }
    late.closeAllConnections();
    late.close();
    await once(late, 'close');
    // One that is thrown away after each answer would make ten. What follows an answer may cost a second or third in between.
    expect(new Set(ports).size).toBeLessThanOrEqual(5);
  });
});
