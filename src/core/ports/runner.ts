/** How an instance runs an attempt; the executor implements it. */
import type { AttemptObserver, AttemptOrder, AttemptReport } from '../attempt.ts';

/** Why a running attempt is aborted from outside. */
export type AbortReason = 'cancelled' | 'interrupted' | 'superseded' | 'lease_lost';

export interface AttemptRunner {
  /**
   * Runs one attempt to its outcome. Never rejects: a failure is an outcome. When `signal` aborts with an
   * {@link AbortReason}, the outcome is `cancelled` or `interrupted` within the cancel grace, and the upstream call is aborted.
   * The log and store_id of the report are filled in by the instance.
   */
  run(
    order: AttemptOrder,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<Omit<AttemptReport, 'log' | 'store_id'>>;
}
