// One form for every platform: the same counts, the same place for what was thought, and nothing lost of what was said.
import { afterEach, afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import type { ProviderAnswer } from '../../src/core/ports/provider.ts';
import type { Usage } from '../../src/core/usage.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { callOf, hear, neverAborted, realProvider, type Heard } from './calls.ts';
import { PLATFORMS, pathOf } from './vendors.ts';

type PlatformKind = (typeof PLATFORMS)[number];

interface Told {
  /** The events of a whole answer, as the platform writes them. */
  readonly events: readonly JsonObject[];
  /** The platform's own counts, kept as they are. */
  readonly raw: JsonObject;
  readonly usage: Omit<Usage, 'raw'>;
  /** Null where the platform thinks and does not tell it. */
  readonly reasoning: string | null;
}

const THOUGHT = 'Let me see.';
const chunk = (delta: JsonObject, finish_reason: string | null, more: JsonObject = {}): JsonObject => ({
  ...{ id: 'c1', object: 'chat.completion.chunk', created: 1_767_225_600, model: 'm-2026' },
  choices: [{ index: 0, delta, finish_reason }],
  ...more,
});
const CHAT_USAGE = {
  ...{ prompt_tokens: 20, completion_tokens: 9, total_tokens: 29, of_its_own: { kept: true } },
  prompt_tokens_details: { cached_tokens: 12 },
  completion_tokens_details: { reasoning_tokens: 5 },
};
const MISTRAL_USAGE = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29, num_cached_tokens: 12 };
const GOOGLE_USAGE = {
  ...{ promptTokenCount: 20, cachedContentTokenCount: 12, candidatesTokenCount: 4, thoughtsTokenCount: 5 },
  ...{ totalTokenCount: 29, trafficType: 'ON_DEMAND' },
};
const CLAUDE_USAGE = {
  ...{ input_tokens: 5, cache_creation_input_tokens: 3, cache_read_input_tokens: 12, output_tokens: 9 },
  ...{ output_tokens_details: { thinking_tokens: 5 }, service_tier: 'standard' },
};
const OLLAMA_USAGE = { prompt_eval_count: 20, eval_count: 9, total_duration: 7, eval_duration: 3 };
const ALL = { input: 20, cached: 12, output: 9, reasoning: 5 };

const candidate = (parts: readonly JsonObject[], more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }],
  modelVersion: 'm-2026',
});
const line = (fields: JsonObject): JsonObject => ({
  ...{ model: 'm-2026', created_at: '2026-01-01T00:00:00Z', done: false },
  ...fields,
});

const TOLD: Readonly<Record<PlatformKind, Told>> = {
  openai: {
    events: [
      chunk({ content: 'Yes.' }, null),
      chunk({}, 'stop'),
      { ...chunk({}, null), choices: [], usage: CHAT_USAGE },
    ],
    ...{ raw: CHAT_USAGE, usage: ALL, reasoning: null },
  },
  'openai-compatible': {
    events: [
      chunk({ reasoning_content: 'Let me ' }, null),
      // The name that other servers have for it.
      chunk({ reasoning: 'see.' }, null),
      chunk({ content: 'Yes.' }, null),
      chunk({}, 'stop', { usage: CHAT_USAGE }),
    ],
    ...{ raw: CHAT_USAGE, usage: ALL, reasoning: THOUGHT },
  },
  mistral: {
    events: [
      chunk({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: THOUGHT }] }] }, null),
      chunk({ content: 'Yes.' }, null),
      chunk({ content: '' }, 'stop', { usage: MISTRAL_USAGE }),
    ],
    ...{ raw: MISTRAL_USAGE, usage: { ...ALL, reasoning: null }, reasoning: THOUGHT },
  },
  anthropic: {
    events: [
      {
        type: 'message_start',
        message: {
          ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'm-2026', content: [] },
          usage: { ...CLAUDE_USAGE, output_tokens: 1 },
        },
      },
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'thinking', thinking: '', signature: '' },
      },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: THOUGHT } },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'abc' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Yes.' } },
      { type: 'content_block_stop', index: 1 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 9, output_tokens_details: { thinking_tokens: 5 } },
      },
      { type: 'message_stop' },
    ],
    // What was read from a cache and written to it is input, too.
    ...{ raw: CLAUDE_USAGE, usage: ALL, reasoning: THOUGHT },
  },
  google: {
    events: [
      candidate([{ text: THOUGHT, thought: true }]),
      { ...candidate([{ text: 'Yes.' }], { finishReason: 'STOP' }), usageMetadata: GOOGLE_USAGE },
    ],
    // Thoughts are output, too.
    ...{ raw: GOOGLE_USAGE, usage: ALL, reasoning: THOUGHT },
  },
  ollama: {
    events: [
      line({ message: { role: 'assistant', content: '', thinking: THOUGHT } }),
      line({ message: { role: 'assistant', content: 'Yes.' } }),
      line({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', ...OLLAMA_USAGE }),
    ],
    ...{ raw: OLLAMA_USAGE, usage: { ...ALL, cached: null, reasoning: null }, reasoning: THOUGHT },
  },
};

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterEach(() => server.reset());
afterAll(async () => server.close());

async function told(
  kind: PlatformKind,
  events: readonly JsonObject[],
  heard: Heard,
): Promise<ProviderAnswer> {
  const isSse = kind !== 'ollama';
  const lines = events.map((event) => {
    const name = kind === 'anthropic' ? `event: ${event['type'] as string}\n` : '';
    return isSse ? `${name}data: ${JSON.stringify(event)}\n\n` : `${JSON.stringify(event)}\n`;
  });
  const done = ['openai', 'openai-compatible', 'mistral'].includes(kind) ? 'data: [DONE]\n\n' : '';
  const content_type = isSse ? 'text/event-stream' : 'application/x-ndjson';
  server.script(/./, { status: 200, body: lines.join('') + done, content_type });
  const call = callOf(kind, `${server.url}${pathOf(kind)}`);
  return realProvider(kind).call(call, heard.observer, neverAborted());
}

describe.each(PLATFORMS)('an answer of %s', (kind) => {
  const { events, usage, raw, reasoning } = TOLD[kind];

  it('R5: is counted in one form: input with what was cached, output with what was thought, and all that was said of it', async () => {
    const answer = await told(kind, events, hear());
    expect(answer.usage).toEqual({ ...usage, raw });
    expect(answer).toMatchObject({ finish_reason: 'stop', model_answered: 'm-2026' });
  });

  it('R5: has its reasoning apart from the text, in the stream as in the result', async () => {
    const heard = hear();
    const answer = await told(kind, events, heard);
    expect(answer).toMatchObject({ text: 'Yes.', reasoning });
    expect(heard.pieces.join('')).toBe('Yes.');
  });
});

it('R5: of the simulator is counted in words, and is no reasoning', async () => {
  const call = callOf('simulator', '', {
    endpoint: { ...callOf('simulator', '').endpoint, settings: { tokens_per_second: 0 } },
  });
  const answer = await realProvider('simulator').call(call, hear().observer, neverAborted());
  expect(answer.reasoning).toBeNull();
  expect(answer.usage).toEqual({
    input: 4,
    cached: null,
    output: answer.text.split(/\s+/).filter(Boolean).length,
    reasoning: null,
    raw: { counted: 'words' },
  });
});
