/** Names in a folder as they come, a thousand at a time, so that memory stays flat for a million of them. */
import { opendir } from 'node:fs/promises';
import type { FolderNames } from '../core/ports/files.ts';

const BUFFER_ENTRIES = 1_024;

/** A folder that is not there has no names. */
export const systemFolderNames: FolderNames = async function* (directory) {
  for await (const names of namesInLots(directory)) yield* names;
};

/** The same, some at a time. */
export async function* namesInLots(directory: string): AsyncGenerator<readonly string[]> {
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
      const names: string[] = [];
      for (; entry !== null; entry = folder.readSync()) {
        names.push(entry.name);
        if (names.length === BUFFER_ENTRIES) break;
      }
      yield names;
      if (entry === null) return;
    }
  } finally {
    await folder.close();
  }
}
