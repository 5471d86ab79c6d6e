/** Lets others have the loop, where it was held for long: a folder may have a hundred thousand files to look at. */
import type { Clock, Timers } from '../core/ports/clock.ts';

/** The loop is given back after this much work. */
const BUSY_MS = 10;

export class Breath {
  readonly #clock: Clock;
  readonly #timers: Timers;
  #held_since_m = 0;

  constructor({ clock, timers }: { readonly clock: Clock; readonly timers: Timers }) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** The loop was somebody else's until now. */
  begin(): void {
    this.#held_since_m = this.#clock.monotonic();
  }

  async take(): Promise<void> {
    if (this.#clock.monotonic() - this.#held_since_m < BUSY_MS) return;
    await new Promise<void>((resolve) => this.#timers.soon(resolve));
    this.#held_since_m = this.#clock.monotonic();
  }
}
