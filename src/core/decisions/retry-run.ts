/** A person asks for another try of what failed or was cancelled: with fresh budgets, and with new options where given. */
import { FULL_BUDGETS } from '../retry.ts';
import type { Draft } from '../draft.ts';
import type { RunRef } from '../names.ts';
import type { RetryOptions, RetryVerdict, RunAnswer } from '../ports/scheduler.ts';
import type { RunRow } from '../rows.ts';
import type { TurnEvent } from '../turn-events.ts';
import { isUnknownWork } from '../unknown-work.ts';
import { noteWork } from './attempt-end.ts';
import { collect } from './collect.ts';
import { completeRun, type StoredAnswer } from './ending.ts';
import { laneOf, takeRank } from './lanes.ts';
import { follow } from './submit.ts';

export function decideRetry(draft: Draft, index: number, event: Extract<TurnEvent, { type: 'retry' }>): void {
  const value = collect(event.runs, (ref) => retryOne(draft, ref, event.options));
  draft.receipt(index, { type: 'retry', value });
}

function retryOne(draft: Draft, ref: RunRef, options: RetryOptions): RunAnswer<RetryVerdict> {
  const run = draft.run(ref.name, ref.run);
  if (run === null) return { name: ref.name, run: ref.run ?? 0, verdict: 'not_found', state: null };
  const told = { name: run.name, run: run.run };
  if (run.state !== 'failed' && run.state !== 'cancelled')
    return { ...told, verdict: 'wrong_state', state: run.state };
  const answer = paidFor(draft, run);
  if (answer !== null) return { ...told, verdict: 'answered', state: completeRun(draft, run, answer).state };
  const spec = draft.spec(run.id);
  if (spec !== null && isUnknownWork(spec.request))
    return { ...told, verdict: 'wrong_state', state: run.state };
  const leader = draft.leader(run.digest);
  const after = draft.change(run, leader === null ? 'retry' : 'retry_share', {
    ...fresh(draft, run),
    ...options,
  });
  if (leader === null) noteWork(draft, run.lane);
  else follow(draft, leader, after.priority);
  return { ...told, verdict: leader === null ? 'queued' : 'blocked', state: after.state };
}

/** An answer that there is already: one that came too late for this run, or that of the same work. */
function paidFor(draft: Draft, run: RunRow): StoredAnswer | null {
  const kept = draft.attempts(run.id).findLast((attempt) => attempt.kept_answer !== null);
  if (kept?.kept_answer) return { ...kept.kept_answer, attempt: kept.attempt, answered_by: null };
  const completed = draft.completed(run.digest);
  const result = completed === null ? null : draft.result(completed.id);
  return result === null ? null : { ...result, answered_by: result.job };
}

function fresh(draft: Draft, run: RunRow): Partial<RunRow> {
  const lane = laneOf(draft, run.endpoint, run.model, draft.lanes.get(run.lane)?.needs ?? '');
  return {
    ...FULL_BUDGETS,
    finished_at: null,
    rank: takeRank(draft, lane, run.batch),
  };
}
