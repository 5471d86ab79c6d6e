/** One timer for everything that becomes due, never set beyond an hour, because wall clocks are moved. */
import { LIMITS } from '../core/limits.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';

export class DueTimer {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #onDue: () => void;
  #at: number | null = null;
  #timer: Timer | null = null;

  constructor(clock: Clock, timers: Timers, onDue: () => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#onDue = onDue;
  }

  /** Something is due at this wall time; an earlier one stands. */
  at(at: number | null): void {
    if (at === null || (this.#at !== null && this.#at <= at)) return;
    this.#at = at;
    this.#arm();
  }

  get waiting(): boolean {
    return this.#at !== null;
  }

  /** Whatever was due has been handled: forget it and wait for this. */
  reset(at: number | null): void {
    this.stop();
    this.at(at);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#at = null;
  }

  #arm(): void {
    this.#timer?.cancel();
    if (this.#at === null) return;
    const wait = Math.max(0, Math.min(this.#at - this.#clock.now(), LIMITS.timer_max_ms));
    this.#timer = this.#timers.after(
      wait,
      () => {
        this.#timer = null;
        if (this.#at !== null && this.#at > this.#clock.now()) {
          this.#arm();
          return;
        }
        this.#at = null;
        this.#onDue();
      },
      false,
    );
  }
}
