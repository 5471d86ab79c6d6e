/**
 * What the watcher of answers knows of one of its folders, in memory only: which names are the queue's own, and which files are
 * *foreign*, by the names of their jobs. Files of the queue's own runs are known by name and epoch and never opened. A foreign
 * file becomes the queue's own when it is adopted; one that cannot be is *of no run*.
 */
import type { Adoption } from '../core/adoption.ts';
import { isMisnamedResult, MISNAMED_RESULT, splitResultFileName } from '../core/names.ts';
import type { FileVersion, JobFolder } from '../core/ports/job-folder.ts';
import type { AnswerFileName, ReadStore } from '../core/ports/read-store.ts';
import { FolderLedger } from './folder-ledger.ts';
import { type Listing, ListingDue } from './listing-due.ts';

export type AnswerKind = 'result' | 'ended';

/** What a file says by its name. */
interface NamedFile extends AnswerFileName {
  readonly file: string;
}

/** What the database knows. */
export type KnownAnswers = Pick<ReadStore, 'named' | 'ofRuns' | 'published'>;

/** What a file turned out to be. */
export type MadeAnswer =
  /** `lacks`: files of the answer that are not there, or its job is not. */
  | { readonly is: 'run'; readonly adoption: Adoption; readonly lacks: readonly ('files' | 'job')[] }
  | { readonly is: 'null_result' }
  /** `whole: false` where the file may just not be all there yet. */
  | { readonly is: 'wrong'; readonly whole: boolean; readonly message: string };

/** The files of one name, in ascending order of their epochs. */
export interface AnswerReader {
  make(kind: AnswerKind, epoch: number, bytes: Uint8Array): Promise<MadeAnswer>;
}

/** A foreign file that is the answer of no run, and why. */
export interface AnswerOfNoRun {
  readonly file: string;
  /** Unix ms. */
  readonly since: number;
  readonly message: string;
}

/** A foreign file as it stands. */
export interface DueAnswer {
  readonly kind: AnswerKind;
  readonly file: string;
  readonly epoch: number;
  readonly name: string;
  readonly version: FileVersion;
  readonly unchanged_ms: number;
  readonly seen_ms: number;
}

export class ForeignAnswers {
  readonly kind: AnswerKind;
  readonly files: Omit<JobFolder, 'hints'>;
  readonly listing = new ListingDue();
  readonly ofNoRun = new Map<string, AnswerOfNoRun>();
  /** The last listing, and the last whose files were all dealt with. */
  listed: Listing | null = null;
  dealt: Listing | null = null;
  readonly #known: KnownAnswers;
  /** Names of files that need no look any more. */
  readonly #settled = new Set<string>();
  readonly #ledger = new FolderLedger();
  readonly #byName = new Map<string, Map<string, number>>();
  /** Those of which it is clear, as they are, that they are of no run. */
  readonly #judged = new Set<string>();
  /** Named nearly as an answer is, in the last listing and in the one that is under way. */
  #misnamed: ReadonlySet<string> = new Set();
  #misnamed_now = new Set<string>();

  constructor(kind: AnswerKind, files: Omit<JobFolder, 'hints'>, known: KnownAnswers) {
    this.kind = kind;
    this.files = files;
    this.#known = known;
  }

  /**
   * Takes note of what the queue has published, which is most of what stands in results/ after a start: asked of each name, it
   * would cost many times as much. One step of it; gives where the next begins, null after the last.
   */
  learn(after: number, count: number): number | null {
    const published = this.kind === 'result' ? this.#known.published(after, count) : null;
    for (const file of published ?? []) this.#settled.add(file);
    return published === null ? null : after + count;
  }

  /** New names in the folder. Gives the names of the jobs of those that are foreign. */
  meet(files: readonly string[], now_m: number): string[] {
    const met = files.flatMap((file) => this.#newFile(file) ?? []);
    if (met.length === 0) return [];
    const ours = this.#areOurs(met);
    const foreign: string[] = [];
    for (const [i, { file, name, epoch }] of met.entries()) {
      if (ours[i] === true) {
        this.#settled.add(file);
        continue;
      }
      this.#ledger.add(file, now_m);
      this.#byName.set(name, (this.#byName.get(name) ?? new Map<string, number>()).set(file, epoch));
      foreign.push(name);
    }
    return foreign;
  }

  /** All names were met that there are. */
  metAll(listed: Listing, now: number): void {
    this.listed = listed;
    for (const file of this.#misnamed) if (!this.#misnamed_now.has(file)) this.ofNoRun.delete(file);
    for (const file of this.#misnamed_now)
      if (!this.ofNoRun.has(file)) this.ofNoRun.set(file, { file, message: MISNAMED_RESULT, since: now });
    this.#misnamed = this.#misnamed_now;
    this.#misnamed_now = new Set();
  }

  /** Null where it was met before, or is not named as an answer is. */
  #newFile(file: string): NamedFile | null {
    if (this.#settled.has(file)) return null;
    const at = splitResultFileName(file);
    if (at === null && isMisnamedResult(file)) this.#misnamed_now.add(file);
    return at === null || this.#byName.get(at.name)?.has(file) === true ? null : { file, ...at };
  }

  isOurs(answer: NamedFile): boolean {
    return this.#areOurs([answer])[0] === true;
  }

  /** Of ended/ only what nothing is known of is taken: the others are earlier ends of runs that went on. */
  #areOurs(files: readonly NamedFile[]): readonly boolean[] {
    if (this.kind === 'result') return this.#known.ofRuns(files);
    const named = this.#known.named(files.map(({ name }) => name));
    return files.map(({ name }) => named.has(name));
  }

  isKnown(name: string): boolean {
    return this.#known.named([name]).has(name);
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }

  filesOf(name: string): readonly { readonly file: string; readonly epoch: number }[] {
    const files = [...(this.#byName.get(name) ?? [])].map(([file, epoch]) => ({ file, epoch }));
    return files.toSorted((a, b) => a.epoch - b.epoch);
  }

  /** Whether a file of it is there that is not judged yet. */
  isUndecided(name: string): boolean {
    return this.filesOf(name).some(({ file }) => this.isWaiting(file, name));
  }

  /** Whether it is there, foreign and not judged. */
  isWaiting(file: string, name: string): boolean {
    return this.#byName.get(name)?.has(file) === true && !this.#judged.has(file);
  }

  get undecided(): number {
    return this.#ledger.open - this.#judged.size;
  }

  look(
    file: string,
    version: FileVersion,
    now: { readonly m: number; readonly wall: number },
  ): { readonly unchanged_ms: number; readonly seen_ms: number } | null {
    const look = this.#ledger.looked(file, version, now);
    if (look.do === 'leave') return null;
    this.#judged.delete(file);
    return { unchanged_ms: look.unchanged_ms, seen_ms: now.m - look.seen_m };
  }

  /** It is looked at again then, or as soon as it is another version. */
  wait(file: string, again_m: number): void {
    this.#ledger.wait(file, again_m);
  }

  /** It is the queue's own from now on. */
  settle(file: string, name: string): void {
    this.forget(file, name);
    this.#settled.add(file);
  }

  /** It is the answer of no run: `why` is null for the null result, which says so itself. */
  judgeOfNoRun(file: string, why: { readonly message: string; readonly since: number } | null): void {
    this.#judged.add(file);
    this.wait(file, Infinity);
    if (why === null) this.ofNoRun.delete(file);
    else
      this.ofNoRun.set(file, {
        file,
        message: why.message,
        since: this.ofNoRun.get(file)?.since ?? why.since,
      });
  }

  forget(file: string, name: string): void {
    this.#ledger.forget(file);
    this.ofNoRun.delete(file);
    this.#judged.delete(file);
    const files = this.#byName.get(name);
    files?.delete(file);
    if (files?.size === 0) this.#byName.delete(name);
  }
}
