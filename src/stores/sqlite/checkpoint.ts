/** The log is copied into the database outside turns: when it is large, and when there is nothing else to do. */
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../core/ports/clock.ts';
import type { CrashPoint } from '../../core/ports/crashpoint.ts';
import { numberOf, query } from './statement.ts';

export interface CheckpointOptions {
  readonly clock: Clock;
  readonly wal_bytes_max: number;
  readonly busy_timeout_ms: number;
  readonly crashpoint: CrashPoint;
}

/** Without a commit for this long the store counts as idle: a good moment to leave one small file. */
const IDLE_MS = 1_000;

interface Log {
  readonly bytes: number;
  /** Of them, those that are not in the database yet. */
  readonly waiting_bytes: number;
}

export class Checkpoints {
  readonly #db;
  readonly #options;
  readonly #page_bytes;
  readonly #look;
  readonly #copy;
  readonly #empty;
  /** Monotonic time of the last commit; null once the log is copied and nothing came since. */
  #committed_at: number | null = 0;

  constructor(db: DatabaseSync, options: CheckpointOptions) {
    this.#db = db;
    this.#options = options;
    this.#page_bytes = numberOf(query(db, 'PRAGMA page_size').one()) ?? 0;
    this.#look = query(db, 'PRAGMA wal_checkpoint(NOOP)');
    this.#copy = query(db, 'PRAGMA wal_checkpoint(PASSIVE)');
    this.#empty = query(db, 'PRAGMA wal_checkpoint(TRUNCATE)');
    // What a crash left in the log is worth a first look as well.
    this.#committed_at = options.clock.monotonic();
  }

  committed(): void {
    this.#committed_at = this.#options.clock.monotonic();
  }

  /** Whether there was a commit, and none since for a while. */
  idle(): boolean {
    return this.#committed_at !== null && this.#options.clock.monotonic() - this.#committed_at >= IDLE_MS;
  }

  /** Cheap where nothing is to be done. */
  tidy(): void {
    if (this.#committed_at === null) return;
    const { wal_bytes_max, crashpoint } = this.#options;
    const idle = this.idle();
    const log = this.#measured(this.#look.one());
    // A log that readers hold grows although it is copied; SQLite starts it anew only when they have gone.
    const pinned = log.bytes > 2 * wal_bytes_max;
    if (!idle && !pinned && log.waiting_bytes <= wal_bytes_max) return;
    crashpoint('store.before_checkpoint');
    // Waits for nobody; what a reader still needs stays for the next time.
    if (this.#measured(this.#copy.one()).waiting_bytes > 0) return;
    if (idle) this.#committed_at = null;
    crashpoint('store.in_checkpoint');
    if (idle || pinned) this.#truncate();
    crashpoint('store.after_checkpoint');
  }

  /** Truncating needs a moment without readers; where there is none it is left, rather than waited for. */
  #truncate(): void {
    this.#db.exec('PRAGMA busy_timeout = 0');
    try {
      this.#empty.one();
    } finally {
      this.#db.exec(`PRAGMA busy_timeout = ${this.#options.busy_timeout_ms}`);
    }
  }

  /** From a row `busy, frames in the log, frames copied`. */
  #measured(row: readonly unknown[] | undefined): Log {
    const [frames, copied] = [Number(row?.[1] ?? 0), Number(row?.[2] ?? 0)];
    return { bytes: frames * this.#page_bytes, waiting_bytes: (frames - copied) * this.#page_bytes };
  }
}
