/** Bytes over TCP. */
import { createServer, Socket, type AddressInfo, type Server } from 'node:net';
import type { Timer, Timers } from '../core/ports/clock.ts';
import type { Connection, Listener, Transport } from '../core/ports/transport.ts';
import { SocketConnection } from './socket-connection.ts';

export interface TcpOptions {
  readonly timers: Timers;
  /** Silence after which the kernel begins to ask whether the peer is still there. */
  readonly keep_alive_ms?: number;
  /** From `close` to the peer's own end; then the connection is destroyed. */
  readonly close_timeout_ms?: number;
}

const KEEP_ALIVE_MS = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;

export class TcpTransport implements Transport {
  readonly #timers: Timers;
  readonly #keep_alive_ms: number;
  readonly #close_timeout_ms: number;

  constructor(options: TcpOptions) {
    this.#timers = options.timers;
    this.#keep_alive_ms = options.keep_alive_ms ?? KEEP_ALIVE_MS;
    this.#close_timeout_ms = options.close_timeout_ms ?? CLOSE_TIMEOUT_MS;
  }

  listen(
    at: { readonly host: string; readonly port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    const { promise, resolve, reject } = Promise.withResolvers<Listener>();
    const server = createServer(
      {
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: this.#keep_alive_ms,
        pauseOnConnect: true,
      },
      (socket) => onConnection(this.#wrap(socket)),
    );
    server.once('error', (error) => reject(named(`listen on ${at.host}:${at.port}`, error)));
    server.listen(at.port, at.host, () => {
      server.removeAllListeners('error');
      // A single accept that fails (no descriptors left) must not end the process; the next ones may succeed.
      server.on('error', () => undefined);
      resolve(listenerOf(server));
    });
    return promise;
  }

  connect(to: {
    readonly host: string;
    readonly port: number;
    readonly timeout_ms: number;
  }): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const socket = new Socket({ allowHalfOpen: true });
    const what = `connect to ${to.host}:${to.port}`;
    const timer: Timer = this.#timers.after(to.timeout_ms, () => {
      const error = Object.assign(new Error(`no answer within ${to.timeout_ms} ms`), { code: 'ETIMEDOUT' });
      socket.destroy(error);
    });
    const failed = (error: Error): void => {
      timer.cancel();
      reject(named(what, error));
    };
    socket.once('error', failed);
    socket.connect(to.port, to.host);
    socket.once('connect', () => {
      timer.cancel();
      socket.removeListener('error', failed);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, this.#keep_alive_ms);
      socket.pause();
      resolve(this.#wrap(socket));
    });
    return promise;
  }

  #wrap(socket: Socket): Connection {
    return new SocketConnection({
      socket,
      peer: peerOf(socket),
      timers: this.#timers,
      close_timeout_ms: this.#close_timeout_ms,
    });
  }
}

/** `127.0.0.1:50512`, `[::1]:50512`; an IPv4 address that came over IPv6 is written as what it is. */
function peerOf(socket: Socket): string {
  const address = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
  return `${address.includes(':') ? `[${address}]` : address}:${socket.remotePort ?? 0}`;
}

function listenerOf(server: Server): Listener {
  const { address, port } = server.address() as AddressInfo;
  return {
    address: { host: address, port },
    close() {
      // Node calls back only when the last connection has ended too; the port is free before that.
      if (server.listening) server.close();
      return Promise.resolve();
    },
  };
}

/** The system's error with what was tried in front; its `code` stays. */
function named(what: string, error: Error): Error {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const named_error = new Error(`${what}: ${ADVICE[code ?? ''] ?? error.message}`, { cause: error });
  return code === undefined ? named_error : Object.assign(named_error, { code });
}

const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED); start the server, or mend host and port',
  ENOTFOUND: 'the host name is not known (ENOTFOUND); mend it',
  EADDRINUSE: 'the port is taken (EADDRINUSE); stop what listens there, or choose another',
  EACCES: 'not allowed (EACCES); choose a port from 1024 up',
  EADDRNOTAVAIL: 'this machine has no such address (EADDRNOTAVAIL); mend the host',
};
