/** Texts stored once by their hash. Other rows name them by row id, which is remembered for the length of a commit. */
import type { DatabaseSync } from 'node:sqlite';
import { StoreConstraintError } from '../../core/ports/store.ts';
import { numberOf, query, write } from './statement.ts';

export interface BodyWriter {
  put(sha256: string, body: string): void;
  /** The row id of a body. Throws StoreConstraintError where nobody stored it. */
  idOf(sha256: string): number;
  /** To be called when a commit begins: what an earlier one put may have been rolled back. */
  forget(): void;
}

export function bodyWriter(db: DatabaseSync): BodyWriter {
  // Both by bodies_by_sha256.
  const insert = write(db, 'INSERT INTO bodies (sha256, body) VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING');
  const find = query(db, 'SELECT id FROM bodies WHERE sha256 = ?');
  const ids = new Map<string, number>();

  function lookUp(sha256: string): number {
    const id = numberOf(find.one(Buffer.from(sha256, 'hex')));
    if (id === null)
      throw new StoreConstraintError(`no body with the SHA-256 ${sha256} was put before it is named`);
    ids.set(sha256, id);
    return id;
  }

  return {
    put(sha256, body) {
      if (ids.has(sha256)) return;
      const done = insert.run(Buffer.from(sha256, 'hex'), body);
      if (done.changes === 1) ids.set(sha256, Number(done.lastInsertRowid));
    },
    idOf: (sha256) => ids.get(sha256) ?? lookUp(sha256),
    forget: () => ids.clear(),
  };
}
