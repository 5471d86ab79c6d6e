/** What every door of a server does with jobs, made once for all of them: preparing them, and taking them while disks have room. */
import type { Scheduler } from '../core/ports/scheduler.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemTimers } from '../platform/timers.ts';
import { createPrepare, type Prepare } from '../prompt/prepare.ts';
import { WorkspaceLinkReader } from '../workspace/link-reader.ts';
import { AnswerCheckThread } from './answer-checker.ts';
import type { Config } from './config.ts';
import { DiskWatch, takingWhatDisksHold } from './disk-watch.ts';
import type { openLog } from './log.ts';
import type { SchedulerThread } from './scheduler-remote.ts';

export interface Intake {
  readonly prepare: Prepare;
  /** Takes no new jobs while a disk is short of room. */
  readonly scheduler: Scheduler;
}

export function openIntake(
  config: Config,
  scheduler: SchedulerThread,
  log: ReturnType<typeof openLog>,
): Intake {
  const { layout, endpoints, default_endpoint } = config;
  const disks = new DiskWatch({
    files: systemFiles,
    clock: systemClock,
    folders: [layout.state, layout.results],
    free_min_bytes: config.disk_free_min_bytes,
    onChange: (trouble) => log.warn({ trouble }, trouble === null ? 'jobs are taken again' : trouble.message),
  });
  return {
    prepare: createPrepare({
      endpoints,
      default_endpoint,
      links: new WorkspaceLinkReader({ root: layout.root }),
      schemas: new AnswerCheckThread(systemTimers),
    }),
    scheduler: { ...scheduler, ...takingWhatDisksHold(scheduler, disks) },
  };
}
