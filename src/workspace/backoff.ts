/** Waits longer each time that something fails again, and can be told to wait no more. */
import type { Timer, Timers } from '../core/ports/clock.ts';

const FIRST_MS = 100;
const LONGEST_MS = 30_000;

export class Backoff {
  readonly #timers: Timers;
  #failures = 0;
  #timer: Timer | null = null;
  #wake: (() => void) | null = null;
  #over = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** 100 ms, doubling up to 30 s; at once after {@link cancel}. */
  wait(): Promise<void> {
    if (this.#over) return Promise.resolve();
    const ms = Math.min(FIRST_MS * 2 ** Math.min(this.#failures, 20), LONGEST_MS);
    this.#failures += 1;
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#timers.after(ms, resolve, false);
    });
  }

  reset(): void {
    this.#failures = 0;
  }

  /** Ends the wait that is under way, and every later one. */
  cancel(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#wake?.();
  }
}
