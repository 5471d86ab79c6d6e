/** The Store of core/ports/store.ts over one writing connection. */
import type { DatabaseSync } from 'node:sqlite';
import { LIMITS } from '../../core/limits.ts';
import type { CrashPoint } from '../../core/ports/crashpoint.ts';
import {
  type Change,
  type Loaded,
  type LoadKeys,
  type Refused,
  type Store,
  StoreBusyError,
  StoreFullError,
  type StoreStart,
} from '../../core/ports/store.ts';
import { BODY_TAIL_MAX, bodyFiler, BodyKeys } from './body-keys.ts';
import { Checkpoints } from './checkpoint.ts';
import { Commit } from './commit.ts';
import { commitError } from './errors.ts';
import { unmark } from './in-use.ts';
import { Loader } from './load.ts';
import { BUSY_TIMEOUT_MS, type OpenOptions, openWriter } from './open.ts';
import { damageOr, freeBytesOf, identityOf, refuseMoved } from './refusals.ts';
import { NEXT_DUE, readStart } from './start.ts';
import { numberOf, query } from './statement.ts';

export interface StoreOptions extends OpenOptions {
  /** The log is copied into the database once it holds more than this. */
  readonly wal_bytes_max?: number;
  /** With less free space than this, an I/O error counts as a full disk. */
  readonly disk_free_min_bytes?: number;
  /** Free space on the disk of the database; replaced by tests. */
  readonly freeBytes?: () => number;
}

/** Opens or makes the database. Throws Problem StoreRefused or StoreBusy, and has changed nothing then. */
export function openStore(options: StoreOptions): Store {
  return new SqliteStore(openWriter(options), options);
}

export class SqliteStore implements Store {
  readonly #db;
  readonly #options;
  readonly #keys;
  readonly #commit;
  readonly #fileBodies;
  readonly #loader;
  readonly #nextDue;
  readonly #checkpoints;
  readonly #crashpoint: CrashPoint;
  /** Which file is open; null in memory. */
  readonly #identity: string | null;

  constructor(db: DatabaseSync, options: StoreOptions) {
    this.#db = db;
    this.#options = options;
    this.#identity = options.path === ':memory:' ? null : identityOf(options.path);
    this.#keys = new BodyKeys(db);
    this.#crashpoint = options.crashpoint ?? (() => undefined);
    this.#commit = new Commit(db, this.#keys, this.#crashpoint);
    this.#fileBodies = bodyFiler(db, this.#keys);
    this.#loader = new Loader(db, this.#keys);
    this.#nextDue = query(db, NEXT_DUE);
    this.#checkpoints = new Checkpoints(db, {
      clock: options.clock,
      wal_bytes_max: options.wal_bytes_max ?? LIMITS.wal_bytes_max,
      busy_timeout_ms: options.busy_timeout_ms ?? BUSY_TIMEOUT_MS,
      crashpoint: this.#crashpoint,
    });
  }

  async start(): Promise<StoreStart> {
    return this.#read(() => readStart(this.#db));
  }

  async load(keys: LoadKeys): Promise<Loaded> {
    return this.#read(() => this.#loader.load(keys));
  }

  async commit(changes: readonly Change[]): Promise<readonly Refused[]> {
    if (changes.length === 0) return [];
    if (this.#identity !== null) refuseMoved(this.#options.path, this.#identity);
    try {
      const refused = this.#commit.run(changes);
      this.#checkpoints.committed();
      return refused;
    } catch (error) {
      throw this.#known(error);
    }
  }

  async nextDue(): Promise<number | null> {
    return this.#read(() => numberOf(this.#nextDue.one()));
  }

  /** What a full disk or another program prevents is left for the next time. */
  async tidy(): Promise<void> {
    try {
      const { tail_size } = this.#keys;
      if (tail_size >= BODY_TAIL_MAX || (tail_size > 0 && this.#checkpoints.idle())) {
        this.#crashpoint('store.before_filing');
        this.#fileBodies();
        this.#crashpoint('store.after_filing');
      }
      this.#checkpoints.tidy();
    } catch (error) {
      const known = this.#known(error);
      if (!(known instanceof StoreFullError || known instanceof StoreBusyError)) throw known;
    }
  }

  /** Idempotent. The last connection to close copies the log and removes it. */
  async close(): Promise<void> {
    if (!this.#db.isOpen) return;
    if (this.#identity !== null && identityOf(this.#options.path) === this.#identity)
      unmark(this.#options.path);
    this.#db.close();
  }

  #read<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw damageOr(this.#options.path, error);
    }
  }

  #known(error: unknown): unknown {
    return commitError(damageOr(this.#options.path, error), () => this.#space());
  }

  #space(): { readonly free_bytes: number; readonly floor_bytes: number } {
    const { path, freeBytes, disk_free_min_bytes } = this.#options;
    return {
      free_bytes: freeBytes === undefined ? freeBytesOf(path) : freeBytes(),
      floor_bytes: disk_free_min_bytes ?? LIMITS.disk_free_min_bytes,
    };
  }
}
