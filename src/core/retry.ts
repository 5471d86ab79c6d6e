/** What follows a failed attempt: which budget it uses up, and when the run is tried again. */
import type { AttemptFailure } from './attempt.ts';
import { LIMITS } from './limits.ts';
import { reason, type Reason } from './reasons.ts';
import type { AttemptOutcome, Charge, RunRow } from './rows.ts';

/** The budgets of a run of which nothing was tried: those of a new run, and of one that a person asks to be tried again. */
export const FULL_BUDGETS = {
  errors: 0,
  lost: 0,
  interrupted: 0,
  rate_limited_since: null,
  last_error: null,
  same_errors: 0,
  cancel_requested_at: null,
} as const satisfies Partial<RunRow>;

export type RetryDecision =
  | { readonly next: 'requeue'; readonly charge: Charge | null }
  | { readonly next: 'back_off'; readonly charge: Charge; readonly wait_ms: number; readonly reason: Reason }
  | { readonly next: 'fail'; readonly charge: Charge | null; readonly reason: Reason };

/** Full jitter: a random time up to base × 2ⁿ, so that what failed together does not come back together. */
export function backoff(errors: number, random: number): number {
  const ceiling = Math.min(LIMITS.backoff_base_ms * 2 ** Math.min(errors, 30), LIMITS.backoff_max_ms);
  return Math.round(random * ceiling);
}

/** Identical errors are told by code and text, numbers aside: ports, ids and times differ in every one. */
export function errorKey(failure: AttemptFailure): string {
  return `${failure.reason_code}: ${failure.message.replaceAll(/\d+/g, '#').slice(0, 200)}`;
}

/** Decides over the run as it stood before this attempt's outcome was counted. */
export function afterFailure(
  run: RunRow,
  outcome: AttemptOutcome,
  failure: AttemptFailure | null,
  now: number,
  random: number,
): RetryDecision {
  switch (outcome) {
    case 'lost':
      return afterLoss(run);
    case 'interrupted':
      return run.interrupted + 1 >= LIMITS.interrupted_max
        ? {
            next: 'fail',
            charge: 'interrupted',
            reason: reason('AttemptsExhausted', `It was interrupted ${run.interrupted + 1} times`),
          }
        : { next: 'requeue', charge: 'interrupted' };
    default:
      // Judged by its failure, since only a failure closes the gate that keeps it from being asked again at once.
      return failure === null ? afterLoss(run) : afterError(run, failure, now, random);
  }
}

function afterLoss(run: RunRow): RetryDecision {
  const lost = run.lost + 1;
  return lost >= LIMITS.lost_max
    ? {
        next: 'fail',
        charge: 'lost',
        reason: reason('LostTooOften', `${lost} attempts ended with their instance`),
      }
    : { next: 'requeue', charge: 'lost' };
}

function afterThrottling(run: RunRow, now: number): RetryDecision {
  const since = run.rate_limited_since ?? now;
  return now - since >= LIMITS.rate_limited_for_max_ms
    ? {
        next: 'fail',
        charge: 'rate_limited',
        reason: reason('AttemptsExhausted', `Throttled since ${new Date(since).toISOString()}`),
      }
    : { next: 'requeue', charge: 'rate_limited' };
}

function afterError(run: RunRow, failure: AttemptFailure, now: number, random: number): RetryDecision {
  if (failure.blame === 'job')
    return { next: 'fail', charge: 'errors', reason: reason(failure.reason_code, failure.message) };
  if (failure.blame === 'throttled') return afterThrottling(run, now);
  if (failure.blame === 'hold') return { next: 'requeue', charge: null };
  const errors = run.errors + 1;
  const same = run.last_error === errorKey(failure) ? run.same_errors + 1 : 1;
  const last = `${failure.reason_code}: ${failure.message}`;
  if (errors >= run.max_attempts) {
    const what =
      run.max_attempts === 1
        ? reason(failure.reason_code, failure.message)
        : reason('AttemptsExhausted', `${errors} attempts failed, the last with ${last}`);
    return { next: 'fail', charge: 'errors', reason: what };
  }
  if (same >= LIMITS.identical_errors_max) {
    return {
      next: 'fail',
      charge: 'errors',
      reason: reason('IdenticalErrors', `${same} times in a row: ${last}`),
    };
  }
  // A server that says when to come back is not asked before.
  const asked_ms = Math.min(failure.retry_after_ms ?? 0, LIMITS.retry_after_max_ms);
  const wait_ms = Math.max(backoff(errors, random), Math.round(asked_ms));
  return {
    next: 'back_off',
    charge: 'errors',
    wait_ms,
    reason: reason('Backoff', `Attempt ${run.attempt} failed with ${last}`, now + wait_ms),
  };
}
