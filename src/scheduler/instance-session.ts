/**
 * The scheduler's side of one connection. It knows who is there and what was said; what it means is decided in turns.
 *
 * ```
 *  connected ── hello, token and version right ──▶ greeted ── last `holding` ──▶ settled ── end ──▶ ended
 *      └── too late, wrong ──▶ refused, ended
 * ```
 */
import type { Acknowledgement, AttemptRef } from '../core/attempt.ts';
import { runKey } from '../core/board.ts';
import type { FromInstance, FromScheduler } from '../wire/messages.ts';
import { encodeFrame } from '../wire/frame.ts';
import type { WireSession } from '../wire/session.ts';

export type Hello = Extract<FromInstance, { t: 'hello' }>;
type Renewed = Extract<FromInstance, { t: 'heartbeat' }>['held'][number];
export type Held = Extract<FromInstance, { t: 'holding' }>['held'][number];

export class InstanceSession {
  readonly wire: WireSession<FromInstance, FromScheduler>;
  readonly hello: Hello;
  readonly id: number;
  settled = false;
  draining = false;
  readonly held: Held[] = [];
  /** Of attempts that have processes of their own, as the last heartbeat had it. */
  readonly #pids = new Map<string, number>();
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

  /** The pid of the attempt's own process, on the instance's machine; null where none is known. */
  pidOf({ name, run, attempt }: Pick<AttemptRef, 'name' | 'run' | 'attempt'>): number | null {
    return this.#pids.get(`${runKey(name, run)} ${attempt}`) ?? null;
  }

  /** A list may come in parts, so what one part does not name may still run. */
  heard(renewed: readonly Renewed[]): void {
    // Leftovers of attempts that it was told to let go.
    if (this.#pids.size > this.hello.slots) this.#pids.clear();
    for (const { name, run, attempt, pid } of renewed) {
      const key = `${runKey(name, run)} ${attempt}`;
      if (pid === undefined) this.#pids.delete(key);
      else this.#pids.set(key, pid);
    }
  }

  abort(attempts: readonly AttemptRef[], reason: 'cancelled' | 'superseded' | 'lease_lost'): void {
    this.wire.send({ t: 'abort', attempts: [...attempts], reason });
  }

  acknowledge(attempts: readonly Acknowledgement[]): void {
    this.answer({ t: 'acknowledge', attempts: [...attempts] });
  }
}
