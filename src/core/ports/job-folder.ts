/** The folder into which people put job files, as the watcher looks at it. Nothing here changes anything in it. */

/** `unnamed`: its name is no text (not UTF-8), so that nothing under it can be looked at. */
export type FileKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'device' | 'unnamed';

/** What stands under a name at a moment. */
export interface FileVersion {
  readonly kind: FileKind;
  /** Inode, size, and times of modification and change in nanoseconds: another id is another content, or may be. */
  readonly id: string;
  readonly bytes: number;
  readonly mtime_ms: number;
}

/** Errors are those of the system. */
export interface JobFolder {
  /** Differs whenever names came or went, as finely as the file system tells time; null where there is no folder. */
  changedAt(): Promise<string | null>;
  /** The names in it, in any order, some at a time: one by one they would cost three times as much. */
  names(): AsyncIterable<readonly string[]>;
  /** Follows no link and opens nothing; null where the name is gone. */
  look(name: string): Promise<FileVersion | null>;
  /**
   * The bytes of exactly this version: what is open is compared with it before and after it is read. Null where it is another
   * by then, or gone. Never waits for whoever is at the other end of something that is no regular file.
   */
  read(name: string, version: FileVersion): Promise<Uint8Array | null>;
  /**
   * Tells names at which something may have happened; null: somewhere. Many are lost in a burst. Returns the way to stop.
   * `onLost`: no more will come.
   */
  hints(onHint: (name: string | null) => void, onLost: (error: Error) => void): () => void;
}
