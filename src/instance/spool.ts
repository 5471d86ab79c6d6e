/**
 * Every outcome is on this disk before it is sent, and is forgotten when its commit is acknowledged.
 *
 * ```
 * add ─▶ pending ─ append + fsync ─▶ durable (onDurable) ─ acknowledge ─▶ tombstone
 * ```
 * - One fsync serves all outcomes that came while the one before it ran.
 * - A tombstone needs no fsync, and goes with the segment that it stands in: an outcome that comes back for want of it
 *   is sent again, and answered as known.
 * - A full disk is waited out with the outcomes in memory. Any other error of writing, and every error of fsync, is final:
 *   the kernel may have thrown the bytes away.
 */
import type { AttemptRef } from '../core/attempt.ts';
import type { Files } from '../core/ports/files.ts';
import type { Timer, Timers } from '../core/ports/clock.ts';
import type { InstanceEvent } from './events.ts';
import { attemptKey, refOf } from './attempt-key.ts';
import { asBuffer, encodeSeqs, readRecord, RECORD_HEAD_BYTES, recordHead } from './spool-record.ts';
import type { SpoolEntry } from './spool-entry.ts';
import { recoverSpool } from './spool-recovery.ts';
import { SpoolSegment } from './spool-segment.ts';

/** A segment that has grown beyond this is followed by a new one. */
const SEGMENT_BYTES_MAX = 16 * 1024 * 1024;
/** How much is gathered for one write; a larger outcome goes alone. */
const WRITE_BYTES_MAX = 8 * 1024 * 1024;
const FULL_DISK_RETRY_MS = 1_000;

export interface SpoolOptions {
  readonly directory: string;
  readonly files: Files;
  readonly timers: Timers;
  /** These outcomes are on disk now. */
  readonly onDurable: (entries: readonly SpoolEntry[]) => void;
  /** Nothing can be promised any more. Called once; the spool does nothing after it. */
  readonly onFailed: (error: Error) => void;
  readonly onEvent: (event: InstanceEvent) => void;
  readonly segment_bytes_max?: number;
}

export class Spool {
  readonly #options: SpoolOptions;
  readonly #entries: Map<string, SpoolEntry>;
  readonly #segments: Set<SpoolSegment>;
  #active: SpoolSegment | null = null;
  #next_segment: number;
  #next_seq: number;
  #pending: SpoolEntry[] = [];
  #bytes = 0;
  #tombstones: number[] = [];
  #state: 'idle' | 'writing' | 'full' | 'failed' | 'closed' = 'idle';
  /** Whether somebody was told that the disk is full, and not yet that it is not. */
  #was_full = false;
  #retry: Timer | null = null;
  #waiting: (() => void)[] = [];
  #writing: Promise<void> = Promise.resolve();

  /** Reads what earlier processes left; rejects where the directory cannot be read or made. */
  static async open(options: SpoolOptions): Promise<Spool> {
    await options.files.makeDirectory(options.directory);
    const found = await recoverSpool(options.files, options.directory, options.onEvent);
    return new Spool(options, found);
  }

  private constructor(options: SpoolOptions, found: Awaited<ReturnType<typeof recoverSpool>>) {
    this.#options = options;
    this.#entries = found.entries;
    this.#segments = new Set(found.segments);
    this.#next_segment = found.next_segment;
    this.#next_seq = found.next_seq;
    for (const entry of found.entries.values()) this.#bytes += entry.bytes;
  }

  /** Everything not acknowledged, durable or not, oldest first, by attempt key. */
  get entries(): ReadonlyMap<string, SpoolEntry> {
    return this.#entries;
  }

  /** Of everything not acknowledged. Segments hold a little more until they are deleted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether it waits for room on the disk. */
  get blocked(): boolean {
    return this.#state === 'full';
  }

  add(report: AttemptRef & { readonly store_id: string }, frame: Uint8Array): SpoolEntry {
    const key = attemptKey(report, report.store_id);
    const before = this.#entries.get(key);
    if (before !== undefined) this.acknowledge(before);
    const entry: SpoolEntry = {
      seq: this.#next_seq++,
      key,
      ref: refOf(report),
      store_id: report.store_id,
      bytes: frame.length,
      frame,
      place: null,
    };
    this.#entries.set(key, entry);
    this.#pending.push(entry);
    this.#bytes += frame.length;
    this.#wake();
    return entry;
  }

  /** Forgets an outcome. */
  acknowledge(entry: SpoolEntry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#bytes -= entry.bytes;
    entry.frame = null;
    if (entry.place !== null) this.#bury(entry, entry.place.segment);
  }

  /** The frame of an outcome; null where the disk does not give it back any more. */
  async read(entry: SpoolEntry): Promise<Uint8Array | null> {
    if (entry.frame !== null) return entry.frame;
    if (entry.place === null) return null;
    const { segment, offset } = entry.place;
    const bytes = await this.#options.files.readPart(segment.path, offset, RECORD_HEAD_BYTES + entry.bytes);
    const record = bytes === null ? null : readRecord(asBuffer(bytes), 0);
    if (record?.kind === 'outcome' && record.seq === entry.seq) return record.payload;
    segment.corrupt = true;
    this.#options.onEvent({ type: 'spool_corrupt', path: segment.path, offset, bytes: entry.bytes });
    return null;
  }

  /** Resolves when everything added so far is durable, or never will be. */
  settled(): Promise<void> {
    if (this.#pending.length === 0 && this.#state !== 'writing') return Promise.resolve();
    if (this.#state === 'failed' || this.#state === 'closed') return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise;
  }

  /** Writes nothing more. What is pending and not durable is lost: see {@link settled}. */
  async close(): Promise<void> {
    this.#retry?.cancel();
    if (this.#state !== 'failed') this.#state = 'closed';
    await this.#writing;
    this.#tellSettled();
    const active = this.#active;
    this.#active = null;
    if (active === null) return;
    // Says on disk what was acknowledged last, so that it is not sent again for nothing.
    if (this.#state === 'closed' && active.writable)
      await this.#writeTombstones(active).catch(() => undefined);
    await active.seal();
  }

  #bury(entry: SpoolEntry, segment: SpoolSegment): void {
    segment.live -= 1;
    if (segment.live === 0 && segment !== this.#active) this.#remove(segment);
    this.#tombstones.push(entry.seq);
    this.#wake();
  }

  #wake(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'writing';
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#writing = promise;
    this.#options.timers.soon(() => void this.#write().then(resolve));
  }

  async #write(): Promise<void> {
    try {
      while (this.#state === 'writing' && this.#pending.length + this.#tombstones.length > 0) {
        const segment = await this.#segmentToWrite();
        const batch = this.#takeBatch();
        if (batch.length === 0) await this.#writeTombstones(segment);
        else await this.#writeBatch(segment, batch);
      }
      if (this.#state === 'writing') this.#state = 'idle';
      this.#tellSettled();
      if (this.#was_full && this.#state === 'idle') {
        this.#was_full = false;
        this.#options.onEvent({ type: 'spool_writable' });
      }
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error('the spool failed', { cause: error }));
    }
  }

  async #segmentToWrite(): Promise<SpoolSegment> {
    const limit = this.#options.segment_bytes_max ?? SEGMENT_BYTES_MAX;
    const active = this.#active;
    if (active !== null && active.bytes < limit) return active;
    const segment = new SpoolSegment({ ...this.#options, number: this.#next_segment });
    await segment.create();
    this.#next_segment += 1;
    this.#segments.add(segment);
    this.#active = segment;
    if (active !== null) {
      await active.seal();
      if (active.live === 0) this.#remove(active);
    }
    return segment;
  }

  /** Stays in `#pending` until it is durable, so that a full disk takes nothing away. */
  #takeBatch(): SpoolEntry[] {
    let bytes = 0;
    const end = this.#pending.findIndex((entry, i) => {
      bytes += entry.bytes;
      return i > 0 && bytes > WRITE_BYTES_MAX;
    });
    return end === -1 ? [...this.#pending] : this.#pending.slice(0, end);
  }

  async #writeBatch(segment: SpoolSegment, batch: readonly SpoolEntry[]): Promise<void> {
    const parts: Uint8Array[] = [];
    const lengths: number[] = [];
    for (const entry of batch) {
      // Acknowledged before it was written: its place in the batch is empty.
      const frame = entry.frame;
      lengths.push(frame === null ? 0 : RECORD_HEAD_BYTES + frame.length);
      if (frame !== null) parts.push(recordHead('outcome', entry.seq, frame), frame);
    }
    const tombstones = this.#tombstones.length;
    if (tombstones > 0) parts.push(...this.#tombstoneRecord(tombstones));
    let offset = await segment.append(Buffer.concat(parts));
    await segment.sync();
    this.#tombstones.splice(0, tombstones);
    this.#pending.splice(0, batch.length);
    const durable: SpoolEntry[] = [];
    for (const [i, entry] of batch.entries()) {
      const length = lengths[i] ?? 0;
      if (length === 0) continue;
      entry.place = { segment, offset };
      offset += length;
      segment.live += 1;
      if (this.#entries.get(entry.key) === entry) durable.push(entry);
      else this.#bury(entry, segment);
    }
    if (durable.length > 0) this.#options.onDurable(durable);
  }

  async #writeTombstones(segment: SpoolSegment): Promise<void> {
    const tombstones = this.#tombstones.length;
    if (tombstones === 0) return;
    await segment.append(Buffer.concat(this.#tombstoneRecord(tombstones)));
    this.#tombstones.splice(0, tombstones);
  }

  #tombstoneRecord(count: number): [Buffer, Buffer] {
    const payload = encodeSeqs(this.#tombstones.slice(0, count));
    return [recordHead('tombstone', this.#next_seq, payload), payload];
  }

  #remove(segment: SpoolSegment): void {
    this.#segments.delete(segment);
    // A file that stays is found empty of live outcomes at the next start, and tried again then.
    segment.remove().catch(() => undefined);
  }

  #failed(error: Error): void {
    if (this.#state === 'closed') return;
    if (isFullDisk(error)) {
      this.#state = 'full';
      this.#was_full = true;
      this.#options.onEvent({ type: 'spool_blocked', message: error.message });
      this.#retry = this.#options.timers.after(FULL_DISK_RETRY_MS, () => {
        if (this.#state !== 'full') return;
        this.#state = 'idle';
        this.#wake();
      });
      return;
    }
    this.#state = 'failed';
    this.#tellSettled();
    this.#options.onFailed(error);
  }

  #tellSettled(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tell of waiting) tell();
  }
}

function isFullDisk(error: Error): boolean {
  return 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
