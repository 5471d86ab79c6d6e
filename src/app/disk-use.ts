/**
 * What the workspace takes of its disk. Counting means to look at every file, so it is done in a thread of its own, only when
 * somebody asks, and for a hundredth of the time at most; until then the last count is told with its age.
 */
import type { DiskParts, DiskUseView } from '../core/disk-use.ts';
import type { Clock, Timers } from '../core/ports/clock.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import type { DiskUseTask } from './disk-use-thread.ts';
import { beginThread, SingleFileThread } from './single-file-thread.ts';

/** A small workspace is counted within it, and so is the first answer complete. */
const WAIT_MS = 500;
/** Nobody sees more in two counts of the same few seconds. */
const FRESH_MS = 5_000;
/** Of the time that a count took. */
const REST = 99;
/** A disk that answers so slowly is told nothing of. */
const COUNT_MAX_MS = 600_000;
const MEMORY_MAX_MB = 256;

export interface DiskUseOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Looks at every file. */
  readonly count: () => Promise<DiskParts>;
}

export class DiskUseCounter {
  readonly #options: DiskUseOptions;
  #last: { readonly parts: DiskParts; readonly began_m: number; readonly again_m: number } | null = null;
  #counting: Promise<void> | null = null;

  constructor(options: DiskUseOptions) {
    this.#options = options;
  }

  /** Null while the first count of a large workspace is under way, or where none can be made. */
  async view(): Promise<DiskUseView | null> {
    const { clock } = this.#options;
    if (this.#last === null || clock.monotonic() >= this.#last.again_m) {
      this.#counting ??= this.#count();
      await this.#within(this.#counting);
    }
    if (this.#last === null) return null;
    const { parts, began_m } = this.#last;
    return { ...parts, age_s: Math.round((clock.monotonic() - began_m) / 1_000) };
  }

  async #count(): Promise<void> {
    const { clock, count } = this.#options;
    const began_m = clock.monotonic();
    try {
      const parts = await count();
      const ended_m = clock.monotonic();
      const again_m = ended_m + Math.max(FRESH_MS, REST * (ended_m - began_m));
      this.#last = { parts, began_m, again_m };
    } catch {
      // A count that could not be made is no trouble of the server's: the last one stands, with its age.
    } finally {
      this.#counting = null;
    }
  }

  async #within(counting: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = this.#options.timers.after(WAIT_MS, late.resolve, false);
    await Promise.race([counting, late.promise]);
    timer.cancel();
  }
}

export function diskUseOf(
  layout: WorkspaceLayout,
  { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
): DiskUseCounter {
  const thread = new SingleFileThread<DiskUseTask, DiskParts>({
    timers,
    timeout_ms: COUNT_MAX_MS,
    waiting_max: 1,
    begin: () => beginThread('disk-use-thread', MEMORY_MAX_MB),
  });
  const { jobs, results, ended, database, logs } = layout;
  const task: Record<keyof DiskParts, readonly string[]> = {
    jobs: [jobs],
    results: [results],
    ended: [ended],
    database: ['', '-wal', '-shm', '-open'].map((ending) => `${database}${ending}`),
    logs: [logs],
  };
  return new DiskUseCounter({ clock, timers, count: () => thread.ask(task) });
}
