import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { afterFailure, backoff, errorKey } from '../../src/core/retry.ts';
import { failureOf, runRow } from './rows-made.ts';

const DAY = LIMITS.rate_limited_for_max_ms;

describe('backoff', () => {
  it('R20: waits a random time up to base × 2ⁿ, and never longer than the longest', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (n, random) => {
          const wait = backoff(n, random);
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThanOrEqual(Math.min(LIMITS.backoff_base_ms * 2 ** n, LIMITS.backoff_max_ms));
          expect(Number.isInteger(wait)).toBe(true);
        },
      ),
    );
  });

  it('has full jitter: the whole span is used', () => {
    expect(backoff(1, 0)).toBe(0);
    expect(backoff(1, 0.5)).toBe(1_000);
    expect(backoff(3, 0.999_999)).toBe(8_000);
    expect(backoff(30, 0.999_999_9)).toBe(LIMITS.backoff_max_ms);
  });
});

describe('what follows a failed attempt', () => {
  it('R20: a passing error is charged and tried again after a wait that is told', () => {
    const decision = afterFailure(runRow({ attempt: 2 }), 'errored', failureOf(), 1_000, 0.5);
    expect(decision).toMatchObject({ next: 'back_off', charge: 'errors', wait_ms: 1_000 });
    expect(decision).toHaveProperty('reason', {
      code: 'Backoff',
      message: 'Attempt 2 failed with ProviderError: broken. It is tried again by itself.',
      until: 2_000,
    });
  });

  it('an error that is the fault of the job fails it at once, whatever is left to try', () => {
    const failure = failureOf({ blame: 'job', reason_code: 'BadRequest', message: 'no such parameter' });
    expect(afterFailure(runRow(), 'errored', failure, 0, 0)).toMatchObject({
      next: 'fail',
      charge: 'errors',
      reason: { code: 'BadRequest' },
    });
  });

  it.each([
    [1, 0, 'ProviderError'],
    [4, 3, 'AttemptsExhausted'],
  ])('with max_attempts %i it fails after %i earlier errors, with %s', (max_attempts, errors, code) => {
    const run = runRow({ max_attempts, errors, last_error: 'another' });
    expect(afterFailure(run, 'errored', failureOf(), 0, 0)).toMatchObject({
      next: 'fail',
      charge: 'errors',
      reason: { code },
    });
    if (errors > 0) {
      expect(afterFailure({ ...run, errors: errors - 1 }, 'errored', failureOf(), 0, 0)).toMatchObject({
        next: 'back_off',
      });
    }
  });

  it('a time limit counts like an error', () => {
    const failure = failureOf({ reason_code: 'StallTimeout' });
    expect(afterFailure(runRow({ errors: 3 }), 'timed_out', failure, 0, 0)).toMatchObject({
      next: 'fail',
      charge: 'errors',
    });
  });

  it('the same error three times in a row ends it, numbers aside; another error begins anew', () => {
    const failure = (message: string) => failureOf({ message });
    const last_error = errorKey(failure('port 4711 refused'));
    const run = runRow({ max_attempts: 100, errors: 2, same_errors: 2, last_error });
    expect(afterFailure(run, 'errored', failure('port 4712 refused'), 0, 0)).toMatchObject({
      next: 'fail',
      reason: { code: 'IdenticalErrors' },
    });
    expect(afterFailure(run, 'errored', failure('host unknown'), 0, 0)).toMatchObject({ next: 'back_off' });
    expect(
      afterFailure({ ...run, same_errors: 1 }, 'errored', failure('port 1 refused'), 0, 0),
    ).toMatchObject({ next: 'back_off' });
  });

  it.each([
    ['lost', 'lost', LIMITS.lost_max, 'LostTooOften'],
    ['interrupted', 'interrupted', LIMITS.interrupted_max, 'AttemptsExhausted'],
  ] as const)('%s has a budget of its own, and costs none of the others', (outcome, budget, max, code) => {
    const spent = runRow({ errors: 3, max_attempts: 4, [budget]: max - 2 });
    expect(afterFailure(spent, outcome, null, 0, 0)).toEqual({ next: 'requeue', charge: budget });
    expect(afterFailure({ ...spent, [budget]: max - 1 }, outcome, null, 0, 0)).toMatchObject({
      next: 'fail',
      charge: budget,
      reason: { code },
    });
  });

  it.each(['rate_limited', 'errored'] as const)(
    'G13: throttled (%s) burns no attempt, and ends after a whole day of it',
    (outcome) => {
      const failure = failureOf({ blame: 'throttled', reason_code: 'EndpointThrottled' });
      const run = runRow({ errors: 3, max_attempts: 4 });
      expect(afterFailure(run, outcome, failure, 5, 0)).toEqual({ next: 'requeue', charge: 'rate_limited' });
      const since = { ...run, rate_limited_since: 5 };
      expect(afterFailure(since, outcome, failure, 4 + DAY, 0)).toEqual({
        next: 'requeue',
        charge: 'rate_limited',
      });
      expect(afterFailure(since, outcome, failure, 5 + DAY, 0)).toMatchObject({
        next: 'fail',
        charge: 'rate_limited',
        reason: { code: 'AttemptsExhausted' },
      });
    },
  );

  it('what holds the endpoint is free, however often', () => {
    const run = runRow({ errors: 3, max_attempts: 4, lost: LIMITS.lost_max - 1 });
    expect(
      afterFailure(run, 'errored', failureOf({ blame: 'hold', reason_code: 'EndpointAuth' }), 0, 0),
    ).toEqual({ next: 'requeue', charge: null });
  });

  it.each([
    ['longer than the backoff: is kept to', 60_000, 60_000],
    ['shorter than the backoff: the backoff stands', 500, 1_000],
    ['absurd: is clamped', 1e12, LIMITS.retry_after_max_ms],
  ])('R20: a passing error with a Retry-After %s', (_what, retry_after_ms, wait_ms) => {
    expect(afterFailure(runRow(), 'errored', failureOf({ retry_after_ms }), 0, 0.5)).toMatchObject({
      next: 'back_off',
      wait_ms,
    });
  });

  it('G13: throttling without a failure that closes a gate is no throttling: it would be asked again at once', () => {
    expect(afterFailure(runRow(), 'rate_limited', null, 0, 0)).toEqual({ next: 'requeue', charge: 'lost' });
    expect(afterFailure(runRow(), 'rate_limited', failureOf(), 0, 0)).toMatchObject({
      next: 'back_off',
      charge: 'errors',
    });
  });

  it('an outcome that names no failure counts as lost, so that everything ends', () => {
    expect(afterFailure(runRow({ lost: LIMITS.lost_max - 1 }), 'errored', null, 0, 0)).toMatchObject({
      next: 'fail',
      charge: 'lost',
    });
  });
});
