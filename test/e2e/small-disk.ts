/** A workspace on a disk of its own of a few MiB, which a test fills up and frees again. */
import { spawnSync } from 'node:child_process';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';
import type { Machine } from './machine.ts';

export interface SmallDisk {
  /** Takes every byte that is left. */
  fill(): Promise<void>;
  free(): Promise<void>;
}

/** Puts the workspace onto it. Skips the test, with the reason, where no file system may be mounted. */
export async function onSmallDisk(
  context: TestContext,
  machine: Machine,
  size_bytes: number,
): Promise<SmallDisk> {
  const { root } = machine;
  const config = await readFile(join(root, 'promptd.config.json'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size_bytes}`, 'promptd-test', root]);
  if (mounted.status !== 0)
    context.skip(`no tmpfs may be mounted here: ${mounted.error?.message ?? String(mounted.stderr).trim()}`);
  onTestFinished(() => {
    // Lazily: a process that the test has killed may hold it for a moment longer.
    spawnSync('umount', ['--lazy', root]);
  });
  await writeFile(join(root, 'promptd.config.json'), config);
  const ballast = join(root, 'ballast');
  return {
    async fill() {
      for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) while (await appended(ballast, size));
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
