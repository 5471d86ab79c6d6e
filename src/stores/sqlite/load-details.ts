/** What hangs on runs: attempts, results, orders, options, and the ranks and epochs of batches and names. */
import type { DatabaseSync } from 'node:sqlite';
import type { Loaded, LoadKeys, OrderBody } from '../../core/ports/store.ts';
import type { AttemptRow, RankRow, ResultRow, SpecRow } from '../../core/rows.ts';
import { attemptColumnsOf, attemptOf } from './attempt-rows.ts';
import { rankOf } from './fleet-rows.ts';
import { RESULT_COLUMNS, RESULT_JOIN, resultOf, SPEC_COLUMNS, SPEC_JOINS, specOf } from './spec-rows.ts';
import { query, type Query, type Row } from './statement.ts';

type Details = Pick<Loaded, 'attempts' | 'results' | 'orders' | 'ranks' | 'epochs' | 'specs'>;

const KEYS = 'json_each(?) k';

/** Prepares the statements; the function runs those that are asked for. */
export function loadDetails(db: DatabaseSync): (keys: LoadKeys) => Details {
  // All by row id or primary key, and the bodies by row id.
  const attempts = query(
    db,
    `SELECT ${attemptColumnsOf('a')} FROM ${KEYS} CROSS JOIN attempts a ON a.job = k.value ORDER BY a.job, a.attempt`,
  );
  const results = query(
    db,
    `SELECT ${RESULT_COLUMNS} FROM ${KEYS} CROSS JOIN results r ON r.job = k.value ${RESULT_JOIN}`,
  );
  const specs = query(
    db,
    `SELECT ${SPEC_COLUMNS} FROM ${KEYS} CROSS JOIN specs s ON s.job = k.value ${SPEC_JOINS}`,
  );
  const orders = query(
    db,
    `SELECT ${SPEC_COLUMNS}, pb.body FROM ${KEYS} CROSS JOIN specs s ON s.job = k.value ${SPEC_JOINS}`,
  );
  const ranks = query(
    db,
    `SELECT r.lane, r.batch, r.last_rank FROM ${KEYS} CROSS JOIN ranks r
     ON r.lane = json_extract(k.value, '$[0]') AND r.batch = json_extract(k.value, '$[1]')`,
  );
  // By jobs_by_name; a name has few runs.
  const epochs = query(
    db,
    `SELECT k.value, (SELECT max(last_epoch) FROM jobs WHERE name = k.value) FROM ${KEYS}`,
  );

  return (keys) => ({
    attempts: attemptsByJob(each(attempts, keys.attempts)),
    results: new Map(
      each(results, keys.results).map((row): [number, ResultRow] => [row[0] as number, resultOf(row)]),
    ),
    orders: new Map(
      each(orders, keys.orders).map((row): [number, OrderBody] => [row[0] as number, orderOf(row)]),
    ),
    specs: new Map(
      each(specs, keys.options).map((row): [number, SpecRow] => [row[0] as number, specOf(row)]),
    ),
    ranks: each(
      ranks,
      keys.ranks?.map(({ lane, batch }) => [lane, batch]),
    ).map((row): RankRow => rankOf(row)),
    epochs: epochsByName(each(epochs, keys.epochs)),
  });
}

function each(statement: Query, keys: readonly unknown[] | undefined): readonly Row[] {
  return keys === undefined || keys.length === 0 ? [] : statement.all(JSON.stringify(keys));
}

function attemptsByJob(rows: readonly Row[]): Map<number, readonly AttemptRow[]> {
  const byJob = new Map<number, AttemptRow[]>();
  for (const row of rows) {
    const attempt = attemptOf(row);
    const list = byJob.get(attempt.job);
    if (list === undefined) byJob.set(attempt.job, [attempt]);
    else list.push(attempt);
  }
  return byJob;
}

function orderOf(row: Row): OrderBody {
  const spec = specOf(row);
  return { job: row[0] as number, request: spec.request, prompt: row[7] as string, spec };
}

/** Runs without a file have the epoch 0 in SQL, and none here. */
function epochsByName(rows: readonly Row[]): Map<string, number> {
  const epochs = new Map<string, number>();
  for (const row of rows) {
    const epoch = row[1];
    if (typeof epoch === 'number' && epoch > 0) epochs.set(row[0] as string, epoch);
  }
  return epochs;
}
