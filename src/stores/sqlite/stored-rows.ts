/**
 * The whole database read through, row by row, by whoever checks it: each step is one short statement on a row id or an
 * index, so that no log is pinned and no memory filled beside a server that writes.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { AnswerMeta, PublicationKind } from '../../core/rows.ts';
import type { RunState } from '../../core/states.ts';
import type { StoredRun } from '../../core/verification.ts';
import { BodyKeys } from './body-keys.ts';
import { openReader } from './open.ts';
import { fromJson, hexOf, query, type Row } from './statement.ts';

export interface StoredBody {
  readonly id: number;
  /** Under which it is stored, hex. */
  readonly sha256: string;
  readonly text: string;
}

const END_COLUMNS = `j.id, j.name, j.run, j.state, j.source, j.digest, s.request, j.epoch, j.last_epoch,
  r.job, r.attempt, b.sha256, r.text_bytes, octet_length(b.body), r.meta`;
const END_JOINS = `jobs j LEFT JOIN specs s ON s.job = j.id LEFT JOIN results r ON r.job = j.id
  LEFT JOIN bodies b ON b.id = r.text`;

/** Throws Problem StoreRefused or StoreBusy. */
export function openStoredRows(path: string): StoredRows {
  return new StoredRows(openReader(path));
}

export class StoredRows {
  readonly #db: DatabaseSync;
  readonly #keys: BodyKeys;
  readonly #body;
  readonly #ends;
  readonly #end;
  readonly #users;
  readonly #waiting;
  readonly #anyWaiting;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#keys = new BodyKeys(db);
    // By row id, both.
    this.#body = query(db, 'SELECT id, sha256, body FROM bodies WHERE id > ? ORDER BY id LIMIT 1');
    this.#ends = query(
      db,
      `SELECT ${END_COLUMNS} FROM ${END_JOINS} WHERE j.id > ?
       AND (j.state = 'completed' OR j.state = 'failed' OR j.state = 'cancelled') ORDER BY j.id LIMIT ?`,
    );
    // By jobs_by_name.
    this.#end = query(db, `SELECT ${END_COLUMNS} FROM ${END_JOINS} WHERE j.name = ? AND j.run = ?`);
    // No index: asked for damaged texts only.
    this.#users = query(
      db,
      `SELECT j.name, j.run FROM results r JOIN jobs j ON j.id = r.job WHERE r.text = ?1
       UNION SELECT j.name, j.run FROM specs s JOIN jobs j ON j.id = s.job WHERE s.spec = ?1 OR s.prompt = ?1
       ORDER BY 1, 2 LIMIT 3`,
    );
    // By to_publish_by_job.
    this.#waiting = query(db, 'SELECT 1 FROM to_publish WHERE job = ? AND kind = ?');
    this.#anyWaiting = query(db, 'SELECT 1 FROM to_publish LIMIT 1');
  }

  /** The first body behind a row id; null behind the last. */
  bodyAfter(id: number): StoredBody | null {
    const row = this.#body.one(id);
    return row === undefined ? null : { id: row[0] as number, sha256: hexOf(row[1]), text: row[2] as string };
  }

  /** Runs that ended, by id, behind one. */
  endsAfter(job: number, limit: number): readonly StoredRun[] {
    return this.#ends.all(job, limit).map(endOf);
  }

  /** Null where the run is not known; it may not have ended. */
  run(name: string, run: number): StoredRun | null {
    const row = this.#end.one(name, run);
    return row === undefined ? null : endOf(row);
  }

  hasBody(sha256: string): boolean {
    if (this.#keys.lookUp(sha256) !== null) return true;
    this.#keys.catchUp();
    return this.#keys.lookUp(sha256) !== null;
  }

  /** Some of the runs that a text belongs to: `faq-17@1`. */
  usersOf(body: number): readonly string[] {
    return this.#users.all(body).map(([name, run]) => `${String(name)}@${String(run)}`);
  }

  /** Whether a file of the run is still to be written. */
  isWaiting(job: number, kind: PublicationKind): boolean {
    return this.#waiting.one(job, kind) !== undefined;
  }

  anyWaiting(): boolean {
    return this.#anyWaiting.one() !== undefined;
  }

  close(): void {
    this.#db.close();
  }
}

function endOf(row: Row): StoredRun {
  return {
    job: row[0] as number,
    name: row[1] as string,
    run: row[2] as number,
    state: row[3] as RunState,
    source: row[4] as string,
    digest: row[5] as string,
    request: row[6] as string | null,
    epoch: row[7] as number | null,
    last_epoch: row[8] as number,
    result: row[9] === null ? null : resultOf(row),
  };
}

function resultOf(row: Row): StoredRun['result'] {
  const meta = fromJson<AnswerMeta>(row[14]);
  return {
    attempt: row[10] as number,
    text_sha256: row[11] === null ? null : hexOf(row[11]),
    text_bytes: row[12] as number,
    stored_bytes: row[13] as number | null,
    files: meta?.files ?? [],
    prompt_sha256: meta?.prompt_sha256 ?? null,
  };
}
