/**
 * The watcher of `jobs/`: takes every complete job file that appears there, and says of every wrong one what is wrong with it.
 * A pass a second looks at what is not dealt with; what the system tells in between is looked at soon. Nothing in the folder
 * is ever moved, changed or deleted, and files of names that the queue knows in the same words are left alone, whoever wrote
 * them: so those that the publisher links need no telling.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Fault, messageOf } from '../core/errors.ts';
import { sha256Bytes } from '../core/identity.ts';
import { LIMITS } from '../core/limits.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { JobFolder } from '../core/ports/job-folder.ts';
import type { PreparedJob } from '../core/submission.ts';
import { Breath } from './breath.ts';
import { droppedName, faultBefore, notReadable } from './dropped-file.ts';
import { type Due, groupsOf } from './due-files.ts';
import { FolderLedger } from './folder-ledger.ts';
import { type ChangedFile, ChangedFiles } from './changed-files.ts';
import { handOver, isForAll } from './hand-over.ts';
import { type ChangedJob, isTaken, type JobDoor, judge, knowing, submitFiles } from './job-intake.ts';
import { ListingDue } from './listing-due.ts';
import { type PassEnd, Passes, type PassesOptions } from './passes.ts';
import type { RejectedReports } from './rejected-file.ts';
import { hasCode, isFailedSync, isSystemError } from './system-error.ts';

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

export interface RejectedFile {
  readonly file: string;
  /** Unix ms. */
  readonly since: number;
  readonly faults: readonly Fault[];
  /** Its name in `rejected/`. */
  readonly report: string;
  /** The version that was judged. */
  readonly version: string;
}

/** Hints come in crowds. */
const HINT_MS = 50;
/** Handed to the queue in one turn. */
const FILES_AT_ONCE = 1_000;
/** Open at the same time. */
const READ_AT_ONCE = 64;
/** Files of known names that are looked at in one pass after a listing: so few that a pass comes every other second. */
const SWEPT_A_PASS = 1_000;
/** What a wrong file needs may be mended elsewhere: it is read again after this time. */
const WRONG_AGAIN_MS = 10_000;
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
  readonly #listing = new ListingDue();
  readonly #hinted = new Set<string>();
  readonly #rejected = new Map<string, RejectedFile>();
  readonly #changed = new ChangedFiles();
  readonly #passes: Passes;
  #unhint: (() => void) | null = null;
  /** What kept single files from being read in this pass. */
  #pass_trouble: string | null = null;
  /** Files of which it is clear what becomes of them. */
  #settled = 0;
  #begun = false;
  readonly #first = Promise.withResolvers<void>();
  readonly #breath: Breath;

  constructor(options: JobWatcherOptions) {
    this.#options = options;
    this.#breath = new Breath(options);
    this.#passes = new Passes(options, {
      pass: (isFull) => this.#pass(isFull),
      // Where everything waits, a hint tells nothing that the next full pass does not find.
      wanted: () => (this.#hinted.size > 0 && !this.#passes.failing ? HINT_MS : null),
    });
  }

  start(): void {
    const { folder } = this.#options;
    try {
      this.#unhint = folder.hints(
        (name) => this.#hint(name),
        () => this.#unhint?.(),
      );
    } catch (error) {
      // Without hints files are found all the same, a second later.
      if (!isSystemError(error)) throw error;
    }
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
    this.#unhint?.();
    await this.#passes.stop();
  }

  /** Files that are not dealt with, among them those that are rejected or changed. */
  get waiting(): number {
    return this.#ledger.open - this.#rejected.size - this.changed.size;
  }

  get rejected(): ReadonlyMap<string, RejectedFile> {
    return this.#rejected;
  }

  get changed(): ReadonlyMap<string, ChangedFile> {
    return this.#changed.all;
  }

  /** The file in which a job of this name has other words than were accepted. */
  changedFileOf(name: string): string | null {
    return this.#changed.fileOf(name);
  }

  #hint(name: string | null): void {
    // Where names were lost, the folder's time tells it at the next pass.
    if (name === null || droppedName(name) === null) return;
    this.#hinted.add(name);
    if (this.#hinted.size === 1) this.#passes.plan();
  }

  async #pass(isFull: boolean): Promise<PassEnd> {
    this.#breath.begin();
    this.#pass_trouble = null;
    if (this.#begun) await this.#lookAtHinted();
    const idle_ms = isFull ? await this.#lookAtAll() : 0;
    return { idle_ms, trouble: this.#pass_trouble };
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
    const settled = this.#settled;
    this.#askAgain();
    await this.#lookAt(this.#ledger.openNames());
    const swept_m = clock.monotonic();
    // What is new is worth all the time that it takes; looking at what is as it was is not.
    const open_ms = this.#settled > settled ? 0 : swept_m - listed_m;
    await this.#lookAt(this.#ledger.sweep(SWEPT_A_PASS));
    return open_ms + clock.monotonic() - swept_m;
  }

  async #list(): Promise<void> {
    const { folder, clock } = this.#options;
    const began_m = clock.monotonic();
    const changed_at = await folder.changedAt();
    if (changed_at === null) this.#pass_trouble = 'the folder is not there; make it again';
    if (changed_at === null || !this.#listing.isDue(changed_at, began_m)) return;
    const names = new Set<string>();
    const met: string[] = [];
    for await (const name of folder.names()) {
      if (this.#passes.stopped) return;
      if (droppedName(name) === null) continue;
      names.add(name);
      if (!this.#ledger.has(name)) met.push(name);
      if (met.length === FILES_AT_ONCE) this.#meet(met.splice(0));
      await this.#breath.take();
    }
    this.#meet(met);
    for (const gone of this.#ledger.listed(names)) this.#forget(gone);
    this.#listing.listed(changed_at, began_m, clock.monotonic());
  }

  /** What is called as the queue knows it is most probably what it was: after a start, what is new goes before it. */
  #meet(files: readonly string[]): void {
    const { door, clock } = this.#options;
    const named = door.named(files.map((file) => droppedName(file)?.base ?? ''));
    for (const file of files) {
      const name = droppedName(file);
      if (name === null) continue;
      const isOld = name.kind === 'job' ? named.has(name.base) : door.hasBatch(name.base);
      if (isOld) this.#ledger.addOld(file, clock.monotonic());
      else this.#ledger.add(file, clock.monotonic());
    }
  }

  /** What the system tells meanwhile comes first: there may be a hundred thousand others to look at. */
  async #lookAt(names: readonly string[]): Promise<void> {
    for (let at = 0; at < names.length && !this.#passes.stopped; at += FILES_AT_ONCE) {
      await this.#lookAtHinted();
      await this.#lookAtSome(names.slice(at, at + FILES_AT_ONCE));
    }
  }

  async #lookAtHinted(): Promise<void> {
    const names = [...this.#hinted];
    this.#hinted.clear();
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
        this.#forget(file);
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
    this.#pass_trouble = `${file}: ${messageOf(error)}`;
    this.#ledger.wait(file, this.#options.clock.monotonic() + WRONG_AGAIN_MS);
  }

  /** Reads them, hands what is new in them to the queue at once, and notes what became of each. */
  async #takeAll(group: readonly Due[]): Promise<void> {
    const right: Right[] = [];
    for (let at = 0; at < group.length && !this.#passes.stopped; at += READ_AT_ONCE) {
      const some = group.slice(at, at + READ_AT_ONCE);
      const door = knowing(
        this.#options.door,
        some.map(({ name }) => name.base),
      );
      const read = await Promise.all(some.map((due) => this.#orWait(due.file, () => this.#read(due, door))));
      for (const [i, due] of some.entries()) {
        const jobs = read[i] ?? null;
        if (jobs !== null) right.push({ due, jobs });
      }
    }
    if (this.#passes.stopped) return;
    for (const { due } of right.filter(({ jobs }) => jobs.length === 0)) this.#settle(due, []);
    await this.#submit(await this.#unanswered(right.filter(({ jobs }) => jobs.length > 0)));
  }

  /** Those that no file answers: an answer that was put there makes its job known. */
  async #unanswered(files: readonly Right[]): Promise<Right[]> {
    if (files.length === 0) return [];
    const { answers, clock, door } = this.#options;
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
      if (unknown.some(({ name }) => undecided.has(name)))
        this.#ledger.wait(due.file, clock.monotonic() + ANSWER_AGAIN_MS);
      else if (unknown.length === 0) this.#settle(due, []);
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
        const displaced = some.flatMap(({ due }, i) => this.#settle(due, changed[i] ?? []));
        if (displaced.length > 0) await door.keepAccepted(displaced);
      },
      ({ due }, error) => this.#wait(due.file, error),
    );
  }

  /** The jobs in it that the queue does not know; null where it waits, or is rejected. */
  async #read(due: Due, door: ReturnType<typeof knowing>): Promise<readonly PreparedJob[] | null> {
    const { file, name, version, unchanged_ms } = due;
    const before = faultBefore(name, version);
    if (before !== null) return this.#reject(due, [before], null);
    // Of a batch that is being written, the lines so far are whole; one job has an end.
    if (name.kind === 'batch' && unchanged_ms < LIMITS.folder_rest_ms) return null;
    const bytes = await this.#bytes(due);
    if (bytes === null) return null;
    if (!(bytes instanceof Uint8Array)) return this.#reject(due, [bytes], null);
    const judged = await judge(door, file, name, bytes, () => this.#breath.take());
    if (judged.is === 'right') return judged.jobs;
    const patience_ms = judged.whole ? LIMITS.folder_rest_ms : LIMITS.folder_unfinished_ms;
    if (unchanged_ms >= patience_ms) return this.#reject(due, judged.faults, sha256Bytes(bytes));
    this.#ledger.wait(file, this.#options.clock.monotonic() + patience_ms - unchanged_ms);
    return null;
  }

  async #bytes({ file, version }: Due): Promise<Uint8Array | Fault | null> {
    try {
      return await this.#options.folder.read(file, version);
    } catch (error) {
      for (const code of ['EACCES', 'EPERM']) if (hasCode(error, code)) return notReadable(code);
      throw error;
    }
  }

  async #reject({ file, version }: Due, faults: readonly Fault[], sha256: string | null): Promise<null> {
    const { clock, reports } = this.#options;
    this.#ledger.wait(file, clock.monotonic() + WRONG_AGAIN_MS);
    const before = this.#rejected.get(file);
    if (before?.version === version.id && isDeepStrictEqual(before.faults, faults)) return null;
    const isFile = version.kind === 'file';
    const report = await reports.write({
      file,
      faults,
      version: {
        kind: version.kind,
        bytes: isFile ? version.bytes : null,
        modified_at: isFile ? new Date(version.mtime_ms).toISOString() : null,
        sha256,
      },
    });
    this.#changed.delete(file);
    const since = before?.since ?? clock.now();
    this.#rejected.set(file, { file, since, faults, report, version: version.id });
    return null;
  }

  /** Gives the names whose accepted words the file no longer says, where that was not known of this version of it. */
  #settle({ file, version }: Due, changed: readonly ChangedJob[]): string[] {
    const { clock } = this.#options;
    this.#settled += 1;
    this.#rejected.delete(file);
    if (changed.length === 0) {
      this.#changed.delete(file);
      this.#ledger.take(file, version.id);
      return [];
    }
    const isNew = this.#changed.put({ file, since: clock.now(), jobs: changed, version: version.id });
    // Read again only when it is another: whether somebody has asked it since shows in the queue.
    this.#ledger.wait(file, Infinity);
    return isNew ? changed.map(({ name }) => name) : [];
  }

  /** Changed files of which somebody made runs since are read again, and found known. */
  #askAgain(): void {
    for (const { file, jobs } of this.changed.values())
      if (isTaken(this.#options.door, jobs)) this.#ledger.wait(file, 0);
  }

  #forget(file: string): void {
    this.#ledger.forget(file);
    this.#rejected.delete(file);
    this.#changed.delete(file);
  }
}
