/** Prepared statements, each made once for a connection. Rows come as arrays: half the cost of objects, and of one shape. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';

export type Row = readonly SQLOutputValue[];

/** A statement that reads. Each call finishes before it returns, so nothing pins the log. */
export interface Query {
  all(...values: SQLInputValue[]): readonly Row[];
  one(...values: SQLInputValue[]): Row | undefined;
}

export function query(db: DatabaseSync, sql: string): Query {
  const statement = db.prepare(sql, { returnArrays: true });
  return {
    all: (...values) => statement.all(...values) as unknown as readonly Row[],
    one: (...values) => statement.get(...values) as unknown as Row | undefined,
  };
}

/** A statement that writes; `run(...)` gives `{changes, lastInsertRowid}`. */
export function write(db: DatabaseSync, sql: string): StatementSync {
  return db.prepare(sql);
}

/** The one number of a statement that gives one row with one column; null where it is NULL or there is no row. */
export function numberOf(found: Row | undefined): number | null {
  return (found?.[0] ?? null) as number | null;
}

/** JSON text of a value, and NULL for null. */
export function jsonOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

/** The inverse of {@link jsonOrNull}. The caller says what was stored there. */
export function fromJson<T>(text: SQLOutputValue | undefined): T | null {
  return typeof text === 'string' ? (JSON.parse(text) as T) : null;
}

export function hexOf(blob: SQLOutputValue | undefined): string {
  const bytes = blob as Uint8Array;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
