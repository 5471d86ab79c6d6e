/**
 * Brings durable outcomes to the scheduler until each is acknowledged. A window bounds what is under way, so a full spool
 * neither fills memory nor keeps heartbeats waiting behind it; acknowledgements move it on.
 */
import type { Clock } from '../core/ports/clock.ts';
import type { Spool } from './spool.ts';
import type { SpoolEntry } from './spool-entry.ts';

export interface OutcomeSink {
  sendFrame(frame: Uint8Array): void;
}

export interface OutboxOptions {
  readonly clock: Clock;
  /** Sent and not acknowledged at a time; one larger outcome goes alone. */
  readonly window_bytes: number;
  /** An outcome without an acknowledgement is sent again after this: the scheduler's disk may have been full. */
  readonly resend_ms: number;
  /** One has left, or lies in the socket. */
  readonly onSent?: () => void;
}

interface Sent {
  readonly entry: SpoolEntry;
  readonly at: number;
}

export class Outbox {
  readonly #options: OutboxOptions;
  #spool: Spool | null = null;
  #sink: OutcomeSink | null = null;
  /** To be sent, in order; those before `#next` are gone. */
  #queue: SpoolEntry[] = [];
  #next = 0;
  readonly #sent = new Map<string, Sent>();
  #sent_bytes = 0;
  #reading = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** After a welcome: everything that is durable goes (again), oldest first. */
  attach(spool: Spool, sink: OutcomeSink): void {
    this.detach();
    this.#spool = spool;
    this.#sink = sink;
    this.#queue = [...spool.entries.values()].filter((entry) => entry.place !== null);
    this.#pump();
  }

  detach(): void {
    this.#sink = null;
    this.#queue = [];
    this.#next = 0;
    this.#sent.clear();
    this.#sent_bytes = 0;
  }

  /** These are on disk now. Where they cannot leave at once, their bytes are left to the disk. */
  durable(entries: readonly SpoolEntry[]): void {
    if (this.#sink !== null) {
      for (const entry of entries) this.#queue.push(entry);
      this.#pump();
    }
    for (const entry of entries) entry.frame = null;
  }

  acknowledged(entry: SpoolEntry): void {
    const sent = this.#sent.get(entry.key);
    if (sent?.entry !== entry) return;
    this.#sent.delete(entry.key);
    this.#sent_bytes -= entry.bytes;
    this.#pump();
  }

  /** Looks for outcomes that have waited too long for their acknowledgement. */
  resendOverdue(): void {
    const before = this.#options.clock.monotonic() - this.#options.resend_ms;
    for (const { entry, at } of this.#sent.values()) {
      if (at > before) break;
      this.#sent.delete(entry.key);
      this.#sent_bytes -= entry.bytes;
      this.#queue.push(entry);
    }
    this.#pump();
  }

  #pump(): void {
    const spool = this.#spool;
    const sink = this.#sink;
    if (spool === null || sink === null) return;
    while (!this.#reading && this.#next < this.#queue.length) {
      const entry = this.#queue[this.#next];
      if (entry === undefined || spool.entries.get(entry.key) !== entry) {
        this.#next += 1;
        continue;
      }
      if (this.#sent_bytes > 0 && this.#sent_bytes + entry.bytes > this.#options.window_bytes) return;
      this.#next += 1;
      if (entry.frame === null) void this.#readAndSend(spool, sink, entry);
      else this.#send(sink, entry, entry.frame);
    }
    if (this.#next === this.#queue.length) {
      this.#queue = [];
      this.#next = 0;
    }
  }

  /** One at a time: order is kept, and memory holds one outcome that waits. */
  async #readAndSend(spool: Spool, sink: OutcomeSink, entry: SpoolEntry): Promise<void> {
    this.#reading = true;
    try {
      const frame = await spool.read(entry);
      // What has rotted cannot be brought. It is held no longer, so that its lease ends and the work is done again.
      if (frame === null) spool.acknowledge(entry);
      else if (this.#sink === sink) this.#send(sink, entry, frame);
    } catch {
      // The disk may give it back later: its turn comes again as that of one that was not acknowledged.
      if (this.#sink === sink) this.#markSent(entry);
    }
    this.#reading = false;
    this.#pump();
  }

  #send(sink: OutcomeSink, entry: SpoolEntry, frame: Uint8Array): void {
    this.#markSent(entry);
    sink.sendFrame(frame);
    this.#options.onSent?.();
  }

  #markSent(entry: SpoolEntry): void {
    this.#sent.set(entry.key, { entry, at: this.#options.clock.monotonic() });
    this.#sent_bytes += entry.bytes;
  }
}
