/** Texts stored once by their hash. Other rows name them by row id. */
import type { DatabaseSync } from 'node:sqlite';
import { StoreConstraintError } from '../../core/ports/store.ts';
import type { BodyKeys } from './body-keys.ts';
import { write } from './statement.ts';

export interface BodyWriter {
  /** In the transaction, before anything else: what was put in one that came to nothing is forgotten. */
  begin(): void;
  /** Texts by their hashes. What is there already is left alone. */
  put(bodies: ReadonlyMap<string, string>): void;
  /** The row id of a body. Throws StoreConstraintError where nobody stored it. */
  idOf(sha256: string): number;
  /** After the commit: what was put stands. */
  committed(): void;
}

export function bodyWriter(db: DatabaseSync, keys: BodyKeys): BodyWriter {
  const insert = write(db, 'INSERT INTO bodies (sha256, body) VALUES (?, ?)');
  /** Of this commit: all that were put, and of them those that were not there. */
  const ids = new Map<string, number>();
  const fresh: (readonly [sha256: string, id: number])[] = [];

  return {
    begin() {
      ids.clear();
      fresh.length = 0;
      keys.catchUp();
    },
    put(bodies) {
      if (bodies.size === 0) return;
      const known = keys.lookUpAll(bodies.keys());
      for (const [sha256, body] of bodies) {
        const stored = known.get(sha256);
        const id = stored ?? Number(insert.run(Buffer.from(sha256, 'hex'), body).lastInsertRowid);
        if (stored === undefined) fresh.push([sha256, id]);
        ids.set(sha256, id);
      }
    },
    idOf(sha256) {
      const id = ids.get(sha256) ?? keys.lookUp(sha256);
      if (id !== null) return id;
      throw new StoreConstraintError(`no body with the SHA-256 ${sha256} was put before it is named`);
    },
    committed() {
      for (const [sha256, id] of fresh) keys.add(sha256, id);
    },
  };
}
