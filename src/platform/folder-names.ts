/** Names in a folder as they come, a thousand at a time, so that memory stays flat for a million of them. */
import { opendir } from 'node:fs/promises';
import type { FolderNames } from '../core/ports/files.ts';

const BUFFER_ENTRIES = 1_024;

/** A folder that is not there has no names. */
export const systemFolderNames: FolderNames = async function* (directory) {
  const folder = await opendir(directory, { bufferSize: BUFFER_ENTRIES }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    },
  );
  if (folder === null) return;
  for await (const entry of folder) yield entry.name;
};
