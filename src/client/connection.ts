/**
 * One way to a server: requests over TCP or the workspace's Unix socket, by node:http alone, so that a command starts fast.
 * Idle connections are kept for the next call and never keep the process alive.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Problem } from '../core/errors.ts';
import { problemOf } from './answer.ts';
import { type Door, doorTo, placeOf, type Target } from './door.ts';
import { abortError, unreachable } from './unreachable.ts';

/** Where a server is: the Unix socket of a workspace (the file permission is the key), or a URL and a key. */
export type Address =
  | { readonly socket: string }
  | { readonly url: string; readonly key?: string | undefined };

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query, already encoded. */
  readonly path: string;
  readonly body?: Buffer | undefined;
  readonly content_type?: string | undefined;
  readonly accept?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A connection on which nothing is heard for this long is given up. Off unless set: an answer may take its time. */
  readonly silence_ms?: number | undefined;
}

export class Connection {
  /** What was tried, for messages: `http://127.0.0.1:7433` or the path of the socket. */
  readonly place: string;
  readonly #target: Target;
  readonly #key: string | undefined;
  #door: Door | null = null;

  /** Throws `InvalidRequest` where the URL is none. */
  constructor(address: Address) {
    if ('socket' in address) {
      this.place = address.socket;
      this.#target = { socketPath: address.socket };
      return;
    }
    const url = parseUrl(address.url);
    this.place = url.origin + url.pathname.replace(/\/$/, '');
    this.#target = { url };
    this.#key = address.key;
  }

  /**
   * Sends one request and resolves with its answer once the head has arrived; the body is the caller's to read.
   * Rejects with the server's `Problem`, with `Problem('Unreachable')`, or with the signal's reason.
   */
  async send(call: Call): Promise<IncomingMessage> {
    call.signal?.throwIfAborted();
    const answer = await this.#sendUntilHeard(call);
    if ((answer.statusCode ?? 0) < 300) return answer;
    throw await problemOf(answer, this.place);
  }

  close(): void {
    this.#door?.agent.destroy();
  }

  /**
   * The server closed an idle connection in the moment it was used again. Every call can be sent twice, and each connection
   * that was closed leaves the pool, so that in the end it is a new one.
   */
  async #sendUntilHeard(call: Call): Promise<IncomingMessage> {
    for (;;) {
      try {
        return await this.#sendOnce(call);
      } catch (error) {
        if (!(error instanceof StaleConnection)) throw error;
      }
    }
  }

  #sendOnce(call: Call): Promise<IncomingMessage> {
    const door = (this.#door ??= doorTo(this.#target));
    return new Promise((resolve, reject) => {
      const request = this.#open(door, call);
      if (call.silence_ms !== undefined) {
        const { silence_ms } = call;
        request.setTimeout(silence_ms, () => {
          request.destroy(new Error(`nothing was heard for ${silence_ms} ms`));
        });
      }
      request.on('response', resolve);
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (call.signal?.aborted === true) reject(abortError(call.signal));
        else if (request.reusedSocket && CLOSED.has(error.code)) reject(new StaleConnection());
        else reject(unreachable(this.place, error));
      });
      request.end(call.body);
    });
  }

  #open(door: Door, call: Call): ClientRequest {
    const headers: Record<string, string> = { accept: call.accept ?? 'application/json', ...call.headers };
    if (call.body !== undefined) {
      headers['content-type'] = call.content_type ?? 'application/json';
      headers['content-length'] = String(call.body.length);
    }
    if (this.#key !== undefined) headers['authorization'] = `Bearer ${this.#key}`;
    const { method, signal } = call;
    const place = placeOf(this.#target, call.path);
    return door.open({
      ...place,
      method,
      agent: door.agent,
      headers,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

/** How a kept connection says that the other side has closed it: TCP answers the request so, a Unix socket does not even take it. */
const CLOSED: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE']);

class StaleConnection extends Error {}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new Problem(
    'InvalidRequest',
    `PROMPTD_URL: expected a URL like http://127.0.0.1:7433, got ${JSON.stringify(text)}`,
  );
}
