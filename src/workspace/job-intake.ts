/**
 * From the bytes of a file in `jobs/` to jobs of the queue: what in it is known, what is new, what is wrong, and what differs
 * from what was accepted under the same name. A file is taken as a whole or not at all.
 */
import type { Fault } from '../core/errors.ts';
import { sha256 } from '../core/identity.ts';
import { canonicalJson, type Json, type JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { isName, nameInBatch } from '../core/names.ts';
import type { PreparedJob, SubmittedJob } from '../core/submission.ts';
import { type DroppedJob, type DroppedName, readDropped } from './dropped-file.ts';

export interface FromFolder {
  readonly via: 'folder';
  readonly link: string;
  readonly defaults: { readonly name?: string; readonly batch?: string };
}

/** The queue, as this side of it sees it. */
export interface JobDoor {
  prepare(
    value: unknown,
    from: FromFolder,
  ): Promise<
    | { readonly ok: true; readonly job: PreparedJob }
    | { readonly ok: false; readonly faults: readonly Fault[] }
  >;
  /** Those of the names that have runs; one look for many. */
  named(names: readonly string[]): ReadonlySet<string>;
  hasBatch(batch: string): boolean;
  /** SHA-256 of the specifications of all runs of a name. */
  specsOf(name: string): ReadonlySet<string>;
  specsOfBatch(batch: string): Promise<ReadonlySet<string>>;
  /** Rejects with a Problem where nothing was done, e.g. since the disk is full. */
  submit(jobs: readonly PreparedJob[]): Promise<readonly SubmittedJob[]>;
  /**
   * Files of these names hold other words than were accepted: those that were published as files are kept in
   * `conflicts/jobs/`. Told once of each version of a file, and again after a start.
   */
  keepAccepted(names: readonly string[]): Promise<void>;
}

/** What a file is judged by. */
export type Judges = Pick<JobDoor, 'prepare' | 'specsOf' | 'specsOfBatch'>;

const NONE: ReadonlySet<string> = new Set();

/** The same, where it was asked of many names beforehand which of them have runs: most new files have a new name. */
export function knowing(door: JobDoor, names: readonly string[]): Judges {
  const named = door.named(names);
  const unnamed = new Set(names.filter((name) => !named.has(name)));
  return {
    prepare: (value, from) => door.prepare(value, from),
    specsOf: (name) => (unnamed.has(name) ? NONE : door.specsOf(name)),
    specsOfBatch: (batch) => door.specsOfBatch(batch),
  };
}

/** A job in a file that was accepted in other words under the same name. */
export interface ChangedJob {
  readonly name: string;
  readonly spec_sha256: string;
}

export type Judged =
  /** `jobs`: those that the queue has to hear of; none where it knows them all. */
  | { readonly is: 'right'; readonly jobs: readonly PreparedJob[] }
  /** `whole: false` where the file may just not be all there yet. */
  | { readonly is: 'wrong'; readonly whole: boolean; readonly faults: readonly Fault[] };

/** `breathe` is awaited after each job, to let others have the loop. */
export async function judge(
  door: Judges,
  file: string,
  name: DroppedName,
  bytes: Uint8Array,
  breathe: () => Promise<void>,
): Promise<Judged> {
  const from: FromFolder = {
    via: 'folder',
    link: file,
    defaults: name.kind === 'job' ? { name: name.base } : { batch: name.base },
  };
  const made: { readonly job: PreparedJob; readonly line: DroppedJob }[] = [];
  const faults: Fault[] = [];
  const known = new KnownJobs(door, name);
  const digests = new Map<string, string>();
  let whole = true;
  for (const one of readDropped(name.kind, bytes)) {
    if (faults.length >= LIMITS.faults_shown_max) break;
    await breathe();
    if (!one.ok) {
      faults.push(...one.faults);
      whole &&= one.whole;
      continue;
    }
    // What is known is not looked at any closer: data that it links to may be gone by now, and it was asked with them.
    if (await known.has(one.job.value)) continue;
    const prepared = await door.prepare(one.job.value, from);
    if (prepared.ok) {
      if (isOther(digests, prepared.job)) faults.push(...namedTwice(prepared.job, one.job));
      made.push({ job: prepared.job, line: one.job });
    } else faults.push(...one.job.place(prepared.faults));
  }
  // It says other words than a line of the same file that the queue knows already.
  for (const { job, line } of made) if (known.names.has(job.name)) faults.push(...namedTwice(job, line));
  if (faults.length > 0) return { is: 'wrong', whole, faults };
  return { is: 'right', jobs: made.map(({ job }) => job) };
}

/** Which jobs of a file the queue has accepted in the same words. */
class KnownJobs {
  readonly #door: Judges;
  readonly #file: DroppedName;
  readonly #batches = new Map<string, Promise<ReadonlySet<string>>>();
  /** Of those that it has; lines without a key have names of their own. */
  readonly names = new Set<string>();

  constructor(door: Judges, file: DroppedName) {
    this.#door = door;
    this.#file = file;
  }

  async has(value: JsonObject): Promise<boolean> {
    const spec = specOf(value);
    if (spec === null) return false;
    const { kind, base } = this.#file;
    const batch = isNameText(value['batch']) ? value['batch'] : base;
    const name = isNameText(value['name']) ? value['name'] : kind === 'job' ? base : nameByKey(value, batch);
    if (name !== null) {
      const isKnown = this.#door.specsOf(name).has(spec);
      if (isKnown) this.names.add(name);
      return isKnown;
    }
    // A line without name and key is called after what it asks, which its data may have changed since.
    return (await this.#ofBatch(batch)).has(spec);
  }

  #ofBatch(batch: string): Promise<ReadonlySet<string>> {
    const specs = this.#batches.get(batch) ?? this.#door.specsOfBatch(batch);
    this.#batches.set(batch, specs);
    return specs;
  }
}

/** The job as it would be stored, whether it is right or not; null where it cannot be right. */
function specOf(value: JsonObject): string | null {
  const { prompt, configuration } = value;
  if (prompt === undefined || configuration === undefined) return null;
  return sha256(canonicalJson({ type: value['type'] ?? 'llm', prompt, configuration }));
}

function nameByKey(value: JsonObject, batch: string): string | null {
  const { key } = value;
  if (typeof key !== 'string' && typeof key !== 'number') return null;
  const name = nameInBatch(batch, String(key), '0'.repeat(12));
  return name === nameInBatch(batch, String(key), '1'.repeat(12)) ? name : null;
}

function isNameText(value: Json | undefined): value is string {
  return typeof value === 'string' && isName(value);
}

/** Whether a line before it is of the same name and asks something else. */
function isOther(digests: Map<string, string>, job: PreparedJob): boolean {
  const first = digests.get(job.name) ?? job.digest;
  digests.set(job.name, first);
  return first !== job.digest;
}

/** Two jobs of one name in one file would be two runs of it, or a change before it was asked: nobody means that. */
function namedTwice(job: PreparedJob, one: DroppedJob): readonly Fault[] {
  return one.place([
    {
      code: 'InvalidJob',
      path: 'name',
      expected: 'a name that is used once',
      got: JSON.stringify(job.name),
      hint: 'Another line of this file has it. Rename one of them.',
    },
  ]);
}

/** Hands over the jobs of several files at once; one answer a file: the jobs in it whose names are taken by other words. */
export async function submitFiles(
  door: JobDoor,
  files: readonly (readonly PreparedJob[])[],
): Promise<(readonly ChangedJob[])[]> {
  const all = files.flat();
  const answers: SubmittedJob[] = [];
  for (let at = 0; at < all.length; at += LIMITS.submission_jobs_max)
    answers.push(...(await door.submit(all.slice(at, at + LIMITS.submission_jobs_max))));
  let at = 0;
  return files.map((jobs) => {
    const own = answers.slice(at, at + jobs.length);
    at += jobs.length;
    return jobs.filter((_, i) => own[i]?.verdict === 'conflict').map(changedJob);
  });
}

function changedJob({ name, spec_sha256 }: PreparedJob): ChangedJob {
  return { name, spec_sha256 };
}

/** Whether somebody made a run of it since, e.g. `promptd run`. */
export function isTaken(door: Pick<JobDoor, 'specsOf'>, jobs: readonly ChangedJob[]): boolean {
  return jobs.every(({ name, spec_sha256 }) => door.specsOf(name).has(spec_sha256));
}
