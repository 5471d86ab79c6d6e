/** Where the logs of ended attempts lie on the server: append-only files, named and cut by the attempt's row. */

export interface LogPlace {
  readonly log_file: string;
  readonly log_offset: number;
  readonly log_bytes: number;
}

export interface LogWriter {
  /** Appends logs of several attempts, without fsync: a log is not a promise. Empty logs take no place (null). */
  append(logs: readonly string[]): Promise<readonly (LogPlace | null)[]>;
  /** The same at once, where that is possible at this moment; else null, and nothing was done. */
  appendNow(logs: readonly string[]): readonly (LogPlace | null)[] | null;
}

export interface LogReader {
  /** The bytes of a log from `offset` within it; null where the file is gone (retention, power loss). */
  read(place: LogPlace, offset: number): Promise<Uint8Array | null>;
}
