/** What SQLite's result codes mean to a scheduler (https://www.sqlite.org/rescode.html). */
import { messageOf, Problem } from '../../core/errors.ts';
import { StoreBusyError, StoreConstraintError, StoreFullError } from '../../core/ports/store.ts';

export const SQLITE = {
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  TOOBIG: 18,
  CONSTRAINT: 19,
  MISMATCH: 20,
  NOTADB: 26,
  IOERR_FSYNC: 1034,
  IOERR_DIR_FSYNC: 1290,
  CONSTRAINT_PRIMARYKEY: 1555,
  CONSTRAINT_UNIQUE: 2067,
} as const;

/** The extended result code of an error of node:sqlite; null for any other error. */
function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null;
  return typeof error.errcode === 'number' ? error.errcode : null;
}

/** Without what is added to a code in its higher bytes. */
export function primaryCode(error: unknown): number | null {
  const code = sqliteCode(error);
  return code === null ? null : code & 0xff;
}

/** Whether a unique index over these columns (`jobs.name, jobs.run`) refused. */
export function violatesUnique(error: unknown, columns: string): boolean {
  const code = sqliteCode(error);
  if (code !== SQLITE.CONSTRAINT_UNIQUE && code !== SQLITE.CONSTRAINT_PRIMARYKEY) return false;
  return error instanceof Error && error.message === `UNIQUE constraint failed: ${columns}`;
}

/** Free space as the store sees it. SQLite reports a full disk under several codes, so the space decides. */
export interface Space {
  readonly free_bytes: number;
  readonly floor_bytes: number;
}

/**
 * The error of the port that a failed commit is; the error itself where it is fatal. A failed fsync is always fatal: what
 * the kernel did with the pages is unknown, and SQLite would let the next commit succeed.
 */
export function commitError(error: unknown, space: () => Space): unknown {
  // A Problem is damage, which no waiting mends.
  if (error instanceof StoreConstraintError || error instanceof Problem) return error;
  const code = sqliteCode(error);
  if (code === null) {
    // Not SQLite's: a value that cannot be bound, or JSON that cannot be written. The same changes would fail again.
    return new StoreConstraintError(`a change cannot be written: ${messageOf(error)}`, { cause: error });
  }
  switch (code & 0xff) {
    case SQLITE.FULL:
    case SQLITE.READONLY:
      return new StoreFullError(`the database cannot grow: ${messageOf(error)}`, { cause: error });
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return new StoreBusyError(`another program holds the database: ${messageOf(error)}`, { cause: error });
    case SQLITE.CONSTRAINT:
    case SQLITE.MISMATCH:
    case SQLITE.TOOBIG:
      return new StoreConstraintError(messageOf(error), { cause: error });
    case SQLITE.IOERR:
      return ioError(error, code, space);
    default:
      return error;
  }
}

function ioError(error: unknown, code: number, space: () => Space): unknown {
  if (code === SQLITE.IOERR_FSYNC || code === SQLITE.IOERR_DIR_FSYNC) return error;
  const { free_bytes, floor_bytes } = space();
  if (free_bytes >= floor_bytes) return error;
  const what = `${messageOf(error)}, with ${free_bytes} bytes free where at least ${floor_bytes} are needed`;
  return new StoreFullError(what, { cause: error });
}
