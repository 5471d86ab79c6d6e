/** One subscription to the scheduler's changes, shared by every long poll and stream. */
import type { RunChange, Scheduler } from '../core/ports/scheduler.ts';
import { formatRunRef } from '../core/names.ts';

type Listener = () => void;

export class ChangeHub {
  readonly #byRun = new Map<string, Set<Listener>>();
  readonly #byBatch = new Map<string, Set<Listener>>();
  readonly #all = new Set<(changes: readonly RunChange[]) => void>();
  readonly #stop: () => void;

  constructor(scheduler: Pick<Scheduler, 'onChanges'>) {
    this.#stop = scheduler.onChanges((changes) => this.#spread(changes));
  }

  /** Each of these calls `fn` until the returned function is called. */
  onRun(name: string, run: number, fn: Listener): () => void {
    return listen(this.#byRun, formatRunRef({ name, run }), fn);
  }

  onBatch(batch: string, fn: Listener): () => void {
    return listen(this.#byBatch, batch, fn);
  }

  onAll(fn: (changes: readonly RunChange[]) => void): () => void {
    this.#all.add(fn);
    return () => this.#all.delete(fn);
  }

  close(): void {
    this.#stop();
  }

  #spread(changes: readonly RunChange[]): void {
    if (this.#byRun.size > 0 || this.#byBatch.size > 0) {
      for (const change of changes) {
        call(this.#byRun.get(formatRunRef(change)));
        if (change.batch !== null) call(this.#byBatch.get(change.batch));
      }
    }
    for (const fn of [...this.#all]) fn(changes);
  }
}

function listen(map: Map<string, Set<Listener>>, key: string, fn: Listener): () => void {
  const set = map.get(key) ?? new Set();
  map.set(key, set.add(fn));
  return () => {
    set.delete(fn);
    if (set.size === 0 && map.get(key) === set) map.delete(key);
  };
}

function call(set: ReadonlySet<Listener> | undefined): void {
  if (set !== undefined) for (const fn of [...set]) fn();
}
