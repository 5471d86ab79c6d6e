/** Attempts: begun, ended once, and given at most one answer that came too late. */
import type { DatabaseSync } from 'node:sqlite';
import type { JsonObject } from '../../core/json.ts';
import type { AttemptRow, Cost } from '../../core/rows.ts';
import type { Usage } from '../../core/usage.ts';
import { ATTEMPT_COLUMNS } from './attempt-rows.ts';
import { fromJson, jsonOrNull, query, type Row, write } from './statement.ts';
import type { Spent, Tallies } from './tallies.ts';

export interface AttemptWriter {
  insert(attempt: AttemptRow): void;
  /** False where it has ended, or there is none. `batch`: whose tokens and cost these are; undefined: look it up. */
  end(attempt: AttemptRow, batch: string | null | undefined): boolean;
  /** False where it has not ended, or keeps an answer already. */
  keepAnswer(attempt: AttemptRow, batch: string | null | undefined): boolean;
}

const NO_WARNINGS = '[]';
const ENDING = `ended_at = ?, outcome = ?, charged_for = ?, reason_code = ?, error = ?, timings = ?, usage = ?, cost = ?,
  parameters_sent = ?, warnings = ?, log_file = ?, log_offset = ?, log_bytes = ?, prompt_sha256 = ?`;

type Value = string | number | null;

export function attemptWriter(db: DatabaseSync, tallies: Tallies): AttemptWriter {
  // All by the primary key (job, attempt).
  const insert = write(db, `INSERT INTO attempts (${ATTEMPT_COLUMNS}) VALUES (${'?, '.repeat(18)}?)`);
  const end = write(db, `UPDATE attempts SET ${ENDING} WHERE job = ? AND attempt = ? AND ended_at IS NULL`);
  const keep = write(
    db,
    `UPDATE attempts SET ${ENDING}, kept_answer = ?
     WHERE job = ? AND attempt = ? AND ended_at IS NOT NULL AND kept_answer IS NULL`,
  );
  const endKeeping = write(
    db,
    `UPDATE attempts SET ${ENDING}, kept_answer = ? WHERE job = ? AND attempt = ? AND ended_at IS NULL`,
  );
  const spentOf = query(
    db,
    'SELECT usage, cost, parameters_sent FROM attempts WHERE job = ? AND attempt = ?',
  );
  // By row id.
  const batchOf = query(db, 'SELECT batch FROM jobs WHERE id = ?');

  function spent(attempt: AttemptRow, batch: string | null | undefined, before: Spent | null): void {
    if (attempt.parameters_sent === null && attempt.usage === null && before === null) return;
    const whose = batch === undefined ? ((batchOf.one(attempt.job)?.[0] ?? null) as string | null) : batch;
    tallies.spent(whose, attempt, before);
  }

  return {
    insert(attempt) {
      const { job, instance, started_at } = attempt;
      const { prompt_sha256 } = attempt;
      insert.run(
        job,
        attempt.attempt,
        instance,
        started_at,
        ...ending(attempt).slice(0, -1),
        jsonOrNull(attempt.kept_answer),
        prompt_sha256,
      );
    },
    end(attempt, batch) {
      const { job, kept_answer } = attempt;
      const done =
        kept_answer === null
          ? end.run(...ending(attempt), job, attempt.attempt)
          : endKeeping.run(...ending(attempt), JSON.stringify(kept_answer), job, attempt.attempt);
      if (done.changes !== 1) return false;
      spent(attempt, batch, null);
      return true;
    },
    keepAnswer(attempt, batch) {
      const before = spentIn(spentOf.one(attempt.job, attempt.attempt));
      const values = [...ending(attempt), jsonOrNull(attempt.kept_answer)] as const;
      if (keep.run(...values, attempt.job, attempt.attempt).changes !== 1) return false;
      spent(attempt, batch, before);
      return true;
    },
  };
}

function spentIn(row: Row | undefined): Spent | null {
  if (row === undefined) return null;
  const [usage, cost, parameters_sent] = row;
  return {
    usage: fromJson<Usage>(usage),
    cost: fromJson<Cost>(cost),
    parameters_sent: fromJson<JsonObject>(parameters_sent),
  };
}

function ending(attempt: AttemptRow): readonly Value[] {
  return [
    attempt.ended_at,
    attempt.outcome,
    attempt.charged_for,
    attempt.reason_code,
    attempt.error,
    jsonOrNull(attempt.timings),
    jsonOrNull(attempt.usage),
    jsonOrNull(attempt.cost),
    jsonOrNull(attempt.parameters_sent),
    attempt.warnings.length === 0 ? NO_WARNINGS : JSON.stringify(attempt.warnings),
    attempt.log_file,
    attempt.log_offset,
    attempt.log_bytes,
    attempt.prompt_sha256,
  ];
}
