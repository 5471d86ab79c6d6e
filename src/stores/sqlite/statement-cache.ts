/** Statements whose text depends on a filter: there are few texts, so each is prepared once and the last used are kept. */
import type { DatabaseSync } from 'node:sqlite';
import { query, type Query } from './statement.ts';

const STATEMENTS_MAX = 200;

export class StatementCache {
  readonly #db;
  readonly #queries = new Map<string, Query>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  get(sql: string): Query {
    const known = this.#queries.get(sql);
    if (known !== undefined) return known;
    const [oldest] = this.#queries.keys();
    if (oldest !== undefined && this.#queries.size >= STATEMENTS_MAX) this.#queries.delete(oldest);
    const made = query(this.#db, sql);
    this.#queries.set(sql, made);
    return made;
  }
}
