/** The folders of job files and of answers as `GET /folder` shows them. */
import type { Fault } from './errors.ts';

export interface RejectedFileView {
  readonly file: string;
  /** Since when it is rejected, RFC 3339 in UTC. */
  readonly since: string;
  readonly faults: readonly Fault[];
  /** The file that says so, from the workspace on. */
  readonly report: string;
}

/** A file whose content differs from what was accepted under the same name. */
export interface ChangedFileView {
  readonly file: string;
  readonly since: string;
  /** Those of its jobs that differ. */
  readonly names: readonly string[];
}

/** A file of `results/` or `ended/` that is of no run: damaged, or its name has other runs. */
export interface FileOfNoRunView {
  /** From the workspace on. */
  readonly file: string;
  readonly since: string;
  /** Why it is of no run. */
  readonly message: string;
}

export interface FolderCounts {
  /** Whether this server takes files by itself. */
  readonly watched: boolean;
  /** Whether `promptd serve` does so by the configuration: one that was started in the background never does. */
  readonly enabled: boolean;
  /**
   * Files that are not read yet, not complete, or wait for the server to take jobs. Where the folder is not watched, those that
   * are called like no job and no batch of the queue; null while a large folder is looked at for the first time.
   */
  readonly waiting: number | null;
  readonly rejected: number;
  readonly changed: number;
  readonly of_no_run: number;
}

/** Lists may be cut; the counts are of all. */
export interface FolderView {
  readonly counts: FolderCounts;
  readonly rejected: readonly RejectedFileView[];
  readonly changed: readonly ChangedFileView[];
  readonly of_no_run: readonly FileOfNoRunView[];
}

export const NOT_WATCHED: FolderView = {
  counts: { watched: false, enabled: false, waiting: 0, rejected: 0, changed: 0, of_no_run: 0 },
  rejected: [],
  changed: [],
  of_no_run: [],
};
