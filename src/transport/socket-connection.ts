/** A socket of Node (TCP, TLS or Unix) as a connection. */
import type { Socket } from 'node:net';
import type { Timer, Timers } from '../core/ports/clock.ts';
import type { Connection } from '../core/ports/transport.ts';

export interface SocketConnectionOptions {
  /** Open, paused, with `allowHalfOpen`, so that what is queued still leaves when the peer has said its last. */
  readonly socket: Socket;
  readonly peer: string;
  readonly timers: Timers;
  /** From the first side's end to the other's; then the socket is destroyed. */
  readonly close_timeout_ms: number;
}

export class SocketConnection implements Connection {
  readonly peer: string;
  readonly #socket: Socket;
  readonly #timers: Timers;
  readonly #close_timeout_ms: number;
  #error: Error | null = null;
  #closed = false;
  #closing = false;
  #told = false;
  #onClose: ((error: Error | null) => void) | null = null;
  #timer: Timer | null = null;

  constructor(options: SocketConnectionOptions) {
    this.peer = options.peer;
    this.#socket = options.socket;
    this.#timers = options.timers;
    this.#close_timeout_ms = options.close_timeout_ms;
    this.#socket.on('error', (error) => {
      this.#error ??= error;
    });
    this.#socket.on('end', () => this.close());
    this.#socket.on('close', () => {
      this.#closed = true;
      this.#timer?.cancel();
      this.#tell();
    });
  }

  get backlog_bytes(): number {
    return this.#socket.writableLength;
  }

  send(bytes: Uint8Array): void {
    if (!this.#closing && this.#socket.writable) this.#socket.write(bytes);
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    this.#socket.on('data', fn);
    this.#socket.resume();
  }

  onClose(fn: (error: Error | null) => void): void {
    this.#onClose = fn;
    if (this.#closed) this.#timers.soon(() => this.#tell());
  }

  close(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    // Somebody must read to the end, or the peer's end is never seen.
    this.#socket.resume();
    this.#socket.end();
    // A peer that does not read, or never ends, must not keep the socket for ever.
    this.#timer = this.#timers.after(this.#close_timeout_ms, () => this.#socket.destroy(), false);
  }

  destroy(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #tell(): void {
    if (this.#told || this.#onClose === null) return;
    this.#told = true;
    this.#onClose(this.#error);
  }
}
