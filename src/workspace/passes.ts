/**
 * When a watcher looks at its folders. A full pass looks at everything: a second after the one before, or later where that
 * took long and found nothing new. A pass that is not full comes in between, when the watcher wants one. A full one comes a
 * second after a pass that failed, too.
 */
import { messageOf, Problem } from '../core/errors.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';
import { isFailedSync } from './system-error.ts';

export interface PassesOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Why files wait, told when that changes; null: they no longer do. */
  readonly onTrouble: (message: string | null) => void;
  /** After this nothing on the disk can be believed. */
  readonly onFatal: (error: Error) => void;
}

/** The watcher whose passes these are. */
export interface PassMaker {
  /** Rejects where everything waits, e.g. since the disk is full. */
  pass(isFull: boolean): Promise<PassEnd>;
  /** Whether a pass is wanted before the next full one: in so many ms. */
  wanted(): number | null;
}

export interface PassEnd {
  /** How much of its time found nothing new. */
  readonly idle_ms: number;
  /** What kept single files from being looked at. */
  readonly trouble: string | null;
}

/** Between two full passes, at least and at most. */
const FULL_MS = 1_000;
const FULL_MAX_MS = 60_000;
/** Of the time in which a pass found nothing new. */
const REST = 9;

export class Passes {
  readonly #options: PassesOptions;
  readonly #maker: PassMaker;
  #timer: Timer | null = null;
  #passing: Promise<void> | null = null;
  #waiters: PromiseWithResolvers<void>[] = [];
  #next_full_m = 0;
  #started = false;
  #stopped = false;
  #failing = false;
  #trouble: string | null = null;

  constructor(options: PassesOptions, maker: PassMaker) {
    this.#options = options;
    this.#maker = maker;
  }

  /** The first pass is a full one. */
  start(): void {
    this.#started = true;
    this.#planFor(0);
  }

  /** Resolves when no pass is under way; whoever waits for one is told. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(stopping());
    await this.#passing;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The last pass failed. */
  get failing(): boolean {
    return this.#failing;
  }

  /** Somebody waits for a pass that has not begun. */
  get awaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** Asks again how soon a pass is wanted; after each pass that is asked anyway. */
  plan(): void {
    if (this.#passing === null) this.#planFor(this.#maker.wanted() ?? FULL_MAX_MS);
  }

  /** Resolves after a pass that begins from now on; rejects where that fails. */
  next(): Promise<void> {
    if (this.#stopped) return Promise.reject(stopping());
    const waiter = Promise.withResolvers<void>();
    this.#waiters.push(waiter);
    this.plan();
    return waiter.promise;
  }

  /** Resolves when the pass under way has ended, in whatever way; at once where there is none. */
  async ended(): Promise<void> {
    await this.#passing;
  }

  /** At the next full pass, or sooner. */
  #planFor(ms: number): void {
    const { timers, clock } = this.#options;
    if (this.#stopped || !this.#started) return;
    this.#timer?.cancel();
    const wait_ms = Math.max(0, Math.min(ms, this.#next_full_m - clock.monotonic()));
    this.#timer = timers.after(wait_ms, () => this.#run(), false);
  }

  #run(): void {
    if (this.#passing !== null) return;
    const waiters = this.#waiters.splice(0);
    this.#passing = this.#pass()
      .then(
        () => {
          for (const waiter of waiters) waiter.resolve();
        },
        (error: unknown) => {
          this.#failed(error);
          for (const waiter of waiters) waiter.reject(error);
        },
      )
      .finally(() => {
        this.#passing = null;
        this.plan();
      });
  }

  async #pass(): Promise<void> {
    const { clock } = this.#options;
    const isFull = clock.monotonic() >= this.#next_full_m;
    const { idle_ms, trouble } = await this.#maker.pass(isFull);
    if (isFull) {
      const rest_ms = Math.min(FULL_MAX_MS, Math.max(FULL_MS, REST * idle_ms));
      this.#next_full_m = clock.monotonic() + rest_ms;
    }
    this.#failing = false;
    // What kept everything waiting is over when a full one says so: others look at little.
    if (isFull || trouble !== null) this.#tell(trouble);
  }

  #failed(error: unknown): void {
    const { clock, onFatal } = this.#options;
    if (isFailedSync(error)) onFatal(error as Error);
    this.#failing = true;
    this.#tell(messageOf(error));
    this.#next_full_m = clock.monotonic() + FULL_MS;
  }

  #tell(trouble: string | null): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#options.onTrouble(trouble);
  }
}

function stopping(): Problem {
  return new Problem('ShuttingDown', 'This server is stopping. Nothing was done.');
}
