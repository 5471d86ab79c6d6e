/** Takes outcomes in as they arrive: hashes answers, puts logs into their files, and hands both to the turn together. */
import { sha256 } from '../core/identity.ts';
import { createHash } from 'node:crypto';
import type { AttemptReport } from '../core/attempt.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { LogPlace, LogWriter } from '../core/ports/logs.ts';
import type { TurnEvent } from '../core/turn-events.ts';

interface Arrived {
  readonly instance: number;
  readonly report: AttemptReport;
}

export class Reports {
  readonly #logs: LogWriter;
  readonly #push: (event: TurnEvent) => void;
  readonly #crashpoint: CrashPoint;
  #waiting: Arrived[] = [];
  #busy = false;

  constructor(logs: LogWriter, push: (event: TurnEvent) => void, crashpoint: CrashPoint) {
    this.#logs = logs;
    this.#push = push;
    this.#crashpoint = crashpoint;
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
    this.#push({ type: 'report', instance, report, answer: hashed(report), prompt_sha256, log });
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

function hashed(report: AttemptReport): Extract<TurnEvent, { type: 'report' }>['answer'] {
  if (report.answer === null) return null;
  const { text, meta } = report.answer;
  return {
    text,
    meta,
    sha256: createHash('sha256').update(text).digest('hex'),
    bytes: Buffer.byteLength(text),
  };
}
