/**
 * Heartbeats and leases. While connected it lists what is held every `heartbeat_ms`; it gives a silent connection up, and,
 * connected or not, names the attempts whose leases have run out.
 */
import type { AttemptRef } from '../core/attempt.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';
import { LIST_MAX } from '../wire/messages.ts';
import type { InstanceSession, Welcome } from './connector.ts';
import { LeaseWatch } from './lease-watch.ts';
import type { RunningAttempt } from './running-attempt.ts';

/**
 * A connection on which nothing came for this many intervals after a heartbeat is dead. With three intervals in a term, the
 * first of which passes before that heartbeat is sent, half an interval is left to make a new one before the leases end.
 */
const SILENT_BEATS_MAX = 1.5;
/** Processes that begin within this time are told together. */
const SOON_MS = 100;

/** An attempt that is held, with the pid of its own process where it has one. */
export type Renewed = AttemptRef & { readonly pid?: number };

export interface HeartOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly lease_ttl_ms: number;
  /** Everything held now: running and spooled. */
  readonly held: () => readonly Renewed[];
  readonly running: () => Iterable<RunningAttempt>;
  readonly draining: () => boolean;
  /** Its lease was not renewed for a term. */
  readonly onLapsed: (attempt: RunningAttempt) => void;
}

export class Heart {
  readonly #options: HeartOptions;
  readonly #leases: LeaseWatch;
  #session: InstanceSession | null = null;
  #heartbeat_ms = 0;
  #seq = 0;
  #beat_timer: Timer | null = null;
  #soon_timer: Timer | null = null;
  #silence_timer: Timer | null = null;
  #lease_timer: Timer | null = null;

  constructor(options: HeartOptions) {
    this.#options = options;
    this.#leases = new LeaseWatch(options.lease_ttl_ms);
  }

  /** Beats at once, so that leases that nearly ended are renewed, and then regularly. */
  begin(session: InstanceSession, welcome: Welcome): void {
    this.#session = session;
    this.#heartbeat_ms = Math.max(1, welcome.heartbeat_ms);
    this.#leases.begin(welcome.lease_ttl_ms, this.#options.clock.monotonic());
    this.beat();
  }

  /** The session is over; leases go on. */
  end(): void {
    this.#session = null;
    this.#beat_timer?.cancel();
    this.#soon_timer?.cancel();
    this.#soon_timer = null;
    this.#silence_timer?.cancel();
    this.#silence_timer = null;
  }

  stop(): void {
    this.end();
    this.#lease_timer?.cancel();
    this.#lease_timer = null;
  }

  /** Something about what is held has changed that nobody waits for. */
  beatSoon(): void {
    if (this.#session === null) return;
    this.#soon_timer ??= this.#options.timers.after(SOON_MS, () => this.beat());
  }

  /** Says now what is held, e.g. because something about it has changed. */
  beat(): void {
    const session = this.#session;
    if (session === null) return;
    this.#beat_timer?.cancel();
    this.#soon_timer?.cancel();
    this.#soon_timer = null;
    const now = this.#options.clock.monotonic();
    const held = this.#options.held();
    const draining = this.#options.draining();
    for (let from = 0; from === 0 || from < held.length; from += LIST_MAX) {
      this.#seq += 1;
      session.send({ t: 'heartbeat', seq: this.#seq, held: held.slice(from, from + LIST_MAX), draining });
    }
    // What the last of them renews, all of them have renewed: they are answered in order.
    this.#leases.sent(this.#seq, now);
    this.#beat_timer = this.#options.timers.after(this.#heartbeat_ms, () => this.beat());
    this.#watchSilence(SILENT_BEATS_MAX * this.#heartbeat_ms);
  }

  answered(seq: number): void {
    this.#leases.answered(seq);
  }

  /** See {@link LeaseWatch}. */
  get leased_after(): number {
    return this.#leases.leased_after;
  }

  /** An attempt has come: from now on its lease is looked after. */
  watch(): void {
    this.#lease_timer ??= this.#options.timers.after(0, () => this.#look());
  }

  /** One timer for all leases, set for the first that may end; renewals do not touch it. */
  #look(): void {
    this.#lease_timer = null;
    const now = this.#options.clock.monotonic();
    let first = Number.POSITIVE_INFINITY;
    for (const attempt of this.#options.running()) {
      if (!attempt.wanted) continue;
      const ends_at = this.#leases.endsAt(attempt);
      if (ends_at <= now) this.#options.onLapsed(attempt);
      else first = Math.min(first, ends_at);
    }
    if (first === Number.POSITIVE_INFINITY) return;
    this.#lease_timer = this.#options.timers.after(Math.ceil(first - now), () => this.#look());
  }

  #watchSilence(wait_ms: number): void {
    this.#silence_timer ??= this.#options.timers.after(Math.ceil(wait_ms), () => {
      this.#silence_timer = null;
      const session = this.#session;
      const since = this.#leases.unanswered_since;
      // The next heartbeat looks again.
      if (session === null || since === null) return;
      const silent_ms = this.#options.clock.monotonic() - Math.max(since, session.heard_at);
      const left_ms = SILENT_BEATS_MAX * this.#heartbeat_ms - silent_ms;
      if (left_ms > 0) this.#watchSilence(left_ms);
      else session.destroy();
    });
  }
}
