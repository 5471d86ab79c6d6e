/** Time and chance come from outside, so that tests and the simulator own them. */

export interface Clock {
  /** Wall time in Unix ms: for what is stored, never for durations. */
  now(): number;
  /** Monotonic time in ms, from an arbitrary start: for durations, never stored. */
  monotonic(): number;
}

export interface Timer {
  /** Idempotent; harmless after it has fired. */
  cancel(): void;
}

export interface Timers {
  /**
   * Calls `fn` once after `ms` (0 to 2³¹−1), and after all I/O that was waiting by then has been handled. `keepAlive: false`
   * does not keep the process running.
   */
  after(ms: number, fn: () => void, keepAlive?: boolean): Timer;
  /** Calls `fn` once after the I/O that is already waiting has been handled. */
  soon(fn: () => void): void;
}

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `bytes` unguessable bytes, in hex. */
  id(bytes: number): string;
}
