/** Waits for an answer no longer than a given time (R25: the server says then what it has). */
import type { Timers } from '../core/ports/clock.ts';

/** The value of `promise`, or `otherwise` where it takes longer than `ms` or rejects. */
export function within<T, E>(timers: Timers, ms: number, promise: Promise<T>, otherwise: E): Promise<T | E> {
  return new Promise((resolve) => {
    const timer = timers.after(ms, () => resolve(otherwise));
    const settle = (value: T | E): void => {
      timer.cancel();
      resolve(value);
    };
    promise.then(settle, () => settle(otherwise));
  });
}
