/**
 * The scheduler's side of one connection. It knows who is there and what was said; what it means is decided in turns.
 *
 * ```
 *  connected ── hello, token and version right ──▶ greeted ── last `holding` ──▶ settled ── end ──▶ ended
 *      └── too late, wrong ──▶ refused, ended
 * ```
 */
import type { Acknowledgement, AttemptRef } from '../core/attempt.ts';
import type { FromInstance, FromScheduler } from '../wire/messages.ts';
import { encodeFrame } from '../wire/frame.ts';
import type { WireSession } from '../wire/session.ts';

export type Hello = Extract<FromInstance, { t: 'hello' }>;
export type Held = Extract<FromInstance, { t: 'holding' }>['held'][number];

export class InstanceSession {
  readonly wire: WireSession<FromInstance, FromScheduler>;
  readonly hello: Hello;
  readonly id: number;
  settled = false;
  draining = false;
  readonly held: Held[] = [];
  readonly #unread_bytes_max: number;
  /** Answers since the peer had last read everything. */
  #unread_bytes = 0;

  /** `unread_bytes_max`: what it may leave unread of answers to what it says itself. */
  constructor(
    wire: WireSession<FromInstance, FromScheduler>,
    hello: Hello,
    id: number,
    unread_bytes_max: number,
  ) {
    this.wire = wire;
    this.hello = hello;
    this.id = id;
    this.#unread_bytes_max = unread_bytes_max;
  }

  /**
   * Answers what the instance said. One that goes on talking and reads nothing would fill our memory with answers, so its
   * connection is cut; work that it is given is bounded by its slots.
   */
  answer(message: Extract<FromScheduler, { t: 'renewed' | 'acknowledge' }>): void {
    if (this.wire.backlog_bytes === 0) this.#unread_bytes = 0;
    const frame = encodeFrame(message);
    this.#unread_bytes += frame.length;
    if (this.#unread_bytes > this.#unread_bytes_max) this.wire.destroy();
    else this.wire.sendFrame(frame);
  }

  abort(attempts: readonly AttemptRef[], reason: 'cancelled' | 'superseded' | 'lease_lost'): void {
    this.wire.send({ t: 'abort', attempts: [...attempts], reason });
  }

  acknowledge(attempts: readonly Acknowledgement[]): void {
    this.answer({ t: 'acknowledge', attempts: [...attempts] });
  }
}
