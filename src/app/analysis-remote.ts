/**
 * Analysis in a thread of its own, begun when it is first wanted: a text that was made to be slow costs its time limit and
 * that thread, and nobody else anything.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Analysis } from '../core/analysis.ts';
import { Problem } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Analyser } from '../core/ports/analyser.ts';
import type { Timers } from '../core/ports/clock.ts';
import type { AnalysisAnswer } from './analysis-thread.ts';

/** Enough for the largest answer; a text that wants more fails alone. */
const MEMORY_MAX_MB = 1_024;

export class AnalysisThread implements Analyser {
  readonly #timers: Timers;
  readonly #timeout_ms: number;
  readonly #begin: () => Worker;
  #worker: Worker | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closed = false;

  constructor(timers: Timers, timeout_ms: number = LIMITS.analysis_timeout_ms, begin = beginWorker) {
    this.#timers = timers;
    this.#timeout_ms = timeout_ms;
    this.#begin = begin;
  }

  async analyse(text: string): Promise<Analysis> {
    if (this.#waiting >= LIMITS.analyses_waiting_max)
      throw new Problem(
        'Overloaded',
        `${this.#waiting} results wait to be analysed already. Try again soon.`,
      );
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#one(text));
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Gives up what runs and what waits. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }

  async #one(text: string): Promise<Analysis> {
    if (this.#closed) throw new Problem('ShuttingDown', 'The server is stopping.');
    const worker = (this.#worker ??= this.#begin());
    const { promise, resolve, reject } = Promise.withResolvers<AnalysisAnswer>();
    const refuse = (why: string): void =>
      reject(new Problem('NotAnalysable', `The result cannot be taken apart: ${why}.`));
    const onExit = (): void => refuse('its analysis ended');
    const onError = (error: Error): void => refuse(error.message);
    const timer = this.#timers.after(this.#timeout_ms, () =>
      refuse(`it took longer than ${this.#timeout_ms} ms`),
    );
    worker.once('message', resolve).once('error', onError).once('exit', onExit);
    try {
      worker.postMessage(text);
      const answer = await promise;
      if ('analysis' in answer) return answer.analysis;
      throw new Problem('NotAnalysable', `The result cannot be taken apart: ${answer.fault}.`);
    } catch (error) {
      // Whatever it still does is for nobody; the next text begins anew.
      this.#worker = null;
      await worker.terminate();
      throw error;
    } finally {
      timer.cancel();
      worker.off('message', resolve).off('error', onError).off('exit', onExit);
    }
  }
}

export function beginWorker(): Worker {
  const worker = new Worker(new URL(`./analysis-thread${extname(import.meta.url)}`, import.meta.url), {
    name: 'analysis',
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB },
  });
  worker.unref();
  return worker;
}
