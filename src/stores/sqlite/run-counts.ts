/**
 * How many runs there are, by what is asked. Most counts are sums of `tallies`, whatever the number of runs. Only where a
 * reason, tag, key, name or time is in the question are runs counted, and then only those that an index finds.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { CountBy, CountRow, RunFilter } from '../../core/ports/read-store.ts';
import type { RunSelection } from './run-selection.ts';
import type { Row } from './statement.ts';
import { StatementCache } from './statement-cache.ts';

/** What stands between the columns and the groups, and the values of its places. */
interface Selected {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** Endpoints with a model each; undefined: all. */
type Models = readonly (readonly [endpoint: string, model: string])[] | undefined;

const COLUMN: Readonly<Record<CountBy, string>> = {
  state: 'j.state',
  reason: 'j.reason_code',
  model: 'j.model',
  endpoint: 'j.endpoint',
  batch: 'j.batch',
};

export class RunCounts {
  readonly #selection;
  readonly #statements;

  constructor(db: DatabaseSync, selection: RunSelection) {
    this.#selection = selection;
    this.#statements = new StatementCache(db);
  }

  counts(by: readonly CountBy[], filter: RunFilter): readonly CountRow[] {
    const { tag, key, prefix, since, reason, lanes } = filter;
    const sums = new Sums(by);
    const models = lanes === undefined ? undefined : this.#selection.wholeModels(filter);
    if (
      tag !== undefined ||
      key !== undefined ||
      prefix !== undefined ||
      since !== undefined ||
      reason !== undefined ||
      models === null
    ) {
      for (const leg of this.#selection.legs(filter, null)) sums.add(this.#counted(by, leg));
    } else if (by.includes('reason')) {
      this.#byReason(by, filter, models, sums);
    } else {
      sums.add(this.#tallied(by, filter, models));
    }
    return sums.rows();
  }

  /** Runs with a reason are counted by their index; those without one are the rest of the tallies. */
  #byReason(by: readonly CountBy[], filter: RunFilter, models: Models, sums: Sums): void {
    const from = 'FROM jobs j INDEXED BY jobs_by_reason WHERE j.reason_code IS NOT NULL';
    const { sql, values } = tallyConditions(filter, models);
    const latest = filter.latest === true ? ' AND j.superseded = 0' : '';
    const withReason = this.#counted(by, { sql: `${from}${sql}${latest}`, values });
    sums.add(withReason);
    const at = by.indexOf('reason');
    sums.add(
      withReason.map((row) =>
        row.map((value, column) => (column === at ? null : negated(value, column, by))),
      ),
    );
    const others = by.filter((one) => one !== 'reason');
    sums.add(this.#tallied(others, filter, models).map((row) => row.toSpliced(at, 0, null)));
  }

  #counted(by: readonly CountBy[], { sql, values }: Selected): readonly Row[] {
    const columns = by.map((one) => COLUMN[one]);
    const group = columns.length === 0 ? '' : `GROUP BY ${columns.join(', ')}`;
    return this.#statements
      .get(`SELECT ${[...columns, 'count(*)'].join(', ')} ${sql} ${group}`)
      .all(...values);
  }

  /** By the primary key of tallies where there is a batch, else all of its few rows. */
  #tallied(by: readonly CountBy[], filter: RunFilter, models: Models): readonly Row[] {
    const columns = by.map((one) => (one === 'batch' ? `nullif(j.batch, '')` : COLUMN[one]));
    const { sql, values } = tallyConditions(filter, models);
    const sum = filter.latest === true ? 'sum(j.runs - j.superseded)' : 'sum(j.runs)';
    const group = columns.length === 0 ? '' : `GROUP BY ${columns.join(', ')}`;
    const text = `SELECT ${[...columns, sum].join(', ')} FROM tallies j WHERE true${sql} ${group}`;
    return this.#statements.get(text).all(...values);
  }
}

function tallyConditions({ state, batch, endpoint, model }: RunFilter, models: Models): Selected {
  const values: SQLInputValue[] = [];
  let sql = '';
  const add = (condition: string, value: SQLInputValue): void => {
    sql += ` AND ${condition}`;
    values.push(value);
  };
  if (batch !== undefined) add('j.batch = ?', batch);
  if (state !== undefined) add('j.state IN (SELECT value FROM json_each(?))', JSON.stringify(state));
  if (endpoint !== undefined) add('j.endpoint = ?', endpoint);
  if (model !== undefined) add('j.model = ?', model);
  if (models !== undefined) {
    const pairs = "SELECT value ->> '$[0]', value ->> '$[1]' FROM json_each(?)";
    add(`(j.endpoint, j.model) IN (${pairs})`, JSON.stringify(models));
  }
  return { sql, values };
}

/** The count stands behind the columns. */
function negated(value: SQLOutputValue, column: number, by: readonly CountBy[]): SQLOutputValue {
  return column === by.length ? -Number(value) : value;
}

/** Adds up rows of the same columns. */
class Sums {
  readonly #by;
  readonly #rows = new Map<string, { readonly row: Row; runs: number }>();

  constructor(by: readonly CountBy[]) {
    this.#by = by;
  }

  add(rows: readonly Row[]): void {
    for (const row of rows) {
      const key = JSON.stringify(row.slice(0, this.#by.length));
      const runs = Number(row[this.#by.length] ?? 0);
      const sum = this.#rows.get(key);
      if (sum === undefined) this.#rows.set(key, { row, runs });
      else sum.runs += runs;
    }
  }

  rows(): readonly CountRow[] {
    return [...this.#rows.values()]
      .filter(({ runs }) => runs > 0)
      .toSorted((a, b) => b.runs - a.runs)
      .map(({ row, runs }) => ({
        by: Object.fromEntries(this.#by.map((one, at) => [one, row[at] as string | null])),
        runs,
      }));
  }
}
