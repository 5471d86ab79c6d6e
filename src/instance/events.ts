/** What an instance tells those around it: logs, metrics and tests listen to the same events. */
import type { Acknowledged, AttemptRef } from '../core/attempt.ts';
import type { AbortReason } from '../core/ports/runner.ts';
import type { AttemptOutcome } from '../core/rows.ts';

/**
 * Why an instance has ended. `WrongToken`, `WrongProtocol`: the scheduler refused it for good. `SpoolFailed`: its disk can
 * not be trusted any more. `Orphaned`: nothing to do and nobody there for long. `Drained`, `Stopped`: it was asked to.
 */
export type InstanceEnd = 'WrongToken' | 'WrongProtocol' | 'SpoolFailed' | 'Orphaned' | 'Drained' | 'Stopped';

export type InstanceEvent =
  | { readonly type: 'connected'; readonly id: number; readonly peer: string; readonly store_id: string }
  /** The next try is `retry_ms` away; null: there will be none. */
  | { readonly type: 'disconnected'; readonly reason: string; readonly retry_ms: number | null }
  | { readonly type: 'attempt_started'; readonly attempt: AttemptRef }
  /** `reported` is false where the outcome is nobody's any more and was thrown away. */
  | {
      readonly type: 'attempt_ended';
      readonly attempt: AttemptRef;
      readonly outcome: AttemptOutcome;
      readonly reported: boolean;
    }
  | { readonly type: 'attempt_aborted'; readonly attempt: AttemptRef; readonly reason: AbortReason }
  /** More was sent than there are slots: left unanswered, so that the scheduler closes the session. */
  | { readonly type: 'dispatch_refused'; readonly attempts: readonly AttemptRef[]; readonly slots: number }
  /** The scheduler has it, or does not want it; see `acknowledge` in docs/wire.md. */
  | { readonly type: 'outcome_acknowledged'; readonly attempt: AttemptRef; readonly how: Acknowledged }
  | { readonly type: 'draining'; readonly reason: 'asked' | 'spool_full' }
  | { readonly type: 'accepting' }
  | { readonly type: 'spool_opened'; readonly outcomes: number; readonly bytes: number }
  /** Bytes of a segment that are no record: skipped, and the segment is kept as `<name>.corrupt` in the end. */
  | { readonly type: 'spool_corrupt'; readonly path: string; readonly offset: number; readonly bytes: number }
  /** The end of a segment that was never whole: cut off. */
  | { readonly type: 'spool_torn'; readonly path: string; readonly offset: number; readonly bytes: number }
  /** The disk is full: nothing is accepted, outcomes wait in memory, writing is tried again. */
  | { readonly type: 'spool_blocked'; readonly message: string }
  /** The disk takes writes again, and all that had waited is on it. */
  | { readonly type: 'spool_writable' }
  | { readonly type: 'ended'; readonly reason: InstanceEnd; readonly message: string };
