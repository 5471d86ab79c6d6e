/** A bell that remembers: whoever listens after it rang is woken at once, so that no wake-up is lost between a look and a wait. */
import type { Timers } from '../core/ports/clock.ts';

export class Bell {
  readonly #timers: Timers;
  #rung = false;
  #wake: (() => void) | null = null;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves true when it rang since the last call, false after `ms` or when `signal` aborts. One listener at a time. */
  heard(ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#timers.after(ms, () => settle(false));
      const settle = (rung: boolean): void => {
        timer.cancel();
        signal.removeEventListener('abort', stop);
        this.#wake = null;
        this.#rung = false;
        resolve(rung);
      };
      const stop = (): void => settle(false);
      this.#wake = (): void => settle(true);
      signal.addEventListener('abort', stop, { once: true });
      if (this.#rung) settle(true);
      else if (signal.aborted) settle(false);
    });
  }
}
