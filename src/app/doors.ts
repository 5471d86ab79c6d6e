/** The HTTP server with everything it is given. */
import { differing } from '../core/differences.ts';
import { LIMITS } from '../core/limits.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import { createHttp, type HttpServer } from '../http/http-server.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemRandom } from '../platform/random.ts';
import { systemTimers } from '../platform/timers.ts';
import { createPrepare } from '../prompt/prepare.ts';
import { AttemptLogReader } from '../workspace/attempt-logs.ts';
import { WorkspaceLinkReader } from '../workspace/link-reader.ts';
import { AnalysisThread } from './analysis-remote.ts';
import type { Config } from './config.ts';
import { DiskWatch, takingWhatDisksHold } from './disk-watch.ts';
import type { openLog } from './log.ts';
import type { SchedulerThread } from './scheduler-remote.ts';

export interface Doors {
  readonly http: HttpServer;
  readonly socket: string;
  readonly url: string;
}

export interface DoorOptions {
  readonly config: Config;
  readonly scheduler: SchedulerThread;
  readonly reads: ReadStore;
  readonly log: ReturnType<typeof openLog>;
  readonly version: string;
}

export function openDoors(options: DoorOptions): Promise<HttpServer> {
  const { config, scheduler, reads, log, version } = options;
  const { layout, endpoints, default_endpoint } = config;
  const prepare = createPrepare({
    endpoints,
    default_endpoint,
    links: new WorkspaceLinkReader({ root: layout.root }),
  });
  const disks = new DiskWatch({
    files: systemFiles,
    clock: systemClock,
    folders: [layout.state, layout.results],
    free_min_bytes: config.disk_free_min_bytes,
    onChange: (trouble) => log.warn({ trouble }, trouble === null ? 'jobs are taken again' : trouble.message),
  });
  return createHttp({
    scheduler: { ...scheduler, ...takingWhatDisksHold(scheduler, disks) },
    reads,
    logs: new AttemptLogReader({ files: systemFiles, folder: layout.logs }),
    prepare,
    differing,
    analyser: new AnalysisThread(systemTimers),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    version,
    log,
    limits: LIMITS,
    allowed_hosts: config.http.allowed_hosts,
    extra: { status: async () => ({ disk_free_bytes: await systemFiles.freeBytes(layout.state) }) },
    ui: true,
  });
}
