/** The watcher of `jobs/` with everything it is given. */
import { join, relative } from 'node:path';
import type { FolderView } from '../core/folder-view.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import { isoTime } from '../core/views.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemFolderNames } from '../platform/folder-names.ts';
import { systemJobFolder } from '../platform/job-folder.ts';
import { systemRandom } from '../platform/random.ts';
import { systemTimers } from '../platform/timers.ts';
import type { JobDoor } from '../workspace/job-intake.ts';
import { JobWatcher } from '../workspace/job-watcher.ts';
import { RejectedReports } from '../workspace/rejected-file.ts';
import type { Config } from './config.ts';
import type { Intake } from './intake.ts';
import type { openLog } from './log.ts';

export interface FolderWatchOptions {
  readonly config: Config;
  readonly intake: Intake;
  readonly reads: ReadStore;
  readonly log: ReturnType<typeof openLog>;
  readonly crashpoint: CrashPoint;
  readonly onFatal: (error: Error) => void;
}

export interface FolderWatch {
  start(): void;
  stop(): Promise<void>;
  view(): FolderView;
}

/** Files that are named in one answer: whoever has more has one cause for them. */
const SHOWN = 1_000;
const PAGE = 500;
/** A name that was asked more often than this is compared with its newest runs. */
const RUNS_COMPARED = 1_000;

export function folderWatch(options: FolderWatchOptions): FolderWatch {
  const { config, log, crashpoint, onFatal } = options;
  const { layout } = config;
  const watcher = new JobWatcher({
    folder: systemJobFolder(layout.jobs),
    door: doorOf(options),
    reports: new RejectedReports({
      files: systemFiles,
      names: systemFolderNames,
      layout,
      clock: systemClock,
      random: systemRandom,
    }),
    clock: systemClock,
    timers: systemTimers,
    crashpoint,
    onTrouble: (message) =>
      log.warn({ message }, message === null ? 'job files are taken' : 'job files wait'),
    onFatal,
  });
  const rejectedFolder = relative(layout.root, layout.rejected);
  return {
    start: () => watcher.start(),
    stop: () => watcher.stop(),
    view: () => viewOf(watcher, rejectedFolder),
  };
}

function doorOf({ config, intake, reads }: FolderWatchOptions): JobDoor {
  const { prepare, scheduler } = intake;
  const isNewRun = config.watch.on_change === 'new_run';
  const specOf = (run: number): string[] => {
    const spec = reads.spec(run);
    return spec === null ? [] : [spec.spec_sha256];
  };
  return {
    prepare,
    specsOf: (name) => new Set(reads.runsOf(name, RUNS_COMPARED).flatMap(({ id }) => specOf(id))),
    async specsOfBatch(batch) {
      const specs = new Set<string>();
      for (let before: number | null = null; ;) {
        const page = reads.runs({ batch }, PAGE, before);
        for (const { id } of page.runs) for (const spec of specOf(id)) specs.add(spec);
        before = page.next_before;
        if (before === null) return specs;
        await new Promise<void>((resolve) => systemTimers.soon(resolve));
      }
    },
    async submit(jobs) {
      const given = isNewRun ? jobs.map((job) => ({ ...job, if_exists: 'new_run' as const })) : jobs;
      return (await scheduler.submit(given, 'skip')).jobs;
    },
  };
}

function viewOf(watcher: JobWatcher, rejectedFolder: string): FolderView {
  const { rejected, changed, waiting } = watcher;
  return {
    counts: { watched: true, waiting, rejected: rejected.size, changed: changed.size },
    rejected: first(rejected).map(({ file, since, faults, report }) => {
      return { file, since: isoTime(since), faults, report: join(rejectedFolder, report) };
    }),
    changed: first(changed).map(({ file, since, jobs }) => {
      return { file, since: isoTime(since), names: jobs.slice(0, SHOWN).map(({ name }) => name) };
    }),
  };
}

function first<T extends { readonly file: string }>(files: ReadonlyMap<string, T>): T[] {
  return [...files.values()].slice(0, SHOWN).toSorted((a, b) => (a.file < b.file ? -1 : 1));
}
