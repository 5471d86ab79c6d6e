/** The file system as far as durable writing needs it. Paths are absolute and derived by us, never taken from a job. */

export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly bytes: number;
  readonly links: number;
  readonly mode: number;
  readonly mtime_ms: number;
}

export interface AppendFile {
  /**
   * Appends all bytes (short writes are continued) and resolves with the offset at which they begin. Calls do not interleave.
   * After one that failed, the next begins where that one began.
   */
  append(bytes: Uint8Array): Promise<number>;
  /**
   * As `append`, and done when it returns: for small writes that must not wait behind the fsyncs of others in the thread
   * pool. Null where an append is under way; nothing was written then.
   */
  appendNow(bytes: Uint8Array): number | null;
  /** fsync. An error is final: the caller must not go on with this file. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Errors are those of the system, with `code` ('ENOENT', 'EEXIST', 'ENOSPC', …); `facts` and `read` give null for ENOENT.
 */
export interface Files {
  facts(path: string): Promise<FileFacts | null>;
  read(path: string): Promise<Uint8Array | null>;
  /** Bytes from `offset`, fewer at the end of the file; null where the file does not exist. */
  readPart(path: string, offset: number, bytes: number): Promise<Uint8Array | null>;
  list(directory: string): Promise<string[]>;
  /** With those above it; all that it makes has `mode`, where one is given, less what the umask takes. */
  makeDirectory(path: string, mode?: number): Promise<void>;
  /** Creates a file that must not exist (`wx`), writes all bytes, sets `mode`, and fsyncs before it resolves. */
  writeNew(path: string, bytes: Uint8Array, mode: number): Promise<void>;
  /** link(2): fails with EEXIST where `to` is taken, whatever stands there. */
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Resolves also where the file is gone already. */
  unlink(path: string): Promise<void>;
  /** fsync of a directory: names in it are durable afterwards. */
  syncDirectory(path: string): Promise<void>;
  openAppend(path: string): Promise<AppendFile>;
  truncate(path: string, bytes: number): Promise<void>;
  freeBytes(path: string): Promise<number>;
}

/**
 * The names in a directory one after the other, in any order, so that a million of them take no memory; none where the
 * directory does not exist.
 */
export type FolderNames = (directory: string) => AsyncIterable<string>;
