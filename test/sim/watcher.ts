/** The real watchers of `jobs/`, `results/` and `ended/` in the server of the simulation, given what src/app/folder-watch.ts gives them. */
import type { CrashPoint } from '../../src/core/ports/crashpoint.ts';
import type { Files } from '../../src/core/ports/files.ts';
import type { JobFolder } from '../../src/core/ports/job-folder.ts';
import { formatRunRef } from '../../src/core/names.ts';
import type { PreparedJob, SubmittedJob } from '../../src/core/submission.ts';
import { createPrepare } from '../../src/prompt/prepare.ts';
import type { JobDoor } from '../../src/workspace/job-intake.ts';
import { AnswerWatcher } from '../../src/workspace/answer-watcher.ts';
import { type AnswersFirst, JobWatcher } from '../../src/workspace/job-watcher.ts';
import { AdoptedFiles, answerReader, type LinkedJobs } from '../../src/workspace/adopted-file.ts';
import type { KnownAnswers } from '../../src/workspace/foreign-answers.ts';
import type { WorkspaceLayout } from '../../src/workspace/layout.ts';
import { RejectedReports } from '../../src/workspace/rejected-file.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Life } from './life.ts';
import type { Break, SchedulerCalls } from './server-process.ts';
import { ENDPOINTS, type World } from './world.ts';

export interface WatcherParts {
  readonly world: World;
  readonly life: Life;
  readonly client: SchedulerCalls;
  readonly folder: JobFolder;
  readonly results: JobFolder;
  readonly ended: JobFolder;
  /** What stands in `jobs/` under a name. */
  readonly jobText: (file: string) => Uint8Array | null;
  readonly files: Files;
  readonly layout: WorkspaceLayout;
  readonly random: SeededRandom;
  /** Whether a changed file is asked at once, as the next run of its name. */
  readonly new_run: boolean;
  readonly crashpoint: CrashPoint;
  readonly broken: Break;
  readonly onFatal: (error: Error) => void;
}

/** As what rebuilds a workspace reads them, with jobs from the simulated folder. */
export function answersOf(parts: WatcherParts): AnswerWatcher {
  const { world, life, client, results, ended, files, layout, onFatal, jobText, broken } = parts;
  const jobs = linkedJobs(jobText);
  const known: KnownAnswers = world.stores.reads;
  const answers = new AdoptedFiles({ files, layout, jobs });
  return new AnswerWatcher({
    results,
    ended,
    known: broken.known?.(known) ?? known,
    reader: answerReader(answers, life),
    adopt: async (adoptions) => {
      const verdicts = await client.adopt(adoptions);
      for (const verdict of verdicts) world.hit(`adopt: ${verdict}`);
      return verdicts;
    },
    clock: life,
    timers: life,
    onTrouble: () => undefined,
    onFatal,
  });
}

/** Jobs by the names of their files. */
export function linkedJobs(jobText: (file: string) => Uint8Array | null): LinkedJobs {
  return {
    of: async (link, name, { batch, digest }) => {
      const [file = '', label = null] = link.split('#');
      const lot = batch == null ? {} : { batch };
      for (const value of valuesIn(jobText(file), label)) {
        const made = await prepare({ ...value, ...lot, name }, { via: 'socket', link });
        // Lines without key and name are called after what they ask.
        if (made.ok && (label === null || 'key' in value || 'name' in value || made.job.digest === digest))
          return made.job;
      }
      return null;
    },
  };
}

/** The job of a file, or the lines of a batch that may be called so. */
function valuesIn(bytes: Uint8Array | null, label: string | null): object[] {
  if (bytes === null) return [];
  const text = Buffer.from(bytes).toString('utf8');
  const lines = label === null ? [text] : text.split('\n');
  return lines.flatMap((line) => {
    const value = parsed(line);
    if (value === null) return [];
    const { key, name } = value as { readonly key?: string; readonly name?: string };
    return label === null || (key ?? name ?? label) === label ? [value] : [];
  });
}

function parsed(text: string): object | null {
  try {
    return JSON.parse(text) as object;
  } catch {
    return null;
  }
}

export function watcherOf(parts: WatcherParts, answers: AnswersFirst): JobWatcher {
  const { world, life, folder, files, layout, random, crashpoint, broken, onFatal } = parts;
  const door = doorOf(parts);
  const options = {
    folder: broken.jobFolder?.(folder) ?? folder,
    door: broken.door?.(door) ?? door,
    reports: new RejectedReports({
      files,
      names: async function* (directory: string) {
        yield* (await files.list(directory)).values();
      },
      layout,
      clock: life,
      random,
    }),
    clock: life,
    timers: life,
    crashpoint,
    answers: broken.answers?.(answers) ?? answers,
    onTrouble: (message: string | null) => {
      if (life.alive && message !== null) world.hit('job files waited');
    },
    onFatal,
  };
  return new JobWatcher(options);
}

const prepare = createPrepare({
  endpoints: new Map(ENDPOINTS.map(({ name, kind }) => [name, { name, kind }])),
  default_endpoint: null,
  links: null,
});

/** What is committed is asked of the ledger, which is quicker than the database. */
function doorOf({ world, client, new_run }: WatcherParts): JobDoor {
  const { named, runs, specs } = world.ledger;
  const specOf = (run: number): string => specs.get(run) ?? '';
  return {
    prepare,
    named: (names) => new Set(names.filter((name) => named.has(name))),
    hasBatch: (batch) => [...runs.values()].some((run) => run.batch === batch),
    specsOf: (name) => new Set((named.get(name) ?? []).map(specOf)),
    specsOfBatch: async (batch) =>
      new Set([...runs.values()].filter((run) => run.batch === batch).map(({ id }) => specOf(id))),
    keepAccepted: async (names) => {
      const latest = names.flatMap((name) => runs.get((named.get(name) ?? []).at(-1) ?? -1) ?? []);
      const published = latest.filter(({ source }) => source === 'http');
      if (published.length > 0) await client.publishJobs(published.map(({ name, run }) => ({ name, run })));
    },
    submit: async (jobs) => {
      const given = new_run ? jobs.map((job) => ({ ...job, if_exists: 'new_run' as const })) : jobs;
      const { jobs: told } = await client.submit(given, 'skip');
      for (const [i, one] of told.entries()) heard(world, one, given[i]);
      return told;
    },
  };
}

/** What the queue says of a dropped job is so on disk. */
function heard(world: World, told: SubmittedJob, job: PreparedJob | undefined): void {
  world.hit(`dropped: ${told.verdict}`);
  if (job === undefined || told.verdict === 'conflict') return;
  const ref = formatRunRef(told);
  if (!world.accept(ref, job))
    world.fault('told before disk', `${ref} was taken from its file, and is not on disk, or is another`);
}
