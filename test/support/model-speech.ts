// How the scripted model server speaks the protocols of the platforms.

export type Protocol = 'ollama' | 'openai' | 'mistral' | 'anthropic' | 'google';

export interface Speech {
  readonly content_type: string;
  piece(text: string, kind: 'text' | 'reasoning'): string;
  /** What ends a good stream. */
  finish(reason: string, usage: { readonly input: number; readonly output: number } | null): string;
  error(message: string, code: string): string;
  /** The body of an answer with an error status. */
  errorBody(message: string, code: string): string;
  /** Status and body for a model that is not there. */
  missing(model: string): readonly [number, string];
  /** A line that carries text but is no JSON. */
  brokenLine(): string;
}

function ollamaSpeech(model: string): Speech {
  const line = (fields: object): string =>
    `${JSON.stringify({ model, created_at: '2026-01-01T00:00:00Z', ...fields })}\n`;
  return {
    content_type: 'application/x-ndjson',
    piece: (text, kind) =>
      line({
        message: {
          role: 'assistant',
          content: kind === 'text' ? text : '',
          ...(kind === 'reasoning' ? { thinking: text } : {}),
        },
        done: false,
      }),
    finish: (reason, usage) =>
      line({
        message: { role: 'assistant', content: '' },
        done_reason: reason,
        done: true,
        total_duration: 5_000_000,
        load_duration: 1_000_000,
        prompt_eval_duration: 1_000_000,
        eval_duration: 3_000_000,
        ...(usage === null ? {} : { prompt_eval_count: usage.input, eval_count: usage.output }),
      }),
    error: (message) => `${JSON.stringify({ error: message })}\n`,
    errorBody: (message) => JSON.stringify({ error: message }),
    missing: (asked) => [404, JSON.stringify({ error: `model '${asked}' not found` })],
    brokenLine: () => `{"model":"${model}","message":{"role":"assistant","content":"lost"\n`,
  };
}

function openaiSpeech(model: string): Speech {
  const event = (fields: object): string =>
    `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_767_225_600, model, ...fields })}\n\n`;
  const error = (message: string, code: string): object => ({
    error: { message, type: 'invalid_request_error', param: null, code },
  });
  return {
    content_type: 'text/event-stream; charset=utf-8',
    piece: (text, kind) =>
      event({
        choices: [
          {
            index: 0,
            delta: kind === 'text' ? { content: text } : { reasoning_content: text },
            finish_reason: null,
          },
        ],
      }),
    finish: (reason, usage) => {
      const end = event({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });
      const counted =
        usage === null
          ? ''
          : event({
              choices: [],
              usage: {
                prompt_tokens: usage.input,
                completion_tokens: usage.output,
                total_tokens: usage.input + usage.output,
              },
            });
      return `${end}${counted}data: [DONE]\n\n`;
    },
    error: (message, code) => `data: ${JSON.stringify(error(message, code))}\n\n`,
    errorBody: (message, code) => JSON.stringify(error(message, code)),
    missing: (asked) => {
      const message = `The model \`${asked}\` does not exist or you do not have access to it.`;
      return [404, JSON.stringify(error(message, 'model_not_found'))];
    },
    brokenLine: () => `data: {"id":"chatcmpl-1","choices":[{"delta":{"content":"lost"\n\n`,
  };
}

/** https://docs.mistral.ai/api/#tag/chat: like OpenAI's, but thoughts are parts of the content and the usage comes with the end. */
function mistralSpeech(model: string): Speech {
  const openai = openaiSpeech(model);
  const event = (delta: object, finish_reason: string | null, more: object = {}): string =>
    `data: ${JSON.stringify({ id: 'cmpl-1', object: 'chat.completion.chunk', created: 1_767_225_600, model, choices: [{ index: 0, delta, finish_reason }], ...more })}\n\n`;
  const error = (message: string, type: string): string =>
    JSON.stringify({ object: 'error', message, type, param: null, code: '3000' });
  return {
    ...openai,
    piece: (text, kind) =>
      event(
        { content: kind === 'text' ? text : [{ type: 'thinking', thinking: [{ type: 'text', text }] }] },
        null,
      ),
    finish: (reason, usage) => `${event({ content: '' }, reason, usageOf(usage))}data: [DONE]\n\n`,
    error: (message, code) => `data: ${error(message, code)}\n\n`,
    errorBody: error,
    missing: (asked) => [400, error(`Invalid model: ${asked}`, 'invalid_model')],
  };
}

function usageOf(usage: { readonly input: number; readonly output: number } | null): object {
  if (usage === null) return {};
  const { input, output } = usage;
  return { usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output } };
}

/** https://docs.claude.com/en/docs/build-with-claude/streaming */
function anthropicSpeech(model: string): Speech {
  let block: { readonly index: number; readonly kind: 'text' | 'reasoning' } | null = null;
  let begun = false;
  const event = (data: { readonly type: string; readonly [name: string]: unknown }): string =>
    `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
  const begin = (): string => {
    if (begun) return '';
    begun = true;
    const usage = { input_tokens: 0, output_tokens: 0 };
    const message = { id: 'msg_1', type: 'message', role: 'assistant', model, content: [], usage };
    return event({ type: 'message_start', message }) + event({ type: 'ping' });
  };
  const stop = (): string =>
    block === null ? '' : event({ type: 'content_block_stop', index: block.index });
  const open = (kind: 'text' | 'reasoning'): string => {
    if (block?.kind === kind) return begin();
    const said = begin() + stop();
    block = { kind, index: block === null ? 0 : block.index + 1 };
    const content_block = kind === 'text' ? { type: 'text', text: '' } : { type: 'thinking', thinking: '' };
    return said + event({ type: 'content_block_start', index: block.index, content_block });
  };
  const reasons: Record<string, string> = {
    stop: 'end_turn',
    length: 'max_tokens',
    content_filter: 'refusal',
  };
  const error = (message: string, type: string): string =>
    JSON.stringify({ type: 'error', error: { type, message }, request_id: 'req_1' });
  return {
    content_type: 'text/event-stream; charset=utf-8',
    piece(text, kind) {
      const said = open(kind);
      const delta =
        kind === 'text' ? { type: 'text_delta', text } : { type: 'thinking_delta', thinking: text };
      return said + event({ type: 'content_block_delta', index: block?.index ?? 0, delta });
    },
    finish(reason, usage) {
      const delta = { stop_reason: reasons[reason] ?? reason, stop_sequence: null };
      const counted = { input_tokens: usage?.input ?? 0, output_tokens: usage?.output ?? 0 };
      const end = event({ type: 'message_delta', delta, usage: counted });
      return begin() + stop() + end + event({ type: 'message_stop' });
    },
    error: (message, code) => `event: error\ndata: ${error(message, code)}\n\n`,
    errorBody: error,
    missing: (asked) => [404, error(`model: ${asked}`, 'not_found_error')],
    brokenLine: () =>
      `event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"lost"\n\n`,
  };
}

/** https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent, with alt=sse */
function googleSpeech(model: string): Speech {
  const event = (parts: readonly object[], more: object = {}, top: object = {}): string =>
    `data: ${JSON.stringify({ candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }], modelVersion: model, responseId: 'r1', ...top })}\r\n\r\n`;
  const error = (message: string, status: string): string => JSON.stringify({ error: { message, status } });
  const reasons: Record<string, string> = { stop: 'STOP', length: 'MAX_TOKENS', content_filter: 'SAFETY' };
  return {
    content_type: 'text/event-stream',
    piece: (text, kind) => event([{ text, ...(kind === 'reasoning' ? { thought: true } : {}) }]),
    finish(reason, usage) {
      const counts =
        usage === null
          ? {}
          : { usageMetadata: { promptTokenCount: usage.input, candidatesTokenCount: usage.output } };
      return event([{ text: '' }], { finishReason: reasons[reason] ?? reason }, counts);
    },
    error: (message, code) => `data: ${error(message, code)}\r\n\r\n`,
    errorBody: error,
    missing(asked) {
      const message = `models/${asked} is not found for API version v1beta, or is not supported for generateContent.`;
      return [404, JSON.stringify({ error: { code: 404, message, status: 'NOT_FOUND' } })];
    },
    brokenLine: () => `data: {"candidates": [{"content": {"parts": [{"text": "lost"\r\n\r\n`,
  };
}

const SPEECHES: Readonly<Record<Protocol, (model: string) => Speech>> = {
  ollama: ollamaSpeech,
  openai: openaiSpeech,
  mistral: mistralSpeech,
  anthropic: anthropicSpeech,
  google: googleSpeech,
};

/** For one answer: some protocols number the parts of it. */
export function speechOf(protocol: Protocol, model: string): Speech {
  return SPEECHES[protocol](model);
}
