/** Versions of the schema, in order. What was released is never edited: a change is the next version. */
import type { DatabaseSync } from 'node:sqlite';
import type { CrashPoint } from '../../core/ports/crashpoint.ts';
import { SCHEMA_1 } from './schema-1.ts';
import { SCHEMA_2 } from './schema-2.ts';

export interface Migration {
  readonly version: number;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: SCHEMA_1 },
  { version: 2, sql: SCHEMA_2 },
];

/** In the header of the file, so that `file` and SQLite's own tools tell whose database it is: "prmd". */
export const APPLICATION_ID = 0x70726d64;

/** The schema that this program reads and writes. */
export function schemaVersion(migrations: readonly Migration[] = MIGRATIONS): number {
  return migrations.at(-1)?.version ?? 0;
}

/**
 * Brings a database to the newest schema in one transaction: after a crash in the middle of it the old one stands.
 * `fill` writes what a new database is born with.
 */
export function migrate(
  db: DatabaseSync,
  fill: (db: DatabaseSync) => void,
  migrations: readonly Migration[] = MIGRATIONS,
  crashpoint: CrashPoint = () => undefined,
): void {
  const from = userVersion(db);
  const missing = migrations.filter(({ version }) => version > from);
  if (missing.length === 0) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const { sql } of missing) db.exec(sql);
    if (from === 0) fill(db);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.exec(`PRAGMA user_version = ${schemaVersion(migrations)}`);
    crashpoint('store.in_migration');
    db.exec('COMMIT');
    crashpoint('store.after_migration');
  } finally {
    if (db.isTransaction) db.exec('ROLLBACK');
  }
}

export function userVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}
