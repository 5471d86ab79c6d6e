/** The thread that counts what a workspace takes of its disk. */
import type { DiskUse } from '../core/disk-use.ts';
import { diskUse } from '../platform/disk-use.ts';
import { answerTasks } from './single-file-thread.ts';

/** Paths of each part. */
export type DiskUseTask = Readonly<Record<string, readonly string[]>>;

answerTasks((task: DiskUseTask): Readonly<Record<string, DiskUse>> =>
  Object.fromEntries(Object.entries(task).map(([part, paths]) => [part, diskUse(paths)])),
);
