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

  constructor(wire: WireSession<FromInstance, FromScheduler>, hello: Hello, id: number) {
    this.wire = wire;
    this.hello = hello;
    this.id = id;
  }

  abort(attempts: readonly AttemptRef[], reason: 'cancelled' | 'superseded' | 'lease_lost'): void {
    this.wire.send({ t: 'abort', attempts: [...attempts], reason });
  }

  acknowledge(attempts: readonly Acknowledgement[]): void {
    this.wire.send({ t: 'acknowledge', attempts: [...attempts] });
  }
}
