/**
 * What may end an attempt before its answer: an abort from outside, and three limits of time. One controller for all of
 * them; the first reason wins.
 */
import type { AttemptOrder } from '../core/attempt.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';
import type { AbortReason } from '../core/ports/runner.ts';

export type TimeLimit = 'TotalTimeout' | 'FirstTokenTimeout' | 'StallTimeout';
export type EndReason = AbortReason | TimeLimit;

type Limits = Pick<AttemptOrder, 'attempt_timeout_ms' | 'first_token_timeout_ms' | 'stall_timeout_ms'>;

/** The longest time that a timer takes; a limit beyond these 24 days is as good as none. */
export const LONGEST_MS = 2 ** 31 - 1;

export class Watch {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #limits: Limits;
  readonly #outside: AbortSignal;
  readonly #onOutside = (): void => this.#end(abortReasonOf(this.#outside));
  readonly #total: Timer;
  #silence: Timer | null = null;
  #reason: EndReason | null = null;
  #lastPieceAt = 0;
  #hasBegun = false;

  /** The total limit runs from here. */
  constructor(options: {
    readonly clock: Clock;
    readonly timers: Timers;
    readonly limits: Limits;
    readonly outside: AbortSignal;
  }) {
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#limits = options.limits;
    this.#outside = options.outside;
    this.#total = this.#after(this.#limits.attempt_timeout_ms, () => this.#end('TotalTimeout'));
    if (this.#outside.aborted) this.#onOutside();
    else this.#outside.addEventListener('abort', this.#onOutside, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the attempt was ended; null while nothing has ended it. */
  get reason(): EndReason | null {
    return this.#reason;
  }

  /** The server is asked now: the limit for the first piece runs from here. */
  asked(): void {
    if (this.#reason !== null) return;
    this.#silence = this.#after(this.#limits.first_token_timeout_ms, () => this.#end('FirstTokenTimeout'));
  }

  /** A piece of text or reasoning came. Costs no timer: the one that runs looks at the time when it fires. */
  piece(): void {
    this.#lastPieceAt = this.#clock.monotonic();
    if (this.#hasBegun || this.#reason !== null) return;
    this.#hasBegun = true;
    this.#silence?.cancel();
    this.#watchStall(this.#limits.stall_timeout_ms);
  }

  /** The whole answer is there: nobody is waited for any more, and what is left to do has the total limit alone. */
  answered(): void {
    this.#hasBegun = true;
    this.#silence?.cancel();
  }

  /** Frees every timer and listener. Idempotent. */
  close(): void {
    this.#total.cancel();
    this.#silence?.cancel();
    this.#outside.removeEventListener('abort', this.#onOutside);
  }

  #after(ms: number, fn: () => void): Timer {
    return this.#timers.after(Math.min(ms, LONGEST_MS), fn);
  }

  #watchStall(ms: number): void {
    this.#silence = this.#after(ms, () => {
      const left = this.#lastPieceAt + this.#limits.stall_timeout_ms - this.#clock.monotonic();
      if (left > 0) this.#watchStall(Math.max(left, 1));
      else this.#end('StallTimeout');
    });
  }

  #end(reason: EndReason): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.close();
    this.#controller.abort(reason);
  }
}

const ABORT_REASONS: readonly string[] = [
  'cancelled',
  'interrupted',
  'superseded',
  'lease_lost',
] satisfies AbortReason[];

/** An abort without one of our reasons is taken for an interruption, which is free of charge and tried again. */
export function abortReasonOf(signal: AbortSignal): AbortReason {
  const reason: unknown = signal.reason;
  return typeof reason === 'string' && ABORT_REASONS.includes(reason)
    ? (reason as AbortReason)
    : 'interrupted';
}
