/** What is said of an attempt when it has ended. */
import type { AttemptFailure, AttemptOrder, AttemptReport, RefusedAnswer } from '../core/attempt.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { ProviderAnswer } from '../core/ports/provider.ts';
import type { AnswerMeta, AttemptOutcome, Timings } from '../core/rows.ts';
import { timedOut } from './failures.ts';
import type { EndReason, TimeLimit, Watch } from './watch.ts';

export type RunnerReport = Omit<AttemptReport, 'log' | 'store_id'>;

/** The record that the steps of an attempt fill in. Times are monotonic; null where it did not come so far. */
export interface Attempt {
  readonly order: AttemptOrder;
  readonly watch: Watch;
  readonly clock: Clock;
  readonly started_at: number;
  /** Null until it is read, or where there is none. */
  api_key: string | null;
  /** Canonical JSON of the messages that scripts made; null where they came with the order. */
  prompt: string | null;
  asked_at: number | null;
  first_piece_at: number | null;
  ended_at: number | null;
  /** Pieces of text. */
  tokens: number;
  /** What the provider brought, whatever is thought of it. */
  came: ProviderAnswer | null;
  answer: (ProviderAnswer & { readonly kind: string }) | null;
  failure: AttemptFailure | null;
}

export function newAttempt(order: AttemptOrder, watch: Watch, clock: Clock): Attempt {
  return {
    order,
    watch,
    clock,
    started_at: clock.monotonic(),
    api_key: null,
    prompt: null,
    asked_at: null,
    first_piece_at: null,
    ended_at: null,
    tokens: 0,
    came: null,
    answer: null,
    failure: null,
  };
}

/** A complete answer counts whatever ended the attempt in the same moment: it was paid for. */
export function reportOf(attempt: Attempt): RunnerReport {
  const { name, run, attempt: number, digest } = attempt.order;
  const timings = timingsOf(attempt);
  const made = attempt.prompt === null ? {} : { prompt: attempt.prompt };
  const ref = { name, run, attempt: number, digest, timings, ...made };
  const { answer, failure, order } = attempt;
  if (answer !== null) {
    return {
      ...ref,
      outcome: 'succeeded',
      answer: {
        text: answer.text,
        meta: metaOf(order, answer, timings),
        ...(answer.files === undefined ? {} : { files: answer.files }),
      },
      failure: null,
    };
  }
  if (failure !== null) {
    return {
      ...ref,
      outcome: failure.blame === 'throttled' ? 'rate_limited' : 'errored',
      answer: null,
      failure,
      ...spentIn(attempt),
    };
  }
  const reason = attempt.watch.reason ?? 'interrupted';
  const limit = isTimeLimit(reason) ? timedOut(reason, order, attempt.tokens) : null;
  return { ...ref, outcome: outcomeOf(reason), answer: null, failure: limit, ...spentIn(attempt) };
}

/** Of an attempt whose process did not bring its own: why it was ended, or what is wrong. */
export function endedWithoutReport(
  order: AttemptOrder,
  why: EndReason | AttemptFailure,
  tokens: number,
): RunnerReport {
  const { name, run, attempt, digest } = order;
  const timings = { queued_ms: null, build_ms: null, first_token_ms: null, call_ms: null };
  const ref = { name, run, attempt, digest, timings, answer: null };
  if (typeof why !== 'string') return { ...ref, outcome: 'errored', failure: why };
  const limit = isTimeLimit(why) ? timedOut(why, order, tokens) : null;
  return { ...ref, outcome: outcomeOf(why), failure: limit };
}

function isTimeLimit(reason: EndReason): reason is TimeLimit {
  return reason === 'TotalTimeout' || reason === 'FirstTokenTimeout' || reason === 'StallTimeout';
}

function outcomeOf(reason: EndReason): AttemptOutcome {
  if (isTimeLimit(reason)) return 'timed_out';
  return reason === 'interrupted' ? 'interrupted' : 'cancelled';
}

function metaOf(order: AttemptOrder, answer: NonNullable<Attempt['answer']>, timings: Timings): AnswerMeta {
  return {
    model: order.model,
    model_answered: answer.model_answered,
    endpoint: order.endpoint,
    endpoint_kind: answer.kind,
    parameters_sent: answer.parameters_sent,
    finish_reason: answer.finish_reason,
    warnings: answer.warnings,
    usage: answer.usage,
    timings,
    cost: null,
    ...(answer.reasoning === null ? {} : { reasoning: answer.reasoning }),
  };
}

/** An answer that is refused, or whose attempt ends before it is judged, was paid for all the same. */
function spentIn({ order, came }: Attempt): { readonly spent?: RefusedAnswer } {
  if (came === null) return {};
  const { usage, parameters_sent, warnings } = came;
  return { spent: { endpoint: order.endpoint, model: order.model, usage, parameters_sent, warnings } };
}

function timingsOf({ started_at, asked_at, first_piece_at, ended_at }: Attempt): Timings {
  const between = (from: number | null, to: number | null): number | null =>
    from === null || to === null ? null : Math.round((to - from) * 1000) / 1000;
  return {
    // How long it waited is known to the scheduler.
    queued_ms: null,
    build_ms: between(started_at, asked_at),
    first_token_ms: between(asked_at, first_piece_at),
    call_ms: between(asked_at, ended_at),
  };
}
