/** Runs: accepted once, then moved from state to state, each move under the condition that nobody moved it before. */
import type { DatabaseSync } from 'node:sqlite';
import type { RunRow, SpecRow } from '../../core/rows.ts';
import { leadsIn, type RunState } from '../../core/states.ts';
import { violatesUnique } from './errors.ts';
import { changingValues, fixedValues, RUN_ASSIGNMENTS, RUN_INSERT_COLUMNS, RUN_PLACES } from './run-rows.ts';
import { query, write } from './statement.ts';
import type { Superseded, Tallies } from './tallies.ts';
import type { BodyWriter } from './write-bodies.ts';

export interface RunWriter {
  /** False where the name and run are taken, or another run of the digest leads. */
  insert(run: RunRow): boolean;
  /** The rest of a run that was inserted. */
  insertSpec(run: RunRow, spec: SpecRow): void;
  /** False where the stored row has another state or attempt, or another run of the digest leads. */
  update(run: RunRow, ifState: RunState, ifAttempt: number): boolean;
}

export function runWriter(db: DatabaseSync, bodies: BodyWriter, tallies: Tallies): RunWriter {
  const insert = inserter(db, tallies);
  const update = updater(db, tallies);
  return {
    insertSpec: specInserter(db, bodies),
    insert(run) {
      try {
        insert(run);
        return true;
      } catch (error) {
        return falseIfTaken(error);
      }
    },
    update(run, ifState, ifAttempt) {
      try {
        return update(run, ifState, ifAttempt);
      } catch (error) {
        return falseIfTaken(error);
      }
    },
  };
}

/** A unique index that refuses is a condition that does not hold; any other refusal is a bug and is thrown on. */
function falseIfTaken(error: unknown): false {
  if (violatesUnique(error, 'jobs.digest') || violatesUnique(error, 'jobs.name, jobs.run')) return false;
  throw error;
}

function inserter(db: DatabaseSync, tallies: Tallies): (run: RunRow) => void {
  // jobs_by_name and jobs_leading refuse what is taken.
  const insert = write(db, `INSERT INTO jobs (${RUN_INSERT_COLUMNS}) VALUES (${RUN_PLACES})`);
  const supersede = superseder(db, tallies);

  return (run) => {
    insert.run(
      ...fixedValues(run),
      ...changingValues(run),
      run.leads ? 1 : 0,
      run.epoch ?? 0,
      isCompleted(run),
    );
    tallies.inserted(run);
    if (run.run > 1) supersede(run);
  };
}

function specInserter(db: DatabaseSync, bodies: BodyWriter): (run: RunRow, spec: SpecRow) => void {
  const insert = write(
    db,
    'INSERT INTO specs (job, spec, prompt, request, options, metadata, link) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const insertTag = write(db, 'INSERT OR IGNORE INTO tags (tag, job) VALUES (?, ?)');

  return (run, spec) => {
    const options = JSON.stringify(spec.options);
    const metadata = spec.metadata === undefined ? null : JSON.stringify(spec.metadata);
    const asked = bodies.idOf(spec.spec_sha256);
    const prompt = bodies.idOf(spec.prompt_sha256);
    insert.run(run.id, asked, prompt, spec.request, options, metadata, spec.link);
    for (const tag of spec.options.tags) insertTag.run(tag, run.id);
  };
}

/** Marks the earlier runs of a name. They are few, and a first run has none. */
function superseder(db: DatabaseSync, tallies: Tallies): (run: RunRow) => void {
  // By jobs_by_name, then by row id.
  const earlier = query(
    db,
    'SELECT id, superseded, state, batch, endpoint, model FROM jobs WHERE name = ? AND run < ? AND superseded < 2',
  );
  const mark = write(db, 'UPDATE jobs SET superseded = ? WHERE id = ?');

  return (run) => {
    for (const row of earlier.all(run.name, run.run)) {
      const from = row[1] as Superseded;
      const batch = row[3] as string | null;
      const to: Superseded = batch === run.batch ? 2 : 1;
      if (to <= from) continue;
      mark.run(to, row[0] as number);
      const place = { batch, endpoint: row[4] as string, model: row[5] as string };
      tallies.superseded(place, row[2] as RunState, from, to);
    }
  };
}

function updater(
  db: DatabaseSync,
  tallies: Tallies,
): (run: RunRow, ifState: RunState, ifAttempt: number) => boolean {
  // By row id. What `superseded` is must be known for the tallies, and is mostly 0. The first leaves jobs_leading alone,
  // which is right for a claim and most other moves, and for completing: who led keeps its digest (see the schema). The
  // second is for those that begin or end to lead.
  const keepLead = write(
    db,
    `UPDATE jobs SET ${RUN_ASSIGNMENTS}, completed = max(completed, ?) WHERE id = ? AND state = ? AND attempt = ? AND superseded = ?`,
  );
  const setLead = write(
    db,
    `UPDATE jobs SET ${RUN_ASSIGNMENTS}, completed = max(completed, ?), leads = ?
     WHERE id = ? AND state = ? AND attempt = ? AND superseded = ?`,
  );

  return (run, ifState, ifAttempt) => {
    const completed = isCompleted(run);
    const values = [...changingValues(run), run.epoch ?? 0, completed] as const;
    const keeps = completed === 1 || leadsIn(ifState) === run.leads;
    for (const superseded of [0, 1, 2] as const) {
      const where = [run.id, ifState, ifAttempt, superseded] as const;
      const done = keeps
        ? keepLead.run(...values, ...where)
        : setLead.run(...values, run.leads ? 1 : 0, ...where);
      if (done.changes !== 1) continue;
      tallies.moved(run, ifState, superseded);
      return true;
    }
    return false;
  };
}

function isCompleted(run: RunRow): 0 | 1 {
  return run.state === 'completed' ? 1 : 0;
}
