/**
 * Writes the files of committed rows: takes what is to be published in order, places each file once, fsyncs each folder once
 * for the whole batch, and tells the scheduler, which drops the rows. Job files stand on disk before the results of the same
 * jobs. Whatever is interrupted is done again from the rows, and found done.
 */
import type { Clock, Random, Timer, Timers } from '../core/ports/clock.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { Files } from '../core/ports/files.ts';
import type { PublicationPart, ReadStore } from '../core/ports/read-store.ts';
import type { PublicationRow } from '../core/rows.ts';
import { Backoff, Pause } from './backoff.ts';
import type { WorkspaceLayout } from './layout.ts';
import { mayPass, PublicationBatch, type RefusedPublication } from './publication-batch.ts';
import { partOf, PublicationQueue } from './publication-queue.ts';
import { type OnPublished, PublicationReport } from './publication-report.ts';
import { type PublisherTrouble, PublisherTroubles } from './publisher-trouble.ts';
import { preparePublishing } from './publishing-folders.ts';
import { hasCode } from './system-error.ts';
import type { WriteOnceTools } from './write-once.ts';

export interface PublisherOptions {
  readonly reads: Pick<ReadStore, 'publications' | 'publicationBody' | 'body'>;
  readonly files: Files;
  readonly layout: WorkspaceLayout;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Files under way at a time; 16 hide the waiting for the disk. */
  readonly in_flight?: number;
  /** Files for which a folder is fsynced once. */
  readonly batch_max?: number;
  /**
   * The files of `published` stand, on disk; those of `conflicts` found other bytes under their name and need a new epoch.
   * Resolves when the scheduler has taken it; a rejection means that it is told again. May be told a row twice.
   */
  readonly onPublished: OnPublished;
  /** An fsync failed, or the publisher has a bug: the process must end. Called once; nothing is written any more. */
  readonly onFatal: (error: unknown) => void;
  /** Each time that trouble begins, changes or (null) ends. */
  readonly onTrouble?: (trouble: PublisherTrouble | null) => void;
  readonly crashpoint?: CrashPoint;
  /**
   * Whether the queue works hard at this moment. Both fsync on the same disk, and an answer is safe in its row: so the
   * queue goes first, and files take a quarter of the time until it is quiet again.
   */
  readonly busy?: () => boolean;
}

export interface PublisherStats {
  /** Files that were placed or found in place since the start. */
  readonly published: number;
  readonly conflicts: number;
  readonly folder_syncs: number;
  /** Rows whose files stand and that the scheduler has not been told of. */
  readonly untold: number;
  readonly refused: readonly RefusedPublication[];
  readonly trouble: PublisherTrouble | null;
}

export interface Publisher {
  /** Says that there may be rows to publish. Cheap; any number of times. */
  poke(): void;
  /**
   * Resolves when nothing is left to do: every row's file stands and was told, or was refused; or when stopped. While there
   * is trouble it waits. Rejects with the error that went to `onFatal`.
   */
  idle(): Promise<void>;
  /** Finishes the batch in hand, tells it, and ends. Idempotent. */
  stop(): Promise<void>;
  stats(): PublisherStats;
}

const IN_FLIGHT = 16;
const BATCH_MAX = 256;
/** Longest rest between two batches while the queue is busy. */
const REST_MAX_MS = 1_000;
const AGAIN_MS = 60_000;
/** In this order: a job stands before its answers. */
const PARTS: readonly PublicationPart[] = ['jobs', 'answers'];

export function createPublisher(options: PublisherOptions): Publisher {
  return new FolderPublisher(options);
}

class FolderPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #tools: WriteOnceTools;
  readonly #backoff: Backoff;
  readonly #report: PublicationReport;
  readonly #queue: PublicationQueue;
  readonly #troubles: PublisherTroubles;
  #working: Promise<void> | null = null;
  readonly #pause: Pause;
  /** As long as a part is held and nothing of the other one is to be done. */
  readonly #held: Pause;
  /** When what is held is tried again, monotonic. */
  #again_m = 0;
  /** When the batch in hand began, monotonic. */
  #began_m = 0;
  #poked = false;
  #prepared = false;
  #stopping = false;
  #fatal: { readonly error: unknown } | null = null;
  #again: Timer | null = null;
  #published = 0;
  #conflicts = 0;
  #folder_syncs = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#queue = new PublicationQueue(options.reads, options.batch_max ?? BATCH_MAX);
    this.#troubles = new PublisherTroubles(options.clock, (trouble) => options.onTrouble?.(trouble));
    const crashpoint = options.crashpoint ?? (() => undefined);
    this.#tools = { files: options.files, layout: options.layout, random: options.random, crashpoint };
    this.#backoff = new Backoff(options.timers);
    this.#pause = new Pause(options.timers);
    this.#held = new Pause(options.timers);
    this.#report = new PublicationReport({
      timers: options.timers,
      onPublished: options.onPublished,
      onTold: () => {
        this.#troubles.end('telling');
        crashpoint('publisher.after_report');
      },
      onRefused: (error) => this.#troubles.begin('telling', error),
      onFatal: (error) => this.#die(error),
    });
  }

  poke(): void {
    this.#poked = true;
    this.#held.wake();
    if (this.#stopping || this.#fatal !== null || this.#working !== null) return;
    this.#working = this.#work();
  }

  async idle(): Promise<void> {
    // What was told may bring new rows (a conflict its next epoch), and new rows are told again.
    do {
      while (this.#working !== null) await this.#working;
      if (this.#fatal !== null) throw this.#fatal.error;
      await this.#report.settled();
    } while (this.#working !== null || this.#fatal !== null);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#again?.cancel();
    this.#backoff.cancel();
    this.#pause.cancel();
    this.#held.cancel();
    while (this.#working !== null) await this.#working;
    await this.#report.stop();
  }

  stats(): PublisherStats {
    return {
      published: this.#published,
      conflicts: this.#conflicts,
      folder_syncs: this.#folder_syncs,
      untold: this.#report.untold,
      refused: this.#queue.refused,
      trouble: this.#troubles.current,
    };
  }

  /** Never rejects: what it cannot handle goes to `onFatal`. */
  async #work(): Promise<void> {
    try {
      // Rows may come while the last ones are looked for: the question is asked until nobody poked since.
      while (this.#poked && !this.#stopping && this.#fatal === null) {
        this.#poked = false;
        this.#began_m = this.#options.clock.monotonic();
        while (!this.#stopping && this.#fatal === null && (await this.#step())) await this.#giveWay();
      }
    } catch (error) {
      this.#die(error);
    } finally {
      this.#working = null;
      this.#lookAgain();
    }
  }

  /** One batch. False when there was nothing to do. */
  async #step(): Promise<boolean> {
    try {
      if (!this.#prepared) {
        await preparePublishing(this.#options.files, this.#options.layout);
        this.#prepared = true;
        this.#tools.crashpoint('publisher.after_prepare');
      }
      if (this.#options.clock.monotonic() >= this.#again_m) this.#queue.release();
      const rows = this.#queue.next();
      if (rows.length === 0 && this.#queue.holds > 0) {
        await this.#held.wait(Math.max(0, this.#again_m - this.#options.clock.monotonic()));
        return true;
      }
      for (const part of PARTS) {
        const its = rows.filter((row) => partOf(row) === part);
        if (its.length > 0 && !(await this.#publishOrHold(part, its))) break;
      }
      if (this.#queue.holds === 0) {
        this.#backoff.reset();
        this.#troubles.end('writing');
      }
      if (rows.length > 0) return true;
      this.#troubles.refused(this.#queue.refused);
      return false;
    } catch (error) {
      if (this.#fatal !== null || !mayPass(error)) throw error;
      this.#troubles.begin('writing', error);
      await this.#backoff.wait();
    }
    return true;
  }

  /** Whether they could be written. Of what could not, all is held for a while; the answers to jobs that are held wait for these. */
  async #publishOrHold(part: PublicationPart, rows: readonly PublicationRow[]): Promise<boolean> {
    try {
      await this.#publish(rows);
      return true;
    } catch (error) {
      if (this.#fatal !== null || !mayPass(error)) throw error;
      this.#troubles.begin('writing', error);
      // A folder that disappeared is made again.
      if (hasCode(error, 'ENOENT')) this.#prepared = false;
      if (this.#queue.holds === 0) this.#again_m = this.#options.clock.monotonic() + this.#backoff.next_ms();
      this.#queue.hold(part);
      return false;
    }
  }

  /** After a batch: rests three times as long as it took, while the queue is busy. */
  async #giveWay(): Promise<void> {
    const { clock } = this.#options;
    const now_m = clock.monotonic();
    if (this.#options.busy?.() === true)
      await this.#pause.wait(Math.min(3 * (now_m - this.#began_m), REST_MAX_MS));
    this.#began_m = clock.monotonic();
  }

  async #publish(rows: readonly PublicationRow[]): Promise<void> {
    const batch = new PublicationBatch(this.#tools, this.#options.reads);
    await batch.place(rows, this.#options.in_flight ?? IN_FLIGHT);
    await batch.sync();
    this.#folder_syncs += batch.folders.size;
    this.#published += batch.published.length;
    this.#conflicts += batch.conflicts.length;
    this.#queue.done(
      [...batch.published, ...batch.conflicts, ...batch.gone],
      this.#options.clock.monotonic(),
    );
    for (const one of batch.refused) this.#queue.refuse(one);
    await this.#report.add(batch.published, batch.conflicts);
    if (batch.trouble !== null) throw batch.trouble.error;
  }

  /** What is refused, or told of and not dropped, is looked at again: a thing in the way may be gone, a report be lost. */
  #lookAgain(): void {
    if (this.#again !== null || this.#stopping || this.#fatal !== null || !this.#queue.withholds) return;
    const look = () => {
      this.#again = null;
      this.#queue.reconsider(this.#options.clock.monotonic() - AGAIN_MS);
      this.poke();
    };
    this.#again = this.#options.timers.after(AGAIN_MS, look, false);
  }

  #die(error: unknown): void {
    if (this.#fatal !== null) return;
    this.#fatal = { error };
    this.#again?.cancel();
    this.#backoff.cancel();
    this.#pause.cancel();
    this.#held.cancel();
    this.#options.onFatal(error);
  }
}
