/** One stream of server-sent events. What its reader has not taken is bounded; idle streams show a sign of life. */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Timer, Timers } from '../core/ports/clock.ts';
import type { HttpLimits } from './http-options.ts';

interface SseOptions {
  readonly reply: FastifyReply;
  readonly timers: Timers;
  readonly limits: Pick<HttpLimits, 'sse_heartbeat_ms' | 'follower_buffer_bytes_max' | 'slow_reader_ms'>;
}

export class SseStream {
  readonly #raw: ServerResponse;
  readonly #timers: Timers;
  readonly #limits: SseOptions['limits'];
  #heartbeat: Timer | null = null;
  #ended = false;

  /** Sends the head. From here on the reply is this stream's. */
  constructor({ reply, timers, limits }: SseOptions) {
    this.#raw = reply.raw;
    this.#timers = timers;
    this.#limits = limits;
    reply.hijack();
    this.#raw.once('close', () => this.#stop());
    // A reader that goes away in the middle of a write is no error of ours.
    this.#raw.on('error', () => this.#raw.destroy());
    this.#raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    this.#raw.flushHeaders();
    this.#beat();
  }

  get open(): boolean {
    return !this.#ended && !this.#raw.destroyed;
  }

  /** Whether its reader is further behind than it may be. */
  get isBehind(): boolean {
    return this.#raw.writableLength > this.#limits.follower_buffer_bytes_max;
  }

  /** `data` is one line of JSON. */
  send(event: string, data: string, id?: string): void {
    if (!this.open) return;
    this.#raw.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`);
  }

  /** Resolves when the reader has taken what was sent: true; or false where it did not in time, or went away. */
  drained(): Promise<boolean> {
    if (!this.open) return Promise.resolve(false);
    if (!this.#raw.writableNeedDrain) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = this.#timers.after(this.#limits.slow_reader_ms, () => settle(false));
      const settle = (drained: boolean): void => {
        timer.cancel();
        this.#raw.off('drain', onDrain);
        this.#raw.off('close', onClose);
        resolve(drained);
      };
      const onDrain = (): void => settle(true);
      const onClose = (): void => settle(false);
      this.#raw.once('drain', onDrain);
      this.#raw.once('close', onClose);
    });
  }

  /** Ends the stream behind what was sent; a reader that does not take it in time is cut off. */
  end(): void {
    if (!this.open) return;
    this.#stop();
    this.#raw.end();
    const timer = this.#timers.after(this.#limits.slow_reader_ms, () => this.#raw.destroy(), false);
    this.#raw.once('close', () => timer.cancel());
  }

  #stop(): void {
    this.#ended = true;
    this.#heartbeat?.cancel();
  }

  #beat(): void {
    this.#heartbeat = this.#timers.after(
      this.#limits.sse_heartbeat_ms,
      () => {
        if (!this.open) return;
        // A comment for a reader that takes nothing would only fill its buffer.
        if (!this.#raw.writableNeedDrain) this.#raw.write(': still here\n\n');
        this.#beat();
      },
      false,
    );
  }
}
