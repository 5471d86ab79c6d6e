/** A workspace on a disk of its own of a few MiB, which a test fills up and frees again. */
import { spawnSync } from 'node:child_process';
import { appendFile, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';
import type { Machine } from './machine.ts';

export interface SmallDisk {
  /** Takes every byte that is left. */
  fill(): Promise<void>;
  /** Takes all but so much. */
  fillUpTo(left_bytes: number): Promise<void>;
  free(): Promise<void>;
}

/**
 * Puts the workspace onto it. Skips the test, with the reason, where no file system may be mounted. The server takes work
 * down to the last byte unless `disk_free_min_bytes` says otherwise.
 */
export async function onSmallDisk(
  context: TestContext,
  machine: Machine,
  size_bytes: number,
  disk_free_min_bytes = 0,
): Promise<SmallDisk> {
  const { root } = machine;
  const path = join(root, 'promptd.config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as object;
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size_bytes}`, 'promptd-test', root]);
  if (mounted.status !== 0)
    context.skip(`no tmpfs may be mounted here: ${mounted.error?.message ?? String(mounted.stderr).trim()}`);
  onTestFinished(() => {
    // Lazily: a process that the test has killed may hold it for a moment longer.
    spawnSync('umount', ['--lazy', root]);
  });
  await writeFile(path, JSON.stringify({ ...config, disk_free_min_bytes }));
  const ballast = join(root, 'ballast');
  return {
    async fill() {
      for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) while (await appended(ballast, size));
    },
    async fillUpTo(left_bytes) {
      const { bavail, bsize } = await statfs(root);
      await appendFile(ballast, Buffer.alloc(bavail * bsize - left_bytes));
    },
    async free() {
      await rm(ballast, { force: true });
    },
  };
}

/** A write that finds some room, but not enough, is cut short by the system: that is room taken, too. */
async function appended(path: string, bytes: number): Promise<boolean> {
  try {
    await appendFile(path, Buffer.alloc(bytes));
    return true;
  } catch {
    return false;
  }
}
