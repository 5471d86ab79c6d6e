/** What the server says of itself. */
import type { DiskUseView } from '../core/disk-use.ts';
import type { FolderCounts } from '../core/folder-view.ts';
import type { Reason } from '../core/reasons.ts';
import type { RunState } from '../core/states.ts';

export interface Health {
  readonly ok: boolean;
  readonly version: string;
  readonly store_id: string;
}

export interface Stats {
  readonly version: string;
  readonly store_id: string;
  readonly uptime_s: number;
  readonly turns: number;
  readonly states: Readonly<Partial<Record<RunState, number>>>;
  /** Files that are still to be written from committed rows. */
  readonly unpublished: number;
  /** Set while the server refuses new work, e.g. because its disk is full, or cannot write or take files of its folders. */
  readonly trouble: Reason | null;
  /** Attempts that run in processes of their own. Servers of an earlier version say nothing of it. */
  readonly processes?: number;
  readonly disk_free_bytes?: number;
  /** Null while a large workspace is counted for the first time. */
  readonly disk_use?: DiskUseView | null;
  /** Servers of an earlier version say nothing of it. */
  readonly folder?: FolderCounts;
}
