/** The attempts that run here, each beside the others, from their order to their report. */
import type { AttemptOrder, AttemptReport } from '../core/attempt.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Files } from '../core/ports/files.ts';
import type { AbortReason, AttemptRunner } from '../core/ports/runner.ts';
import { AttemptLog } from './attempt-log.ts';
import type { InstanceEvent } from './events.ts';
import { failedReport } from './outcome-frame.ts';
import { RunningAttempt } from './running-attempt.ts';

export interface AttemptsOptions {
  readonly runner: AttemptRunner;
  readonly clock: Clock;
  readonly files: Files;
  /** Where large logs of running attempts lie. It is this room's own and emptied at the start. */
  readonly log_directory: string;
  readonly log_bytes_max: number;
  readonly log_memory_bytes_max: number;
  readonly onLogged: (key: string) => void;
  /** One of them has a process of its own now. */
  readonly onProcess: () => void;
  /** It has ended, and is not among the running any more. `report` is null where nobody wants it. */
  readonly onEnded: (attempt: RunningAttempt, report: AttemptReport | null) => void;
  /** Nobody needs its log here any more: waits until followers have it. */
  readonly logRead: (key: string) => Promise<void>;
  readonly onEvent: (event: InstanceEvent) => void;
}

export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #running = new Map<string, RunningAttempt>();
  readonly #closing = new Set<Promise<void>>();
  #logs = 0;
  #waiting: (() => void)[] = [];

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Makes the folder of logs, and empties it of what a killed process left. */
  async prepare(): Promise<void> {
    const { files, log_directory } = this.#options;
    await files.makeDirectory(log_directory);
    for (const name of await files.list(log_directory)) {
      if (/^\d+\.log$/.test(name)) await files.unlink(`${log_directory}/${name}`);
    }
  }

  get running(): ReadonlyMap<string, RunningAttempt> {
    return this.#running;
  }

  /** Slots taken: attempts that were disowned are on their way out and take none. */
  get taken(): number {
    let taken = 0;
    for (const attempt of this.#running.values()) if (attempt.wanted) taken += 1;
    return taken;
  }

  /** `leased_after`: monotonic time before which it was not leased to us. */
  start(order: AttemptOrder, store_id: string, leased_after: number): void {
    const attempt = new RunningAttempt({
      order,
      store_id,
      leased_after,
      clock: this.#options.clock,
      onProcess: this.#options.onProcess,
      makeLog: this.#makeLog,
    });
    this.#running.set(attempt.key, attempt);
    this.#options.onEvent({ type: 'attempt_started', attempt: attempt.ref });
    void this.#run(attempt);
  }

  abort(attempt: RunningAttempt, reason: AbortReason): void {
    attempt.own();
    if (attempt.abort(reason)) this.#tellAborted(attempt, reason);
  }

  disown(attempt: RunningAttempt, reason: AbortReason): void {
    if (attempt.disown(reason)) this.#tellAborted(attempt, reason);
  }

  abortAll(reason: AbortReason): void {
    for (const attempt of [...this.#running.values()]) {
      if (attempt.abort(reason)) this.#tellAborted(attempt, reason);
    }
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise;
  }

  /** Resolves when logs of ended attempts are closed and gone. */
  async closed(): Promise<void> {
    await Promise.all(this.#closing);
  }

  async #run(attempt: RunningAttempt): Promise<void> {
    const report = await this.#report(attempt);
    attempt.end();
    const log = attempt.log_so_far;
    // What was paid for is told to whoever is no longer waiting, too.
    const wanted = attempt.wanted || report.answer !== null || report.spent !== undefined;
    const text = log === null || !wanted ? '' : await log.whole().catch(() => '');
    this.#running.delete(attempt.key);
    this.#options.onEvent({
      type: 'attempt_ended',
      attempt: attempt.ref,
      outcome: report.outcome,
      reported: wanted,
    });
    this.#options.onEnded(attempt, wanted ? { ...report, log: text } : null);
    if (log !== null) this.#close(attempt.key, log);
    if (this.#running.size > 0) return;
    for (const tell of this.#waiting.splice(0)) tell();
  }

  async #report(attempt: RunningAttempt): Promise<AttemptReport> {
    const { store_id } = attempt;
    try {
      const report = await this.#options.runner.run(attempt.order, attempt, attempt.signal);
      // The reference is ours: whatever a runner says, it speaks of the attempt that it was given.
      return { ...report, ...attempt.ref, store_id, log: '' };
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unknown';
      return failedReport(
        attempt.ref,
        store_id,
        `The executor failed instead of bringing an outcome: ${why}`,
      );
    }
  }

  readonly #makeLog = (key: string): AttemptLog => {
    const { clock, files, log_directory, log_bytes_max, log_memory_bytes_max, onLogged } = this.#options;
    this.#logs += 1;
    return new AttemptLog({
      clock,
      files,
      path: `${log_directory}/${this.#logs}.log`,
      log_bytes_max,
      memory_bytes_max: log_memory_bytes_max,
      onMore: () => onLogged(key),
    });
  };

  #close(key: string, log: AttemptLog): void {
    const closing = this.#options
      .logRead(key)
      .then(() => log.close())
      // The folder is emptied at the next start.
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #tellAborted(attempt: RunningAttempt, reason: AbortReason): void {
    this.#options.onEvent({ type: 'attempt_aborted', attempt: attempt.ref, reason });
  }
}
