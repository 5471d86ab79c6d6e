/**
 * An instance brought an outcome. It is taken by name, run and digest; the fence only says whether it is the current attempt.
 *
 * Not ended: an answer is accepted, whichever attempt brings it, and a newer attempt is aborted; so also after a cancel was
 * requested. `failed` or `cancelled`: the answer is kept with its attempt, and `retry` takes it instead of paying again.
 * `completed`: dropped. A failure counts only when it is the current attempt's. Everything is acknowledged.
 */
import type { AttemptReport, HashedAnswer } from '../attempt.ts';
import { runKey, type Lease } from '../board.ts';
import type { Draft } from '../draft.ts';
import type { RunRow } from '../rows.ts';
import { hasEnded } from '../states.ts';
import type { TurnEvent } from '../turn-events.ts';
import { closeAttempt, endWithoutAnswer, teachGates } from './attempt-end.ts';
import { completeRun } from './ending.ts';
import { dropLease, refOf } from './leasing.ts';

type ReportEvent = Extract<TurnEvent, { type: 'report' }>;

export function decideReport(draft: Draft, event: ReportEvent): void {
  const { report } = event;
  const run = draft.run(report.name, report.run);
  if (run === null || run.digest !== report.digest) {
    drop(draft, report, 'no_such_run');
  } else {
    const lease = draft.leases.get(runKey(report.name, report.run));
    const ours = report.store_id === draft.moment.store_id;
    const current = ours && lease !== undefined && lease.attempt === report.attempt ? lease : null;
    if (event.answer !== null) {
      takeAnswer(draft, run, lease, current, event, event.answer);
    } else if (current !== null && run.state === 'running') {
      const { failure, timings } = report;
      // A success without an answer is none.
      const outcome = report.outcome === 'succeeded' ? 'errored' : report.outcome;
      endWithoutAnswer(draft, run, current, { outcome, failure, timings, log: event.log });
    }
  }
  draft.effects.push({ type: 'acknowledge', instance: event.instance, attempt: refOf(report) });
}

function takeAnswer(
  draft: Draft,
  run: RunRow,
  lease: Lease | undefined,
  current: Lease | null,
  event: ReportEvent,
  answer: HashedAnswer,
): void {
  if (run.state === 'completed') {
    drop(draft, event.report, 'completed_before');
    return;
  }
  if (hasEnded(run.state)) {
    keepAnswer(draft, run, event, answer);
    return;
  }
  if (lease !== undefined) endLease(draft, lease, current, event, answer);
  draft.changes.push({ do: 'put_body', sha256: answer.sha256, body: answer.text });
  completeRun(draft, run, {
    attempt: event.report.attempt,
    text_sha256: answer.sha256,
    text_bytes: answer.bytes,
    // How long it waited is known here alone.
    meta: { ...answer.meta, timings: { ...answer.meta.timings, queued_ms: current?.queued_ms ?? null } },
    answered_by: null,
  });
}

/** The attempt that runs now: either the one that brought the answer, or a newer one that is no longer needed. */
function endLease(
  draft: Draft,
  lease: Lease,
  current: Lease | null,
  event: ReportEvent,
  answer: HashedAnswer,
): void {
  dropLease(draft, lease);
  if (current === null) {
    // It may have been the probe of a gate, which another one then has to be.
    teachGates(draft, lease, { outcome: 'cancelled', failure: null });
    closeAttempt(
      draft,
      lease,
      { outcome: 'cancelled', failure: null, timings: null, log: null, charge: null },
      { error: 'An earlier attempt brought the answer.' },
    );
    draft.effects.push({
      type: 'abort',
      instance: lease.instance,
      attempt: refOf(lease),
      cause: 'superseded',
    });
    return;
  }
  const { timings } = event.report;
  teachGates(draft, lease, { outcome: 'succeeded', failure: null });
  closeAttempt(
    draft,
    lease,
    { outcome: 'succeeded', failure: null, timings, log: event.log, charge: null },
    {
      usage: answer.meta.usage,
      cost: answer.meta.cost,
      parameters_sent: answer.meta.parameters_sent,
      warnings: answer.meta.warnings,
    },
  );
}

function keepAnswer(draft: Draft, run: RunRow, event: ReportEvent, answer: HashedAnswer): void {
  const row = draft.attempts(run.id).find((attempt) => attempt.attempt === event.report.attempt);
  if (
    row !== undefined &&
    row.ended_at !== null &&
    row.kept_answer === null &&
    event.report.store_id === draft.moment.store_id
  ) {
    draft.changes.push({ do: 'put_body', sha256: answer.sha256, body: answer.text });
    const { usage, cost, parameters_sent } = answer.meta;
    const kept_answer = { text_sha256: answer.sha256, text_bytes: answer.bytes, meta: answer.meta };
    draft.putAttempt('keep_answer', { ...row, usage, cost, parameters_sent, kept_answer });
  }
  drop(draft, event.report, 'kept');
}

function drop(draft: Draft, report: AttemptReport, why: 'completed_before' | 'no_such_run' | 'kept'): void {
  if (report.answer !== null)
    draft.tell({ type: 'answer_dropped', name: report.name, run: report.run, attempt: report.attempt, why });
}
