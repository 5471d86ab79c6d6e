/** Takes outcomes in as they arrive: hashes and prices answers, puts logs into their files, and hands both to the turn together. */
import { sha256 } from '../core/identity.ts';
import type { AttemptReport } from '../core/attempt.ts';
import type { Prices } from '../core/cost.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { LogPlace, LogWriter } from '../core/ports/logs.ts';
import type { TurnEvent } from '../core/turn-events.ts';
import { hashedAnswer, spentInVain } from './hashed-answer.ts';

interface Arrived {
  readonly instance: number;
  readonly report: AttemptReport;
}

export class Reports {
  readonly #logs: LogWriter;
  readonly #push: (event: TurnEvent) => void;
  readonly #crashpoint: CrashPoint;
  readonly #prices: Prices;
  #waiting: Arrived[] = [];
  #busy = false;

  constructor(logs: LogWriter, push: (event: TurnEvent) => void, crashpoint: CrashPoint, prices: Prices) {
    this.#logs = logs;
    this.#push = push;
    this.#crashpoint = crashpoint;
    this.#prices = prices;
  }

  take(instance: number, report: AttemptReport): void {
    this.#waiting.push({ instance, report });
    if (this.#busy || this.#waiting.length > 1) return;
    // What came in the same bytes goes into one append.
    queueMicrotask(() => this.#now());
  }

  #now(): void {
    const batch = this.#waiting;
    const places = this.#logs.appendNow(batch.map(({ report }) => report.log));
    if (places === null) {
      void this.#drain();
      return;
    }
    this.#waiting = [];
    for (const [index, arrived] of batch.entries()) this.#pass(arrived, places[index] ?? null);
  }

  #pass({ instance, report }: Arrived, log: LogPlace | null): void {
    if (log !== null) this.#crashpoint('log.after_append');
    const prompt_sha256 = report.prompt === undefined ? null : sha256(report.prompt);
    const answer = hashedAnswer(report, prompt_sha256, this.#prices);
    const spent = spentInVain(report, this.#prices);
    this.#push({ type: 'report', instance, report, answer, spent, prompt_sha256, log });
  }

  /** One append for all that came while the last one ran. */
  async #drain(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const places = await this.#append(batch);
      for (const [index, arrived] of batch.entries()) this.#pass(arrived, places[index] ?? null);
    }
    this.#busy = false;
  }

  /** A log that cannot be written is given up: it must not keep an answer from being stored. */
  async #append(batch: readonly Arrived[]): Promise<readonly (LogPlace | null)[]> {
    try {
      return await this.#logs.append(batch.map(({ report }) => report.log));
    } catch {
      return [];
    }
  }
}
