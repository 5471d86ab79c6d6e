/** A real HTTP server whose answers the test writes, and which keeps what it was asked. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Timers } from '../../src/core/ports/clock.ts';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (asked: Asked, response: ServerResponse) => void | Promise<void>;

export class ScriptedServer {
  readonly asked: Asked[] = [];
  readonly #routes: [string, Answer][] = [];
  #server: Server | null = null;
  #port = 0;

  /** `GET /jobs` answers every path that is that, or that and a query; the latest given wins. */
  on(route: string, answer: Answer): this {
    this.#routes.unshift([route, answer]);
    return this;
  }

  json(route: string, body: unknown, status = 200): this {
    return this.on(route, (_asked, response) => sendJson(response, body, status));
  }

  async listen(where: { readonly path?: string; readonly port?: number } = {}): Promise<this> {
    const server = createServer((request, response) => void this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      if (where.path === undefined) server.listen(where.port ?? 0, '127.0.0.1', resolve);
      else server.listen(where.path, resolve);
    });
    if (where.path === undefined) this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Calls to a route, in order. */
  calls(route: string): Asked[] {
    return this.asked.filter((one) => matches(route, one));
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    const asked = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
    this.asked.push(asked);
    const found = this.#routes.find(([route]) => matches(route, asked));
    if (found === undefined) sendProblem(response, 404, 'NotFound', `no route ${method} ${url}`);
    else await found[1](asked, response);
  }
}

function matches(route: string, asked: Asked): boolean {
  return route === `${asked.method} ${asked.url.split('?')[0]}`;
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export function sendProblem(
  response: ServerResponse,
  status: number,
  code: string,
  detail: string,
  more: object = {},
): void {
  response
    .writeHead(status, { 'content-type': 'application/problem+json' })
    .end(JSON.stringify({ type: `urn:promptd:error:${code}`, title: code, status, code, detail, ...more }));
}

/** Opens a stream of events and gives back the way to send one. */
export function openSse(response: ServerResponse): (event: string, data: unknown, id?: string) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  return (event, data, id) => {
    response.write(
      `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
    );
  };
}

/** Waits of any length end in the next turn of the loop; what was asked for is kept. */
export class InstantTimers implements Timers {
  readonly waits: number[] = [];

  after(ms: number, fn: () => void): { cancel(): void } {
    this.waits.push(ms);
    const immediate = setImmediate(fn);
    return { cancel: () => clearImmediate(immediate) };
  }

  soon(fn: () => void): void {
    setImmediate(fn);
  }
}

/** A folder of its own for the sockets and files of a test. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promptd-'));
  return {
    path: folder,
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}
