/**
 * Those who follow the log of an attempt over the wire. Each reads at its own pace from the offset that it asked for:
 * first what is there, then what comes, then `end: true`. A slow connection slows the reading, never the attempt.
 */
import type { Timers } from '../core/ports/clock.ts';
import type { AttemptLog } from './attempt-log.ts';

/** What is read for one piece. */
const PIECE_BYTES = 64 * 1024;
/** With more than this unsent, followers wait: results go first. */
const BACKLOG_BYTES_MAX = 1024 * 1024;
const BACKLOG_WAIT_MS = 50;

export interface LogMessage {
  readonly t: 'log';
  readonly follow: number;
  readonly attempt: number;
  readonly offset: number;
  readonly text: string;
  readonly end: boolean;
}

/** An attempt whose log is followed. */
export interface Followed {
  readonly key: string;
  readonly attempt: number;
  /** Null while nothing was logged. */
  readonly log: AttemptLog | null;
}

/** Where the pieces go. */
export interface PieceSink {
  readonly backlog_bytes: number;
  send(message: LogMessage): void;
}

interface Follower {
  readonly id: number;
  readonly followed: Followed;
  readonly sink: PieceSink;
  offset: number;
  reading: boolean;
  /** Nothing more will be logged. */
  last: boolean;
}

export class Followers {
  readonly #timers: Timers;
  readonly #followers = new Map<number, Follower>();
  readonly #due = new Set<Follower>();
  readonly #quiet: { readonly key: string; readonly resolve: () => void }[] = [];

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  add(id: number, followed: Followed, offset: number, sink: PieceSink): void {
    this.remove(id);
    const follower: Follower = { id, followed, sink, offset, reading: false, last: false };
    this.#followers.set(id, follower);
    this.#pump(follower);
  }

  remove(id: number): void {
    if (this.#followers.delete(id)) this.#tellQuiet();
  }

  /** The connection is gone, and everybody on it. */
  clear(): void {
    this.#followers.clear();
    this.#tellQuiet();
  }

  /** Its log has grown. */
  more(key: string): void {
    for (const follower of this.#followers.values()) {
      if (follower.followed.key === key) this.#pumpSoon(follower);
    }
  }

  /** Its log is complete; resolves when everybody who follows it has it all, or is gone. */
  finish(key: string): Promise<void> {
    for (const follower of this.#followers.values()) {
      if (follower.followed.key !== key) continue;
      follower.last = true;
      this.#pumpSoon(follower);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#quiet.push({ key, resolve });
    this.#tellQuiet();
    return promise;
  }

  /** What is logged in one tick leaves in one piece. */
  #pumpSoon(follower: Follower): void {
    if (this.#due.has(follower)) return;
    this.#due.add(follower);
    this.#timers.soon(() => {
      this.#due.delete(follower);
      this.#pump(follower);
    });
  }

  #pump(follower: Follower): void {
    if (follower.reading) return;
    follower.reading = true;
    this.#sendAll(follower).then(
      () => {
        follower.reading = false;
      },
      () => this.#end(follower),
    );
  }

  async #sendAll(follower: Follower): Promise<void> {
    const { followed, sink } = follower;
    while (this.#followers.get(follower.id) === follower) {
      if (sink.backlog_bytes > BACKLOG_BYTES_MAX) {
        await new Promise<void>((resolve) => this.#timers.after(BACKLOG_WAIT_MS, resolve));
        continue;
      }
      const log = followed.log;
      const last = follower.last;
      const bytes =
        log === null || follower.offset >= log.bytes ? null : await log.read(follower.offset, PIECE_BYTES);
      if (bytes === null) {
        // `last` was taken before the log was looked at, so nothing can have come between.
        if (!last) return;
        this.#end(follower);
      } else if (bytes.length === 0) {
        // The disk does not give it back: the next piece's offset shows the gap.
        follower.offset = log?.bytes ?? follower.offset;
      } else {
        this.#send(follower, bytes);
      }
    }
  }

  #send(follower: Follower, bytes: Uint8Array): void {
    if (this.#followers.get(follower.id) !== follower) return;
    // An offset from elsewhere may stand in the middle of a character: the piece begins behind it.
    let skip = 0;
    while (skip < bytes.length && ((bytes[skip] ?? 0) & 0xc0) === 0x80) skip += 1;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + skip, bytes.length - skip).toString('utf8');
    const offset = follower.offset + skip;
    follower.offset += bytes.length;
    const { id, followed } = follower;
    follower.sink.send({ t: 'log', follow: id, attempt: followed.attempt, offset, text, end: false });
  }

  #end(follower: Follower): void {
    if (this.#followers.get(follower.id) !== follower) return;
    const { id, followed, offset } = follower;
    follower.sink.send({ t: 'log', follow: id, attempt: followed.attempt, offset, text: '', end: true });
    this.remove(id);
  }

  #tellQuiet(): void {
    for (const waiting of this.#quiet.splice(0)) {
      const followed = [...this.#followers.values()].some(
        (follower) => follower.followed.key === waiting.key,
      );
      if (followed) this.#quiet.push(waiting);
      else waiting.resolve();
    }
  }
}
