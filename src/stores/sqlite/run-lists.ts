/** Pages of runs, newest first. */
import type { DatabaseSync } from 'node:sqlite';
import type { RunFilter, RunPage } from '../../core/ports/read-store.ts';
import { runColumnsOf, runOf } from './run-rows.ts';
import type { RunSelection } from './run-selection.ts';
import { query } from './statement.ts';
import { StatementCache } from './statement-cache.ts';

export class RunLists {
  readonly #selection;
  readonly #statements;
  readonly #runs;

  constructor(db: DatabaseSync, selection: RunSelection) {
    this.#selection = selection;
    this.#statements = new StatementCache(db);
    // By row id, in the order of the keys.
    this.#runs = query(
      db,
      `SELECT ${runColumnsOf('j')} FROM json_each(?) k CROSS JOIN jobs j ON j.id = k.value`,
    );
  }

  page(filter: RunFilter, limit: number, before: number | null): RunPage {
    const ids: number[] = [];
    // One more than is shown tells whether there is another page. Every leg brings its newest; the newest of all are shown.
    for (const { id, sql, values } of this.#selection.legs(filter, before)) {
      const leg = this.#statements.get(`SELECT j.id ${sql} ORDER BY ${id} DESC LIMIT ?`);
      for (const row of leg.all(...values, limit + 1)) ids.push(row[0] as number);
    }
    ids.sort((a, b) => b - a);
    const shown = ids.slice(0, limit);
    const runs = shown.length === 0 ? [] : this.#runs.all(JSON.stringify(shown)).map(runOf);
    return { runs, next_before: ids.length > limit ? (shown.at(-1) ?? null) : null };
  }
}
