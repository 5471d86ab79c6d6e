/**
 * The watcher of `results/` and `ended/`: takes what stands there of runs that the queue does not know, so that nothing is
 * asked that was answered elsewhere. A pass a second lists what has changed; whoever is about to queue a job asks for a listing
 * of its own time. Nothing in these folders is ever moved, changed or deleted.
 */
import type { AdoptionVerdict, Adoption } from '../core/adoption.ts';
import { messageOf } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { JobFolder } from '../core/ports/job-folder.ts';
import { Breath } from './breath.ts';
import { KINDS } from './dropped-file.ts';
import {
  type AnswerKind,
  type AnswerOfNoRun,
  type AnswerReader,
  type DueAnswer,
  ForeignAnswers,
  type KnownAnswers,
  type MadeAnswer,
} from './foreign-answers.ts';
import { handOver } from './hand-over.ts';
import type { AnswersFirst } from './job-watcher.ts';
import { type PassEnd, Passes, type PassesOptions } from './passes.ts';
import { isFailedSync } from './system-error.ts';

export interface AnswerWatcherOptions extends PassesOptions {
  readonly results: Omit<JobFolder, 'hints'>;
  readonly ended: Omit<JobFolder, 'hints'>;
  readonly known: KnownAnswers;
  /** `several`: whether there may be more runs of that name than one. */
  readonly reader: (name: string, several: boolean) => AnswerReader;
  /** Rejects with a Problem where nothing was done. */
  readonly adopt: (adoptions: readonly Adoption[]) => Promise<readonly AdoptionVerdict[]>;
}

/** Between two passes that somebody waits for. */
const GAP_MS = 20;
/** Runs of which the database is asked at once. */
const LEARNT_AT_ONCE = 5_000;
/** Handed to the queue in one turn. */
const LOT_FILES = 256;
const LOT_BYTES = 16 * 1024 * 1024;
/** What could not be read is tried again after this time. */
const UNREADABLE_AGAIN_MS = 10_000;

/** A foreign file that was read. */
interface Read {
  readonly due: DueAnswer;
  readonly adoption: Adoption;
}

export class AnswerWatcher implements AnswersFirst {
  readonly #options: AnswerWatcherOptions;
  readonly #folders: { readonly result: ForeignAnswers; readonly ended: ForeignAnswers };
  readonly #breath: Breath;
  readonly #passes: Passes;
  /** Names whose files are to be looked at in the next pass. */
  readonly #next = new Set<string>();
  /** Names of jobs that are about to be queued, and how often. */
  readonly #wanted = new Map<string, number>();
  /** The run up to which it is known what was published; null when that is known of all that there were at the start. */
  #learn_after: number | null = 0;
  /** Files of which it became clear what they are. */
  #judged = 0;

  constructor(options: AnswerWatcherOptions) {
    const { results, ended, known } = options;
    this.#options = options;
    this.#breath = new Breath(options);
    this.#passes = new Passes(options, {
      pass: (isFull) => this.#pass(isFull),
      wanted: () => (this.#passes.awaited ? this.#gap() : null),
    });
    this.#folders = {
      result: new ForeignAnswers('result', results, known),
      ended: new ForeignAnswers('ended', ended, known),
    };
  }

  start(): void {
    this.#passes.start();
  }

  /** Resolves when nothing of it is under way; whoever waits is told. Idempotent. */
  stop(): Promise<void> {
    return this.#passes.stop();
  }

  /** Files that are not judged yet, e.g. half-written ones. */
  get waiting(): number {
    return this.#folders.result.undecided + this.#folders.ended.undecided;
  }

  /** Foreign files that are the answer of no run. */
  ofNoRun(kind: AnswerKind): ReadonlyMap<string, AnswerOfNoRun> {
    return this.#folders[kind].ofNoRun;
  }

  /** Runs of these names have ended: a file that was none of theirs may be by now. */
  ended(names: readonly string[]): void {
    for (const name of names) {
      for (const folder of [this.#folders.result, this.#folders.ended]) {
        for (const { file } of folder.filesOf(name)) {
          folder.wait(file, 0);
          this.#next.add(name);
        }
      }
    }
  }

  async settled(seen_m: number, names: readonly string[]): Promise<ReadonlySet<string>> {
    for (const name of names) this.#wanted.set(name, (this.#wanted.get(name) ?? 0) + 1);
    try {
      const undecided = this.#undecided(names);
      for (const name of undecided) this.#wake(name);
      if (undecided.size > 0) await this.#passes.next();
      // The listing under way may have begun late enough.
      else if (!(await this.#isCurrent(seen_m))) await this.#passes.ended();
      while (!(await this.#isCurrent(seen_m))) await this.#passes.next();
      return this.#undecided(names);
    } finally {
      for (const name of names) this.#unwant(name);
    }
  }

  #unwant(name: string): void {
    const count = (this.#wanted.get(name) ?? 0) - 1;
    if (count > 0) this.#wanted.set(name, count);
    else this.#wanted.delete(name);
  }

  /** Somebody wants to know now: the job may have come that it waited for. */
  #wake(name: string): void {
    this.#next.add(name);
    for (const folder of [this.#folders.result, this.#folders.ended])
      for (const { file } of folder.filesOf(name)) if (!folder.ofNoRun.has(file)) folder.wait(file, 0);
  }

  #undecided(names: readonly string[]): Set<string> {
    const { result, ended } = this.#folders;
    return new Set(names.filter((name) => result.isUndecided(name) || ended.isUndecided(name)));
  }

  /** Whether whatever stood in the folders at that time was dealt with. */
  async #isCurrent(seen_m: number): Promise<boolean> {
    const { result, ended } = this.#folders;
    return (await this.#stands(result, seen_m)) && this.#stands(ended, seen_m);
  }

  async #stands({ dealt, files }: ForeignAnswers, seen_m: number): Promise<boolean> {
    if (dealt !== null && dealt.began_m > seen_m) return true;
    const changed_at = await files.changedAt();
    return changed_at === null || (dealt !== null && !dealt.fresh && dealt.changed_at === changed_at);
  }

  /** As long as nothing can be listed, a pass would tell nothing. */
  #gap(): number {
    const now_m = this.#options.clock.monotonic();
    const { result, ended } = this.#folders;
    const due_m = Math.max(result.listing.not_before_m, ended.listing.not_before_m);
    const isFirst = this.#next.size > 0 || due_m <= now_m;
    return isFirst ? GAP_MS : Math.max(GAP_MS, due_m - now_m);
  }

  async #pass(isFull: boolean): Promise<PassEnd> {
    const { clock } = this.#options;
    const { result, ended } = this.#folders;
    this.#breath.begin();
    await this.#learn();
    await this.#list(result);
    await this.#list(ended);
    const listed_m = clock.monotonic();
    const judged = this.#judged;
    const names = new Set(isFull ? [...this.#next, ...result.names(), ...ended.names()] : this.#next);
    // Results first: an end of a name that has an answer is not taken.
    for (const folder of [result, ended]) {
      await this.#dealWith(folder, names);
      if (this.#passes.stopped) return { idle_ms: 0, trouble: null };
      folder.dealt = folder.listed;
    }
    for (const name of names) this.#next.delete(name);
    const idle_ms = this.#judged > judged ? 0 : clock.monotonic() - listed_m;
    return { idle_ms, trouble: null };
  }

  async #learn(): Promise<void> {
    while (this.#learn_after !== null && !this.#passes.stopped) {
      this.#learn_after = this.#folders.result.learn(this.#learn_after, LEARNT_AT_ONCE);
      await this.#breath.take();
    }
  }

  async #list(folder: ForeignAnswers): Promise<void> {
    const { clock } = this.#options;
    const { files, listing } = folder;
    const began_m = clock.monotonic();
    const changed_at = await files.changedAt();
    if (changed_at === null || !listing.isDue(changed_at, began_m)) return;
    for await (const names of files.names()) {
      if (this.#passes.stopped) return;
      for (const name of folder.meet(names, clock.monotonic())) this.#next.add(name);
      await this.#breath.take();
    }
    folder.metAll(listing.listed(changed_at, began_m, clock.monotonic()), clock.now());
  }

  async #dealWith(folder: ForeignAnswers, names: ReadonlySet<string>): Promise<void> {
    let lot: Read[] = [];
    let bytes = 0;
    for (const name of names) {
      for await (const read of this.#readAll(folder, name)) {
        lot.push(read);
        bytes += read.due.version.bytes;
        if (lot.length < LOT_FILES && bytes < LOT_BYTES) continue;
        await this.#adopt(folder, lot);
        lot = [];
        bytes = 0;
      }
      if (this.#passes.stopped) return;
    }
    await this.#adopt(folder, lot);
  }

  /** What is due of the files of a name; those that come after one that waits, wait too. */
  async *#readAll(folder: ForeignAnswers, name: string): AsyncGenerator<Read> {
    const files = folder.filesOf(name);
    if (files.length === 0) return;
    // What is being written may be the answer of that very run.
    if (folder.kind === 'ended' && this.#folders.result.isUndecided(name)) return;
    const reader = this.#options.reader(name, files.length > 1);
    for (const { file, epoch } of files) {
      if (this.#passes.stopped) return;
      const due = await this.#look(folder, file, epoch, name);
      const read = due === null ? null : await this.#read(folder, reader, due);
      if (read === 'waits' || (due === null && folder.isWaiting(file, name))) return;
      if (read !== null) yield read;
      await this.#breath.take();
    }
  }

  async #look(folder: ForeignAnswers, file: string, epoch: number, name: string): Promise<DueAnswer | null> {
    const { clock } = this.#options;
    const version = await folder.files.look(file);
    if (version === null) {
      folder.forget(file, name);
      return null;
    }
    const look = folder.look(file, version, { m: clock.monotonic(), wall: clock.now() });
    if (look === null) return null;
    if (folder.isOurs({ file, name, epoch })) {
      folder.settle(file, name);
      return null;
    }
    return { kind: folder.kind, file, epoch, name, version, ...look };
  }

  /** Null where it is of no run; `waits` where that shows later, and so does what comes after it. */
  async #read(folder: ForeignAnswers, reader: AnswerReader, due: DueAnswer): Promise<Read | 'waits' | null> {
    const { kind, file, epoch, version } = due;
    if (version.kind !== 'file')
      return this.#ofNoRun(folder, due, `expected a regular file, got ${KINDS[version.kind]}`);
    if (version.bytes > LIMITS.submission_bytes_max)
      return this.#ofNoRun(
        folder,
        due,
        `expected at most ${LIMITS.submission_bytes_max} bytes, got ${version.bytes}`,
      );
    let made: MadeAnswer;
    try {
      const bytes = await folder.files.read(file, version);
      if (bytes === null) return 'waits';
      made = await reader.make(kind, epoch, bytes);
    } catch (error) {
      // One file keeps nobody waiting, whatever is the matter with it.
      if (isFailedSync(error)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      this.#ofNoRun(folder, due, `it cannot be read: ${why}`);
      folder.wait(file, this.#options.clock.monotonic() + UNREADABLE_AGAIN_MS);
      return null;
    }
    const patience_ms = this.#patience(folder, due, made);
    if (patience_ms > 0) {
      folder.wait(file, this.#options.clock.monotonic() + patience_ms);
      return 'waits';
    }
    if (made.is === 'run') return { due, adoption: made.adoption };
    if (made.is === 'wrong') return this.#ofNoRun(folder, due, made.message);
    folder.judgeOfNoRun(file, null);
    return null;
  }

  /** For how long the rest of it may still come. */
  #patience(folder: ForeignAnswers, { name, unchanged_ms, seen_ms }: DueAnswer, made: MadeAnswer): number {
    if (made.is === 'null_result') return 0;
    if (made.is === 'wrong')
      return (made.whole ? LIMITS.folder_rest_ms : LIMITS.folder_unfinished_ms) - unchanged_ms;
    if (made.lacks.includes('files')) return LIMITS.folder_rest_ms - seen_ms;
    // With its job it says what was asked; nobody waits for it meanwhile.
    const isAlone = made.lacks.includes('job') && !this.#wanted.has(name) && !folder.isKnown(name);
    if (!isAlone) return 0;
    return (made.adoption.is_certain ? LIMITS.folder_rest_ms : LIMITS.folder_unfinished_ms) - seen_ms;
  }

  #ofNoRun(folder: ForeignAnswers, { file }: DueAnswer, message: string): null {
    this.#judged += 1;
    folder.judgeOfNoRun(file, { message, since: this.#options.clock.now() });
    return null;
  }

  /** In ascending order of run, as they were made; of several ends of a run the last is the one that stands. */
  async #adopt(folder: ForeignAnswers, lot: readonly Read[]): Promise<void> {
    const inOrder = lot.toSorted(({ adoption: { row: a } }, { adoption: { row: b } }) => {
      return a.run - b.run || (folder.kind === 'ended' ? b.epoch - a.epoch : 0);
    });
    await handOver(
      inOrder,
      async (some) => {
        const verdicts = await this.#options.adopt(some.map(({ adoption }) => adoption));
        for (const [i, { due }] of some.entries()) {
          if (verdicts[i] === 'of_no_run') this.#ofNoRun(folder, due, OF_NONE);
          else this.#settle(folder, due);
        }
      },
      ({ due }, error) => this.#ofNoRun(folder, due, messageOf(error)),
    );
  }

  #settle(folder: ForeignAnswers, { file, name }: DueAnswer): void {
    this.#judged += 1;
    folder.settle(file, name);
  }
}

const OF_NONE = 'its name has other runs, and it is the answer of none of them';
