/**
 * The logs of ended attempts: append-only segments `logs/<UTC day>-<n>.log`, many logs in one append. The attempt's row says
 * where its bytes lie.
 *
 * Nothing here is fsynced, so after a power loss a segment may be shorter than rows say. A start therefore never goes on with
 * a segment that it finds: what it appended there could lie where an older row still points. Each start, each day and every
 * 64 MiB begin a new segment, whose name is made durable before anything is put into it.
 */
import { join } from 'node:path';
import { LIMITS } from '../core/limits.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';
import type { AppendFile, Files } from '../core/ports/files.ts';
import type { LogPlace, LogReader, LogWriter } from '../core/ports/logs.ts';
import { isoTime } from '../core/views.ts';
import { isFailedSync } from './system-error.ts';

const SEGMENT = /^(\d{4}-\d{2}-\d{2})-(\d{1,9})\.log$/;
const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const DAY_MS = 86_400_000;

export interface AttemptLogsOptions {
  readonly files: Files;
  /** `.promptd/logs/`; it is made where it is missing. */
  readonly folder: string;
  readonly clock: Clock;
  readonly segment_bytes_max?: number;
  readonly log_retention_ms?: number;
  /** A log could not be kept; the attempt goes on without it. */
  readonly onLost?: (error: unknown, logs: number) => void;
}

interface Segment {
  readonly name: string;
  readonly day: string;
  readonly file: AppendFile;
  bytes: number;
}

export class AttemptLogWriter implements LogWriter {
  readonly #options: AttemptLogsOptions;
  readonly #segment_bytes_max: number;
  #segment: Segment | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: AttemptLogsOptions) {
    this.#options = options;
    this.#segment_bytes_max = options.segment_bytes_max ?? SEGMENT_BYTES_MAX;
  }

  /**
   * What cannot be written has no place (null) and goes to `onLost`: outcomes do not wait for logs. Rejects only after a
   * failed fsync (of the folder, when a segment begins); the process must end then.
   */
  append(logs: readonly string[]): Promise<readonly (LogPlace | null)[]> {
    const done = this.#last.then(() => this.#append(logs));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Into the segment in use, while nothing else is under way in it. */
  appendNow(logs: readonly string[]): readonly (LogPlace | null)[] | null {
    const segment = this.#segment;
    if (segment === null || segment.day !== isoTime(this.#options.clock.now()).slice(0, 10)) return null;
    const pieces = logs.map((log) => Buffer.from(log, 'utf8'));
    const bytes = Buffer.concat(pieces);
    if (bytes.length === 0) return logs.map(() => null);
    if (segment.bytes + bytes.length > this.#segment_bytes_max) return null;
    try {
      const offset = segment.file.appendNow(bytes);
      if (offset === null) return null;
      segment.bytes = offset + bytes.length;
      return placesOf(segment, offset, pieces);
    } catch (error) {
      this.#options.onLost?.(error, logs.length);
      return logs.map(() => null);
    }
  }

  /**
   * Removes every segment whose day ended longer ago than logs are kept, and says how many. The segment in use stays.
   */
  async prune(): Promise<number> {
    const { files, folder, clock, log_retention_ms = LIMITS.log_retention_ms } = this.#options;
    let removed = 0;
    for (const name of await files.list(folder)) {
      const day = SEGMENT.exec(name)?.[1];
      if (day === undefined || name === this.#segment?.name) continue;
      if (Date.parse(day) + DAY_MS + log_retention_ms >= clock.now()) continue;
      await files.unlink(join(folder, name));
      removed += 1;
    }
    return removed;
  }

  /**
   * Prunes now and each hour from then on, also where nothing is logged, until the function that it returns is called. What
   * cannot be removed is left for the next time.
   */
  keepPruned(timers: Timers, onTrouble: (error: unknown) => void): () => void {
    let timer: Timer | null = null;
    let ended = false;
    const prune = async (): Promise<void> => {
      await this.prune().catch(onTrouble);
      if (!ended) timer = timers.after(LIMITS.timer_max_ms, () => void prune(), false);
    };
    void prune();
    return () => {
      ended = true;
      timer?.cancel();
    };
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#leave();
  }

  async #append(logs: readonly string[]): Promise<readonly (LogPlace | null)[]> {
    const pieces = logs.map((log) => Buffer.from(log, 'utf8'));
    const bytes = Buffer.concat(pieces);
    if (bytes.length === 0) return logs.map(() => null);
    try {
      const segment = await this.#segmentFor(bytes.length);
      const offset = await segment.file.append(bytes);
      segment.bytes = offset + bytes.length;
      return placesOf(segment, offset, pieces);
    } catch (error) {
      if (isFailedSync(error)) throw error;
      this.#options.onLost?.(error, logs.length);
      return logs.map(() => null);
    }
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    const now = this.#options.clock.now();
    const day = isoTime(now).slice(0, 10);
    const segment = this.#segment;
    if (segment !== null && segment.day === day && segment.bytes + bytes <= this.#segment_bytes_max)
      return segment;
    await this.#leave();
    this.#segment = await this.#begin(day, now % DAY_MS);
    return this.#segment;
  }

  /**
   * A new segment under a name that no file has, nor had before somebody emptied the folder: numbers follow the millisecond
   * of the day, so that the rows of a segment that is gone never point into another.
   */
  async #begin(day: string, ms_of_day: number): Promise<Segment> {
    const { files, folder } = this.#options;
    await files.makeDirectory(folder);
    await this.prune();
    let n = ms_of_day;
    for (const name of await files.list(folder)) {
      const [, ofDay, number] = SEGMENT.exec(name) ?? [];
      if (ofDay === day) n = Math.max(n, Number(number) + 1);
    }
    const name = `${day}-${n}.log`;
    const file = await files.openAppend(join(folder, name));
    try {
      await files.syncDirectory(folder);
    } catch (error) {
      await file.close();
      throw error;
    }
    return { name, day, file, bytes: 0 };
  }

  async #leave(): Promise<void> {
    const segment = this.#segment;
    this.#segment = null;
    // A segment is not a promise: one that cannot be closed is left to the system.
    await segment?.file.close().catch(() => undefined);
  }
}

function placesOf(segment: Segment, offset: number, pieces: readonly Buffer[]): (LogPlace | null)[] {
  let log_offset = offset;
  return pieces.map((piece) => {
    if (piece.length === 0) return null;
    const place = { log_file: segment.name, log_offset, log_bytes: piece.length };
    log_offset += piece.length;
    return place;
  });
}

export class AttemptLogReader implements LogReader {
  readonly #files: Files;
  readonly #folder: string;

  constructor(options: Pick<AttemptLogsOptions, 'files' | 'folder'>) {
    this.#files = options.files;
    this.#folder = options.folder;
  }

  async read(place: LogPlace, offset: number): Promise<Uint8Array | null> {
    if (!SEGMENT.test(place.log_file)) return null;
    const bytes = Math.max(0, place.log_bytes - offset);
    const found = await this.#files.readPart(
      join(this.#folder, place.log_file),
      place.log_offset + offset,
      bytes,
    );
    if (found === null) return null;
    // Zeros are what a file system shows for bytes that a power loss took; no log contains any.
    const torn = found.indexOf(0);
    return torn === -1 ? found : found.subarray(0, torn);
  }
}
