/**
 * When leases end. Heartbeats renew them here, in memory, outside of turns; what has ended becomes an event of the next turn.
 *
 * A lease ends when nobody renewed it for a term; when its attempt's own time limit and the grace behind it are over,
 * whatever the instance says; or when a requested cancel was not confirmed within its grace. After a pause of this process
 * (a suspended machine, a stopped process, a restart) every lease gets a fresh term before it is judged: what came
 * meanwhile lies unread in the sockets.
 */
import { LIMITS } from '../core/limits.ts';
import type { Clock, Timer, Timers } from '../core/ports/clock.ts';
import type { LeaseProof } from '../core/turn-events.ts';

const TICK_MS = 250;
/** A tick this much late means that the process stood still. */
const PAUSE_MS = 2_000;

interface Term {
  readonly key: string;
  readonly attempt: number;
  readonly instance: number;
  expires_m: number;
  deadline_m: number;
  /** Infinity where no cancel was requested. */
  cancel_by_m: number;
  /** Until then the instance must have accepted; Infinity afterwards. */
  accept_by_m: number;
  ended: boolean;
}

export interface LeaseClockOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly lease_ttl_ms: number;
  readonly accept_timeout_ms: number;
  readonly cancel_grace_ms: number;
  /** Called at most once for each lease. */
  readonly onEnded: (key: string, attempt: number, proof: LeaseProof, instance: number) => void;
  /** A dispatch was not accepted in time: the connection to this instance is dead. */
  readonly onNotAccepted: (instance: number) => void;
}

export class LeaseClock {
  readonly #options: LeaseClockOptions;
  readonly #terms = new Map<string, Term>();
  #timer: Timer | null = null;
  #ticked_m = 0;

  constructor(options: LeaseClockOptions) {
    this.#options = options;
  }

  /** A dispatch is on its way. */
  grant(key: string, attempt: number, instance: number, attempt_timeout_ms: number): void {
    const now_m = this.#options.clock.monotonic();
    this.#put({
      key,
      attempt,
      instance,
      expires_m: now_m + this.#options.lease_ttl_ms,
      deadline_m: now_m + attempt_timeout_ms + 2 * this.#options.cancel_grace_ms + this.#options.lease_ttl_ms,
      cancel_by_m: Infinity,
      accept_by_m: now_m + this.#options.accept_timeout_ms,
      ended: false,
    });
  }

  /** A lease from before this process: its instance has a term to come back. */
  restore(key: string, attempt: number, instance: number, attempt_timeout_ms: number): void {
    this.grant(key, attempt, instance, attempt_timeout_ms);
    this.accepted(key, attempt, instance);
  }

  accepted(key: string, attempt: number, instance: number): void {
    const term = this.#current(key, attempt);
    if (term?.instance === instance) term.accept_by_m = Infinity;
  }

  /** True where the lease is there and its instance still holds it. */
  renew(key: string, attempt: number, instance: number): boolean {
    const term = this.#current(key, attempt);
    if (term === undefined || term.instance !== instance) return false;
    term.expires_m = this.#options.clock.monotonic() + this.#options.lease_ttl_ms;
    term.accept_by_m = Infinity;
    return true;
  }

  /** Found again on its instance after a hello: a fresh term. */
  reattach(key: string, attempt: number): void {
    const term = this.#current(key, attempt);
    if (term !== undefined) this.renew(key, attempt, term.instance);
  }

  /** A cancel was requested: it ends by confirmation, or after the grace and a second. Asking again does not prolong it. */
  cancelling(key: string, attempt: number): void {
    const term = this.#current(key, attempt);
    if (term === undefined || term.cancel_by_m !== Infinity) return;
    term.cancel_by_m = this.#options.clock.monotonic() + this.#options.cancel_grace_ms + 1_000;
  }

  drop(key: string, attempt: number): void {
    if (this.#terms.get(key)?.attempt === attempt) this.#terms.delete(key);
    if (this.#terms.size === 0) this.stop();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #current(key: string, attempt: number): Term | undefined {
    const term = this.#terms.get(key);
    return term?.attempt === attempt && !term.ended ? term : undefined;
  }

  #put(term: Term): void {
    this.#terms.set(term.key, term);
    if (this.#timer !== null) return;
    this.#ticked_m = this.#options.clock.monotonic();
    this.#arm();
  }

  #arm(): void {
    this.#timer = this.#options.timers.after(TICK_MS, () => this.#tick(), false);
  }

  #tick(): void {
    const now_m = this.#options.clock.monotonic();
    if (now_m - this.#ticked_m > TICK_MS + PAUSE_MS) this.#freshTerms(now_m);
    else this.#judge(now_m);
    this.#ticked_m = now_m;
    if (this.#terms.size === 0) this.#timer = null;
    else this.#arm();
  }

  #freshTerms(now_m: number): void {
    const term_m = now_m + this.#options.lease_ttl_ms;
    const paused_ms = now_m - this.#ticked_m;
    for (const term of this.#terms.values()) {
      term.expires_m = Math.max(term.expires_m, term_m);
      term.deadline_m = Math.max(term.deadline_m, term_m);
      // Infinity stays what it is.
      term.accept_by_m += paused_ms;
      term.cancel_by_m += paused_ms;
    }
  }

  #judge(now_m: number): void {
    const silent = new Set<number>();
    for (const term of this.#terms.values()) {
      if (term.ended) continue;
      const proof = proofAt(term, now_m);
      if (proof !== null) {
        term.ended = true;
        this.#options.onEnded(term.key, term.attempt, proof, term.instance);
      } else if (term.accept_by_m <= now_m) {
        term.accept_by_m = Infinity;
        silent.add(term.instance);
      }
    }
    for (const instance of silent) this.#options.onNotAccepted(instance);
  }
}

function proofAt(term: Term, now_m: number): LeaseProof | null {
  if (term.cancel_by_m <= now_m) return 'cancel_grace';
  if (term.expires_m <= now_m) return 'expired';
  return term.deadline_m <= now_m ? 'deadline' : null;
}

/** The terms of everyday. */
export const LEASE_TERMS = {
  lease_ttl_ms: LIMITS.lease_ttl_ms,
  accept_timeout_ms: LIMITS.accept_timeout_ms,
  cancel_grace_ms: LIMITS.cancel_grace_ms,
};
