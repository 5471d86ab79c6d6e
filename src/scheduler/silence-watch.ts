/**
 * Gives up a connection on which nothing was heard for a term. It looks open as long as nobody says otherwise, but whoever is
 * behind it holds no lease any more and must not be given work. After a pause of this process what came meanwhile lies unread
 * in the socket, so silence counts from then.
 */
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';

/** A timer this much late means that the process stood still. */
const LATE_MS = 2_000;

export interface SilenceWatchOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly term_ms: number;
  /** Monotonic time at which something was heard last. */
  readonly heardAt: () => number;
  readonly onSilent: () => void;
}

export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #timer: Timer | null = null;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
    this.#arm(options.term_ms);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(wait_ms: number): void {
    const { clock, timers, term_ms, heardAt, onSilent } = this.#options;
    const due_m = clock.monotonic() + wait_ms;
    this.#timer = timers.after(
      wait_ms,
      () => {
        const now_m = clock.monotonic();
        const left_ms = heardAt() + term_ms - now_m;
        if (now_m - due_m > LATE_MS) this.#arm(term_ms);
        else if (left_ms > 0) this.#arm(Math.ceil(left_ms));
        else onSilent();
      },
      false,
    );
  }
}
