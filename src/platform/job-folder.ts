/** The folder of job files on the machine's own file system. */
import { constants, fstatSync, watch, type BigIntStats } from 'node:fs';
import { lstat, open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileKind, FileVersion, JobFolder } from '../core/ports/job-folder.ts';
import { namesInLots } from './folder-names.ts';

/** Not through a symlink that was put there since it was looked at, and not waiting for a FIFO's other end. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Stands in a name for what is not UTF-8 in it: by such a name nothing is found. It is there as long as the folder lists it. */
const NO_TEXT = '\u{FFFD}';
const UNNAMED: FileVersion = { kind: 'unnamed', id: 'unnamed', bytes: 0, mtime_ms: 0 };
/** What it means that something else stands there than was looked at. */
const OTHER_NOW: ReadonlySet<string> = new Set(['ENOENT', 'ELOOP', 'ENXIO', 'EISDIR', 'ENOTDIR']);

export function systemJobFolder(folder: string): JobFolder {
  return {
    async changedAt() {
      const stats = await orNull(stat(folder, { bigint: true }));
      // Programs that unpack or copy put the time of modification back when they are done; nobody can that of change.
      return stats === null ? null : `${stats.ino}:${stats.mtimeNs}:${stats.ctimeNs}`;
    },

    names: () => namesInLots(folder),

    async look(name) {
      const stats = await orNull(lstat(join(folder, name), { bigint: true }));
      if (stats !== null) return versionOf(stats);
      return name.includes(NO_TEXT) ? UNNAMED : null;
    },

    async read(name, version) {
      const file = await orNull(open(join(folder, name), FLAGS));
      if (file === null) return null;
      try {
        return await readVersion(file, version);
      } finally {
        await file.close();
      }
    },

    hints(onHint, onLost) {
      const watcher = watch(folder, { persistent: false }, (_event, name) => onHint(name));
      watcher.on('error', onLost);
      return () => watcher.close();
    },
  };
}

async function readVersion(file: FileHandle, version: FileVersion): Promise<Uint8Array | null> {
  // Of an open file the system knows it without asking the disk; waiting for a thread to ask would cost ten times as much.
  const before = fstatSync(file.fd, { bigint: true });
  if (!before.isFile() || idOf(before) !== version.id) return null;
  const bytes = Buffer.allocUnsafe(version.bytes);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, filled);
    if (bytesRead === 0) return null;
    filled += bytesRead;
  }
  return idOf(fstatSync(file.fd, { bigint: true })) === version.id ? bytes : null;
}

function versionOf(stats: BigIntStats): FileVersion {
  return {
    kind: kindOf(stats),
    id: idOf(stats),
    bytes: Number(stats.size),
    mtime_ms: Number(stats.mtimeMs),
  };
}

function idOf(stats: BigIntStats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

function kindOf(stats: BigIntStats): FileKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  return stats.isSocket() ? 'socket' : 'device';
}

async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error && OTHER_NOW.has(String(error.code))) return null;
    throw error;
  }
}
