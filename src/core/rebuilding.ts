/** What `promptd rebuild` tells. */
import type { Misfit } from './verification.ts';

export interface Rebuilt {
  /** Runs with an answer, and those that failed or were cancelled. */
  readonly completed: number;
  readonly ended: number;
  /** Of those with an answer: from files that name no run, the bare pair or one of `promptd execute`. */
  readonly adopted: number;
  /** Runs of which it is not known any more what exactly was asked: their job files are gone, or were edited since. */
  readonly unknown_work: number;
  /** What did not fit and was left out. */
  readonly misfits: number;
}

export interface RebuildObserver {
  misfit(misfit: Misfit): Promise<void>;
  /** Told now and then. */
  progress(files_read: number): void;
}
