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
  try {
    // Each read fills the buffer beside the loop; what is in it is taken without waiting, which costs half.
    for (let entry = await folder.read(); entry !== null; entry = await folder.read()) {
      for (let taken = 1; entry !== null; taken += 1) {
        yield entry.name;
        if (taken === BUFFER_ENTRIES) break;
        entry = folder.readSync();
      }
      if (entry === null) return;
    }
  } finally {
    await folder.close();
  }
};
