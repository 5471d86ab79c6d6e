/**
 * The watcher of `jobs/`: takes every complete job file that appears there, and says of every wrong one what is wrong with it.
 * A pass a second looks at what is not dealt with; what the system tells in between is looked at soon. Nothing in the folder
 * is ever moved, changed or deleted, and files of names that the queue knows in the same words are left alone, whoever wrote
 * them: so those that the publisher links need no telling.
 *
 * A file is found (job-finder.ts), looked at, read (job-reader.ts), handed to the queue once no answer of it was found, and
 * what became of it is remembered (job-verdicts.ts).
 */
import { messageOf } from '../core/errors.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { JobFolder } from '../core/ports/job-folder.ts';
import type { PreparedJob } from '../core/submission.ts';
import { Breath } from './breath.ts';
import type { ChangedFile } from './changed-files.ts';
import { droppedName } from './dropped-file.ts';
import { type Due, groupsOf } from './due-files.ts';
import { FolderLedger } from './folder-ledger.ts';
import { handOver, isForAll } from './hand-over.ts';
import { JobFinder } from './job-finder.ts';
import { type JobDoor, type Judges, knowing, submitFiles } from './job-intake.ts';
import { JobReader } from './job-reader.ts';
import { JobVerdicts, type RejectedFile } from './job-verdicts.ts';
import { type PassEnd, Passes, type PassesOptions } from './passes.ts';
import type { RejectedReports } from './rejected-file.ts';
import { isFailedSync } from './system-error.ts';

export interface JobWatcherOptions extends PassesOptions {
  readonly folder: JobFolder;
  readonly door: JobDoor;
  /** Asked before a job is queued. */
  readonly answers: AnswersFirst;
  readonly reports: Pick<RejectedReports, 'write'>;
  readonly crashpoint: CrashPoint;
}

/** What is asked before a job that came by file is queued: somebody may have put its answer there already. */
export interface AnswersFirst {
  /**
   * Resolves when a listing of the folders of answers that began after `seen_m` (monotonic) was dealt with, or the last one
   * is known to stand; with those of the names of which a file is there that cannot be judged yet. Rejects where the folders
   * cannot be read.
   */
  settled(seen_m: number, names: readonly string[]): Promise<ReadonlySet<string>>;
}

/** Hints come in crowds. */
const HINT_MS = 50;
/** Handed to the queue in one turn. */
const FILES_AT_ONCE = 1_000;
/** Open at the same time. */
const READ_AT_ONCE = 64;
/** Files of known names that are looked at in one pass after a listing: so few that a pass comes every other second. */
const SWEPT_A_PASS = 1_000;
/** An answer that is being written is looked for again after this time. */
const ANSWER_AGAIN_MS = 500;

/** A file without faults, and the jobs in it that the queue does not know. */
interface Right {
  readonly due: Due;
  readonly jobs: readonly PreparedJob[];
}

export class JobWatcher {
  readonly #options: JobWatcherOptions;
  readonly #ledger = new FolderLedger();
  readonly #finder: JobFinder;
  readonly #reader: JobReader;
  readonly #verdicts: JobVerdicts;
  readonly #passes: Passes;
  readonly #breath: Breath;
  #begun = false;
  /** The folder was not there when it was listed last. */
  #is_gone = false;
  readonly #first = Promise.withResolvers<void>();

  constructor(options: JobWatcherOptions) {
    const { folder, door, reports, clock } = options;
    this.#options = options;
    const [ledger, breath] = [this.#ledger, new Breath(options)];
    this.#breath = breath;
    this.#finder = new JobFinder({ folder, known: door, clock, ledger, breath });
    this.#reader = new JobReader({ folder, breath });
    this.#verdicts = new JobVerdicts({ door, reports, clock, ledger });
    this.#passes = new Passes(options, {
      pass: (isFull) => this.#pass(isFull),
      // Where everything waits, a hint tells nothing that the next full pass does not find.
      wanted: () => (this.#finder.hasHints && !this.#passes.failing ? HINT_MS : null),
    });
  }

  start(): void {
    this.#finder.start(() => this.#passes.plan());
    this.#passes.start();
  }

  /**
   * Resolves after the first listing. Answers that are listed from then on are known of every file that was there before: were
   * they listed at the same time, those files would wait for another listing.
   */
  get listed(): Promise<void> {
    return this.#first.promise;
  }

  /** Resolves when nothing of it is under way. Idempotent. */
  async stop(): Promise<void> {
    this.#finder.stop();
    await this.#passes.stop();
  }

  /** Files that are not dealt with, among them those that are rejected or changed. */
  get waiting(): number {
    return this.#ledger.open - this.rejected.size - this.changed.size;
  }

  get rejected(): ReadonlyMap<string, RejectedFile> {
    return this.#verdicts.rejected;
  }

  get changed(): ReadonlyMap<string, ChangedFile> {
    return this.#verdicts.changed;
  }

  /** The file in which a job of this name has other words than were accepted. */
  changedFileOf(name: string): string | null {
    return this.#verdicts.changedFileOf(name);
  }

  /** Whether the queue knows what stands in it. */
  isTaken(file: string): boolean {
    return this.#ledger.isTaken(file);
  }

  async #pass(isFull: boolean): Promise<PassEnd> {
    this.#breath.begin();
    if (this.#begun) await this.#lookAtHinted();
    const idle_ms = isFull ? await this.#lookAtAll() : 0;
    const trouble = this.#is_gone ? 'the folder is not there; make it again' : this.#verdicts.trouble;
    return { idle_ms, trouble };
  }

  /** Gives how much of its time found nothing new. */
  async #lookAtAll(): Promise<number> {
    const { clock } = this.#options;
    try {
      await this.#list();
    } finally {
      this.#begun = true;
      this.#first.resolve();
    }
    const listed_m = clock.monotonic();
    const { settled } = this.#verdicts;
    this.#verdicts.askAgain();
    await this.#lookAt(this.#ledger.openNames());
    const swept_m = clock.monotonic();
    // What is new is worth all the time that it takes; looking at what is as it was is not.
    const open_ms = this.#verdicts.settled > settled ? 0 : swept_m - listed_m;
    await this.#lookAt(this.#ledger.sweep(SWEPT_A_PASS));
    return open_ms + clock.monotonic() - swept_m;
  }

  async #list(): Promise<void> {
    const gone = await this.#finder.list();
    this.#is_gone = gone === null;
    for (const file of gone ?? []) this.#verdicts.forget(file);
  }

  /** What the system tells meanwhile comes first: there may be a hundred thousand others to look at. */
  async #lookAt(names: readonly string[]): Promise<void> {
    for (let at = 0; at < names.length && !this.#passes.stopped; at += FILES_AT_ONCE) {
      await this.#lookAtHinted();
      await this.#lookAtSome(names.slice(at, at + FILES_AT_ONCE));
    }
  }

  async #lookAtHinted(): Promise<void> {
    const names = this.#finder.takeHinted();
    try {
      for (let at = 0; at < names.length && !this.#passes.stopped; at += FILES_AT_ONCE)
        await this.#lookAtSome(names.slice(at, at + FILES_AT_ONCE));
    } catch (error) {
      for (const name of names) this.#ledger.reopen(name, this.#options.clock.monotonic());
      throw error;
    }
  }

  /** Takes those of the files that are there in a version that nobody has judged. */
  async #lookAtSome(names: readonly string[]): Promise<void> {
    const due = await Promise.all(names.map((file) => this.#look(file)));
    for (const group of groupsOf(due.filter((one) => one !== null))) await this.#takeAll(group);
    await this.#breath.take();
  }

  async #look(file: string): Promise<Due | null> {
    const { folder, clock } = this.#options;
    const name = droppedName(file);
    if (name === null) return null;
    return this.#orWait(file, async () => {
      const version = await folder.look(file);
      if (version === null) {
        this.#verdicts.forget(file);
        return null;
      }
      const look = this.#ledger.looked(file, version, { m: clock.monotonic(), wall: clock.now() });
      if (look.do === 'leave') return null;
      return { file, name, version, unchanged_ms: look.unchanged_ms, seen_m: look.seen_m };
    });
  }

  /** One file that cannot be read, or not be judged, keeps no other one waiting. */
  async #orWait<T>(file: string, fn: () => Promise<T>): Promise<T | null> {
    try {
      return await fn();
    } catch (error) {
      if (isFailedSync(error) || isForAll(error)) throw error;
      this.#wait(file, error);
      return null;
    }
  }

  #wait(file: string, error: unknown): void {
    this.#verdicts.postpone(file, `${file}: ${messageOf(error)}`);
  }

  /** Reads them, hands what is new in them to the queue at once, and notes what became of each. */
  async #takeAll(group: readonly Due[]): Promise<void> {
    const right: Right[] = [];
    for (let at = 0; at < group.length && !this.#passes.stopped; at += READ_AT_ONCE) {
      const some = group.slice(at, at + READ_AT_ONCE);
      const judges = knowing(
        this.#options.door,
        some.map(({ name }) => name.base),
      );
      const read = await Promise.all(
        some.map((due) => this.#orWait(due.file, () => this.#read(due, judges))),
      );
      for (const [i, due] of some.entries()) {
        const jobs = read[i] ?? null;
        if (jobs !== null) right.push({ due, jobs });
      }
    }
    if (this.#passes.stopped) return;
    for (const { due } of right.filter(({ jobs }) => jobs.length === 0)) this.#verdicts.settle(due, []);
    await this.#submit(await this.#unanswered(right.filter(({ jobs }) => jobs.length > 0)));
  }

  /** The jobs in it that the queue does not know; null where it waits, or is rejected. */
  async #read(due: Due, judges: Judges): Promise<readonly PreparedJob[] | null> {
    const read = await this.#reader.read(due, judges);
    if (read.is === 'right') return read.jobs;
    if (read.is === 'wrong') await this.#verdicts.reject(due, read.faults, read.sha256);
    else this.#verdicts.wait(due.file, read.rest_ms);
    return null;
  }

  /** Those that no file answers: an answer that was put there makes its job known. */
  async #unanswered(files: readonly Right[]): Promise<Right[]> {
    if (files.length === 0) return [];
    const { answers, door } = this.#options;
    const seen_m = Math.max(...files.map(({ due }) => due.seen_m));
    const names = files.flatMap(({ jobs }) => jobs.map(({ name }) => name));
    const undecided = await answers.settled(seen_m, names);
    this.#breath.begin();
    const named = door.named(names);
    const isKnown = ({ name, spec_sha256 }: PreparedJob): boolean =>
      named.has(name) && door.specsOf(name).has(spec_sha256);
    const rest: Right[] = [];
    for (const { due, jobs } of files) {
      const unknown = jobs.filter((job) => !isKnown(job));
      if (unknown.some(({ name }) => undecided.has(name))) this.#verdicts.wait(due.file, ANSWER_AGAIN_MS);
      else if (unknown.length === 0) this.#verdicts.settle(due, []);
      else rest.push({ due, jobs: unknown });
      await this.#breath.take();
    }
    return rest;
  }

  async #submit(files: readonly Right[]): Promise<void> {
    const { door, crashpoint } = this.#options;
    await handOver(
      files,
      async (some) => {
        crashpoint('watcher.before_submit');
        const changed = await submitFiles(
          door,
          some.map(({ jobs }) => jobs),
        );
        crashpoint('watcher.after_submit');
        const displaced = some.flatMap(({ due }, i) => this.#verdicts.settle(due, changed[i] ?? []));
        if (displaced.length > 0) await door.keepAccepted(displaced);
      },
      ({ due }, error) => this.#wait(due.file, error),
    );
  }
}
