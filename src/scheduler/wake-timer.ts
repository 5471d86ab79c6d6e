/** Looks at placement again when a closed gate's time is over. */
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';

export class WakeTimer {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #onWake: () => void;
  readonly #pending = new Set<Timer>();

  constructor(clock: Clock, timers: Timers, onWake: () => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#onWake = onWake;
  }

  at(at_m: number): void {
    const wait = Math.max(1, Math.ceil(at_m - this.#clock.monotonic()) + 1);
    const timer = this.#timers.after(
      wait,
      () => {
        this.#pending.delete(timer);
        this.#onWake();
      },
      false,
    );
    this.#pending.add(timer);
  }

  stop(): void {
    for (const timer of this.#pending) timer.cancel();
    this.#pending.clear();
  }
}
