/** The last step of a turn: what was committed becomes true outside, in the order acknowledgements, aborts, dispatches. */
import type { Acknowledgement, AttemptOrder, AttemptRef } from '../core/attempt.ts';
import { runKey } from '../core/board.ts';
import type { Timers } from '../core/ports/clock.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { Store } from '../core/ports/store.ts';
import type { AbortCause, Effect } from '../core/turn-events.ts';
import { LIST_MAX } from '../wire/messages.ts';
import type { DueTimer } from './due-timer.ts';
import type { Gateway } from './gateway.ts';
import type { LeaseClock } from './lease-clock.ts';
import { readOrders } from './orders.ts';
import type { WakeTimer } from './wake-timer.ts';

/** Orders in one frame: their prompts may be large, so they are cut by their text too. */
const FRAME_ORDERS_MAX = 256;
const FRAME_TEXT_MAX = 8 * 1024 * 1024;

export interface ReleaseOptions {
  readonly store: Store;
  readonly timers: Timers;
  readonly leases: LeaseClock;
  readonly gateway: Gateway;
  readonly due: DueTimer;
  readonly wake: WakeTimer;
  readonly onPublish: () => void;
  /** Whether the endpoint's provider is given the whole job: an AI package is. */
  readonly showsJob: (endpoint: string) => boolean;
  readonly crashpoint: CrashPoint;
}

type Dispatch = Extract<Effect, { type: 'dispatch' }>;

export class Release {
  readonly #options: ReleaseOptions;

  constructor(options: ReleaseOptions) {
    this.#options = options;
  }

  async run(effects: readonly Effect[]): Promise<void> {
    const acknowledged = new Map<number, Acknowledgement[]>();
    const dispatches: Dispatch[] = [];
    let publish = false;
    let lookDue = false;
    for (const effect of effects) {
      if (effect.type === 'acknowledge') push(acknowledged, effect.instance, effect.attempt);
      else if (effect.type === 'dispatch') dispatches.push(effect);
      else if (effect.type === 'publish') publish = true;
      else if (effect.type === 'look_due') lookDue = true;
      else this.#small(effect);
    }
    if (acknowledged.size > 0) this.#options.crashpoint('turn.before_acknowledge');
    for (const [instance, attempts] of acknowledged) this.#acknowledge(instance, attempts);
    if (dispatches.length > 0) {
      await this.#dispatch(dispatches);
      // Behind the bytes, which leave at the end of this round of the loop.
      this.#options.timers.soon(() => this.#options.crashpoint('turn.after_dispatch'));
    }
    if (publish) this.#options.onPublish();
    if (lookDue) this.#options.due.at(await this.#options.store.nextDue());
  }

  #small(effect: Effect): void {
    const { leases, gateway, due, wake } = this.#options;
    switch (effect.type) {
      case 'lease_dropped':
        leases.drop(effect.key, effect.attempt);
        return gateway.follows.ended(effect.key, effect.attempt);
      case 'abort':
        return this.#abort(effect.instance, effect.attempt, effect.cause);
      case 'cancel_wait':
        return leases.cancelling(effect.key, effect.attempt);
      case 'renew':
        return leases.reattach(effect.key, effect.attempt);
      case 'due_at':
        return due.at(effect.at);
      case 'wake_at':
        return wake.at(effect.at_m);
      default:
    }
  }

  #abort(instance: number, attempt: AttemptRef, cause: AbortCause): void {
    this.#options.crashpoint('turn.before_abort');
    this.#options.gateway.session(instance)?.abort([attempt], cause);
  }

  #acknowledge(instance: number, attempts: readonly Acknowledgement[]): void {
    const session = this.#options.gateway.session(instance);
    for (let from = 0; from < attempts.length; from += LIST_MAX)
      session?.acknowledge(attempts.slice(from, from + LIST_MAX));
  }

  /** An order whose instance went away meanwhile is settled when that says hello again. */
  async #dispatch(dispatches: readonly Dispatch[]): Promise<void> {
    const { store, leases, gateway, showsJob } = this.#options;
    const wanted = dispatches.map(({ job, attempt: ref, attempt_timeout_ms, endpoint }) => {
      return { job, ref, attempt_timeout_ms, shows_job: showsJob(endpoint) };
    });
    const orders = await readOrders(store, wanted);
    const frames = new Map<number, Frame>();
    for (const [index, { instance, attempt, attempt_timeout_ms }] of dispatches.entries()) {
      const ready = orders[index];
      if (ready === undefined) continue;
      leases.grant(runKey(attempt.name, attempt.run), attempt.attempt, instance, attempt_timeout_ms);
      const frame = frames.get(instance) ?? { orders: [], text: 0 };
      frame.orders.push(ready.order);
      frame.text += ready.text;
      if (frame.orders.length < FRAME_ORDERS_MAX && frame.text < FRAME_TEXT_MAX) {
        frames.set(instance, frame);
        continue;
      }
      frames.delete(instance);
      gateway.session(instance)?.wire.send({ t: 'dispatch', orders: frame.orders });
    }
    for (const [instance, frame] of frames)
      gateway.session(instance)?.wire.send({ t: 'dispatch', orders: frame.orders });
  }
}

interface Frame {
  readonly orders: AttemptOrder[];
  /** Length of their prompts and attachments. */
  text: number;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key) ?? [];
  if (list.push(value) === 1) map.set(key, list);
}
