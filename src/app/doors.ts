/** The HTTP server with everything it is given. */
import { differing } from '../core/differences.ts';
import { LIMITS } from '../core/limits.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import { createHttp, type HttpServer } from '../http/http-server.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemRandom } from '../platform/random.ts';
import { systemTimers } from '../platform/timers.ts';
import { AttemptLogReader } from '../workspace/attempt-logs.ts';
import { AnalysisThread } from './analysis-remote.ts';
import type { Config } from './config.ts';
import { diskUseOf } from './disk-use.ts';
import type { FolderTroubles } from './folder-troubles.ts';
import type { FolderWatch } from './folder-watch.ts';
import type { Intake } from './intake.ts';
import type { openLog } from './log.ts';

export interface Doors {
  readonly http: HttpServer;
  readonly socket: string;
  readonly url: string;
}

export interface DoorOptions {
  readonly config: Config;
  readonly intake: Intake;
  readonly reads: ReadStore;
  readonly log: ReturnType<typeof openLog>;
  readonly version: string;
  readonly troubles: Pick<FolderTroubles, 'current'>;
  readonly folder: Pick<FolderWatch, 'view' | 'jobFile' | 'unasked'>;
}

export function openDoors(options: DoorOptions): Promise<HttpServer> {
  const { config, intake, reads, log, version, troubles, folder } = options;
  const { layout } = config;
  const disk = diskUseOf(layout, { clock: systemClock, timers: systemTimers });
  return createHttp({
    ...intake,
    reads,
    logs: new AttemptLogReader({ files: systemFiles, folder: layout.logs }),
    differing,
    analyser: new AnalysisThread(systemTimers),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    version,
    log,
    limits: LIMITS,
    allowed_hosts: config.http.allowed_hosts,
    extra: {
      async status() {
        const [disk_free_bytes, disk_use] = await Promise.all([
          systemFiles.freeBytes(layout.state),
          disk.view(),
        ]);
        return { disk_free_bytes, disk_use };
      },
      trouble: () => troubles.current,
    },
    folder: () => folder.view(),
    jobFile: (name) => folder.jobFile(name),
    unasked: (name) => folder.unasked(name),
    ui: true,
  });
}
