/** Patience between tries to reach a server that was reached before. */
import type { Timers } from '../core/ports/clock.ts';
import { Problem } from '../core/errors.ts';
import { abortError } from './unreachable.ts';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
export function pause(timers: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortError(signal));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      if (signal !== undefined) reject(abortError(signal));
    };
    const timer = timers.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Whether a later try may go better: the server is away, stopping, or has too much to do. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof Problem &&
    ['Unreachable', 'ShuttingDown', 'Overloaded', 'StoreBusy'].includes(error.code)
  );
}

/** Waits of one loss of connection: they double, and end when their sum passes `for_ms`. A success begins anew. */
export class Patience {
  readonly #timers: Timers | null;
  readonly #for_ms: number;
  #wait_ms = FIRST_WAIT_MS;
  #waited_ms = 0;

  /** Without timers there is none: the first loss is the end. */
  constructor(timers: Timers | null, for_ms: number) {
    this.#timers = timers;
    this.#for_ms = for_ms;
  }

  renew(): void {
    this.#wait_ms = FIRST_WAIT_MS;
    this.#waited_ms = 0;
  }

  /** Waits before the next try; rejects with `error` where patience is at its end, or where waiting cannot help. */
  async wait(error: unknown, signal?: AbortSignal): Promise<void> {
    if (this.#timers === null || !isPassing(error) || this.#waited_ms >= this.#for_ms) throw error;
    await pause(this.#timers, this.#wait_ms, signal);
    this.#waited_ms += this.#wait_ms;
    this.#wait_ms = Math.min(this.#wait_ms * 2, LONGEST_WAIT_MS);
  }
}
