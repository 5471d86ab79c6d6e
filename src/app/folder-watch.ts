/** The watcher of `jobs/` with everything it is given, and what it says of files. */
import { join, relative } from 'node:path';
import type { FolderView } from '../core/folder-view.ts';
import { jobFileName } from '../core/names.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import { hasEnded } from '../core/states.ts';
import { isoTime } from '../core/views.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemFolderNames } from '../platform/folder-names.ts';
import { systemJobFolder } from '../platform/job-folder.ts';
import { systemRandom } from '../platform/random.ts';
import { systemTimers } from '../platform/timers.ts';
import { AdoptedFiles, answerReader } from '../workspace/adopted-file.ts';
import type { AnswerKind, AnswerOfNoRun } from '../workspace/foreign-answers.ts';
import { AnswerWatcher } from '../workspace/answer-watcher.ts';
import type { JobDoor } from '../workspace/job-intake.ts';
import { JobWatcher } from '../workspace/job-watcher.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { RejectedReports } from '../workspace/rejected-file.ts';
import { unaskedFileOf } from '../workspace/unasked-files.ts';
import type { Config } from './config.ts';
import type { FolderTroubles } from './folder-troubles.ts';
import type { Intake } from './intake.ts';
import { JobsOnDisk } from './jobs-on-disk.ts';
import { knownNames } from './known-names.ts';
import type { openLog } from './log.ts';
import { rejectionSentence, sayingRejections } from './rejections-said.ts';

export interface FolderWatchOptions {
  readonly config: Config;
  readonly intake: Intake;
  readonly reads: ReadStore;
  readonly log: ReturnType<typeof openLog>;
  readonly troubles: FolderTroubles;
  readonly crashpoint: CrashPoint;
  /** Sentences for the person at the terminal. */
  readonly say: (sentence: string) => void;
  readonly onFatal: (error: Error) => void;
}

export interface FolderWatch {
  start(): void;
  stop(): Promise<void>;
  view(): Promise<FolderView>;
  /** A sentence where the file of a job of this name holds something else than what was accepted; null where it does not. */
  jobFile(name: string): string | null;
  /** A sentence where a file of `jobs/` is called like a job that the queue does not know; null where none is. */
  unasked(name: string): Promise<string | null>;
}

/** Files that are named in one answer: whoever has more has one cause for them. */
const SHOWN = 1_000;
const PAGE = 500;
/** A name that was asked more often than this is compared with its newest runs. */
const RUNS_COMPARED = 1_000;

export function folderWatch(options: FolderWatchOptions): FolderWatch {
  const { config, intake, reads, log, troubles, crashpoint, say, onFatal } = options;
  const { layout } = config;
  const answers = watchAnswers(options);
  const folder = systemJobFolder(layout.jobs);
  const watcher = new JobWatcher({
    folder,
    answers,
    door: doorOf(options),
    reports: sayingRejections(
      new RejectedReports({
        files: systemFiles,
        names: systemFolderNames,
        layout,
        clock: systemClock,
        random: systemRandom,
      }),
      systemClock,
      say,
    ),
    clock: systemClock,
    timers: systemTimers,
    crashpoint,
    onTrouble(message) {
      log.warn({ message }, message === null ? 'job files are taken' : 'job files wait');
      troubles.watched('jobs', message);
    },
    onFatal,
  });
  const folders = shownFolders(layout);
  let forget = (): void => undefined;
  return {
    start() {
      forget = intake.scheduler.onChanges((changes) =>
        answers.ended(changes.filter(({ state }) => hasEnded(state)).map(({ name }) => name)),
      );
      watcher.start();
      void watcher.listed.then(() => answers.start());
    },
    async stop() {
      forget();
      // Whoever waits for answers hears of it first.
      await Promise.all([answers.stop(), watcher.stop()]);
    },
    view: () => Promise.resolve(viewOf({ watcher, answers, folders })),
    jobFile(name) {
      const file = watcher.changedFileOf(name);
      if (file === null) return null;
      const run = reads.run(name, null);
      const isKept = run?.source === 'http';
      const where = isKept ? `; that stands in ${join(folders.conflicts, jobFileName(name))}` : '';
      const path = join(folders.jobs, file);
      return `${path} holds another content than what was accepted${where}.${remedy(name, path, run?.key ?? null)}`;
    },
    async unasked(name) {
      const found = await unaskedFileOf(name, folder, knownNames(reads));
      if (found === null) return null;
      const { file } = found;
      const path = join(folders.jobs, file);
      const rejected = watcher.rejected.get(file);
      if (rejected !== undefined) return rejectionSentence(rejected);
      if (watcher.isTaken(file)) return `${path} was taken: what stands in it is called otherwise`;
      return `${path} stands there, and waits: it is new or not complete, or this server takes no jobs at the moment. See: promptd status`;
    },
  };
}

/** As people name them: from the workspace on. */
function shownFolders(layout: WorkspaceLayout) {
  return {
    jobs: relative(layout.root, layout.jobs),
    result: relative(layout.root, layout.results),
    ended: relative(layout.root, layout.ended),
    rejected: relative(layout.root, layout.rejected),
    conflicts: relative(layout.root, layout.conflicts_jobs),
  };
}

/** None where a line has no key by which it is named, or one that a shell would take for something else. */
function remedy(name: string, path: string, key: string | null): string {
  if (!path.endsWith('.jsonl')) return ` See: promptd explain ${name} ${path}`;
  return key !== null && /^[\w./:@%+-]+$/.test(key) ? ` See: promptd explain ${name} ${path}#${key}` : '';
}

function watchAnswers({ config, intake, reads, log, troubles, onFatal }: FolderWatchOptions): AnswerWatcher {
  const { layout } = config;
  const jobs = new JobsOnDisk(layout, intake.prepare);
  const files = new AdoptedFiles({ files: systemFiles, layout, jobs });
  return new AnswerWatcher({
    results: systemJobFolder(layout.results),
    ended: systemJobFolder(layout.ended),
    known: reads,
    reader: answerReader(files, systemClock),
    adopt: (adoptions) => intake.scheduler.adopt(adoptions),
    clock: systemClock,
    timers: systemTimers,
    onTrouble(message) {
      log.warn({ message }, message === null ? 'answers are looked at' : 'answers cannot be looked at');
      troubles.watched('answers', message);
    },
    onFatal,
  });
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
    ...knownNames(reads),
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
    async keepAccepted(names) {
      // Those that came by file stand nowhere else, and were never ours to publish.
      const runs = names
        .flatMap((name) => reads.run(name, null) ?? [])
        .filter(({ source }) => source === 'http');
      if (runs.length > 0) await scheduler.publishJobs(runs.map(({ name, run }) => ({ name, run })));
    },
    async submit(jobs) {
      const given = isNewRun ? jobs.map((job) => ({ ...job, if_exists: 'new_run' as const })) : jobs;
      return (await scheduler.submit(given, 'skip')).jobs;
    },
  };
}

interface Watched {
  readonly watcher: JobWatcher;
  readonly answers: AnswerWatcher;
  /** From the workspace on. */
  readonly folders: Readonly<Record<AnswerKind | 'rejected', string>>;
}

function viewOf({ watcher, answers, folders }: Watched): FolderView {
  const { rejected, changed, waiting } = watcher;
  const [results, ended] = [answers.ofNoRun('result'), answers.ofNoRun('ended')];
  return {
    counts: {
      watched: true,
      enabled: true,
      waiting,
      rejected: rejected.size,
      changed: changed.size,
      of_no_run: results.size + ended.size,
    },
    rejected: first(rejected).map(({ file, since, faults, report }) => {
      return { file, since: isoTime(since), faults, report: join(folders.rejected, report) };
    }),
    changed: first(changed).map(({ file, since, jobs }) => {
      return { file, since: isoTime(since), names: jobs.slice(0, SHOWN).map(({ name }) => name) };
    }),
    of_no_run: [...ofNoRun(results, folders.result), ...ofNoRun(ended, folders.ended)].slice(0, SHOWN),
  };
}

function ofNoRun(files: ReadonlyMap<string, AnswerOfNoRun>, folder: string): FolderView['of_no_run'] {
  return first(files).map(({ file, since, message }) => {
    return { file: join(folder, file), since: isoTime(since), message };
  });
}

function first<T extends { readonly file: string }>(files: ReadonlyMap<string, T>): T[] {
  return [...files.values()].slice(0, SHOWN).toSorted((a, b) => (a.file < b.file ? -1 : 1));
}
