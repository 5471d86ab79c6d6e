/**
 * The end of the attempt that a run stands on, when it brought no answer: the row of the attempt says what it was charged
 * for and why, the run goes where its budgets allow, and the endpoint's gate learns from it.
 */
import type { AttemptFailure, SpentInVain } from '../attempt.ts';
import { runKey, type Lease } from '../board.ts';
import type { Draft } from '../draft.ts';
import { Gates } from '../gate.ts';
import { reason, type ReasonCode } from '../reasons.ts';
import { afterFailure, errorKey, type RetryDecision } from '../retry.ts';
import type { LogPlace } from '../ports/logs.ts';
import type { AttemptOutcome, AttemptRow, Charge, RunRow, Timings } from '../rows.ts';
import { dropLease, refOf } from './leasing.ts';
import { completeRun, endBadly } from './ending.ts';

/** Why an attempt ended, for its row: a code, and a sentence for people. */
export interface EndCause {
  readonly code: ReasonCode;
  readonly message: string;
}

export interface AttemptEnd {
  readonly outcome: AttemptOutcome;
  readonly failure: AttemptFailure | null;
  /** Said where there is no failure that says it; null for a success. */
  readonly why: EndCause | null;
  readonly timings: Timings | null;
  readonly log: LogPlace | null;
  /** Of the prompt that scripts made for it; its body is put already. */
  readonly prompt_sha256?: string | null;
  /** What an answer took that it brought and that was refused. */
  readonly spent?: SpentInVain | null;
  /** True where nobody is to blame: the attempt never began. */
  readonly free?: boolean;
}

export function endWithoutAnswer(draft: Draft, run: RunRow, lease: Lease, end: AttemptEnd): void {
  const { moment } = draft;
  dropLease(draft, lease);
  teachGates(draft, lease, end);
  const cancelled = run.cancel_requested_at !== null;
  const decision: RetryDecision =
    end.free === true || cancelled
      ? { next: 'requeue', charge: null }
      : afterFailure(
          run,
          end.outcome === 'cancelled' ? 'lost' : end.outcome,
          end.failure,
          moment.now,
          moment.random(),
        );
  closeAttempt(draft, lease, { ...end, charge: decision.charge });
  if (cancelled) {
    endBadly(draft, run, 'cancel', reason('Cancelled'));
    return;
  }
  const counted = countCharge(run, decision.charge, end, moment.now);
  const answered = draft.completed(run.digest);
  const answer = answered === null ? null : draft.result(answered.id);
  if (answer !== null) {
    // It came on another way while this one was asked: it is not asked again.
    completeRun(draft, run, { ...answer, answered_by: answer.job });
    return;
  }
  if (decision.next === 'fail') {
    endBadly(draft, run, 'fail', decision.reason, counted);
  } else if (decision.next === 'back_off') {
    const due_at = moment.now + decision.wait_ms;
    draft.change(run, 'back_off', {
      ...counted,
      due_at,
      reason_code: decision.reason.code,
      reason_message: decision.reason.message,
    });
    draft.effects.push({ type: 'due_at', at: due_at });
  } else {
    draft.change(run, 'requeue', counted);
    noteWork(draft, run.lane);
  }
}

function countCharge(run: RunRow, charge: Charge | null, end: AttemptEnd, now: number): Partial<RunRow> {
  switch (charge) {
    case 'errors': {
      const last_error = end.failure === null ? null : errorKey(end.failure);
      return {
        errors: run.errors + 1,
        last_error,
        same_errors: last_error === run.last_error ? run.same_errors + 1 : 1,
        rate_limited_since: null,
      };
    }
    case 'lost':
      return { lost: run.lost + 1 };
    case 'interrupted':
      return { interrupted: run.interrupted + 1 };
    case 'rate_limited':
      return { rate_limited_since: run.rate_limited_since ?? now };
    default:
      return {};
  }
}

/** Ends an attempt whose answer came on another way: its instance is told to stop. */
export function supersede(draft: Draft, lease: Lease, message: string): void {
  dropLease(draft, lease);
  // It may have been the probe of a gate, which another one then has to be.
  teachGates(draft, lease, { outcome: 'cancelled', failure: null });
  const why: EndCause = { code: 'Superseded', message };
  closeAttempt(draft, lease, {
    outcome: 'cancelled',
    failure: null,
    why,
    timings: null,
    log: null,
    charge: null,
  });
  draft.effects.push({
    type: 'abort',
    instance: lease.instance,
    attempt: refOf(lease),
    cause: 'superseded',
  });
}

/** Writes the end of an attempt's row. */
export function closeAttempt(
  draft: Draft,
  lease: Lease,
  end: AttemptEnd & { readonly charge: Charge | null },
  more: Partial<AttemptRow> = {},
): void {
  const { failure, log } = end;
  const reason_code = failure?.reason_code ?? end.why?.code ?? null;
  const attempt: AttemptRow = {
    job: lease.job,
    attempt: lease.attempt,
    instance: lease.instance,
    started_at: lease.started_at,
    ended_at: draft.moment.now,
    outcome: end.outcome,
    charged_for: end.charge,
    reason_code,
    error: failure?.message ?? end.why?.message ?? null,
    timings: end.timings === null ? null : { ...end.timings, queued_ms: lease.queued_ms },
    usage: null,
    cost: null,
    parameters_sent: null,
    warnings: [],
    log_file: log?.log_file ?? null,
    log_offset: log?.log_offset ?? 0,
    log_bytes: log?.log_bytes ?? 0,
    kept_answer: null,
    prompt_sha256: end.prompt_sha256 ?? null,
    ...end.spent,
    ...more,
  };
  draft.putAttempt('end_attempt', attempt);
  const { name, run, instance } = lease;
  draft.tell({
    type: 'attempt_ended',
    name,
    run,
    attempt: lease.attempt,
    instance,
    outcome: end.outcome,
    charged_for: end.charge,
    reason_code,
  });
}

/** A failure of the endpoint closes its gate; anything else that it said opens the gate that this attempt probed. */
export function teachGates(draft: Draft, lease: Lease, end: Pick<AttemptEnd, 'outcome' | 'failure'>): void {
  const key = runKey(lease.name, lease.run);
  const { failure } = end;
  const blamed = failure !== null && (failure.blame === 'hold' || failure.blame === 'throttled');
  const said = end.outcome === 'succeeded' || (end.outcome === 'errored' && !blamed);
  const endpoint = draft.endpoints.get(lease.endpoint);
  if (endpoint !== undefined && !endpoint.heard && (said || blamed))
    draft.endpoints.set(endpoint.name, { ...endpoint, heard: true });
  for (const model of [null, lease.model]) {
    const gate = draft.gates.get(Gates.key(lease.endpoint, model));
    const wasProbe = gate?.probe === key;
    if (blamed && (failure.scope === 'model') === (model !== null)) {
      const now = { now: draft.moment.now, now_m: draft.moment.now_m, random: draft.moment.random() };
      const closed = Gates.close(gate, lease.endpoint, model, failure, now, wasProbe);
      draft.gates.set(closed.key, closed);
      draft.effects.push({ type: 'wake_at', at_m: closed.until_m });
      draft.tell({ type: 'gate_closed', gate: closed });
    } else if (gate !== undefined && wasProbe) {
      if (said) {
        draft.gates.delete(gate.key);
        draft.tell({ type: 'gate_opened', key: gate.key });
      } else {
        // The probe brought no news, so another one may go.
        draft.gates.set(gate.key, { ...gate, probe: null });
      }
    }
  }
}

/** Something is queued in this lane (again). */
export function noteWork(draft: Draft, id: number): void {
  const lane = draft.lanes.get(id);
  if (lane !== undefined && !lane.has_work) {
    draft.lanes.set(id, { ...lane, has_work: true, waiting_since_m: draft.moment.now_m });
    draft.lanesFilled.add(id);
  }
}
