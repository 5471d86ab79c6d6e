/** Which rows are to be published next: those that the database lists, without those whose files stand or cannot stand. */
import type { ReadStore } from '../core/ports/read-store.ts';
import type { PublicationRow } from '../core/rows.ts';
import { readRows, type RefusedPublication } from './publication-batch.ts';

export class PublicationQueue {
  readonly #reads: Pick<ReadStore, 'publications'>;
  readonly #batch_max: number;
  /** Rows that were told of and may not be dropped yet. */
  readonly #done = new Set<string>();
  readonly #refused = new Map<string, RefusedPublication>();

  constructor(reads: Pick<ReadStore, 'publications'>, batch_max: number) {
    this.#reads = reads;
    this.#batch_max = batch_max;
  }

  /** In the order of the database, job files before the results of the same jobs. */
  next(): readonly PublicationRow[] {
    const limit = this.#batch_max + this.#done.size + this.#refused.size;
    const rows = readRows(() => this.#reads.publications(limit));
    const listed = new Set(rows.map(keyOf));
    for (const key of this.#done) if (!listed.has(key)) this.#done.delete(key);
    for (const key of this.#refused.keys()) if (!listed.has(key)) this.#refused.delete(key);
    const isNew = (row: PublicationRow) => !this.#done.has(keyOf(row)) && !this.#refused.has(keyOf(row));
    return rows.filter(isNew).slice(0, this.#batch_max);
  }

  /** Their files stand, or they are to get a new epoch: not listed again, however long the rows stay. */
  done(rows: readonly PublicationRow[]): void {
    for (const row of rows) this.#done.add(keyOf(row));
  }

  /** Not listed again until {@link reconsider}. */
  refuse(one: RefusedPublication): void {
    this.#refused.set(keyOf(one.publication), one);
  }

  reconsider(): void {
    this.#refused.clear();
  }

  get refused(): readonly RefusedPublication[] {
    return [...this.#refused.values()];
  }
}

function keyOf(row: PublicationRow): string {
  return `${row.kind} ${row.job} ${row.epoch}`;
}
