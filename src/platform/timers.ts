/**
 * Timers of the process. One that does not keep it alive is unreferenced. A loop that was held up (by much work, a suspended
 * machine, a full one) looks at its timers before it reads what has come meanwhile: whoever waits for silence would find it
 * there. So a timer that is due lets everything be read first.
 */
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
    let immediate: NodeJS.Immediate | undefined;
    const timeout = setTimeout(() => {
      immediate = setImmediate(fn);
      if (!keepAlive) immediate.unref();
    }, ms);
    if (!keepAlive) timeout.unref();
    return {
      cancel: () => {
        clearTimeout(timeout);
        clearImmediate(immediate);
      },
    };
  },

  soon(fn: () => void): void {
    setImmediate(fn);
  },
};
