/**
 * The instance's own view of its leases, always a little stricter than the scheduler's. Each heartbeat lists everything
 * held, so one that is answered renews all that was held when it was *sent*; the answer's way back counts for nothing.
 * An attempt that was not renewed for a term is stopped here before the scheduler gives it to somebody else.
 *
 * How long a dispatch was on its way is not known either. But the scheduler said it after everything that was answered
 * before it came, so the last answered heartbeat stands for its beginning until one that lists it is answered.
 */
export class LeaseWatch {
  #ttl_ms: number;
  /** Sending times of heartbeats that are not answered yet, by seq; in order. */
  readonly #sent = new Map<number, number>();
  #renewed_at = Number.NEGATIVE_INFINITY;
  #welcomed_at = Number.NEGATIVE_INFINITY;

  constructor(lease_ttl_ms: number) {
    this.#ttl_ms = lease_ttl_ms;
  }

  /** Of this welcome, and for all that is held. Heartbeats of an earlier connection will not be answered. */
  begin(lease_ttl_ms: number, now: number): void {
    this.#ttl_ms = lease_ttl_ms;
    this.#sent.clear();
    this.#welcomed_at = now;
  }

  /** A time before which no dispatch that comes now can have been sent. */
  get leased_after(): number {
    return Math.max(this.#renewed_at, this.#welcomed_at);
  }

  sent(seq: number, now: number): void {
    this.#sent.set(seq, now);
  }

  /** The answer to a heartbeat; those before it need none any more. False where no such heartbeat is under way. */
  answered(seq: number): boolean {
    const at = this.#sent.get(seq);
    if (at === undefined) return false;
    this.#renewed_at = at;
    for (const earlier of this.#sent.keys()) {
      if (earlier <= seq) this.#sent.delete(earlier);
    }
    return true;
  }

  /** When the oldest heartbeat without an answer was sent; null where all are answered. */
  get unanswered_since(): number | null {
    for (const at of this.#sent.values()) return at;
    return null;
  }

  /** When the lease of an attempt ends, as far as is known. Heartbeats from before it came did not list it. */
  endsAt(attempt: { readonly dispatched_at: number; readonly leased_after: number }): number {
    const { dispatched_at, leased_after } = attempt;
    return (this.#renewed_at > dispatched_at ? this.#renewed_at : leased_after) + this.#ttl_ms;
  }
}
