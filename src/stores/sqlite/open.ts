/** Connections: one that writes, and one for each that reads. */
import { DatabaseSync } from 'node:sqlite';
import { Problem } from '../../core/errors.ts';
import type { Clock, Random } from '../../core/ports/clock.ts';
import type { CrashPoint } from '../../core/ports/crashpoint.ts';
import { markOpen, refuseWithoutLog } from './in-use.ts';
import { migrate, MIGRATIONS, schemaVersion, userVersion } from './migrations.ts';
import { hasDatabase, openError, refuseForeign, refuseOldSqlite } from './refusals.ts';

export interface OpenOptions {
  /** A file, or `:memory:`. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * What says that there was a database, in words for people: `.promptd/admin.key is there`. A missing or empty file is then
   * refused, since an empty one would ask again whatever was answered.
   */
  readonly expect_existing?: string | null;
  /** How long a statement waits for another program's lock. Turns stand still meanwhile. */
  readonly busy_timeout_ms?: number;
  /** A larger file is not read through before it is used. */
  readonly check_bytes_max?: number;
  /** See core/ports/crashpoint.ts. */
  readonly crashpoint?: CrashPoint;
  /** Replaced by tests of the refusal. */
  readonly sqlite_version?: string;
}

export const BUSY_TIMEOUT_MS = 2_000;
/** Seen: 200 MB in 0.12 s where the system has it in memory. A larger file is found damaged where the damage is met. */
const CHECK_BYTES_MAX = 256 * 1024 * 1024;
/** A reader makes no database. */
const READ = 'it is to be read';
/** Rows of a job are 2 to 4 KiB together, so larger pages mean fewer of them in the log of a large turn. */
const PAGE_BYTES = 8_192;
/** Kept in memory by the writer: the upper levels of all indexes of some million jobs. */
const WRITER_CACHE_KIB = 128 * 1024;
const READER_CACHE_KIB = 16 * 1024;
const MMAP_BYTES = 256 * 1024 * 1024;

/** Opens, and makes or migrates where that is to be done. Throws Problem StoreRefused or StoreBusy. */
export function openWriter(options: OpenOptions): DatabaseSync {
  const { path, busy_timeout_ms = BUSY_TIMEOUT_MS } = options;
  refuseOldSqlite(options.sqlite_version ?? process.versions['sqlite'] ?? 'unknown');
  return opening(path, () => {
    const expected = options.expect_existing ?? null;
    if (path !== ':memory:' && hasDatabase(path, expected)) {
      refuseWithoutLog(path);
      refuseForeign(path, expected, options.check_bytes_max ?? CHECK_BYTES_MAX);
    }
    return connect(path, { timeout: busy_timeout_ms, readOnly: false }, (db) => {
      setForWriting(db, path);
      migrate(db, (fresh) => fill(fresh, options), MIGRATIONS, options.crashpoint);
      if (path !== ':memory:') markOpen(path);
    });
  });
}

/** Opens for reading alone. Throws Problem StoreRefused where there is no database, or one of another schema. */
export function openReader(path: string): DatabaseSync {
  return opening(path, () => {
    hasDatabase(path, READ);
    refuseForeign(path, READ, 0);
    return connect(path, { timeout: BUSY_TIMEOUT_MS, readOnly: true }, (db) => {
      db.exec(
        `PRAGMA query_only = ON; PRAGMA cache_size = -${READER_CACHE_KIB}; PRAGMA mmap_size = ${MMAP_BYTES}`,
      );
      const version = userVersion(db);
      if (version === schemaVersion()) return;
      throw new Problem('StoreRefused', `${path} has schema ${version}, expected ${schemaVersion()}`, {
        hint: 'Start promptd serve on it once: that brings it to the newest schema.',
      });
    });
  });
}

function opening(path: string, open: () => DatabaseSync): DatabaseSync {
  try {
    return open();
  } catch (error) {
    throw openError(path, error);
  }
}

function connect(
  path: string,
  how: { readonly timeout: number; readonly readOnly: boolean },
  prepare: (db: DatabaseSync) => void,
): DatabaseSync {
  const db = new DatabaseSync(path, { ...how, enableForeignKeyConstraints: false, defensive: true });
  try {
    prepare(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function setForWriting(db: DatabaseSync, path: string): void {
  db.exec(`
    PRAGMA page_size = ${PAGE_BYTES};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA cache_size = -${WRITER_CACHE_KIB};
    PRAGMA mmap_size = ${MMAP_BYTES};
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
    -- So that INSERT OR REPLACE meets the triggers that refuse to delete.
    PRAGMA recursive_triggers = ON;
  `);
  if (path === ':memory:') return;
  must(db, path, 'journal_mode', 'wal');
  must(db, path, 'synchronous', 2);
  must(db, path, 'recursive_triggers', 1);
}

/** A pragma that cannot be met is passed over by SQLite without a word. */
function must(db: DatabaseSync, path: string, pragma: string, expected: string | number): void {
  const got = Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
  if (got === expected) return;
  throw new Problem('StoreRefused', `${path}: expected ${pragma} ${expected}, got ${String(got)}`, {
    hint: 'The file system may not support what a database needs (shared memory, locks): use a local disk.',
  });
}

function fill(db: DatabaseSync, { clock, random }: OpenOptions): void {
  const insert = db.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
  insert.run('store_id', random.id(16));
  insert.run('created_at', String(clock.now()));
}
