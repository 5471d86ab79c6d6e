/**
 * The life of one simulated process: its clock and timers, and everything it holds of the outside. When it dies nothing of
 * it happens any more: timers do not fire, promises do not settle, its connections break as the kernel breaks them. (Its code
 * runs on to the next thing that it waits for, and can do nothing outside of itself.) While it is frozen (stopped, suspended) everything waits: then its late timers come first, and what lay in the sockets after them.
 */
import type { Clock, Timer, Timers } from '../../src/core/ports/clock.ts';
import type { Connection } from '../../src/core/ports/transport.ts';
import type { FakeClock } from '../support/fake-clock.ts';

type Anything = (...values: unknown[]) => unknown;

export class Life implements Clock, Timers {
  readonly #clock: FakeClock;
  readonly #offset_ms: number;
  readonly #connections = new Set<Connection>();
  /** How each of them breaks. */
  readonly #broken = new Map<Connection, () => void>();
  #alive = true;
  #thaws_at = 0;
  #late: (() => void)[] = [];
  #unread: (() => void)[] = [];

  /** `offset_ms`: where the monotonic clock of this process begins. */
  constructor(clock: FakeClock, offset_ms: number) {
    this.#clock = clock;
    this.#offset_ms = offset_ms;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get frozen(): boolean {
    return this.#clock.monotonic() < this.#thaws_at;
  }

  /** Whole milliseconds, as the wall clock of a machine gives them. */
  now(): number {
    return Math.floor(this.#clock.now());
  }

  monotonic(): number {
    return this.#clock.monotonic() + this.#offset_ms;
  }

  after(ms: number, fn: () => void): Timer {
    let cancelled = false;
    const run = (): void => {
      if (!cancelled) fn();
    };
    const timer = this.#clock.after(ms, () => this.#happen(this.#late, run));
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  soon(fn: () => void): void {
    this.after(0, fn);
  }

  /** What comes from outside: data, a close. */
  hear(fn: () => void): void {
    this.#happen(this.#unread, fn);
  }

  freeze(ms: number): void {
    if (!this.#alive || this.frozen) return;
    this.#thaws_at = this.#clock.monotonic() + ms;
    this.#clock.after(ms, () => {
      const waiting = [...this.#late.splice(0), ...this.#unread.splice(0)];
      for (const fn of waiting) if (this.#alive) fn();
    });
  }

  die(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const connection of this.#connections) connection.destroy();
  }

  /** The cable is pulled: its connections break, and it hears of it. */
  cutOff(): void {
    for (const connection of this.#connections) this.#broken.get(connection)?.();
  }

  /** An object of the outside: the dead do nothing to it, and what it promised them does not come true. */
  mortal<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key);
        if (typeof value !== 'function') return value;
        return (...values: unknown[]) =>
          this.#alive
            ? this.#mortalResult((value as Anything).apply(object, values))
            : new Promise(() => undefined);
      },
    });
  }

  connection(connection: Connection): Connection {
    this.#connections.add(connection);
    let onClose: (error: Error | null) => void = () => undefined;
    const closed = (error: Error | null): void => {
      if (!this.#connections.delete(connection)) return;
      this.#broken.delete(connection);
      this.hear(() => onClose(error));
    };
    this.#broken.set(connection, () => {
      connection.destroy();
      closed(new Error('the network is down'));
    });
    return {
      peer: connection.peer,
      get backlog_bytes() {
        return connection.backlog_bytes;
      },
      send: (bytes) => connection.send(bytes),
      onData: (fn) => connection.onData((bytes) => this.hear(() => fn(bytes))),
      onClose: (fn) => {
        onClose = fn;
        connection.onClose(closed);
      },
      close: () => connection.close(),
      destroy: () => connection.destroy(),
    };
  }

  #happen(queue: (() => void)[], fn: () => void): void {
    if (!this.#alive) return;
    if (this.frozen || queue.length > 0) queue.push(fn);
    else fn();
  }

  #mortalResult(result: unknown): unknown {
    if (!(result instanceof Promise)) return result;
    return new Promise((resolve, reject) => {
      if (!this.#alive) return;
      result.then(
        (value: unknown) => {
          this.#happen(this.#late, () => resolve(isHandle(value) ? this.mortal(value) : value));
        },
        (error: unknown) => {
          const told = error instanceof Error ? error : new Error(String(error));
          this.#happen(this.#late, () => reject(told));
        },
      );
    });
  }
}

/** Whether it has methods that promise something: an open file. */
function isHandle(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).some((one) => typeof one === 'function')
  );
}
