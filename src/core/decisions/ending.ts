/** How runs end: with an answer, or badly. Both leave a file to publish, and settle those who waited for the same work. */
import type { Draft } from '../draft.ts';
import type { Reason } from '../reasons.ts';
import type { AnswerMeta, RunRow } from '../rows.ts';

export interface StoredAnswer {
  readonly attempt: number;
  readonly text_sha256: string;
  readonly text_bytes: number;
  readonly meta: AnswerMeta;
  /** The run that was asked, where it was another one. */
  readonly answered_by: number | null;
  /** Of an answer that came as a file: the epoch under which that stands. There is nothing to publish then. */
  readonly standing?: number;
}

export function completeRun(draft: Draft, run: RunRow, answer: StoredAnswer): RunRow {
  const epoch = answer.standing ?? draft.takeEpoch(run.name);
  draft.useEpoch(run.name, epoch);
  const after = draft.change(run, 'answer', {
    epoch,
    finished_at: draft.moment.now,
    answered_by: answer.answered_by,
    rate_limited_since: null,
    cancel_requested_at: null,
  });
  recordAnswer(draft, after, epoch, answer);
  if (!run.leads) answerLeader(draft, after, answer);
  settleLater(draft, run);
  return after;
}

/**
 * An answer reached a run that did not lead (it came late, or was kept): whoever leads and is not asked at this moment needs
 * not be asked any more.
 */
export function answerLeader(
  draft: Draft,
  answered: RunRow,
  { standing: _standing, ...answer }: StoredAnswer,
): void {
  const leader = draft.leader(answered.digest);
  if (leader === null || leader.state === 'running') return;
  completeRun(draft, leader, { ...answer, answered_by: answer.answered_by ?? answered.id });
}

/** The result row of a completed run, and the file to be made of it. */
export function recordAnswer(draft: Draft, run: RunRow, epoch: number, answer: StoredAnswer): void {
  const { attempt, text_sha256, text_bytes, meta } = answer;
  draft.insertResult({
    job: run.id,
    epoch,
    attempt,
    text_sha256,
    text_bytes,
    meta,
    accepted_at: draft.moment.now,
  });
  if (answer.standing === undefined) draft.publish({ kind: 'result', job: run.id, epoch });
}

export function endBadly(
  draft: Draft,
  run: RunRow,
  event: 'fail' | 'cancel',
  why: Reason,
  counted: Partial<RunRow> = {},
): RunRow {
  const epoch = draft.takeEpoch(run.name);
  const after = draft.change(run, event, {
    ...counted,
    epoch,
    finished_at: draft.moment.now,
    reason_code: why.code,
    reason_message: why.message,
    cancel_requested_at: null,
  });
  draft.publish({ kind: 'ended', job: run.id, epoch });
  settleLater(draft, run);
  return after;
}

/** In the next turn, because there may be many who waited. */
function settleLater(draft: Draft, ended: RunRow): void {
  if (ended.leads && draft.followed.get(ended.digest) === true) {
    draft.effects.push({
      type: 'follow_up',
      event: { type: 'settle_followers', digest: ended.digest, ended: ended.id },
    });
  }
}
