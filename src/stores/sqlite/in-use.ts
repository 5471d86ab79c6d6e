/**
 * `queue.db-open` stands beside a database while a promptd has it open, and stays there when that is killed. What was
 * committed last is then in the log alone, and SQLite opens a database whose log is gone as if nothing had ever been in it:
 * jobs that were answered for would be forgotten without a word.
 */
import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Problem } from '../../core/errors.ts';

const TEXT = `A server has this database open, or was killed while it had. What was committed last may stand in the
log beside it alone (its name ends in -wal). Do not remove that one; the next start takes it in.
`;

/** Throws Problem StoreRefused where the log of an earlier promptd is gone. */
export function refuseWithoutLog(path: string): void {
  if (!existsSync(markOf(path)) || existsSync(`${path}-wal`)) return;
  throw new Problem(
    'StoreRefused',
    `${path}-wal is missing: a server that did not stop in an orderly way left there what it had committed last`,
    {
      hint: `Nothing was changed. Put it back, or both files of a copy. Where another program has merged it (sqlite3 does when it closes), nothing is missing: remove ${markOf(path)}.`,
    },
  );
}

/** The log exists by now; both names are on disk when this returns. */
export function markOpen(path: string): void {
  writeFileSync(markOf(path), TEXT, { mode: 0o600 });
  syncFolderOf(path);
}

/** Before the log is merged and removed: in between, a kill leaves a log without the mark, never the other way round. */
export function unmark(path: string): void {
  rmSync(markOf(path), { force: true });
  syncFolderOf(path);
}

function markOf(path: string): string {
  return `${path}-open`;
}

function syncFolderOf(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
