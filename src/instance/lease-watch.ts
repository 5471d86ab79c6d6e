/**
 * The instance's own view of its leases, always a little stricter than the scheduler's. Each heartbeat lists everything
 * held, so one that is answered renews all that was held when it was *sent*; the answer's way back counts for nothing.
 * An attempt that was not renewed for a term is stopped here before the scheduler gives it to somebody else.
 */
export class LeaseWatch {
  #ttl_ms: number;
  /** Sending times of heartbeats that are not answered yet, by seq; in order. */
  readonly #sent = new Map<number, number>();
  #renewed_at = Number.NEGATIVE_INFINITY;

  constructor(lease_ttl_ms: number) {
    this.#ttl_ms = lease_ttl_ms;
  }

  /** Of this welcome, and for all that is held. Heartbeats of an earlier connection will not be answered. */
  begin(lease_ttl_ms: number): void {
    this.#ttl_ms = lease_ttl_ms;
    this.#sent.clear();
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

  /** When the lease of an attempt that came at `dispatched_at` ends, as far as is known. */
  endsAt(dispatched_at: number): number {
    return Math.max(dispatched_at, this.#renewed_at) + this.#ttl_ms;
  }
}
