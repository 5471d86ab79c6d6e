/** The ReadStore of core/ports/read-store.ts: a read-only connection of its own, which waits for no writer. */
import type { DatabaseSync } from 'node:sqlite';
import type {
  AnswerFileName,
  BatchRow,
  CountBy,
  CountRow,
  PublicationBody,
  PublicationPart,
  ReadStore,
  RunFilter,
  RunPage,
} from '../../core/ports/read-store.ts';
import type {
  AttemptRow,
  InstanceRow,
  KeyRow,
  PublicationRow,
  ResultRow,
  RunRow,
  SpecRow,
} from '../../core/rows.ts';
import { ATTEMPT_COLUMNS, attemptOf } from './attempt-rows.ts';
import { BodyKeys } from './body-keys.ts';
import { BatchLists } from './batch-lists.ts';
import { INSTANCE_COLUMNS, instanceOf, KEY_COLUMNS, keyOf } from './fleet-rows.ts';
import { openReader } from './open.ts';
import { Publications } from './publications.ts';
import { RunCounts } from './run-counts.ts';
import { RunLists } from './run-lists.ts';
import { RUN_COLUMNS, runOf } from './run-rows.ts';
import { RunSelection } from './run-selection.ts';
import { RESULT_COLUMNS, RESULT_JOIN, resultOf, SPEC_COLUMNS, SPEC_JOINS, specOf } from './spec-rows.ts';
import { storeId } from './start.ts';
import { numberOf, query, type Row } from './statement.ts';

/** Opens an existing database for reading. Throws Problem StoreRefused or StoreBusy. */
export function openReadStore(options: { readonly path: string }): ReadStore {
  const db = openReader(options.path);
  return new SqliteReadStore(db, () => db.close());
}

export class SqliteReadStore implements ReadStore {
  readonly store_id: string;
  readonly #statements;
  readonly #keys;
  readonly #lists;
  readonly #counts;
  readonly #batches;
  readonly #publications;
  #close: (() => void) | null;

  /** `close` ends the connection; it is called once at most. */
  constructor(db: DatabaseSync, close: () => void) {
    this.store_id = storeId(db);
    this.#statements = statementsOf(db);
    this.#keys = new BodyKeys(db);
    const selection = new RunSelection(db);
    this.#lists = new RunLists(db, selection);
    this.#counts = new RunCounts(db, selection);
    this.#batches = new BatchLists(db);
    this.#publications = new Publications(db, {
      runById: (id) => this.runById(id),
      attempts: (job) => this.attempts(job),
      body: (sha256) => this.body(sha256),
    });
    this.#close = close;
  }

  run(name: string, run: number | null): RunRow | null {
    const { latest, numbered } = this.#statements;
    return runOrNull(run === null ? latest.one(name) : numbered.one(name, run));
  }

  runById(id: number): RunRow | null {
    return runOrNull(this.#statements.byId.one(id));
  }

  runsOf(name: string, limit: number): readonly RunRow[] {
    return this.#statements.ofName.all(name, limit).map(runOf);
  }

  named(names: readonly string[]): ReadonlySet<string> {
    return new Set(this.#statements.named.all(JSON.stringify(names)).map(([name]) => name as string));
  }

  ofRuns(files: readonly AnswerFileName[]): readonly boolean[] {
    const known = files.map(() => false);
    const names = JSON.stringify(files.map(({ name }) => name));
    for (const [at, epoch] of this.#statements.epochs.all(names))
      if (files[at as number]?.epoch === epoch) known[at as number] = true;
    return known;
  }

  published(after: number, count: number): readonly string[] | null {
    const { lastId, published } = this.#statements;
    if (after >= (numberOf(lastId.one()) ?? 0)) return null;
    return published.all(after, after + count).map(([file]) => file as string);
  }

  runs(filter: RunFilter, limit: number, before: number | null): RunPage {
    return this.#lists.page(filter, limit, before);
  }

  counts(by: readonly CountBy[], filter: RunFilter): readonly CountRow[] {
    return this.#counts.counts(by, filter);
  }

  spec(job: number): SpecRow | null {
    const row = this.#statements.spec.one(job);
    return row === undefined ? null : specOf(row);
  }

  attempts(job: number): readonly AttemptRow[] {
    return this.#statements.attempts.all(job).map(attemptOf);
  }

  result(job: number): ResultRow | null {
    const row = this.#statements.result.one(job);
    return row === undefined ? null : resultOf(row);
  }

  body(sha256: string): string | null {
    let id = this.#keys.lookUp(sha256);
    if (id === null) {
      this.#keys.catchUp();
      id = this.#keys.lookUp(sha256);
    }
    return id === null ? null : ((this.#statements.body.one(id)?.[0] ?? null) as string | null);
  }

  leader(digest: string): RunRow | null {
    return runOrNull(this.#statements.leader.one(digest));
  }

  batches(limit: number): readonly BatchRow[] {
    return this.#batches.newest(limit);
  }

  batch(name: string): BatchRow | null {
    return this.#batches.one(name);
  }

  instances(): readonly InstanceRow[] {
    return this.#statements.instances.all().map(instanceOf);
  }

  key(id: string): KeyRow | null {
    const row = this.#statements.key.one(id);
    return row === undefined ? null : keyOf(row);
  }

  keys(): readonly KeyRow[] {
    return this.#statements.keys.all().map(keyOf);
  }

  publications(limit: number, part?: PublicationPart): readonly PublicationRow[] {
    return this.#publications.next(limit, part);
  }

  publicationBody(publication: PublicationRow): PublicationBody | null {
    return this.#publications.body(publication);
  }

  unpublished(): number {
    return this.#publications.count();
  }

  close(): void {
    this.#close?.();
    this.#close = null;
  }
}

function runOrNull(row: Row | undefined): RunRow | null {
  return row === undefined ? null : runOf(row);
}

/** Each with the index that serves it. */
function statementsOf(db: DatabaseSync) {
  const run = `SELECT ${RUN_COLUMNS} FROM jobs`;
  return {
    // jobs_by_name, both; the first reads no row behind it.
    named: query(
      db,
      'SELECT k.value FROM json_each(?) k WHERE EXISTS (SELECT 1 FROM jobs j WHERE j.name = k.value)',
    ),
    epochs: query(db, 'SELECT k.key, j.epoch FROM json_each(?) k CROSS JOIN jobs j ON j.name = k.value'),
    lastId: query(db, 'SELECT max(id) FROM jobs'),
    // The row id; to_publish_by_job. The name is that of resultFileName; put together elsewhere, it would be slow to compare.
    published: query(
      db,
      `SELECT epoch || '_' || name || '.json' FROM jobs WHERE id > ? AND id <= ? AND completed = 1
        AND NOT EXISTS (SELECT 1 FROM to_publish p WHERE p.job = jobs.id)`,
    ),
    // jobs_by_name, all three; from its end.
    latest: query(db, `${run} WHERE name = ? ORDER BY run DESC LIMIT 1`),
    numbered: query(db, `${run} WHERE name = ? AND run = ?`),
    ofName: query(db, `${run} WHERE name = ? ORDER BY run DESC LIMIT ?`),
    // The row id.
    byId: query(db, `${run} WHERE id = ?`),
    // jobs_leading.
    leader: query(db, `${run} WHERE digest = ? AND leads = 1 AND state <> 'completed'`),
    // Row ids.
    spec: query(db, `SELECT ${SPEC_COLUMNS} FROM specs s ${SPEC_JOINS} WHERE s.job = ?`),
    result: query(db, `SELECT ${RESULT_COLUMNS} FROM results r ${RESULT_JOIN} WHERE r.job = ?`),
    // The primary key.
    attempts: query(db, `SELECT ${ATTEMPT_COLUMNS} FROM attempts WHERE job = ? ORDER BY attempt`),
    // The row id.
    body: query(db, 'SELECT body FROM bodies WHERE id = ?'),
    // Tables of a few rows.
    instances: query(db, `SELECT ${INSTANCE_COLUMNS} FROM instances ORDER BY id`),
    key: query(db, `SELECT ${KEY_COLUMNS} FROM keys WHERE id = ?`),
    keys: query(db, `SELECT ${KEY_COLUMNS} FROM keys ORDER BY created_at, id`),
  };
}
