/**
 * One HTTP exchange of an attempt: the `fetch` that the libraries are given. It joins the attempt's signal, follows no
 * redirect, knows no time limit of its own, turns every error into a {@link ProviderError} before a library can reword it,
 * and remembers the body that really left.
 */
import type { Agent, fetch as undiciFetch, RequestInit, Response } from 'undici';
import type { JsonObject } from '../core/json.ts';
import type { Clock, Timers } from '../core/ports/clock.ts';
import { ProviderError } from '../core/ports/provider.ts';
import { checkAnswer, type Framing } from './answer-stream.ts';
import { failureOfStatus, invalidAnswer, type Upstream } from './failures.ts';
import { failureBeforeAnswer } from './network-failures.ts';

/** Enough to say what went wrong. */
const ERROR_BODY_BYTES_MAX = 64 * 1024;
/** What may follow a complete answer comes at once, or the connection is not worth keeping. */
const DRAIN_MS = 1_000;

export interface ConnectionsOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** In the place of what sends. */
  readonly fetch?: typeof undiciFetch;
}

/** Connections to all servers, kept open between attempts. undici is loaded with the first exchange. */
export class Connections {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly #fetch: typeof undiciFetch | null;
  #loading: Promise<{ readonly fetch: typeof undiciFetch; readonly agent: Agent }> | null = null;

  constructor(options: ConnectionsOptions) {
    this.clock = options.clock;
    this.timers = options.timers;
    this.#fetch = options.fetch ?? null;
  }

  async load(): Promise<{ readonly fetch: typeof undiciFetch; readonly agent: Agent }> {
    this.#loading ??= import('undici').then(({ Agent: PooledAgent, fetch }) => ({
      fetch: this.#fetch ?? fetch,
      agent: new PooledAgent({
        // The defaults cut an answer at 300 s. How long one may take is the executor's business.
        headersTimeout: 0,
        bodyTimeout: 0,
        // A connection for each call, so that ending a call ends its connection and a server notices at once.
        allowH2: false,
        pipelining: 1,
        connections: null,
      }),
    }));
    return this.#loading;
  }
}

export interface ExchangeOptions {
  readonly connections: Connections;
  readonly upstream: Upstream;
  readonly signal: AbortSignal;
  /** Null: the answer is one JSON document, which the caller reads. */
  readonly framing: Framing | null;
  readonly result_bytes_max: number;
  /** The header that carries the key: `authorization` as a bearer (the default), any other as it is. */
  readonly key_header?: string;
  /** Headers that the library may add; none by default. */
  readonly library_headers?: readonly string[];
  /** The fields of the body that are no parameters, `messages` by default. */
  readonly prompt_fields?: readonly string[];
  /** A request of the job's own making: its body leaves as it is, and the type of a whole answer is not looked at. */
  readonly as_is?: boolean;
  /** Makes the body that leaves out of the library's. */
  rewrite?(body: JsonObject): JsonObject;
}

export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #controller = new AbortController();
  readonly #onAbort = (): void => this.#controller.abort(this.#options.signal.reason);
  #complete = false;
  #sent: JsonObject | null = null;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    if (options.signal.aborted) this.#onAbort();
    else options.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Aborts with the exchange: what a library takes a signal for. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The parameters of the body that left, without the prompt. */
  get parametersSent(): JsonObject {
    const prompt = new Set(this.#options.prompt_fields ?? ['messages']);
    return Object.fromEntries(Object.entries(this.#sent ?? {}).filter(([name]) => !prompt.has(name)));
  }

  /**
   * In the form of the global fetch; takes of `init` only method, body and the headers that were allowed: the others are
   * ours alone, so no key but ours leaves.
   */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const response = await this.#send(
      url,
      init?.method ?? 'GET',
      typeof init?.body === 'string' ? init.body : null,
      new Headers(init?.headers ?? {}),
    );
    if (!response.ok) throw await this.#refusal(response);
    return this.#checked(response);
  };

  /**
   * Runs a call over this exchange and ends it. Where it was aborted rejects with the reason of the signal, whatever the
   * library made of that; else with what `errorOf` makes of the error.
   */
  async during<T>(
    act: () => Promise<T>,
    errorOf: (error: unknown) => ProviderError | Promise<ProviderError>,
  ): Promise<T> {
    try {
      return await act();
    } catch (error) {
      this.#options.signal.throwIfAborted();
      throw await errorOf(error);
    } finally {
      this.close();
    }
  }

  /** Ends the exchange: its connection too, unless the answer is complete. Idempotent. */
  close(): void {
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    if (!this.#complete) this.#controller.abort();
  }

  async #send(url: URL, method: string, body: string | null, given: Headers): Promise<Response> {
    const { upstream } = this.#options;
    const { fetch, agent } = await this.#options.connections.load();
    const init: RequestInit = {
      method,
      headers: this.#headers(url, given),
      body: body === null ? null : this.#leaving(body),
      redirect: 'manual',
      signal: this.#controller.signal,
      dispatcher: agent,
    };
    // fetch refuses a URL with credentials; they have become a header.
    url.username = '';
    url.password = '';
    try {
      return await fetch(url, init);
    } catch (error) {
      if (this.#controller.signal.aborted) throw error;
      throw new ProviderError(failureBeforeAnswer(upstream, error), error);
    }
  }

  #headers(url: URL, given: Headers): Record<string, string> {
    const { upstream, framing, key_header = 'authorization', library_headers = [] } = this.#options;
    const headers: Record<string, string> = { 'content-type': 'application/json', 'user-agent': 'promptd' };
    headers['accept'] = framing === 'sse' ? 'text/event-stream' : 'application/json';
    for (const name of library_headers) {
      const value = given.get(name);
      if (value !== null) headers[name] = value;
    }
    const { api_key } = upstream;
    if (api_key !== null)
      headers[key_header] = key_header === 'authorization' ? `Bearer ${api_key}` : api_key;
    if (headers['authorization'] === undefined && url.username !== '') {
      const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    }
    return headers;
  }

  #leaving(body: string): string {
    if (this.#options.as_is === true) return body;
    const built = JSON.parse(body) as JsonObject;
    const leaving = this.#options.rewrite?.(built) ?? built;
    this.#sent = leaving;
    return leaving === built ? body : JSON.stringify(leaving);
  }

  async #refusal(response: Response): Promise<ProviderError> {
    const body = await readStart(response);
    const answer = {
      status: response.status,
      headers: response.headers as unknown as Headers,
      body,
      now: this.#options.connections.clock.now(),
    };
    return new ProviderError(failureOfStatus(this.#options.upstream, answer));
  }

  #checked(response: Response): Response {
    const { upstream, framing } = this.#options;
    const type = response.headers.get('content-type') ?? '';
    if (response.body === null) throw new ProviderError(invalidAnswer(upstream, 'an answer without a body'));
    const isWhole = framing === 'sse' && /^application\/json/i.test(type);
    if (this.#options.as_is !== true && (/^text\/html/i.test(type) || isWhole)) {
      const wanted = framing === 'sse' ? 'a stream of events' : 'JSON';
      throw new ProviderError(
        invalidAnswer(
          upstream,
          `expected ${wanted}, got ${type}. Look at base_url, and at what stands before the server.`,
        ),
      );
    }
    if (framing === null) return response;
    return this.#streamed(response, response.body, framing);
  }

  #streamed(response: Response, body: ReadableStream<Uint8Array>, framing: Framing): Response {
    const { upstream, result_bytes_max } = this.#options;
    const checked = checkAnswer(body, {
      upstream,
      framing,
      result_bytes_max,
      signal: this.#controller.signal,
      onComplete: (rest) => {
        this.#complete = true;
        void this.#drain(rest);
      },
    });
    const wrapped = {
      ok: true,
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
      body: checked,
    };
    return wrapped as unknown as Response;
  }

  /** Reads what is left, so that the connection can be used again; gives the connection up where that takes long. */
  async #drain(rest: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const timer = this.#options.connections.timers.after(DRAIN_MS, () => this.#controller.abort(), false);
    try {
      while (!(await rest.read()).done);
    } catch {
      // The answer is complete already; how its connection ends is of no interest.
    } finally {
      timer.cancel();
    }
  }
}

async function readStart(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of response.body ?? []) {
      parts.push(part as Uint8Array);
      bytes += (part as Uint8Array).byteLength;
      if (bytes >= ERROR_BODY_BYTES_MAX) break;
    }
  } catch {
    // The status says enough where the body breaks off.
  }
  return Buffer.concat(parts).toString('utf8').slice(0, ERROR_BODY_BYTES_MAX);
}
