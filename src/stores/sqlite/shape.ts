/** Whether a database has what its schema version promises: a build between two releases may have written another one. */
import { DatabaseSync } from 'node:sqlite';
import { MIGRATIONS } from './migrations.ts';
import { query } from './statement.ts';

/** Tables with their columns, indexes and triggers, each in words: `table jobs`, `column jobs.id`. Not how they are written. */
const PARTS = `
  SELECT type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'
  UNION ALL
  SELECT 'column ' || m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'`;

/** The first thing of a schema that is missing, null where all is there. What is there beyond it does no harm. */
export function missingFrom(db: DatabaseSync, version: number): string | null {
  const found = new Set(partsOf(db));
  return expectedParts(version).find((part) => !found.has(part)) ?? null;
}

function expectedParts(version: number): readonly string[] {
  const db = new DatabaseSync(':memory:');
  try {
    for (const migration of MIGRATIONS) if (migration.version <= version) db.exec(migration.sql);
    return partsOf(db);
  } finally {
    db.close();
  }
}

function partsOf(db: DatabaseSync): readonly string[] {
  return query(db, PARTS)
    .all()
    .map(([part]) => String(part));
}
