/** One attempt while it runs here: what it does, what it logs, and why it is to stop. */
import type { AttemptObserver, AttemptOrder, AttemptRef, LiveState } from '../core/attempt.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { AbortReason } from '../core/ports/runner.ts';
import { attemptKey, refOf } from './attempt-key.ts';
import type { AttemptLog } from './attempt-log.ts';

export interface RunningAttemptOptions {
  readonly order: AttemptOrder;
  readonly store_id: string;
  /** Monotonic time before which it was not leased to us. */
  readonly leased_after: number;
  readonly clock: Clock;
  /** A process of its own has begun. */
  readonly onProcess?: () => void;
  /** Most attempts log nothing, so a log is made at its first entry. */
  readonly makeLog: (key: string) => AttemptLog;
}

export class RunningAttempt implements AttemptObserver {
  readonly key: string;
  readonly ref: AttemptRef;
  readonly order: AttemptOrder;
  readonly store_id: string;
  /** Monotonic: when it came. */
  readonly dispatched_at: number;
  readonly leased_after: number;
  readonly #clock: Clock;
  readonly #onProcess: (() => void) | undefined;
  readonly #makeLog: (key: string) => AttemptLog;
  readonly #controller = new AbortController();
  #abort_reason: AbortReason | null = null;
  #wanted = true;
  #phase: LiveState['phase'] = 'starting';
  #tokens = 0;
  readonly #pids = new Set<number>();
  #log: AttemptLog | null = null;
  #ended = false;

  constructor(options: RunningAttemptOptions) {
    this.key = attemptKey(options.order, options.store_id);
    this.ref = refOf(options.order);
    this.order = options.order;
    this.store_id = options.store_id;
    this.leased_after = options.leased_after;
    this.#clock = options.clock;
    this.#onProcess = options.onProcess;
    this.#makeLog = options.makeLog;
    this.dispatched_at = options.clock.monotonic();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The first reason stands. */
  get abort_reason(): AbortReason | null {
    return this.#abort_reason;
  }

  /** Whether it is still this instance's: it takes a slot and is listed in heartbeats, and any outcome of it is reported. */
  get wanted(): boolean {
    return this.#wanted;
  }

  get log_so_far(): AttemptLog | null {
    return this.#log;
  }

  /** Of the process that was started for it last and still runs; null where there is none. */
  get pid(): number | null {
    return [...this.#pids].at(-1) ?? null;
  }

  get live(): LiveState {
    return {
      phase: this.#phase,
      tokens: this.#tokens,
      elapsed_ms: Math.round(this.#clock.monotonic() - this.dispatched_at),
    };
  }

  /** Asks it to stop; its outcome is reported. Gives whether this was news. */
  abort(reason: AbortReason): boolean {
    if (this.#abort_reason !== null) return false;
    this.#abort_reason = reason;
    this.#controller.abort(reason);
    return true;
  }

  /** It is somebody else's or nobody's now: asks it to stop; only an answer of it is reported, because it was paid for. */
  disown(reason: AbortReason): boolean {
    this.#wanted = false;
    return this.abort(reason);
  }

  /** The scheduler speaks of it as this instance's, so its outcome is waited for. */
  own(): void {
    this.#wanted = true;
  }

  /** Whatever the runner still says is not heard. */
  end(): void {
    this.#ended = true;
  }

  phase(phase: LiveState['phase']): void {
    this.#phase = phase;
  }

  process(pid: number, now: 'runs' | 'is_gone'): void {
    if (now === 'runs') this.#pids.add(pid);
    else this.#pids.delete(pid);
    this.#onProcess?.();
  }

  text(_piece: string): void {
    this.#tokens += 1;
  }

  log(stream: 'info' | 'stdout' | 'stderr', text: string): void {
    if (this.#ended) return;
    this.#log ??= this.#makeLog(this.key);
    this.#log.append(stream, text);
  }
}
