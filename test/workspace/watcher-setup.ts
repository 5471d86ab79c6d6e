/** A watcher on a folder in memory, with time that a test moves and a queue that remembers what it was given. */
import { onTestFinished } from 'vitest';
import type { FileKind, FileVersion, JobFolder } from '../../src/core/ports/job-folder.ts';
import { Problem } from '../../src/core/errors.ts';
import type { PreparedJob, SubmittedJob } from '../../src/core/submission.ts';
import { createPrepare } from '../../src/prompt/prepare.ts';
import type { JobDoor } from '../../src/workspace/job-intake.ts';
import { type AnswersFirst, JobWatcher } from '../../src/workspace/job-watcher.ts';
import type { Rejection } from '../../src/workspace/rejected-file.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface FakeFile {
  readonly kind: FileKind;
  readonly text: string;
  readonly ino: number;
  readonly mtime_ms: number;
  /** Grows with each change, as the time of change does. */
  readonly change: number;
}

export class FakeFolder implements JobFolder {
  readonly files = new Map<string, FakeFile>();
  readonly broken = new Map<string, Error>();
  /** How many times each was asked. */
  readonly asked = { changedAt: 0, names: 0, look: 0, read: 0 };
  readonly opened: string[] = [];
  /** The folder's own time is as coarse as this. */
  granularity_ms = 1;
  listing_takes_ms = 0;
  loses_hints = false;
  is_gone = false;
  /** What somebody does to the folder in the middle of a listing. */
  whileListing: (() => void) | null = null;
  #changed_at: number;
  #serial = 0;
  #onHint: ((name: string | null) => void) | null = null;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.#changed_at = clock.now();
  }

  /** A file is created, or another is moved over it. */
  put(name: string, content: unknown, kind: FileKind = 'file', mtime_ms = this.#clock.now()): void {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    this.#serial += 1;
    this.files.set(name, { kind, text, ino: this.#serial, mtime_ms, change: this.#serial });
    this.#changed_at = Math.floor(this.#clock.now() / this.granularity_ms) * this.granularity_ms;
    if (!this.loses_hints) this.#onHint?.(name);
  }

  /** In place: the folder does not notice. */
  write(name: string, text: string): void {
    const file = this.files.get(name);
    if (file === undefined) throw new Error(`there is no ${name}`);
    this.#serial += 1;
    this.files.set(name, { ...file, text, mtime_ms: this.#clock.now(), change: this.#serial });
    if (!this.loses_hints) this.#onHint?.(name);
  }

  remove(name: string): void {
    this.files.delete(name);
    this.#changed_at = this.#clock.now();
  }

  changedAt(): Promise<string | null> {
    this.asked.changedAt += 1;
    return Promise.resolve(this.is_gone ? null : String(this.#changed_at));
  }

  async *names(): AsyncGenerator<readonly string[]> {
    this.asked.names += 1;
    const names = [...this.files.keys()];
    const half = Math.floor(names.length / 2);
    yield names.slice(0, half);
    if (names.length > 0) this.whileListing?.();
    yield names.slice(half);
    this.#clock.freeze(this.listing_takes_ms);
  }

  look(name: string): Promise<FileVersion | null> {
    this.asked.look += 1;
    const file = this.files.get(name);
    return Promise.resolve(file === undefined ? null : versionOf(file));
  }

  read(name: string, version: FileVersion): Promise<Uint8Array | null> {
    this.asked.read += 1;
    this.opened.push(name);
    const error = this.broken.get(name);
    if (error !== undefined) return Promise.reject(error);
    const file = this.files.get(name);
    if (file === undefined || versionOf(file).id !== version.id) return Promise.resolve(null);
    return Promise.resolve(Buffer.from(file.text));
  }

  hints(onHint: (name: string | null) => void): () => void {
    this.#onHint = onHint;
    return () => {
      this.#onHint = null;
    };
  }
}

function versionOf({ kind, text, ino, mtime_ms, change }: FakeFile): FileVersion {
  const bytes = Buffer.byteLength(text);
  return { kind, id: `${ino}:${bytes}:${mtime_ms}:${change}`, bytes, mtime_ms };
}

/** Accepts jobs as the queue does: a name with the same digest is known, with another one a conflict. */
export class FakeDoor implements JobDoor {
  readonly jobs: PreparedJob[] = [];
  submissions = 0;
  /** Why nothing is taken. */
  trouble: Problem | null = null;
  onSubmit: ((jobs: readonly PreparedJob[]) => void) | null = null;
  /** A job of this name makes its whole submission fail, as a bug would. */
  poison = '';
  readonly #prepare = createPrepare({
    endpoints: new Map([['simulator', { name: 'simulator', kind: 'simulator' as const }]]),
    default_endpoint: 'simulator',
    links: null,
  });

  readonly prepare: JobDoor['prepare'] = (value, from) => this.#prepare(value, from);

  /** What came by another door, e.g. `promptd run` or HTTP. */
  async accept(value: unknown, name: string): Promise<void> {
    const prepared = await this.#prepare(value, { via: 'socket', defaults: { name } });
    if (!prepared.ok) throw new Error(JSON.stringify(prepared.faults));
    this.add(prepared.job);
  }

  /** Thousands are asked for by name. */
  readonly #byName = new Map<string, PreparedJob[]>();

  add(job: PreparedJob): void {
    this.jobs.push(job);
    this.#byName.set(job.name, [...this.#of(job.name), job]);
  }

  #of(name: string): readonly PreparedJob[] {
    return this.#byName.get(name) ?? [];
  }

  named(names: readonly string[]): ReadonlySet<string> {
    return new Set(names.filter((name) => this.#byName.has(name)));
  }

  hasBatch(batch: string): boolean {
    return this.jobs.some((job) => job.batch === batch);
  }

  specsOf(name: string): ReadonlySet<string> {
    return new Set(this.#of(name).map((job) => job.spec_sha256));
  }

  specsOfBatch(batch: string): Promise<ReadonlySet<string>> {
    return Promise.resolve(
      new Set(this.jobs.filter((job) => job.batch === batch).map((job) => job.spec_sha256)),
    );
  }

  submit(jobs: readonly PreparedJob[]): Promise<readonly SubmittedJob[]> {
    this.submissions += 1;
    this.onSubmit?.(jobs);
    if (this.trouble !== null) return Promise.reject(this.trouble);
    if (jobs.some(({ name }) => name === this.poison))
      return Promise.reject(new Problem('Internal', 'a constraint refused it'));
    return Promise.resolve(jobs.map((job) => this.#take(job)));
  }

  readonly kept: string[] = [];

  keepAccepted(names: readonly string[]): Promise<void> {
    this.kept.push(...names);
    return Promise.resolve();
  }

  #take(job: PreparedJob): SubmittedJob {
    const told = { name: job.name, run: 1, state: 'queued', options_differ: false, next_run: false } as const;
    const known = this.#of(job.name);
    if (known.some(({ digest }) => digest === job.digest)) return { ...told, verdict: 'known' };
    if (known.length > 0 && job.if_exists === 'same') return { ...told, verdict: 'conflict' };
    this.add(job);
    return { ...told, verdict: 'created' };
  }

  get names(): string[] {
    return this.jobs.map(({ name }) => name).toSorted();
  }
}

/** The folders of answers: nothing is in them unless a test says so. */
export class FakeAnswers implements AnswersFirst {
  readonly asked: { readonly seen_m: number; readonly names: readonly string[] }[] = [];
  readonly undecided = new Set<string>();
  /** What happens before they are known. */
  before: (() => Promise<void> | void) | null = null;

  async settled(seen_m: number, names: readonly string[]): Promise<ReadonlySet<string>> {
    this.asked.push({ seen_m, names });
    await this.before?.();
    return new Set(names.filter((name) => this.undecided.has(name)));
  }
}

export interface WatcherSetup {
  readonly answers: FakeAnswers;
  readonly clock: FakeClock;
  readonly folder: FakeFolder;
  readonly door: FakeDoor;
  readonly watcher: JobWatcher;
  readonly reports: Rejection[];
  readonly troubles: (string | null)[];
}

export function setup(): WatcherSetup {
  const clock = new FakeClock();
  const folder = new FakeFolder(clock);
  const door = new FakeDoor();
  const answers = new FakeAnswers();
  const reports: Rejection[] = [];
  const troubles: (string | null)[] = [];
  const watcher = new JobWatcher({
    folder,
    door,
    answers,
    reports: { write: (rejection) => Promise.resolve(`${rejection.file}.${reports.push(rejection)}`) },
    clock,
    timers: clock,
    crashpoint: () => undefined,
    onTrouble: (message) => troubles.push(message),
    onFatal: (error) => {
      throw error;
    },
  });
  onTestFinished(() => watcher.stop());
  return { clock, folder, door, answers, watcher, reports, troubles };
}

/** A job that the fake door takes; each text is work of its own. */
export function job(text: string, more: object = {}): object {
  return { prompt: text, configuration: { LLM_name: 'simulator:any' }, ...more };
}

export function lines(...jobs: readonly object[]): string {
  return jobs.map((one) => `${JSON.stringify(one)}\n`).join('');
}
