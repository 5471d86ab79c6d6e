/**
 * Which rows are to be published next: those that the database lists, without those whose files stand or cannot stand, and
 * without a part whose folder refuses all files: the other part does not wait for that.
 */
import type { PublicationPart, ReadStore } from '../core/ports/read-store.ts';
import type { PublicationRow } from '../core/rows.ts';
import { readRows, type RefusedPublication } from './publication-batch.ts';

export class PublicationQueue {
  readonly #reads: Pick<ReadStore, 'publications'>;
  readonly #batch_max: number;
  /** Rows that were told of and may not be dropped yet, with the monotonic time of that. */
  readonly #done = new Map<string, number>();
  readonly #refused = new Map<string, RefusedPublication>();
  readonly #held = new Set<PublicationPart>();

  constructor(reads: Pick<ReadStore, 'publications'>, batch_max: number) {
    this.#reads = reads;
    this.#batch_max = batch_max;
  }

  /** In the order of the database, job files before the results of the same jobs. */
  next(): readonly PublicationRow[] {
    if (this.#held.size > 1) return [];
    const [held] = this.#held;
    const part = held === undefined ? undefined : held === 'jobs' ? 'answers' : 'jobs';
    const limit = this.#batch_max + this.#done.size + this.#refused.size;
    const rows = readRows(() => this.#reads.publications(limit, part));
    if (part === undefined) this.#forgetDropped(new Set(rows.map(keyOf)));
    const isNew = (row: PublicationRow) => !this.#done.has(keyOf(row)) && !this.#refused.has(keyOf(row));
    return rows.filter(isNew).slice(0, this.#batch_max);
  }

  /** What the database has no more. */
  #forgetDropped(listed: ReadonlySet<string>): void {
    for (const key of this.#done.keys()) if (!listed.has(key)) this.#done.delete(key);
    for (const key of this.#refused.keys()) if (!listed.has(key)) this.#refused.delete(key);
  }

  /** Nothing of this part is listed until {@link release}; nor answers whose job files are held. */
  hold(part: PublicationPart): void {
    this.#held.add(part);
  }

  release(): void {
    this.#held.clear();
  }

  get holds(): number {
    return this.#held.size;
  }

  /** Their files stand, or they are to get a new epoch: not listed again until {@link reconsider}. */
  done(rows: readonly PublicationRow[], now: number): void {
    for (const row of rows) this.#done.set(keyOf(row), now);
  }

  /** Not listed again until {@link reconsider}. */
  refuse(one: RefusedPublication): void {
    this.#refused.set(keyOf(one.publication), one);
  }

  /**
   * Lists again what was refused, and what was done at or before `before` and is still there: whoever was told may have
   * forgotten, and to find a file done costs little.
   */
  reconsider(before: number): void {
    this.#refused.clear();
    for (const [key, at] of this.#done) if (at <= before) this.#done.delete(key);
  }

  /** Whether rows that are still there are not listed. */
  get withholds(): boolean {
    return this.#done.size > 0 || this.#refused.size > 0;
  }

  get refused(): readonly RefusedPublication[] {
    return [...this.#refused.values()];
  }
}

export function partOf({ kind }: PublicationRow): PublicationPart {
  return kind === 'job' ? 'jobs' : 'answers';
}

function keyOf(row: PublicationRow): string {
  return `${row.kind} ${row.job} ${row.epoch}`;
}
