/**
 * A network in memory, for tests and the simulator. Bytes arrive in order and once, as TCP delivers them, after a delay
 * that the owner decides; a link can be cut after some bytes, or swallow everything without a word.
 */
import type { Timers } from '../core/ports/clock.ts';
import type { Connection, Listener, Transport } from '../core/ports/transport.ts';
import { MemoryConnection, type Direction, type LinkState } from './memory-connection.ts';

export interface MemoryNetworkOptions {
  readonly timers: Timers;
  /** How long a piece is under way, in ms; asked anew for each piece, and order is kept. 0: delivered soon. */
  readonly delay_ms?: (direction: Direction) => number;
  /** Pieces longer than this arrive in several; default: as they were sent. */
  readonly slice_bytes?: number;
}

/** What a test may do to one connection. */
export interface MemoryLink {
  readonly port: number;
  readonly open: boolean;
  /** Bytes delivered so far. */
  delivered(direction: Direction): number;
  /** Both ends hear of a reset once this many more bytes have arrived in that direction. */
  cutAfter(direction: Direction, bytes: number): void;
  /** From now on bytes and ends vanish: half-open, as when a cable is pulled. Only `destroy` of each side is seen, by itself. */
  blackHole(): void;
  /** Both ends hear of a reset now. */
  reset(): void;
}

type At = { readonly host: string; readonly port: number };

export class MemoryNetwork implements Transport {
  readonly #options: MemoryNetworkOptions;
  readonly #listeners = new Map<number, (connection: Connection) => void>();
  readonly #links: MemoryLink[] = [];
  #next_port = 49_152;
  /** While true nobody answers a connect. */
  unreachable = false;

  constructor(options: MemoryNetworkOptions) {
    this.#options = options;
  }

  /** Every connection so far, in order. */
  get links(): readonly MemoryLink[] {
    return this.#links;
  }

  listen(at: At, onConnection: (connection: Connection) => void): Promise<Listener> {
    const port = at.port === 0 ? this.#next_port++ : at.port;
    if (this.#listeners.has(port))
      return Promise.reject(refused('EADDRINUSE', `listen on ${at.host}:${port}`));
    this.#listeners.set(port, onConnection);
    const close = (): Promise<void> => {
      if (this.#listeners.get(port) === onConnection) this.#listeners.delete(port);
      return Promise.resolve();
    };
    return Promise.resolve({ address: { host: at.host, port }, close });
  }

  connect(to: At & { readonly timeout_ms: number }): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    if (this.unreachable) {
      this.#options.timers.after(to.timeout_ms, () =>
        reject(refused('ETIMEDOUT', `connect to ${to.host}:${to.port}`)),
      );
      return promise;
    }
    this.#options.timers.after(this.#options.delay_ms?.('to_server') ?? 0, () => {
      const accept = this.#listeners.get(to.port);
      if (accept === undefined) {
        reject(refused('ECONNREFUSED', `connect to ${to.host}:${to.port}`));
        return;
      }
      const [client, server] = this.#pair(to);
      resolve(client);
      accept(server);
    });
    return promise;
  }

  #pair(to: At): [Connection, Connection] {
    const from = this.#next_port++;
    const state: LinkState = {
      timers: this.#options.timers,
      delay_ms: this.#options.delay_ms ?? (() => 0),
      slice_bytes: this.#options.slice_bytes ?? Number.MAX_SAFE_INTEGER,
      delivered: { to_server: 0, to_client: 0 },
      cut_at: { to_server: Number.POSITIVE_INFINITY, to_client: Number.POSITIVE_INFINITY },
      black_hole: false,
    };
    const client = new MemoryConnection(state, 'to_server', `${to.host}:${to.port}`);
    const server = new MemoryConnection(state, 'to_client', `memory:${from}`);
    client.join(server);
    server.join(client);
    this.#links.push({
      port: to.port,
      get open() {
        return client.open && server.open;
      },
      delivered: (direction) => state.delivered[direction],
      cutAfter: (direction, bytes) => {
        state.cut_at[direction] = state.delivered[direction] + bytes;
      },
      blackHole: () => {
        state.black_hole = true;
      },
      reset: () => client.reset(),
    });
    return [client, server];
  }
}

function refused(code: string, what: string): Error {
  return Object.assign(new Error(`${what}: ${code}`), { code });
}
