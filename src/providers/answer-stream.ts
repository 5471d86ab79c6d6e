/**
 * The body of an answer on its way to a library, checked where the libraries are silent: bytes that are no UTF-8, lines that
 * are no JSON (the ollama package drops them), lines that never end, streams that end too early. What is wrong ends the
 * stream with a {@link ProviderError}.
 */
import { isJsonObject } from '../core/json.ts';
import { ProviderError } from '../core/ports/provider.ts';
import { readErrorValue } from './error-body.ts';
import { answerTooLarge, failureInStream, invalidAnswer, type Upstream } from './failures.ts';
import { failureInAnswer } from './network-failures.ts';

export type Framing = 'ndjson' | 'sse';

/** One line holds one piece in JSON; a piece as large as a whole answer may be escaped, so there is some room on top. */
const LINE_SLACK_CHARS = 1024 * 1024;

/** What ends an answer whose connection may stay open: of OpenAI and its relatives, and of Anthropic. */
const SSE_END = /^(?:\[DONE\]$|\{"type": ?"message_stop")/;

export interface AnswerStreamOptions {
  readonly upstream: Upstream;
  readonly framing: Framing;
  readonly result_bytes_max: number;
  readonly signal: AbortSignal;
  /** The answer is complete, though the connection may say something more: the rest is to be read and thrown away. */
  onComplete(rest: ReadableStreamDefaultReader<Uint8Array>): void;
}

export function checkAnswer(
  body: ReadableStream<Uint8Array>,
  options: AnswerStreamOptions,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const lines = new LineCheck(options);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await read(reader, options);
        // Checked before it is handed on: a chunk may hold a broken line and the end of the answer behind it.
        const complete = chunk === null ? lines.end() : lines.push(chunk);
        if (chunk !== null) controller.enqueue(chunk);
        if (!complete) return;
        controller.close();
        if (chunk === null) reader.releaseLock();
        else options.onComplete(reader);
      },
      async cancel(reason) {
        await reader.cancel(reason);
      },
    },
    // Nothing is read ahead of the library, so that a slow reader slows the server down.
    { highWaterMark: 0 },
  );
}

async function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { upstream, signal }: AnswerStreamOptions,
): Promise<Uint8Array | null> {
  try {
    const { done, value } = await reader.read();
    return done ? null : value;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ProviderError(failureInAnswer(upstream, error), error);
  }
}

class LineCheck {
  readonly #options: AnswerStreamOptions;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #pending = '';

  constructor(options: AnswerStreamOptions) {
    this.#options = options;
  }

  /** True once the answer is complete. */
  push(chunk: Uint8Array): boolean {
    return this.#take(this.#decode(chunk));
  }

  /** The stream is over: true, or an error where that is too early. */
  end(): boolean {
    const complete = this.#take(`${this.#decode(null)}\n`);
    if (!complete && this.#options.framing === 'ndjson') {
      throw this.#invalid('the answer ended before it was done');
    }
    // Whether an SSE stream has told its finish reason is known to the library, which says so.
    return true;
  }

  #decode(chunk: Uint8Array | null): string {
    try {
      return chunk === null ? this.#decoder.decode() : this.#decoder.decode(chunk, { stream: true });
    } catch {
      throw this.#invalid('bytes that are not UTF-8');
    }
  }

  #take(text: string): boolean {
    // Only what is new can hold the end of a line: a long one would otherwise be searched again with every chunk.
    const parts = text.split('\n');
    for (const [index, part] of parts.entries()) {
      this.#pending += part;
      if (index === parts.length - 1) break;
      const line = this.#pending.trim();
      this.#pending = '';
      if (line !== '' && this.#isLast(line)) return true;
    }
    const { upstream, result_bytes_max } = this.#options;
    if (this.#pending.length > result_bytes_max + LINE_SLACK_CHARS) {
      throw new ProviderError(answerTooLarge(upstream, result_bytes_max));
    }
    return false;
  }

  #isLast(line: string): boolean {
    if (this.#options.framing === 'sse') {
      const data = /^data: ?(.*)$/.exec(line)?.[1] ?? '';
      // Within a text the quotes would be escaped: only an event with such a key or value is looked at twice.
      if (data.includes('"error"')) this.#refuseError(data);
      return SSE_END.test(data);
    }
    const value = this.#parse(line);
    if (isJsonObject(value) && value['error'] !== undefined) {
      throw new ProviderError(failureInStream(this.#options.upstream, readErrorValue(value)));
    }
    return isJsonObject(value) && value['done'] === true;
  }

  /** An error that a server reports as an event, in the forms of OpenAI, Anthropic, Google and Mistral. */
  #refuseError(data: string): void {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      return; // No JSON: the library says so.
    }
    if (isJsonObject(value) && (value['object'] === 'error' || (value['error'] ?? null) !== null))
      throw new ProviderError(failureInStream(this.#options.upstream, readErrorValue(value)));
  }

  #parse(line: string): unknown {
    try {
      return JSON.parse(line);
    } catch {
      throw this.#invalid(`a line that is no JSON: ${line.slice(0, 200)}`);
    }
  }

  #invalid(what: string): ProviderError {
    return new ProviderError(invalidAnswer(this.#options.upstream, what));
  }
}
