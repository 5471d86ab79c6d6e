/** One turn's changes as one transaction: all of them on disk, or none. */
import type { DatabaseSync } from 'node:sqlite';
import type { CrashPoint } from '../../core/ports/crashpoint.ts';
import type { Change, Refused } from '../../core/ports/store.ts';
import type { BodyKeys } from './body-keys.ts';
import { Tallies } from './tallies.ts';
import { attemptWriter } from './write-attempts.ts';
import { bodyWriter } from './write-bodies.ts';
import { fleetWriter } from './write-fleet.ts';
import { resultWriter } from './write-results.ts';
import { runWriter } from './write-runs.ts';

type Kind = Change['do'];
type Of<K extends Kind> = Extract<Change, { do: K }>;
type SmallKind = 'put_lane' | 'put_rank' | 'put_batch' | 'put_instance' | 'put_endpoint' | 'put_key';

/** A change with its place among those of the commit. A refused one is given back as it is. */
interface Step<K extends Kind> {
  readonly index: number;
  readonly change: Of<K>;
}

/**
 * Changes are applied table by table, in their order within each. No condition looks at another table than that of its
 * change, so the outcome is that of their order; but neighbours in a table share its pages, which saves a third of the time.
 */
interface Tables {
  /** By hash. */
  readonly bodies: Map<string, string>;
  readonly runs: Step<'insert_run' | 'update_run'>[];
  readonly attempts: Step<'insert_attempt' | 'end_attempt' | 'keep_answer'>[];
  readonly results: Step<'insert_result'>[];
  readonly publications: Of<'put_publication' | 'drop_publication'>[];
  readonly small: Of<SmallKind>[];
}

export class Commit {
  readonly #db;
  readonly #tallies;
  readonly #bodies;
  readonly #runs;
  readonly #attempts;
  readonly #results;
  readonly #fleet;
  readonly #crashpoint: CrashPoint;
  /** Batches of the runs of this commit, so that their attempts need not ask for them. */
  readonly #batches = new Map<number, string | null>();

  constructor(db: DatabaseSync, keys: BodyKeys, crashpoint: CrashPoint) {
    this.#db = db;
    this.#crashpoint = crashpoint;
    this.#tallies = new Tallies(db);
    this.#bodies = bodyWriter(db, keys);
    this.#runs = runWriter(db, this.#bodies, this.#tallies);
    this.#attempts = attemptWriter(db, this.#tallies);
    this.#results = resultWriter(db, this.#bodies);
    this.#fleet = fleetWriter(db);
  }

  /** Throws what SQLite throws; the connection is outside of any transaction afterwards, whatever happened. */
  run(changes: readonly Change[]): readonly Refused[] {
    const tables = byTable(changes);
    this.#tallies.forget();
    this.#batches.clear();
    // At once, so that a lock is met here and not halfway.
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      this.#bodies.begin();
      const refused = this.#apply(tables);
      if (refused.length > 0) return refused;
      this.#tallies.flush();
      this.#crashpoint('store.in_commit');
      this.#db.exec('COMMIT');
      this.#bodies.committed();
      return [];
    } finally {
      // After a refusal; and some errors roll back by themselves, the others leave the transaction open.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    }
  }

  /** After the first refusal it goes on only to find the others; what fails then may be a consequence and is no news. */
  #apply(tables: Tables): readonly Refused[] {
    const refused: Refused[] = [];
    try {
      this.#bodies.put(tables.bodies);
      for (const change of tables.small) this.#put(change);
      for (const step of tables.runs) if (!this.#applyRun(step.change)) refused.push(step);
      if (refused.length === 0) this.#insertSpecs(tables.runs);
      for (const step of tables.attempts) if (!this.#applyAttempt(step.change)) refused.push(step);
      for (const step of tables.results) if (!this.#results.insert(step.change.result)) refused.push(step);
      for (const change of tables.publications) this.#applyPublication(change);
    } catch (error) {
      if (refused.length === 0) throw error;
    }
    return refused.toSorted((a, b) => a.index - b.index);
  }

  #applyRun(change: Of<'insert_run' | 'update_run'>): boolean {
    this.#batches.set(change.run.id, change.run.batch);
    if (change.do === 'insert_run') return this.#runs.insert(change.run);
    return this.#runs.update(change.run, change.if_state, change.if_attempt);
  }

  #insertSpecs(steps: Tables['runs']): void {
    for (const { change } of steps)
      if (change.do === 'insert_run') this.#runs.insertSpec(change.run, change.spec);
  }

  #applyAttempt({ do: kind, attempt }: Of<'insert_attempt' | 'end_attempt' | 'keep_answer'>): boolean {
    if (kind === 'end_attempt') return this.#attempts.end(attempt, this.#batches.get(attempt.job));
    if (kind === 'keep_answer') return this.#attempts.keepAnswer(attempt, this.#batches.get(attempt.job));
    this.#attempts.insert(attempt);
    return true;
  }

  #applyPublication({ do: kind, publication }: Of<'put_publication' | 'drop_publication'>): void {
    if (kind === 'put_publication') this.#results.putPublication(publication);
    else this.#results.dropPublication(publication);
  }

  #put(change: Of<SmallKind>): void {
    switch (change.do) {
      case 'put_lane':
        return this.#fleet.putLane(change.lane);
      case 'put_rank':
        return this.#fleet.putRank(change.rank);
      case 'put_batch':
        return this.#fleet.putBatch(change.batch, change.created_at);
      case 'put_instance':
        return this.#fleet.putInstance(change.instance);
      case 'put_endpoint':
        return this.#fleet.putEndpoint(change.endpoint);
      case 'put_key':
        return this.#fleet.putKey(change.key);
    }
  }
}

function byTable(changes: readonly Change[]): Tables {
  const tables: Tables = {
    bodies: new Map(),
    runs: [],
    attempts: [],
    results: [],
    publications: [],
    small: [],
  };
  for (const [index, change] of changes.entries()) {
    switch (change.do) {
      case 'put_body':
        tables.bodies.set(change.sha256, change.body);
        break;
      case 'insert_run':
      case 'update_run':
        tables.runs.push({ index, change });
        break;
      case 'insert_attempt':
      case 'end_attempt':
      case 'keep_answer':
        tables.attempts.push({ index, change });
        break;
      case 'insert_result':
        tables.results.push({ index, change });
        break;
      case 'put_publication':
      case 'drop_publication':
        tables.publications.push(change);
        break;
      default:
        tables.small.push(change);
    }
  }
  return tables;
}
