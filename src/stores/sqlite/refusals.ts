/**
 * What is looked at before a database is opened for writing. Each refusal leaves every byte as it was: a database that
 * does not open is never replaced by an empty one.
 */
import { closeSync, openSync, readSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { messageOf, Problem } from '../../core/errors.ts';
import { primaryCode, SQLITE } from './errors.ts';
import { APPLICATION_ID, schemaVersion, userVersion } from './migrations.ts';
import { missingFrom } from './shape.ts';

/** Older ones have a bug in the WAL that loses commits (https://www.sqlite.org/wal.html, "the WAL-reset bug"). */
const SQLITE_MIN = '3.51.3';

/** Less than what a first transaction needs: then an I/O error is a full disk. */
const ROOM_BYTES = 1024 * 1024;

const MAGIC = 'SQLite format 3\0';
/** An empty database knows of no answer: whoever wants one has to take the answers away, too. */
function restore(path: string): string {
  return `Nothing was changed. Put back a copy of it. Without one, move what is left of it away, and make one from results/ and ended/: promptd rebuild. To begin anew, move ${dirname(path)}, results/ and ended/ away together: an empty database would ask again, and pay again, for every answer in them.`;
}

export function refuseOldSqlite(version: string): void {
  const [have, need] = [parts(version), parts(SQLITE_MIN)];
  const differs = need.findIndex((part, at) => (have[at] ?? 0) !== part);
  if (differs === -1 || (have[differs] ?? 0) > (need[differs] ?? 0)) return;
  throw new Problem(
    'StoreRefused',
    `SQLite ${version} can lose commits; promptd needs ${SQLITE_MIN} or later`,
    {
      hint: 'Use Node 24.15 or later, for example: npx -y -p node@24 -p promptd promptd.',
    },
  );
}

function parts(version: string): readonly number[] {
  return version.split('.').map(Number);
}

/**
 * Whether there is a database with content at `path`. Throws Problem StoreRefused where there should be one and is none,
 * or where what is there is none. `expected`: what says that a database was here, null where nothing does.
 */
export function hasDatabase(path: string, expected: string | null): boolean {
  const size = sizeOf(path);
  const log = sizeOf(`${path}-wal`) ?? 0;
  if (size === null || size === 0) {
    const what = size === null ? 'is missing' : 'is empty (0 bytes)';
    if (log > 0) throw refused(path, `${what}, but its log of ${log} bytes (${path}-wal) is there`);
    if (expected !== null) throw refused(path, `${what}, but this workspace had one: ${expected}`);
    return false;
  }
  const head = headOf(path);
  if (head.toString('latin1', 0, 16) !== MAGIC) {
    throw refused(
      path,
      `is no SQLite database: expected it to begin with "SQLite format 3", got ${printable(head)}`,
    );
  }
  return true;
}

/**
 * Asks a read-only connection whose database it is, so that a newer one is not touched even by a checkpoint; and whether it
 * is sound, where the file is not larger than `check_bytes_max`.
 */
export function refuseForeign(path: string, expected: string | null, check_bytes_max: number): void {
  const db = new DatabaseSync(lookAt(path), { readOnly: true, timeout: 2_000 });
  try {
    const version = userVersion(db);
    const application = Number(db.prepare('PRAGMA application_id').get()?.['application_id'] ?? 0);
    const tables = Number(db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables'] ?? 0);
    if (application === 0 && version === 0 && tables === 0) {
      // A first start that was killed before its first commit leaves this.
      if (expected !== null) throw refused(path, `has no tables, but this workspace had some: ${expected}`);
      return;
    }
    if (application !== APPLICATION_ID) {
      throw refused(path, `is a database of another program (application id ${application})`);
    }
    if (version > schemaVersion()) {
      throw new Problem(
        'StoreRefused',
        `${path} has schema ${version}, and this promptd knows schemas up to ${schemaVersion()}`,
        { hint: 'It was not touched. Use the promptd that wrote it, or a later one.' },
      );
    }
    refuseDamaged(db, path, check_bytes_max);
    const missing = missingFrom(db, version);
    if (missing !== null) {
      throw refused(
        path,
        `says that it has schema ${version}, but it has no ${missing}: another build made it`,
      );
    }
  } finally {
    db.close();
  }
}

/**
 * Reads the database through where it is small enough: a page that turned to garbage is found before anything is built on
 * what the others say.
 */
function refuseDamaged(db: DatabaseSync, path: string, bytes_max: number): void {
  if ((sizeOf(path) ?? 0) > bytes_max) return;
  const found = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found !== 'ok') throw refused(path, `is damaged: ${String(found).replaceAll('\n', ' ')}`);
}

/** Where there is no log to heed, the file is read as it is: SQLite then makes no file beside it either. */
function lookAt(path: string): URL | string {
  if ((sizeOf(`${path}-wal`) ?? 0) > 0) return path;
  const url = pathToFileURL(path);
  url.search = 'immutable=1';
  return url;
}

/** The Problem of an error while opening; other errors as they are. */
export function openError(path: string, error: unknown): unknown {
  if (error instanceof Problem) return error;
  const detail = messageOf(error);
  switch (primaryCode(error)) {
    case SQLITE.NOTADB:
    case SQLITE.CORRUPT:
      return damageOr(path, error);
    case SQLITE.FULL:
      return noRoom(path, error);
    case SQLITE.IOERR:
      // What is written at an opening (locks, the log's index) fails like this on a full disk.
      return freeBytesOf(path) < ROOM_BYTES ? noRoom(path, error) : unreadable(path, error);
    case SQLITE.CANTOPEN:
    case SQLITE.READONLY:
      return new Problem('StoreRefused', `${path} cannot be opened: ${detail}`, {
        hint: 'Look at the permissions of the file, of its folder, and of the -wal and -shm files beside it. SQLite writes beside what it reads: of a disk that cannot be written, read a copy.',
        cause: error,
      });
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return new Problem('StoreBusy', `${path} is held by another program: ${detail}`, { cause: error });
    default:
      return error;
  }
}

function noRoom(path: string, cause: unknown): Problem {
  return new Problem('DiskLow', `The disk has no room left to open ${path}`, {
    hint: 'Free some space, then start it again. What was accepted before is safe.',
    cause,
  });
}

function unreadable(path: string, cause: unknown): Problem {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new Problem('StoreRefused', `${path} cannot be read or written: ${detail}`, {
    hint: 'Nothing was changed. Look at the disk (the log of the kernel says what it met), then start again.',
    cause,
  });
}

/** Free space on the disk of a file that may not be there yet. */
export function freeBytesOf(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize;
}

/** The Problem of an error that tells of damage, whenever that is met; other errors as they are. */
export function damageOr(path: string, error: unknown): unknown {
  const code = primaryCode(error);
  if (code !== SQLITE.CORRUPT && code !== SQLITE.NOTADB) return error;
  return refused(path, `is damaged: ${messageOf(error)}`, error);
}

/**
 * Throws Problem StoreRefused where the file that is open no longer stands under its name: what is written to it would be
 * gone with this process. `opened` is what {@link identityOf} gave when it was opened.
 */
export function refuseMoved(path: string, opened: string): void {
  const now = identityOf(path);
  if (now === opened) return;
  throw refused(path, `was ${now === null ? 'removed' : 'replaced'} while it was in use`);
}

/** Which file stands under a name; null where none does. */
export function identityOf(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? null : `${stats.dev}:${stats.ino}`;
}

function refused(path: string, what: string, cause?: unknown): Problem {
  return new Problem('StoreRefused', `${path} ${what}`, { hint: restore(path), cause });
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

function headOf(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(16);
    return head.subarray(0, readSync(file, head, 0, head.length, 0));
  } finally {
    closeSync(file);
  }
}

function printable(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1'));
}
