/**
 * Time that a test moves by hand. Timers fire in order of their due time, those of the same time in order of their
 * setting, and everything that a timer's promises lead to happens before the next one.
 */
import type { Clock, Timer, Timers } from '../../src/core/ports/clock.ts';

interface Waiting {
  readonly due: number;
  readonly order: number;
  readonly fn: () => void;
}

/** 2026-01-01, so that wall times in failures are recognised. */
const FIRST_DAY = 1_767_225_600_000;
/** A loop of timers that set each other for "now" would hang the test instead of failing it. */
const SOON_MAX = 1_000_000;

export class FakeClock implements Clock, Timers {
  #elapsed_ms = 0;
  #wall_offset_ms = FIRST_DAY;
  #order = 0;
  readonly #waiting = new Set<Waiting>();

  now(): number {
    return this.#wall_offset_ms + this.#elapsed_ms;
  }

  monotonic(): number {
    return this.#elapsed_ms;
  }

  after(ms: number, fn: () => void, _keepAlive?: boolean): Timer {
    if (!(ms >= 0 && ms < 2 ** 31)) throw new RangeError(`timer: expected 0 to 2^31-1 ms, got ${ms}`);
    const waiting: Waiting = { due: this.#elapsed_ms + ms, order: this.#order++, fn };
    this.#waiting.add(waiting);
    return { cancel: () => void this.#waiting.delete(waiting) };
  }

  soon(fn: () => void): void {
    this.after(0, fn);
  }

  /** Timers that have neither fired nor been cancelled. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Sets the wall clock, as a person or NTP does; durations do not notice. */
  jumpWall(ms: number): void {
    this.#wall_offset_ms += ms;
  }

  /** Time passes and nothing happens, as while a process is stopped: timers that were due fire late. */
  freeze(ms: number): void {
    this.#elapsed_ms += ms;
  }

  /** Lets everything happen that is due now. */
  async settle(): Promise<void> {
    await this.advance(0);
  }

  /** Moves time forward, stopping at each timer on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed_ms + ms;
    await quiet();
    for (let fired = 0; fired < SOON_MAX; fired += 1) {
      const next = this.#next();
      if (next === null || next.due > end) {
        this.#elapsed_ms = end;
        return;
      }
      this.#waiting.delete(next);
      this.#elapsed_ms = Math.max(this.#elapsed_ms, next.due);
      next.fn();
      await quiet();
    }
    throw new Error(`${SOON_MAX} timers fired within ${ms} ms: two of them keep setting each other`);
  }

  #next(): Waiting | null {
    let next: Waiting | null = null;
    for (const one of this.#waiting) {
      if (next === null || one.due < next.due || (one.due === next.due && one.order < next.order)) next = one;
    }
    return next;
  }
}

/** All promises that can go on without I/O have gone on. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
