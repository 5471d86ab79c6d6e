/** Gets the folders ready to publish into: makes those that are missing, and removes what a crash left half done. */
import { dirname, join } from 'node:path';
import type { Files } from '../core/ports/files.ts';
import { makeFolder } from './create-workspace.ts';
import type { WorkspaceLayout } from './layout.ts';
import { isTemporary } from './publication-file.ts';

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
