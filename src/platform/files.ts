/** The file system of the machine. */
import { constants, type Stats } from 'node:fs';
import {
  link,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  statfs,
  truncate,
  unlink,
} from 'node:fs/promises';
import type { AppendFile, FileFacts, Files } from '../core/ports/files.ts';
import { NodeAppendFile } from './append-file.ts';

export const systemFiles: Files = {
  async facts(path) {
    const stats = await absentAsNull(lstat(path));
    return stats === null ? null : factsOf(stats);
  },

  read(path) {
    return absentAsNull(readFile(path));
  },

  async readPart(path, offset, bytes) {
    const handle = await absentAsNull(open(path, 'r'));
    if (handle === null) return null;
    try {
      // No more is allocated than the file can give, whatever is asked for.
      const wanted = Math.max(0, Math.min(bytes, (await handle.stat()).size - offset));
      const buffer = Buffer.allocUnsafe(wanted);
      let read = 0;
      while (read < wanted) {
        const { bytesRead } = await handle.read(buffer, read, wanted - read, offset + read);
        if (bytesRead === 0) break;
        read += bytesRead;
      }
      return buffer.subarray(0, read);
    } finally {
      await handle.close();
    }
  },

  list(directory) {
    return readdir(directory);
  },

  async makeDirectory(path, mode) {
    await mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
  },

  async writeNew(path, bytes, mode) {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      // Set on the open file, so that the process's umask has no say in it.
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
  },

  link,
  rename,

  async unlink(path) {
    await absentAsNull(unlink(path));
  },

  async syncDirectory(path) {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },

  async openAppend(path): Promise<AppendFile> {
    // Not O_APPEND: positions are ours, so that what a failed write left behind is written over.
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      return new NodeAppendFile(handle, path, (await handle.stat()).size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  },

  truncate,

  async freeBytes(path) {
    const facts = await statfs(path);
    return facts.bavail * facts.bsize;
  },
};

function factsOf(stats: Stats): FileFacts {
  return {
    kind: stats.isFile()
      ? 'file'
      : stats.isDirectory()
        ? 'directory'
        : stats.isSymbolicLink()
          ? 'symlink'
          : 'other',
    bytes: stats.size,
    links: stats.nlink,
    mode: stats.mode & 0o7777,
    mtime_ms: stats.mtimeMs,
  };
}

async function absentAsNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
