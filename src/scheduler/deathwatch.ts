/**
 * Proof of death on this machine: when the connection of a local process closed, look a few times whether the process is
 * gone. A process that is killed closes its sockets a moment before it is reaped.
 */
import type { Timer, Timers } from '../core/ports/clock.ts';

const LOOK_AFTER_MS = [10, 50, 100, 200, 500, 1_000, 2_000] as const;

export class Deathwatch {
  readonly #timers: Timers;
  readonly #gone: (pid: number) => boolean;
  readonly #onGone: (instance: number) => void;
  readonly #watched = new Map<number, Timer>();

  constructor(timers: Timers, gone: (pid: number) => boolean, onGone: (instance: number) => void) {
    this.#timers = timers;
    this.#gone = gone;
    this.#onGone = onGone;
  }

  watch(instance: number, pid: number): void {
    this.forget(instance);
    this.#look(instance, pid, 0);
  }

  /** It is back, or somebody else under its name. */
  forget(instance: number): void {
    this.#watched.get(instance)?.cancel();
    this.#watched.delete(instance);
  }

  stop(): void {
    for (const timer of this.#watched.values()) timer.cancel();
    this.#watched.clear();
  }

  #look(instance: number, pid: number, nth: number): void {
    const wait = LOOK_AFTER_MS[nth];
    if (wait === undefined) {
      this.#watched.delete(instance);
      return;
    }
    const timer = this.#timers.after(
      wait,
      () => {
        if (!this.#gone(pid)) {
          this.#look(instance, pid, nth + 1);
          return;
        }
        this.#watched.delete(instance);
        this.#onGone(instance);
      },
      false,
    );
    this.#watched.set(instance, timer);
  }
}
