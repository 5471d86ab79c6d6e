/** Analysis in a thread of its own: a text that was made to be slow costs its time limit, and nobody else anything. */
import type { Worker } from 'node:worker_threads';
import type { Analysis } from '../core/analysis.ts';
import { Problem } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Analyser } from '../core/ports/analyser.ts';
import type { Timers } from '../core/ports/clock.ts';
import type { AnalysisAnswer } from './analysis-thread.ts';
import { beginThread, SingleFileThread, ThreadFault } from './single-file-thread.ts';

/** Enough for the largest answer; a text that wants more fails alone. */
const MEMORY_MAX_MB = 1_024;

export class AnalysisThread implements Analyser {
  readonly #thread: SingleFileThread<string, AnalysisAnswer>;

  constructor(timers: Timers, timeout_ms: number = LIMITS.analysis_timeout_ms, begin = beginWorker) {
    const waiting_max = LIMITS.analyses_waiting_max;
    this.#thread = new SingleFileThread({ timers, timeout_ms, waiting_max, begin });
  }

  async analyse(text: string): Promise<Analysis> {
    const answer = await this.#thread.ask(text).catch((error: unknown) => {
      throw error instanceof ThreadFault ? problemOf(error) : error;
    });
    if ('analysis' in answer) return answer.analysis;
    throw notAnalysable(answer.fault);
  }

  /** Gives up what runs and what waits. */
  async close(): Promise<void> {
    await this.#thread.close();
  }
}

function problemOf({ why, message }: ThreadFault): Problem {
  if (why === 'full')
    return new Problem(
      'Overloaded',
      `${LIMITS.analyses_waiting_max} results wait to be analysed already. Try again soon.`,
    );
  if (why === 'closed') return new Problem('ShuttingDown', 'The server is stopping.');
  return notAnalysable(message);
}

function notAnalysable(why: string): Problem {
  return new Problem('NotAnalysable', `The result cannot be taken apart: ${why}.`);
}

export function beginWorker(): Worker {
  return beginThread('analysis-thread', MEMORY_MAX_MB);
}
