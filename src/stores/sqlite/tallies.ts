/**
 * Sums that a commit keeps as it goes: runs by state, spent tokens, costs and times of batches, first ids by hour. They are
 * gathered in memory and written once at the end of the transaction, so a thousand jobs cost a few rows.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { AttemptRow, RunRow } from '../../core/rows.ts';
import type { RunState } from '../../core/states.ts';
import { write } from './statement.ts';

const HOUR_MS = 3_600_000;

/** 0: the latest run of its name; 1: there is a later one; 2: there is a later one in the same batch. */
export type Superseded = 0 | 1 | 2;

/** What an attempt says of the answer that it got, kept or refused, if it did. */
export type Spent = Pick<AttemptRow, 'usage' | 'cost' | 'parameters_sent'>;

type Place = Pick<RunRow, 'batch' | 'endpoint' | 'model'>;

interface Tally extends Place {
  readonly state: RunState;
  runs: number;
  superseded: number;
  repeated: number;
}

interface BatchSum {
  input: number;
  output: number;
  /** By currency. */
  readonly costs: Map<string, number>;
  cost_unknown: number;
  started_at: number | null;
  finished_at: number | null;
}

const UPSERT_TALLY = `
INSERT INTO tallies (batch, endpoint, model, state, runs, superseded, repeated) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  runs = runs + excluded.runs,
  superseded = superseded + excluded.superseded,
  repeated = repeated + excluded.repeated`;

// NULL in min() and max() of two would win, so each side stands in for the other.
const ADD_TO_BATCH = `
UPDATE batches SET
  input_tokens = input_tokens + ?1,
  output_tokens = output_tokens + ?2,
  first_started_at = min(coalesce(first_started_at, ?3), coalesce(?3, first_started_at)),
  last_finished_at = max(coalesce(last_finished_at, ?4), coalesce(?4, last_finished_at)),
  cost_unknown = cost_unknown + ?5
WHERE batch = ?6`;

const ADD_COST = `
INSERT INTO batch_costs (batch, currency, amount) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET amount = amount + excluded.amount`;

const UPSERT_HOUR = `
INSERT INTO submission_hours (hour, first_job) VALUES (?, ?)
ON CONFLICT DO UPDATE SET first_job = min(first_job, excluded.first_job)`;

export class Tallies {
  readonly #tallies = new Map<string, Tally>();
  readonly #batches = new Map<string, BatchSum>();
  readonly #hours = new Map<number, number>();
  readonly #upsertTally;
  readonly #addToBatch;
  readonly #addCost;
  readonly #upsertHour;

  constructor(db: DatabaseSync) {
    // Each by the primary key of its table.
    this.#upsertTally = write(db, UPSERT_TALLY);
    this.#addToBatch = write(db, ADD_TO_BATCH);
    this.#addCost = write(db, ADD_COST);
    this.#upsertHour = write(db, UPSERT_HOUR);
  }

  forget(): void {
    this.#tallies.clear();
    this.#batches.clear();
    this.#hours.clear();
  }

  inserted(run: RunRow): void {
    this.#count(run, run.state, 0, 1);
    this.#times(run);
    const hour = Math.floor(run.submitted_at / HOUR_MS);
    const first = this.#hours.get(hour);
    if (first === undefined || run.id < first) this.#hours.set(hour, run.id);
  }

  moved(run: RunRow, from: RunState, superseded: Superseded): void {
    if (from !== run.state) {
      this.#count(run, from, superseded, -1);
      this.#count(run, run.state, superseded, 1);
    }
    this.#times(run);
  }

  superseded(place: Place, state: RunState, from: Superseded, to: Superseded): void {
    this.#count(place, state, from, -1);
    this.#count(place, state, to, 1);
  }

  /** `before`: what the row said until now. */
  spent(batch: string | null, now: Spent, before: Spent | null): void {
    if (batch === null) return;
    const sum = this.#batch(batch);
    addSpent(sum, now, 1);
    if (before !== null) addSpent(sum, before, -1);
  }

  flush(): void {
    for (const tally of this.#tallies.values()) {
      if (tally.runs === 0 && tally.superseded === 0 && tally.repeated === 0) continue;
      const { batch, endpoint, model, state, runs, superseded, repeated } = tally;
      this.#upsertTally.run(batch ?? '', endpoint, model, state, runs, superseded, repeated);
    }
    for (const [batch, sum] of this.#batches) {
      const { input, output, started_at, finished_at, cost_unknown } = sum;
      this.#addToBatch.run(input, output, started_at, finished_at, cost_unknown, batch);
      for (const [currency, amount] of sum.costs) this.#addCost.run(batch, currency, amount);
    }
    for (const [hour, first] of this.#hours) this.#upsertHour.run(hour, first);
  }

  #count(place: Place, state: RunState, superseded: Superseded, by: 1 | -1): void {
    const key = `${state} ${place.batch ?? ''} ${place.endpoint} ${place.model}`;
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      const { batch, endpoint, model } = place;
      tally = { batch, endpoint, model, state, runs: 0, superseded: 0, repeated: 0 };
      this.#tallies.set(key, tally);
    }
    tally.runs += by;
    if (superseded > 0) tally.superseded += by;
    if (superseded === 2) tally.repeated += by;
  }

  #times(run: RunRow): void {
    if (run.batch === null || (run.started_at === null && run.finished_at === null)) return;
    const sum = this.#batch(run.batch);
    if (run.started_at !== null && (sum.started_at === null || run.started_at < sum.started_at)) {
      sum.started_at = run.started_at;
    }
    if (run.finished_at !== null && (sum.finished_at === null || run.finished_at > sum.finished_at)) {
      sum.finished_at = run.finished_at;
    }
  }

  #batch(batch: string): BatchSum {
    let sum = this.#batches.get(batch);
    if (sum === undefined) {
      sum = {
        input: 0,
        output: 0,
        costs: new Map(),
        cost_unknown: 0,
        started_at: null,
        finished_at: null,
      };
      this.#batches.set(batch, sum);
    }
    return sum;
  }
}

/** A cost that is not known is counted, and never taken for none. */
function addSpent(sum: BatchSum, { usage, cost, parameters_sent }: Spent, by: 1 | -1): void {
  sum.input += by * (usage?.input ?? 0);
  sum.output += by * (usage?.output ?? 0);
  if (cost !== null) sum.costs.set(cost.currency, (sum.costs.get(cost.currency) ?? 0) + by * cost.amount);
  else if (parameters_sent !== null) sum.cost_unknown += by;
}
