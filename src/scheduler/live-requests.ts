/** Questions to instances about running attempts, each answered within its time or with null. */
import type { LiveState } from '../core/attempt.ts';
import type { Timer, Timers } from '../core/ports/clock.ts';

export type LiveAnswer = (LiveState & { readonly pid: number | null }) | null;

export class LiveRequests {
  readonly #timers: Timers;
  readonly #open = new Map<
    number,
    { readonly instance: number; readonly timer: Timer; readonly resolve: (answer: LiveAnswer) => void }
  >();
  #next = 1;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  ask(instance: number, wait_ms: number, send: (request: number) => void): Promise<LiveAnswer> {
    const request = this.#next;
    this.#next += 1;
    return new Promise((resolve) => {
      const timer = this.#timers.after(wait_ms, () => this.answer(instance, request, null), false);
      this.#open.set(request, { instance, timer, resolve });
      send(request);
    });
  }

  /** Only the instance that was asked is heard. */
  answer(instance: number, request: number, answer: LiveAnswer): void {
    const open = this.#open.get(request);
    if (open?.instance !== instance) return;
    this.#open.delete(request);
    open.timer.cancel();
    open.resolve(answer);
  }

  gone(instance: number): void {
    for (const request of this.#open.keys()) this.answer(instance, request, null);
  }

  stop(): void {
    for (const [request, { instance }] of this.#open) this.answer(instance, request, null);
  }
}
