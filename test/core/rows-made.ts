/** Rows for tests of pure decisions, with everything that the test does not speak of at rest. */
import { FULL_BUDGETS } from '../../src/core/retry.ts';
import type { AttemptFailure } from '../../src/core/attempt.ts';
import type { BoardLane } from '../../src/core/board.ts';
import type { RunRow } from '../../src/core/rows.ts';

export function runRow(more: Partial<RunRow> = {}): RunRow {
  return {
    id: 1,
    name: 'a',
    run: 1,
    type: 'llm',
    source: 'http',
    lane: 1,
    endpoint: 'e',
    model: 'm',
    digest: '1:a',
    batch: null,
    key: null,
    max_attempts: 4,
    attempt_timeout_ms: 600_000,
    submitted_at: 0,
    state: 'running',
    priority: 0,
    rank: 1,
    leads: true,
    due_at: null,
    attempt: 1,
    instance: 1,
    ...FULL_BUDGETS,
    reason_code: null,
    reason_message: null,
    started_at: null,
    finished_at: null,
    epoch: null,
    answered_by: null,
    ...more,
  };
}

export function failureOf(more: Partial<AttemptFailure> = {}): AttemptFailure {
  return {
    blame: 'transient',
    reason_code: 'ProviderError',
    message: 'broken',
    scope: 'endpoint',
    retry_after_ms: null,
    ...more,
  };
}

export function laneRow(more: Partial<BoardLane> = {}): BoardLane {
  return {
    id: 1,
    endpoint: 'e',
    model: 'm',
    needs: '',
    last_rank: 0,
    has_work: true,
    waiting_since_m: 0,
    last_claim: 0,
    ...more,
  };
}
