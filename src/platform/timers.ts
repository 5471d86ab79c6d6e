/** Timers of the process. One that does not keep it alive is unreferenced. */
import type { Timer, Timers } from '../core/ports/clock.ts';

/** Node turns a longer delay into 1 ms, with a warning: that would be a loop. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemTimers: Timers = {
  after(ms: number, fn: () => void, keepAlive = true): Timer {
    if (!(ms >= 0 && ms <= LONGEST_MS)) {
      throw new RangeError(
        `timer: expected 0 to ${LONGEST_MS} ms, got ${ms}; set a shorter one and look again then`,
      );
    }
    const timeout = setTimeout(fn, ms);
    if (!keepAlive) timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },

  soon(fn: () => void): void {
    setImmediate(fn);
  },
};
