/** Batches with their sums, which the commits keep: a batch of a million runs costs what one of ten does. */
import type { DatabaseSync } from 'node:sqlite';
import type { BatchRow } from '../../core/ports/read-store.ts';
import type { RunState } from '../../core/states.ts';
import { query, type Row } from './statement.ts';

const COLUMNS =
  'batch, created_at, input_tokens, output_tokens, first_started_at, last_finished_at, cost_unknown';

export class BatchLists {
  readonly #newest;
  readonly #one;
  readonly #counts;
  readonly #costs;

  constructor(db: DatabaseSync) {
    // By batches_by_time, from its end.
    this.#newest = query(db, `SELECT ${COLUMNS} FROM batches ORDER BY created_at DESC, batch LIMIT ?`);
    // By primary key, all three. A run that was repeated in its batch is not counted again.
    this.#one = query(db, `SELECT ${COLUMNS} FROM batches WHERE batch = ?`);
    this.#counts = query(
      db,
      'SELECT state, sum(runs - repeated) FROM tallies WHERE batch = ? GROUP BY state',
    );
    this.#costs = query(db, 'SELECT currency, amount FROM batch_costs WHERE batch = ? ORDER BY currency');
  }

  newest(limit: number): readonly BatchRow[] {
    return this.#newest.all(limit).map((row) => this.#withCounts(row));
  }

  one(batch: string): BatchRow | null {
    const row = this.#one.one(batch);
    return row === undefined ? null : this.#withCounts(row);
  }

  #withCounts(row: Row): BatchRow {
    const batch = row[0] as string;
    const counts: Partial<Record<RunState, number>> = {};
    for (const [state, runs] of this.#counts.all(batch)) {
      if (typeof runs === 'number' && runs > 0) counts[state as RunState] = runs;
    }
    return {
      batch,
      created_at: row[1] as number,
      counts,
      input_tokens: row[2] as number,
      output_tokens: row[3] as number,
      costs: this.#costs
        .all(batch)
        .map(([currency, amount]) => ({ currency: currency as string, amount: amount as number })),
      cost_unknown: row[6] as number,
      first_started_at: row[4] as number | null,
      last_finished_at: row[5] as number | null,
    };
  }
}
