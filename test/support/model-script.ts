// What the scripted model server does with one request, and how it speaks the two protocols.

/** All fields are optional: `{}` answers at once with a few tokens. `after` and `hold` count pieces of text. */
export interface ModelScript {
  /** The pieces of the answer, or how many to make up (default 5). */
  readonly pieces?: readonly string[];
  readonly tokens?: number;
  /** Pieces of reasoning that come before the text. */
  readonly reasoning?: readonly string[];
  /** Before each piece of text and reasoning. */
  readonly token_delay_ms?: number;
  /** Before the headers. */
  readonly headers_delay_ms?: number;
  /** Waits there until `release()`: before the headers, or after so many pieces. */
  readonly hold?: 'headers' | number;
  /** Waits there for ever. */
  readonly stall?: 'headers' | number;
  /** An answer that is none: any of these replaces the stream. */
  readonly status?: number;
  /** The header as it is to stand there: seconds, a date, or nonsense. */
  readonly retry_after?: string;
  readonly error?: string;
  /** OpenAI's `error.code`. */
  readonly error_code?: string;
  readonly body?: string;
  readonly content_type?: string;
  readonly redirect?: string;
  /** Closes the connection without a byte. */
  readonly close?: boolean;
  /** Goes wrong in the middle of a stream. */
  readonly fault?: { readonly after: number; readonly kind: FaultKind };
  /** Default 'stop'; both protocols know 'length', OpenAI's also 'content_filter'. */
  readonly finish?: string;
  readonly usage?: boolean;
  readonly model_answered?: string;
}

/**
 * `end`: ends in an orderly way without a finish. `truncate`: ends in the middle of a line. `reset`: the connection breaks.
 * `broken_line`: a line that is no JSON, then on as if nothing had been. `invalid_utf8`: bytes that are no text.
 * `error`: the platform's own way of reporting an error in a stream. `long_line`: one line of 100 MB.
 */
export type FaultKind = 'end' | 'truncate' | 'reset' | 'broken_line' | 'invalid_utf8' | 'error' | 'long_line';

export const LONG_LINE_BYTES = 100_000_000;

export type Protocol = 'ollama' | 'openai';

export interface Speech {
  readonly content_type: string;
  piece(text: string, kind: 'text' | 'reasoning'): string;
  /** What ends a good stream. */
  finish(reason: string, usage: { readonly input: number; readonly output: number } | null): string;
  error(message: string, code: string): string;
  /** The body of an answer with an error status. */
  errorBody(message: string, code: string): string;
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
    brokenLine: () => `data: {"id":"chatcmpl-1","choices":[{"delta":{"content":"lost"\n\n`,
  };
}

export function speechOf(protocol: Protocol, model: string): Speech {
  return protocol === 'ollama' ? ollamaSpeech(model) : openaiSpeech(model);
}

/** The pieces that a script without `pieces` answers with: they name the prompt, so that answers can be told apart. */
export function piecesOf(script: ModelScript, prompt: string): readonly string[] {
  if (script.pieces !== undefined) return script.pieces;
  const made = Array.from(
    { length: script.tokens ?? 5 },
    (_, index) => `${index === 0 ? '' : ' '}token${index}`,
  );
  if (made.length > 0) made[made.length - 1] += ` of: ${prompt.slice(0, 200)}`;
  return made;
}

/** A line `@server {…}` (or `@server [{…}, {…}]`, taken in turn) in a prompt is a script for that prompt. */
export function scriptInPrompt(prompt: string): ModelScript | readonly ModelScript[] | null {
  const line = /^@server ([{[].*[}\]])$/m.exec(prompt);
  return line?.[1] === undefined ? null : (JSON.parse(line[1]) as ModelScript | readonly ModelScript[]);
}
