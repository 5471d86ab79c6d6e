/**
 * Tells the scheduler which files stand, while more are being written. What it could not be told is told again: its turn may
 * fail, the files stay.
 */
import type { PublicationRow } from '../core/rows.ts';
import type { Timers } from '../core/ports/clock.ts';
import { Backoff } from './backoff.ts';

export type OnPublished = (
  published: readonly PublicationRow[],
  conflicts: readonly PublicationRow[],
) => Promise<void>;

export interface PublicationReportOptions {
  readonly timers: Timers;
  readonly onPublished: OnPublished;
  /** After each report that was taken. What it throws is a bug (or a test's crash) and goes to `onFatal`. */
  readonly onTold: () => void;
  readonly onRefused: (error: unknown) => void;
  readonly onFatal: (error: unknown) => void;
}

/** So many rows may wait to be told before no more files are written. */
const UNTOLD_MAX = 4_096;

export class PublicationReport {
  readonly #options: PublicationReportOptions;
  readonly #backoff: Backoff;
  #published: PublicationRow[] = [];
  #conflicts: PublicationRow[] = [];
  #telling: Promise<void> | null = null;
  #stopping = false;

  constructor(options: PublicationReportOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.timers);
  }

  get untold(): number {
    return this.#published.length + this.#conflicts.length;
  }

  /** Resolves when more may be added: at once, unless the other side has fallen far behind. */
  async add(published: readonly PublicationRow[], conflicts: readonly PublicationRow[]): Promise<void> {
    this.#published.push(...published);
    this.#conflicts.push(...conflicts);
    if (this.untold > 0) this.#telling ??= this.#tellAll();
    if (this.untold > UNTOLD_MAX) await this.#telling;
  }

  /** Resolves when everything was told, or will not be told any more (stopped). */
  async settled(): Promise<void> {
    while (this.#telling !== null) await this.#telling;
  }

  /** Tries once more to tell what is left, and gives up: the next start finds the files and tells again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#backoff.cancel();
    await this.settled();
  }

  async #tellAll(): Promise<void> {
    try {
      while (this.untold > 0) {
        const told = await this.#tellOnce();
        if (told) this.#backoff.reset();
        else if (this.#stopping) return;
        else await this.#backoff.wait();
      }
    } catch (error) {
      this.#options.onFatal(error);
    } finally {
      this.#telling = null;
    }
  }

  async #tellOnce(): Promise<boolean> {
    const published = this.#published;
    const conflicts = this.#conflicts;
    this.#published = [];
    this.#conflicts = [];
    try {
      await this.#options.onPublished(published, conflicts);
    } catch (error) {
      this.#published = [...published, ...this.#published];
      this.#conflicts = [...conflicts, ...this.#conflicts];
      this.#options.onRefused(error);
      return false;
    }
    this.#options.onTold();
    return true;
  }
}
