/** Waits longer each time that something fails again, and can be told to wait no more. */
import type { Timer, Timers } from '../core/ports/clock.ts';

const FIRST_MS = 100;
const LONGEST_MS = 30_000;

/** Waits that can be cut short for good. */
export class Pause {
  readonly #timers: Timers;
  #timer: Timer | null = null;
  #wake: (() => void) | null = null;
  #over = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  wait(ms: number): Promise<void> {
    if (this.#over) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#timers.after(ms, resolve, false);
    });
  }

  /** Ends the wait that is under way. */
  wake(): void {
    this.#timer?.cancel();
    this.#wake?.();
  }

  /** Ends the wait that is under way, and every later one. */
  cancel(): void {
    this.#over = true;
    this.wake();
  }
}

export class Backoff {
  readonly #pause: Pause;
  #failures = 0;

  constructor(timers: Timers) {
    this.#pause = new Pause(timers);
  }

  /** As long as {@link next_ms}; at once after {@link cancel}. */
  wait(): Promise<void> {
    return this.#pause.wait(this.next_ms());
  }

  /** How long to wait after one more failure: 100 ms, doubling up to 30 s. */
  next_ms(): number {
    const ms = Math.min(FIRST_MS * 2 ** Math.min(this.#failures, 20), LONGEST_MS);
    this.#failures += 1;
    return ms;
  }

  reset(): void {
    this.#failures = 0;
  }

  cancel(): void {
    this.#pause.cancel();
  }
}
