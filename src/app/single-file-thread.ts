/**
 * A thread that answers one task after the other, begun when it is first wanted. A task that takes too long, or breaks it, costs
 * that thread, and nobody else anything: the next task begins another.
 */
import { extname } from 'node:path';
import { parentPort, Worker } from 'node:worker_threads';
import type { Timers } from '../core/ports/clock.ts';

/** Why a task has no answer. */
export class ThreadFault extends Error {
  readonly why: 'full' | 'closed' | 'slow' | 'broken';

  constructor(why: ThreadFault['why'], message: string) {
    super(message);
    this.name = 'ThreadFault';
    this.why = why;
  }
}

export interface SingleFileThreadOptions {
  readonly timers: Timers;
  /** For one task, from when its turn has come and the thread is there. */
  readonly timeout_ms: number;
  /** How many tasks may wait, the one that runs included. */
  readonly waiting_max: number;
  begin(): Worker;
}

export class SingleFileThread<Task, Answer> {
  readonly #options: SingleFileThreadOptions;
  #worker: { readonly worker: Worker; readonly ready: Promise<void> } | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closed = false;

  constructor(options: SingleFileThreadOptions) {
    this.#options = options;
  }

  /** Rejects with a {@link ThreadFault}. */
  async ask(task: Task): Promise<Answer> {
    if (this.#waiting >= this.#options.waiting_max) throw new ThreadFault('full', `${this.#waiting} wait`);
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#one(task));
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Gives up what runs and what waits. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker?.worker;
    this.#worker = null;
    await worker?.terminate();
  }

  async #one(task: Task): Promise<Answer> {
    if (this.#closed) throw new ThreadFault('closed', 'it is closed');
    const { worker, ready } = (this.#worker ??= begun(this.#options.begin()));
    const { timers, timeout_ms } = this.#options;
    // Idle it keeps no process alive; with a task it does.
    worker.ref();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const onExit = (): void => reject(new ThreadFault('broken', 'its thread ended'));
    const onError = (error: Error): void => reject(new ThreadFault('broken', error.message));
    worker.once('error', onError).once('exit', onExit);
    try {
      // Beginning a thread on a busy machine is no fault of the task.
      await Promise.race([ready, promise]);
      worker.once('message', resolve);
      const timer = timers.after(timeout_ms, () =>
        reject(new ThreadFault('slow', `it took longer than ${timeout_ms} ms`)),
      );
      try {
        worker.postMessage(task);
        return await promise;
      } finally {
        timer.cancel();
      }
    } catch (error) {
      // Whatever it still does is for nobody.
      this.#worker = null;
      await worker.terminate();
      throw error;
    } finally {
      worker.unref();
      worker.off('message', resolve).off('error', onError).off('exit', onExit);
    }
  }
}

function begun(worker: Worker): { readonly worker: Worker; readonly ready: Promise<void> } {
  return { worker, ready: new Promise((resolve) => worker.once('message', () => resolve())) };
}

/** `file`: the name of a file beside this one, without its ending. */
export function beginThread(file: string, memory_max_mb: number): Worker {
  const worker = new Worker(new URL(`./${file}${extname(import.meta.url)}`, import.meta.url), {
    name: file,
    resourceLimits: { maxOldGenerationSizeMb: memory_max_mb },
  });
  worker.unref();
  return worker;
}

/** In the thread itself: says that it is there, and answers each task. */
export function answerTasks<Task>(answerTo: (task: Task) => unknown): void {
  parentPort?.on('message', (task: Task) => parentPort?.postMessage(answerTo(task)));
  parentPort?.postMessage('ready');
}
