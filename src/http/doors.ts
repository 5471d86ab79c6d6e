/**
 * The places where requests come in: the workspace's own socket and TCP. Both are servers of Node on one router, so that a
 * request is the same wherever it came from, and is known by its door.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Problem, problemBody } from '../core/errors.ts';
import type { Timers } from '../core/ports/clock.ts';
import type { HttpLimits } from './http-options.ts';

/** The kernel's room for the path of a Unix socket, without the zero at its end. */
const SOCKET_PATH_BYTES_MAX = 107;
const SOCKET_MODE = 0o600;

export type Door =
  | { readonly via: 'socket' }
  | { readonly via: 'tcp'; readonly host: string; readonly port: number };

export interface TcpAddress {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** PEM texts; without them it speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

interface DoorsOptions {
  readonly route: (request: IncomingMessage, response: ServerResponse) => void;
  readonly timers: Timers;
  readonly limits: HttpLimits;
}

export class Doors {
  readonly #options: DoorsOptions;
  readonly #servers = new Set<Server>();
  readonly #doors = new WeakMap<IncomingMessage, Door>();
  readonly #admins = new WeakSet<IncomingMessage>();
  readonly #answering = new Set<ServerResponse>();
  #closing = false;

  constructor(options: DoorsOptions) {
    this.#options = options;
  }

  doorOf(request: IncomingMessage): Door {
    const door = this.#doors.get(request);
    if (door === undefined) throw new Error('a request came through no door');
    return door;
  }

  /** Remembers that this request came with an admin key. */
  sawAdmin(request: IncomingMessage): void {
    this.#admins.add(request);
  }

  /** Whether it came with an admin key; the workspace's own socket needs none. */
  isAdmin(request: IncomingMessage): boolean {
    return this.#admins.has(request);
  }

  /** Serves on a Unix socket that only its owner may open. Rejects with the system's error, e.g. EADDRINUSE. */
  async listenSocket(path: string): Promise<void> {
    const bytes = Buffer.byteLength(path);
    if (bytes > SOCKET_PATH_BYTES_MAX) {
      throw new Problem(
        'InvalidConfig',
        `The path of the socket has ${bytes} bytes; ${SOCKET_PATH_BYTES_MAX} are possible: ${path}`,
        {
          hint: 'Set state_dir to a shorter path.',
        },
      );
    }
    const server = this.#serve(createServer(this.#settings()), () => ({ via: 'socket' }));
    // The file is made inside listen(), so it never exists with another mode.
    const umask = process.umask(0o777 & ~SOCKET_MODE);
    const listening = listen(server, { path });
    process.umask(umask);
    await listening;
  }

  /** Resolves with where it listens, with the port that was really taken. */
  async listenTcp(at: TcpAddress): Promise<{ readonly host: string; readonly port: number }> {
    let door: Door = { via: 'tcp', host: at.host, port: at.port };
    const made =
      at.tls === undefined
        ? createServer(this.#settings())
        : createTlsServer({ ...this.#settings(), ...at.tls });
    const server = this.#serve(made, () => door);
    server.maxConnections = this.#options.limits.http_connections_max;
    await listen(server, { host: at.host, port: at.port });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : at.port;
    door = { via: 'tcp', host: at.host, port };
    return { host: at.host, port };
  }

  /** Takes no new connection, waits for the answers that are under way, and cuts what is left at the deadline. Idempotent. */
  async close(deadline_ms: number): Promise<void> {
    this.#closing = true;
    const closed = [...this.#servers].map((server) => closeServer(server));
    for (const response of this.#answering) lastOfItsConnection(response);
    await new Promise<void>((resolve) => {
      const timer = this.#options.timers.after(deadline_ms, resolve);
      void Promise.all(closed).then(() => {
        timer.cancel();
        resolve();
      });
    });
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
  }

  /** Both times are for what a client sends: an answer may take as long as it needs. */
  #settings(): { headersTimeout: number; requestTimeout: number; connectionsCheckingInterval: number } {
    const { http_headers_timeout_ms: headersTimeout, http_request_timeout_ms: requestTimeout } =
      this.#options.limits;
    return { headersTimeout, requestTimeout, connectionsCheckingInterval: headersTimeout };
  }

  #serve(server: Server, door: () => Door): Server {
    this.#servers.add(server);
    server.on('clientError', answerBroken);
    server.on('request', (request, response) => {
      this.#doors.set(request, door());
      this.#answering.add(response);
      response.once('close', () => {
        this.#answering.delete(response);
        if (this.#closing) server.closeIdleConnections();
      });
      if (this.#closing) lastOfItsConnection(response);
      this.#options.route(request, response);
    });
    return server;
  }
}

function listen(server: Server, at: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // The only error is that it did not listen (any more), which is what was wanted.
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

function lastOfItsConnection(response: ServerResponse): void {
  response.shouldKeepAlive = false;
}

/** What is no HTTP at all, or came too slowly: Node has no request for it, so the answer is written by hand. */
function answerBroken(
  error: Error,
  socket: { writable: boolean; end(text: string): void; destroy(): void },
): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const slow = 'code' in error && error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const said = slow ? 'The request did not arrive in time' : 'This is not a valid HTTP request';
  const body = JSON.stringify(problemBody(new Problem('InvalidRequest', said)));
  socket.end(
    `HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
