/**
 * Where the body with a hash lies.
 *
 * Hashes fall anywhere in an index, so keeping one up to date in every turn dirties a page for each body: a third of all
 * that a job costs, and more as the database grows. Bodies are only ever appended, so the index on disk (`body_keys`) may
 * end at some row: the newest ones, its tail, are found in memory, by whoever opens the database reading their hashes
 * once. `tidy` files the tail outside turns, in the order of the keys, which fills each page with many at a time.
 */
import type { DatabaseSync } from 'node:sqlite';
import { hexOf, numberOf, query, type Query, write } from './statement.ts';

/** Bodies that may be unfiled. Filing so many takes about a tenth of a second, and reading their hashes half of that. */
export const BODY_TAIL_MAX = 50_000;

/** The beginning of a hash as an integer that JSON and SQLite carry exactly. Two bodies may share it, and never a hash. */
function keyOf(sha256: string): number {
  return Number.parseInt(sha256.slice(0, 12), 16);
}

export class BodyKeys {
  readonly #filed: Query;
  readonly #allFiled: Query;
  readonly #filedUntil: Query;
  readonly #after: Query;
  /** Bodies with greater ids than those known to be filed, by hash. */
  readonly #tail = new Map<string, number>();
  #until = 0;
  /** Every body up to this id is filed or in the tail. */
  #seen = 0;

  constructor(db: DatabaseSync) {
    // By primary key, then by row id.
    this.#filed = query(
      db,
      'SELECT b.id FROM body_keys k CROSS JOIN bodies b ON b.id = k.body WHERE k.key = ? AND b.sha256 = ?',
    );
    this.#allFiled = query(
      db,
      `SELECT b.id, b.sha256 FROM json_each(?) j CROSS JOIN body_keys k ON k.key = j.value
       CROSS JOIN bodies b ON b.id = k.body`,
    );
    this.#filedUntil = query(db, `SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'bodies_filed'`);
    // By row id; the hash stands before the text, whose further pages are not read.
    this.#after = query(db, 'SELECT id, sha256 FROM bodies WHERE id > ? ORDER BY id');
  }

  get tail_size(): number {
    return this.#tail.size;
  }

  /** The row id of a body; null where there is none among those filed or caught up with. */
  lookUp(sha256: string): number | null {
    const recent = this.#tail.get(sha256);
    if (recent !== undefined) return recent;
    return numberOf(this.#filed.one(keyOf(sha256), Buffer.from(sha256, 'hex')));
  }

  /** {@link lookUp} for many at once: those that are missing are not there. */
  lookUpAll(hashes: Iterable<string>): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    const keys: number[] = [];
    for (const sha256 of hashes) {
      const recent = this.#tail.get(sha256);
      if (recent === undefined) keys.push(keyOf(sha256));
      else found.set(sha256, recent);
    }
    // Bodies of the same key that nobody asked for do no harm here.
    if (keys.length > 0) {
      for (const [id, sha256] of this.#allFiled.all(JSON.stringify(keys)))
        found.set(hexOf(sha256), id as number);
    }
    return found;
  }

  /** Learns what others committed. Not to be called between a write and its commit: it would learn what may be undone. */
  catchUp(): void {
    const filed = numberOf(this.#filedUntil.one()) ?? 0;
    if (filed > this.#until) {
      for (const [sha256, id] of this.#tail) if (id <= filed) this.#tail.delete(sha256);
      this.#until = filed;
    }
    for (const [id, sha256] of this.#after.all(Math.max(this.#seen, filed)))
      this.add(hexOf(sha256), id as number);
  }

  /** A body that was committed. */
  add(sha256: string, id: number): void {
    this.#tail.set(sha256, id);
    if (id > this.#seen) this.#seen = id;
  }

  /** The tail in the order of its keys, for {@link bodyFiler}. */
  sortedTail(): { readonly until: number; readonly keys: readonly (readonly [key: number, body: number])[] } {
    const keys = [...this.#tail].map(([sha256, id]) => [keyOf(sha256), id] as const);
    return { until: this.#seen, keys: keys.toSorted((a, b) => a[0] - b[0]) };
  }

  /** Its tail was filed. */
  forgetTail(): void {
    this.#tail.clear();
  }
}

/** Files the tail of the writer in a transaction of its own. Throws what SQLite throws, and has changed nothing then. */
export function bodyFiler(db: DatabaseSync, keys: BodyKeys): () => void {
  const insert = write(db, 'INSERT OR IGNORE INTO body_keys (key, body) VALUES (?, ?)');
  const setUntil = write(db, `INSERT OR REPLACE INTO meta (key, value) VALUES ('bodies_filed', ?)`);
  return () => {
    db.exec('BEGIN IMMEDIATE');
    try {
      keys.catchUp();
      const tail = keys.sortedTail();
      for (const [key, body] of tail.keys) insert.run(key, body);
      setUntil.run(String(tail.until));
      db.exec('COMMIT');
      keys.forgetTail();
    } finally {
      if (db.isTransaction) db.exec('ROLLBACK');
    }
  };
}
