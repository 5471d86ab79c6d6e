/**
 * An instance brought an outcome. It is taken by name, run and digest; the fence only says whether it is the current attempt.
 *
 * Not ended: an answer is accepted, whichever attempt brings it, and a newer attempt is aborted; so also after a cancel was
 * requested. `failed` or `cancelled`: the answer is kept with its attempt, and `retry` takes it instead of paying again.
 * `completed`: dropped. What an answer cost stands in the row of its attempt, whether it was wanted, late or refused, and so
 * does the prompt that scripts made for it. A failure counts only when it is the current attempt's. Everything is acknowledged.
 */
import type { Acknowledged, AttemptReport, HashedAnswer } from '../attempt.ts';
import { runKey, type Lease } from '../board.ts';
import type { Draft } from '../draft.ts';
import type { PromptdEvent } from '../events.ts';
import type { AttemptRow, RunRow } from '../rows.ts';
import { hasEnded } from '../states.ts';
import type { TurnEvent } from '../turn-events.ts';
import { closeAttempt, endWithoutAnswer, supersede, teachGates, type EndCause } from './attempt-end.ts';
import { completeRun } from './ending.ts';
import { hasBrought } from './instances.ts';
import { dropLease, refOf } from './leasing.ts';

type ReportEvent = Extract<TurnEvent, { type: 'report' }>;
type AnswerDropped = Extract<PromptdEvent, { type: 'answer_dropped' }>;

export function decideReport(draft: Draft, event: ReportEvent): void {
  const { report } = event;
  hasBrought(draft, event.instance, runKey(report.name, report.run));
  const how = take(draft, event);
  const attempt = { ...refOf(report), store_id: report.store_id, how };
  draft.effects.push({ type: 'acknowledge', instance: event.instance, attempt });
}

function take(draft: Draft, event: ReportEvent): Acknowledged {
  const { report } = event;
  const run = draft.run(report.name, report.run);
  if (run === null || run.digest !== report.digest) {
    drop(draft, report, 'no_such_run');
    return 'unwanted';
  }
  const lease = draft.leases.get(runKey(report.name, report.run));
  const ours = report.store_id === draft.moment.store_id;
  const current = ours && lease !== undefined && lease.attempt === report.attempt ? lease : null;
  if (event.answer !== null) return takeAnswer(draft, run, lease, current, event, event.answer);
  if (current === null || run.state !== 'running') {
    if (ours) recordInVain(draft, run, event);
    return run.state === 'completed' ? 'known' : 'unwanted';
  }
  const { failure, timings } = report;
  // A success without an answer is none.
  const outcome = report.outcome === 'succeeded' ? 'errored' : report.outcome;
  endWithoutAnswer(draft, run, current, {
    outcome,
    failure,
    why: whyOf(report, run),
    timings,
    log: event.log,
    prompt_sha256: putPrompt(draft, event),
    spent: event.spent,
  });
  return 'taken';
}

function takeAnswer(
  draft: Draft,
  run: RunRow,
  lease: Lease | undefined,
  current: Lease | null,
  event: ReportEvent,
  answer: HashedAnswer,
): Acknowledged {
  if (run.state === 'completed') {
    drop(draft, event.report, recordCost(draft, run, event, answer) ? 'completed_before' : 'sent_again');
    return 'known';
  }
  if (hasEnded(run.state)) {
    keepAnswer(draft, run, event, answer);
    return 'kept';
  }
  if (lease !== undefined) endLease(draft, lease, current, event, answer);
  if (current === null) recordCost(draft, run, event, answer);
  putAnswer(draft, event, answer);
  completeRun(draft, run, {
    attempt: event.report.attempt,
    text_sha256: answer.sha256,
    text_bytes: answer.bytes,
    // How long it waited is known here alone.
    meta: { ...answer.meta, timings: { ...answer.meta.timings, queued_ms: current?.queued_ms ?? null } },
    answered_by: null,
  });
  return 'taken';
}

/** The attempt that runs now: either the one that brought the answer, or a newer one that is no longer needed. */
function endLease(
  draft: Draft,
  lease: Lease,
  current: Lease | null,
  event: ReportEvent,
  answer: HashedAnswer,
): void {
  if (current === null) {
    supersede(draft, lease, 'An earlier attempt brought the answer.');
    return;
  }
  dropLease(draft, lease);
  const { timings } = event.report;
  const { log, prompt_sha256 } = event;
  teachGates(draft, lease, { outcome: 'succeeded', failure: null });
  closeAttempt(
    draft,
    lease,
    { outcome: 'succeeded', failure: null, why: null, timings, log, prompt_sha256, charge: null },
    {
      usage: answer.meta.usage,
      cost: answer.meta.cost,
      parameters_sent: answer.meta.parameters_sent,
      warnings: answer.meta.warnings,
    },
  );
}

function keepAnswer(draft: Draft, run: RunRow, event: ReportEvent, answer: HashedAnswer): void {
  const row = rowFor(draft, run, event);
  if (row !== undefined && row.kept_answer === null) {
    putAnswer(draft, event, answer);
    const kept_answer = { text_sha256: answer.sha256, text_bytes: answer.bytes, meta: answer.meta };
    draft.putAttempt('keep_answer', { ...row, ...spentBy(answer, row), kept_answer });
  }
  drop(draft, event.report, 'kept');
}

/**
 * The ended attempt that an answer is written beside. Another database counts attempts of its own, so its number is taken
 * where there is one, and else the latest: what matters is that the same was asked.
 */
function rowFor(draft: Draft, run: RunRow, { report }: ReportEvent): AttemptRow | undefined {
  const ended = draft.attempts(run.id).filter((attempt) => attempt.ended_at !== null);
  const own = ended.find((attempt) => attempt.attempt === report.attempt);
  return own ?? (report.store_id === draft.moment.store_id ? undefined : ended.at(-1));
}

/** All that a row will name of an answer: its text, its files, and the prompt that scripts made for it. */
function putAnswer(draft: Draft, event: ReportEvent, answer: HashedAnswer): void {
  draft.changes.push({ do: 'put_body', sha256: answer.sha256, body: answer.text });
  for (const [index, file] of (answer.meta.files ?? []).entries()) {
    const body = answer.files?.[index]?.data;
    if (body === undefined) throw new Error(`the file "${file.name}" of an answer came without its bytes`);
    draft.changes.push({ do: 'put_body', sha256: file.body_sha256, body });
  }
  putPrompt(draft, event);
}

/** The hash of the prompt that scripts made for the attempt, once its body is put; null where none was made. */
function putPrompt(draft: Draft, { report, prompt_sha256 }: ReportEvent): string | null {
  if (prompt_sha256 === null || report.prompt === undefined) return null;
  draft.changes.push({ do: 'put_body', sha256: prompt_sha256, body: report.prompt });
  return prompt_sha256;
}

/** What an attempt's row says of an answer that came after its end. */
function spentBy({ meta }: HashedAnswer, row: AttemptRow): Partial<AttemptRow> {
  const { usage, cost, parameters_sent } = meta;
  return { usage, cost, parameters_sent, prompt_sha256: row.prompt_sha256 ?? meta.prompt_sha256 ?? null };
}

/** Writes what an answer cost that its attempt was not waited for any more; false where that is known already. */
function recordCost(draft: Draft, run: RunRow, event: ReportEvent, answer: HashedAnswer): boolean {
  const row = rowFor(draft, run, event);
  if (row === undefined) return true;
  if (row.outcome === 'succeeded' || row.parameters_sent !== null) return false;
  putPrompt(draft, event);
  draft.putAttempt('keep_answer', { ...row, ...spentBy(answer, row) });
  return true;
}

/** Writes what a refused answer took whose attempt had ended without it, once. */
function recordInVain(draft: Draft, run: RunRow, event: ReportEvent): void {
  const row = event.spent === null ? undefined : rowFor(draft, run, event);
  if (row === undefined || row.parameters_sent !== null || row.kept_answer !== null) return;
  const prompt_sha256 = row.prompt_sha256 ?? putPrompt(draft, event);
  draft.putAttempt('keep_answer', { ...row, ...event.spent, prompt_sha256 });
}

/** Why an attempt ended, where its instance says so without naming a failure. */
function whyOf({ outcome, failure }: AttemptReport, run: RunRow): EndCause | null {
  if (failure !== null) return null;
  if (outcome === 'interrupted') return { code: 'Interrupted', message: 'Its instance was stopped.' };
  if (run.cancel_requested_at !== null) return { code: 'Cancelled', message: 'A cancel was requested.' };
  if (outcome === 'cancelled' || outcome === 'lost')
    return { code: 'InstanceLost', message: 'Its instance had given it up.' };
  return {
    code: 'InvalidAnswer',
    message: `Its instance said "${outcome}" and brought nothing to show for it.`,
  };
}

function drop(draft: Draft, report: AttemptReport, why: AnswerDropped['why']): void {
  if (report.answer !== null)
    draft.tell({ type: 'answer_dropped', name: report.name, run: report.run, attempt: report.attempt, why });
}
