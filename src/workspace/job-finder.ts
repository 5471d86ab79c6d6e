/** Finds the files of `jobs/`: by listings, which are the truth, and by what the system tells in between. */
import type { Clock } from '../core/ports/clock.ts';
import type { JobFolder } from '../core/ports/job-folder.ts';
import type { Breath } from './breath.ts';
import { droppedName } from './dropped-file.ts';
import type { FolderLedger } from './folder-ledger.ts';
import { type KnownNames, unknownAmong } from './known-names.ts';
import { ListingDue } from './listing-due.ts';
import { isSystemError } from './system-error.ts';

export interface JobFinderOptions {
  readonly folder: JobFolder;
  readonly known: KnownNames;
  readonly clock: Clock;
  readonly ledger: FolderLedger;
  readonly breath: Breath;
}

export class JobFinder {
  readonly #options: JobFinderOptions;
  readonly #listing = new ListingDue();
  readonly #hinted = new Set<string>();
  #unhint: (() => void) | null = null;
  #stopped = false;

  constructor(options: JobFinderOptions) {
    this.#options = options;
  }

  /** `onHint`: names were told, after a time in which there were none. */
  start(onHint: () => void): void {
    const { folder } = this.#options;
    try {
      this.#unhint = folder.hints(
        (name) => this.#hint(name, onHint),
        () => this.#unhint?.(),
      );
    } catch (error) {
      // Without hints files are found all the same, a second later.
      if (!isSystemError(error)) throw error;
    }
  }

  /** No more hints, and a listing under way ends without a word about what is gone. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#unhint?.();
  }

  get hasHints(): boolean {
    return this.#hinted.size > 0;
  }

  /** The names that were told since the last time. */
  takeHinted(): string[] {
    const names = [...this.#hinted];
    this.#hinted.clear();
    return names;
  }

  #hint(name: string | null, onHint: () => void): void {
    // Where names were lost, the folder's time tells it at the next pass.
    if (name === null || droppedName(name) === null) return;
    this.#hinted.add(name);
    if (this.#hinted.size === 1) onHint();
  }

  /** Lists the folder where that is due, and gives the names that are gone from it; null where there is no folder. */
  async list(): Promise<readonly string[] | null> {
    const { folder, clock, ledger, breath } = this.#options;
    const began_m = clock.monotonic();
    const changed_at = await folder.changedAt();
    if (changed_at === null) return null;
    if (!this.#listing.isDue(changed_at, began_m)) return [];
    const names = new Set<string>();
    for await (const some of folder.names()) {
      if (this.#stopped) return [];
      const jobs = some.filter((name) => droppedName(name) !== null);
      for (const name of jobs) names.add(name);
      this.#meet(jobs.filter((name) => !ledger.has(name)));
      await breath.take();
    }
    const gone = ledger.listed(names);
    this.#listing.listed(changed_at, began_m, clock.monotonic());
    return gone;
  }

  /** What is called as the queue knows it is most probably what it was: after a start, what is new goes before it. */
  #meet(files: readonly string[]): void {
    const { known, clock, ledger } = this.#options;
    if (files.length === 0) return;
    const unknown = unknownAmong(known, files);
    for (const file of files) {
      if (unknown.has(file)) ledger.add(file, clock.monotonic());
      else ledger.addOld(file, clock.monotonic());
    }
  }
}
