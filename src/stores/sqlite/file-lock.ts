/**
 * One holder for a workspace, one for a spool: an SQLite file held exclusively. The kernel frees it when its holder ends,
 * however it ends; nothing has to be cleaned up, and no pid has to be believed.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openError } from './refusals.ts';

export interface Lock {
  release(): void;
}

/** Null where somebody else holds it. Throws a Problem where the disk has no room, or does not do what it should. */
export function tryLock(path: string): Lock | null {
  mkdirSync(dirname(path), { recursive: true });
  const db = openedAt(path);
  try {
    db.exec(
      'PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (at INTEGER); COMMIT; BEGIN EXCLUSIVE',
    );
  } catch (error) {
    db.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) return null;
    throw openError(path, error);
  }
  let held = true;
  return {
    release(): void {
      if (held) db.close();
      held = false;
    },
  };
}

function openedAt(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw openError(path, error);
  }
}
