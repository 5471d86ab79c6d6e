/** Which process holds a spool. Whoever has the lock writes its pid; without the lock what stands there says nothing. */
import { join } from 'node:path';
import { systemFiles } from '../platform/files.ts';
import { tryLock } from '../stores/sqlite/file-lock.ts';

function pidFile(spool_dir: string): string {
  return join(spool_dir, 'pid');
}

/** To be called by the holder of the lock. */
export async function sayWhoHolds(spool_dir: string, pid: number): Promise<void> {
  await systemFiles.unlink(pidFile(spool_dir));
  await systemFiles.writeNew(pidFile(spool_dir), Buffer.from(`${pid}\n`), 0o600);
}

/** Rejects with what the disk says. */
export function spoolIsFree(spool_dir: string): boolean {
  const lock = tryLock(join(spool_dir, 'lock.db'));
  lock?.release();
  return lock !== null;
}

/** Null where nobody holds it, or the holder has not said yet who it is. */
export async function spoolHolder(spool_dir: string): Promise<number | null> {
  const text = String((await systemFiles.read(pidFile(spool_dir))) ?? '').trim();
  // Asked last, so that the pid is of a process that still held the lock when it was read.
  return /^\d+$/.test(text) && !spoolIsFree(spool_dir) ? Number(text) : null;
}
