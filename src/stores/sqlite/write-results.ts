/** Answers and what is still to be written to files from them. */
import type { DatabaseSync } from 'node:sqlite';
import type { PublicationRow, ResultRow } from '../../core/rows.ts';
import { violatesUnique } from './errors.ts';
import { write } from './statement.ts';
import type { BodyWriter } from './write-bodies.ts';

export interface ResultWriter {
  /** False where the run has a result. */
  insert(result: ResultRow): boolean;
  putPublication(publication: PublicationRow): void;
  dropPublication(publication: PublicationRow): void;
}

export function resultWriter(db: DatabaseSync, bodies: BodyWriter): ResultWriter {
  // By row id, which is the run's.
  const insert = write(
    db,
    'INSERT INTO results (job, epoch, attempt, text, text_bytes, meta, accepted_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  // Both by to_publish_by_job.
  const put = write(
    db,
    'INSERT INTO to_publish (kind, job, epoch) VALUES (?, ?, ?) ON CONFLICT (job, kind, epoch) DO NOTHING',
  );
  const drop = write(db, 'DELETE FROM to_publish WHERE job = ? AND kind = ? AND epoch = ?');

  return {
    insert(result) {
      const { job, epoch, attempt, text_bytes, accepted_at } = result;
      const text = bodies.idOf(result.text_sha256);
      try {
        insert.run(job, epoch, attempt, text, text_bytes, JSON.stringify(result.meta), accepted_at);
        return true;
      } catch (error) {
        if (violatesUnique(error, 'results.job')) return false;
        throw error;
      }
    },
    putPublication: ({ kind, job, epoch }) => void put.run(kind, job, epoch ?? 0),
    dropPublication: ({ kind, job, epoch }) => void drop.run(job, kind, epoch ?? 0),
  };
}
