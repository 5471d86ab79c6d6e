// What the scripted model server does with one request.

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
  readonly fault?: { readonly after: number; readonly kind: FaultKind | { readonly event: string } };
  /** Default 'stop'; both protocols know 'length', OpenAI's also 'content_filter'. */
  readonly finish?: string;
  readonly usage?: boolean;
  readonly model_answered?: string;
}

/**
 * `end`: ends in an orderly way without a finish. `truncate`: ends in the middle of a line. `reset`: the connection breaks.
 * `broken_line`: a line that is no JSON, then on as if nothing had been. `invalid_utf8`: bytes that are no text.
 * `error`: the platform's own way of reporting an error in a stream; `{event}`: another one, as it is. `long_line`: one line of 100 MB.
 */
export type FaultKind = 'end' | 'truncate' | 'reset' | 'broken_line' | 'invalid_utf8' | 'error' | 'long_line';

export const LONG_LINE_BYTES = 100_000_000;

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
