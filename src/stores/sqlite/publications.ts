/** What is still to be written to files, and all that such a file is made from. */
import type { DatabaseSync } from 'node:sqlite';
import type { PublicationBody, PublicationPart } from '../../core/ports/read-store.ts';
import type { AttemptRow, PublicationRow, ResultRow, RunRow } from '../../core/rows.ts';
import { PUBLICATION_COLUMNS, publicationOf } from './fleet-rows.ts';
import { RESULT_COLUMNS, RESULT_JOIN, resultOf, SPEC_COLUMNS, SPEC_JOINS, specOf } from './spec-rows.ts';
import { numberOf, query } from './statement.ts';

interface Rows {
  readonly runById: (id: number) => RunRow | null;
  readonly attempts: (job: number) => readonly AttemptRow[];
  readonly body: (sha256: string) => string | null;
}

export class Publications {
  readonly #rows;
  readonly #next;
  readonly #jobs;
  readonly #answers;
  readonly #count;
  readonly #spec;
  readonly #result;

  constructor(db: DatabaseSync, rows: Rows) {
    this.#rows = rows;
    // By row id, which is the order of insertion, and to_publish_by_job for what must wait for its job file.
    this.#next = query(
      db,
      `SELECT ${PUBLICATION_COLUMNS} FROM to_publish p
       WHERE kind = 'job' OR NOT EXISTS (
         SELECT 1 FROM to_publish f WHERE f.job = p.job AND f.kind = 'job' AND f.seq > p.seq)
       ORDER BY seq LIMIT ?`,
    );
    // Both by row id, the second with to_publish_by_job: past what waits of the other kind.
    this.#jobs = query(
      db,
      `SELECT ${PUBLICATION_COLUMNS} FROM to_publish p WHERE kind = 'job' ORDER BY seq LIMIT ?`,
    );
    this.#answers = query(
      db,
      `SELECT ${PUBLICATION_COLUMNS} FROM to_publish p
       WHERE kind <> 'job' AND NOT EXISTS (SELECT 1 FROM to_publish f WHERE f.job = p.job AND f.kind = 'job')
       ORDER BY seq LIMIT ?`,
    );
    // By the smaller of its two trees.
    this.#count = query(db, 'SELECT count(*) FROM to_publish');
    // By row id, all of them.
    this.#spec = query(
      db,
      `SELECT ${SPEC_COLUMNS}, sb.body, pb.body FROM specs s ${SPEC_JOINS} WHERE s.job = ?`,
    );
    this.#result = query(
      db,
      `SELECT ${RESULT_COLUMNS}, tb.body FROM results r ${RESULT_JOIN} WHERE r.job = ?`,
    );
  }

  next(limit: number, part?: PublicationPart): readonly PublicationRow[] {
    const rows = part === undefined ? this.#next : part === 'jobs' ? this.#jobs : this.#answers;
    return rows.all(limit).map(publicationOf);
  }

  count(): number {
    return numberOf(this.#count.one()) ?? 0;
  }

  body(publication: PublicationRow): PublicationBody | null {
    const run = this.#rows.runById(publication.job);
    const row = this.#spec.one(publication.job);
    if (run === null || row === undefined) return null;
    const spec = specOf(row);
    const result = this.#result.one(publication.job);
    const attempts = this.#rows.attempts(run.id);
    const answer = result === undefined ? null : resultOf(result);
    const made = madePrompt(publication, answer, attempts);
    const source = run.answered_by === null ? null : this.#rows.runById(run.answered_by);
    return {
      publication,
      run,
      spec: made === null ? spec : { ...spec, prompt_sha256: made },
      spec_body: row[7] as string,
      prompt_body: made === null ? (row[8] as string) : (this.#rows.body(made) ?? ''),
      result: answer === null || result === undefined ? null : { ...answer, text: result[7] as string },
      answered_by: source === null ? null : { name: source.name, run: source.run },
      attempts,
    };
  }
}

/** The prompt that scripts made: for the attempt that answered, else for the last one of those that a file tells of. */
function madePrompt(
  { kind, epoch }: PublicationRow,
  result: ResultRow | null,
  attempts: readonly AttemptRow[],
): string | null {
  if (kind === 'result') return result?.meta.prompt_sha256 ?? null;
  // A job's file says what was given.
  if (kind === 'job') return null;
  const until = epoch ?? 0;
  const told = attempts.filter((one) => one.started_at <= until && one.prompt_sha256 !== null);
  return told.at(-1)?.prompt_sha256 ?? null;
}
