/** Checks answers in a thread of their own: patterns of a schema are code of the user, and some run for ever. */
import type { Worker } from 'node:worker_threads';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import type { AnswerChecker, AnswerVerdict } from '../core/ports/answer-checker.ts';
import type { Timers } from '../core/ports/clock.ts';
import type { CheckTask } from './answer-check-thread.ts';
import { beginThread, SingleFileThread, ThreadFault } from './single-file-thread.ts';

/** Enough for the largest answer. */
const MEMORY_MAX_MB = 1_024;

export class AnswerCheckThread implements AnswerChecker {
  readonly #thread: SingleFileThread<CheckTask, AnswerVerdict>;
  readonly #timeout_ms: number;

  constructor(timers: Timers, timeout_ms: number = LIMITS.schema_check_timeout_ms, begin = beginAnswerCheck) {
    this.#timeout_ms = timeout_ms;
    // Not more wait than there are attempts, and theirs is counted already.
    this.#thread = new SingleFileThread({ timers, timeout_ms, waiting_max: Infinity, begin });
  }

  async check(schema: JsonObject, text: string | null): Promise<AnswerVerdict> {
    try {
      return await this.#thread.ask({ schema, text });
    } catch (error) {
      if (error instanceof ThreadFault && error.why === 'slow')
        return { kind: 'too_slow', limit_ms: this.#timeout_ms };
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }
}

export function beginAnswerCheck(): Worker {
  return beginThread('answer-check-thread', MEMORY_MAX_MB);
}
