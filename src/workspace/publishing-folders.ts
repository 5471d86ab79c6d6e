/** Gets the folders ready to publish into: makes those that are missing, and removes what a crash left half done. */
import { dirname, join } from 'node:path';
import { Problem } from '../core/errors.ts';
import type { Random } from '../core/ports/clock.ts';
import type { Files } from '../core/ports/files.ts';
import { makeFolder } from './create-workspace.ts';
import type { WorkspaceLayout } from './layout.ts';
import { isTemporary, temporaryPath } from './publication-file.ts';
import { isFailedSync, isSystemError } from './system-error.ts';

/** Only while nothing is being published. Touches no file but the publisher's own temporary ones. */
export async function preparePublishing(files: Files, layout: WorkspaceLayout): Promise<void> {
  const { jobs, results, ended, conflicts_jobs, tmp } = layout;
  for (const folder of [jobs, results, ended, dirname(conflicts_jobs), conflicts_jobs, tmp]) {
    // A new folder is on disk only when its parent is.
    if (await makeFolder(files, folder)) await files.syncDirectory(dirname(folder));
  }
  for (const name of await files.list(tmp)) {
    if (isTemporary(name)) await files.unlink(join(tmp, name));
  }
}

/** What link(2) says where it never will work: other disks, or a file system without hard links (man 2 link). */
const NO_LINKS: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'EOPNOTSUPP',
  'ENOTSUP',
  'ENOSYS',
  'EMLINK',
]);

/**
 * Rejects with Problem FolderRefused where files cannot be linked from the temporary folder into those of the workspace:
 * nothing else puts a whole file under a name without ever replacing another (Node has no renameat2 with NOREPLACE). Rejects
 * with a failed fsync as well; any other fault may pass, and is the publisher's to tell.
 */
export async function refuseWithoutLinks(tools: {
  readonly files: Files;
  readonly layout: WorkspaceLayout;
  readonly random: Random;
}): Promise<void> {
  const { files, layout, random } = tools;
  const from = temporaryPath(layout, random.id(8));
  try {
    await files.writeNew(from, Buffer.from('Whether files can be linked here.\n'), 0o600);
    for (const folder of [layout.jobs, layout.results, layout.ended, layout.conflicts_jobs]) {
      const to = join(folder, `.promptd-${random.id(8)}`);
      await files.link(from, to);
      await files.unlink(to);
    }
  } catch (error) {
    if (isFailedSync(error)) throw error;
    if (!isSystemError(error) || error.syscall !== 'link' || !NO_LINKS.has(error.code)) return;
    throw new Problem('FolderRefused', `Files cannot be linked from ${layout.tmp}: ${error.message}`, {
      hint: 'The workspace and its state_dir must lie on one disk, of a file system with hard links (ext4, xfs, btrfs, APFS; not FAT).',
      cause: error,
    });
  } finally {
    await files.unlink(from).catch(() => undefined);
  }
}
