/**
 * Refuses new work before the disk is full: what is accepted needs room for its answer, its log and its files. What runs goes
 * on, and work is taken again once there is room. A disk that is full all the same is met by the turn (`scheduler/turn-loop.ts`).
 */
import { Problem } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Files } from '../core/ports/files.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import { reason, type Reason } from '../core/reasons.ts';

/** How often the disk is asked at most. What a second's submissions take is far less than what is kept free. */
const LOOK_AGAIN_MS = 1_000;

export interface DiskWatchOptions {
  readonly files: Pick<Files, 'freeBytes'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Where the database and the published files lie; they may be on several disks. */
  readonly folders: readonly string[];
  /** Work is taken while each of their disks has this much. */
  readonly free_min_bytes: number;
  /** Told when room runs short, and with null when there is enough again. */
  readonly onChange: (trouble: Reason | null) => void;
}

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #look: { readonly at_m: number; readonly trouble: Promise<Reason | null> } | null = null;
  #told: Reason | null = null;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** Why no work is taken; null where there is room. An idle server asks no disk. */
  trouble(): Promise<Reason | null> {
    const now_m = this.#options.clock.monotonic();
    if (this.#look === null || now_m - this.#look.at_m >= LOOK_AGAIN_MS)
      this.#look = { at_m: now_m, trouble: this.#ask() };
    return this.#look.trouble;
  }

  async #ask(): Promise<Reason | null> {
    const { folders, free_min_bytes, onChange } = this.#options;
    const free = await Promise.all(folders.map((folder) => this.#freeBytes(folder)));
    const short = free.findIndex((bytes) => bytes < free_min_bytes);
    const folder = folders[short];
    const trouble =
      folder === undefined
        ? null
        : reason(
            'DiskLow',
            `The disk of ${folder} has ${mib(free[short] ?? 0)} free, and new work is taken from ${mib(free_min_bytes)} on (disk_free_min_bytes in promptd.config.json)`,
          );
    const changed = (trouble === null) !== (this.#told === null);
    this.#told = trouble;
    if (changed) onChange(trouble);
    return trouble;
  }

  /** A disk that cannot be asked is not taken for a full one: whoever writes to it hears what is the matter. */
  async #freeBytes(folder: string): Promise<number> {
    try {
      return await this.#options.files.freeBytes(folder);
    } catch {
      return Infinity;
    }
  }
}

type TakesJobs = Pick<Scheduler, 'submit' | 'status'>;

/** The same calls of a scheduler, which takes no new jobs while a disk is short of room, and says so in its status. */
export function takingWhatDisksHold(scheduler: TakesJobs, watch: DiskWatch): TakesJobs {
  return {
    async submit(jobs, onInvalid) {
      const trouble = await watch.trouble();
      if (trouble !== null) throw new Problem('DiskLow', `${trouble.message} Nothing was done.`);
      return scheduler.submit(jobs, onInvalid);
    },
    async status() {
      const [status, trouble] = await Promise.all([scheduler.status(), watch.trouble()]);
      return status.trouble === null ? { ...status, trouble } : status;
    },
  };
}

function mib(bytes: number): string {
  return `${Math.floor(bytes / 1024 ** 2)} MiB`;
}
