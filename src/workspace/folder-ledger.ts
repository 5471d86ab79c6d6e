/**
 * What the watcher knows of the files in its folder, in memory only: which are dealt with, in which version, and which are
 * still to be looked at. Pure: time comes in as an argument.
 *
 * ```
 *   old ── looked at, some at a time ──▶ open
 *
 *           read, no fault                    another version
 *   open ───────────────────────▶ taken ───────────────────────▶ open
 *    │ ▲
 *    └─┘ not whole yet, wrong, or changed: looked at again at every pass
 * ```
 */
import type { FileVersion } from '../core/ports/job-folder.ts';

/** A file that is not dealt with. Times are monotonic. */
interface Open {
  /** When its name was seen, or that it is another version: whatever came before it was there by then. */
  seen_m: number;
  /** The version that was seen last; null before the first look. */
  version: string | null;
  /** Since when that version is there. */
  since_m: number;
  /** The same version is not read again before this. */
  again_m: number;
}

/**
 * What is to be done with a file after a look at it: nothing, or it is read, and has been as it is for so long. `seen_m`: when
 * it was first seen so.
 */
export type Look =
  | { readonly do: 'leave' }
  | { readonly do: 'read'; readonly unchanged_ms: number; readonly seen_m: number };

const LEAVE: Look = { do: 'leave' };

/** Monotonic, and by the wall clock. */
interface Moment {
  readonly m: number;
  readonly wall: number;
}

/** Clocks that are kept right are moved by less than this between two looks. */
const CLOCK_SET_MS = 500;

export class FolderLedger {
  readonly #open = new Map<string, Open>();
  /** Versions of files that are dealt with: they are looked at after a listing only, and when there is a hint. */
  readonly #taken = new Map<string, string>();
  /** Files that were never looked at and whose names the queue knows: most of them are as they were. By when they were seen. */
  readonly #old = new Map<string, number>();
  /** How far the wall clock was ahead of the monotonic one at the last look. */
  #ahead_ms: number | null = null;
  /** When the wall clock was last set, by itself. */
  #set_at = -Infinity;
  #sweep: Iterator<string> | null = null;
  /** How many of them are still to be looked at since the last listing. */
  #sweep_left = 0;

  get open(): number {
    return this.#open.size;
  }

  has(name: string): boolean {
    return this.#taken.has(name) || this.#open.has(name) || this.#old.has(name);
  }

  /** Whether it is dealt with. */
  isTaken(name: string): boolean {
    return this.#taken.has(name);
  }

  /** One that it had not is there, and so is its name in the queue: looking at it has time. */
  addOld(name: string, now_m: number): void {
    this.#old.set(name, now_m);
  }

  /** One that it had not is there: what it is shows when it is looked at, in the next pass. */
  add(name: string, now_m: number): void {
    this.#open.set(name, { seen_m: now_m, version: null, since_m: 0, again_m: 0 });
  }

  /** It is looked at in the next pass, whatever is known of it. */
  reopen(name: string, now_m: number): void {
    this.#taken.delete(name);
    this.#old.delete(name);
    this.add(name, now_m);
  }

  /** A whole listing had these names: every other one is gone. Returns those. */
  listed(names: ReadonlySet<string>): string[] {
    const gone: string[] = [];
    for (const files of [this.#open, this.#taken, this.#old])
      for (const name of files.keys()) if (!names.has(name)) gone.push(name);
    for (const name of gone) this.forget(name);
    this.#sweep_left = this.#taken.size;
    return gone;
  }

  openNames(): string[] {
    return [...this.#open.keys()];
  }

  /**
   * The next of those that have time: the old ones, and then those that are dealt with. After a listing each is looked at
   * once, going round: a file that was moved over another leaves no other trace than the folder's time.
   */
  sweep(count: number): string[] {
    const names: string[] = [];
    for (const name of this.#old.keys()) {
      if (names.length >= count) break;
      names.push(name);
    }
    while (names.length < count && this.#sweep_left > 0) {
      this.#sweep ??= this.#taken.keys();
      const next = this.#sweep.next();
      if (next.done === true) this.#sweep = null;
      else names.push(next.value);
      this.#sweep_left = this.#taken.size === 0 ? 0 : this.#sweep_left - (next.done === true ? 0 : 1);
    }
    return names;
  }

  looked(name: string, { id, mtime_ms }: FileVersion, now: Moment): Look {
    if (this.#taken.get(name) === id) return LEAVE;
    this.#taken.delete(name);
    let open = this.#open.get(name);
    if (open === undefined || open.version !== id) {
      const seen_m = open?.version === null ? open.seen_m : (this.#old.get(name) ?? now.m);
      this.#old.delete(name);
      open = { seen_m, version: id, since_m: now.m, again_m: now.m };
      this.#open.set(name, open);
    }
    if (now.m < open.again_m) return LEAVE;
    const unchanged_ms = Math.max(now.m - open.since_m, this.#ageByClock(mtime_ms, now));
    return { do: 'read', unchanged_ms, seen_m: open.seen_m };
  }

  /**
   * Below 0 where that is of no worth: the clock was set back since, which makes times of the future, or it was set, by a
   * person or by a sleep of the machine, between the change and now.
   */
  #ageByClock(mtime_ms: number, now: Moment): number {
    const ahead_ms = now.wall - now.m;
    if (Math.abs(ahead_ms - (this.#ahead_ms ?? ahead_ms)) > CLOCK_SET_MS) this.#set_at = now.wall;
    this.#ahead_ms = ahead_ms;
    return mtime_ms < this.#set_at ? -1 : now.wall - mtime_ms;
  }

  /** It is dealt with, and not looked at again while it stays as it is. */
  take(name: string, id: string): void {
    this.#open.delete(name);
    this.#taken.set(name, id);
  }

  /** It is to be read again, should it still be the same by then. */
  wait(name: string, again_m: number): void {
    const open = this.#open.get(name);
    if (open !== undefined) open.again_m = again_m;
  }

  forget(name: string): void {
    this.#open.delete(name);
    this.#old.delete(name);
    this.#taken.delete(name);
  }
}
