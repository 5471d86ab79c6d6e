/**
 * Followed logs of running attempts: pieces come from the instance as long as somebody listens here. What an instance sends
 * is not believed: lines that are no entries are passed over (the next entry's offset shows the gap), and one that does not
 * end is given up.
 */
import type { LogEntry } from '../core/attempt.ts';
import { LIMITS } from '../core/limits.ts';
import type { FollowEnd, LogPiece } from '../core/ports/scheduler.ts';

interface Follow {
  readonly id: number;
  readonly key: string;
  readonly attempt: number;
  readonly instance: number;
  readonly onPiece: (piece: LogPiece) => void;
  readonly end: (end: FollowEnd) => void;
  /** Bytes of an entry that has not come whole. */
  rest: Buffer;
  /** Offset behind the last whole entry. */
  offset: number;
}

export class Follows {
  readonly #open = new Map<number, Follow>();
  #next = 1;

  add(
    key: string,
    attempt: number,
    instance: number,
    offset: number,
    onPiece: (piece: LogPiece) => void,
    end: (end: FollowEnd) => void,
  ): number {
    const id = this.#next;
    this.#next += 1;
    this.#open.set(id, { id, key, attempt, instance, onPiece, end, rest: Buffer.alloc(0), offset });
    return id;
  }

  /** True where it was still open. */
  remove(id: number): boolean {
    return this.#open.delete(id);
  }

  /**
   * NDJSON bytes of the log, as they came from the instance that runs the attempt. What overlaps with what was passed on is
   * cut off.
   */
  piece(instance: number, id: number, offset: number, text: string): void {
    const follow = this.#open.get(id);
    if (follow?.instance !== instance) return;
    const known = follow.offset + follow.rest.length;
    const bytes = Buffer.from(text);
    if (offset > known) {
      // Bytes are missing, and with them the end of the entry that had begun.
      follow.rest = bytes;
      follow.offset = offset;
    } else {
      const fresh = bytes.subarray(known - offset);
      follow.rest = follow.rest.length === 0 ? fresh : Buffer.concat([follow.rest, fresh]);
    }
    this.#passEntries(follow);
    if (follow.rest.length > LIMITS.log_bytes_max) this.#finish(follow, 'gone');
  }

  #passEntries(follow: Follow): void {
    for (;;) {
      const newline = follow.rest.indexOf(10);
      if (newline === -1) return;
      const line = follow.rest.subarray(0, newline).toString();
      follow.rest = follow.rest.subarray(newline + 1);
      follow.offset += newline + 1;
      const entry = readEntry(line);
      if (entry !== null) follow.onPiece({ ...entry, attempt: follow.attempt, offset: follow.offset });
    }
  }

  /** The attempt's outcome is committed, and so is the place of its log. */
  ended(key: string, attempt: number): void {
    for (const follow of this.#open.values()) {
      if (follow.key === key && follow.attempt === attempt) this.#finish(follow, 'ended');
    }
  }

  /** The connection to this instance is gone. */
  gone(instance: number): void {
    for (const follow of this.#open.values()) {
      if (follow.instance === instance) this.#finish(follow, 'gone');
    }
  }

  #finish(follow: Follow, end: FollowEnd): void {
    this.#open.delete(follow.id);
    follow.end(end);
  }
}

/** Null where the line is no entry of a log. */
function readEntry(line: string): LogEntry | null {
  try {
    const entry: unknown = JSON.parse(line);
    return isEntry(entry) ? { at: entry.at, stream: entry.stream, text: entry.text } : null;
  } catch {
    return null;
  }
}

function isEntry(value: unknown): value is LogEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { at, stream, text } = value as Partial<Record<keyof LogEntry, unknown>>;
  return (
    typeof at === 'number' &&
    typeof text === 'string' &&
    (stream === 'info' || stream === 'stdout' || stream === 'stderr')
  );
}
