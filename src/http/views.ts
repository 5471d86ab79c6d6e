/** Rows as HTTP shows them. A run's state combines what is stored with what its instance says when asked (R25). */
import type { LiveState } from '../core/attempt.ts';
import type { Json } from '../core/json.ts';
import { formatRunRef, jobFileName, resultFileName } from '../core/names.ts';
import type { BatchRow, ReadStore } from '../core/ports/read-store.ts';
import { type Reason, reason } from '../core/reasons.ts';
import type { AttemptRow, ResultRow, RunRow, SpecRow } from '../core/rows.ts';
import { RUN_STATES, hasEnded, type RunState } from '../core/states.ts';
import {
  type AdoptedView,
  type AttemptView,
  type BatchView,
  filesView,
  isoTime,
  type JobDetail,
  type JobLine,
  type JobView,
  type ReasonView,
  type ResultView,
} from '../core/views.ts';

type Reads = Pick<ReadStore, 'leader' | 'runById'>;

/** What more than the row is known when a view is made. */
export interface Knowledge {
  readonly reads: Reads;
  /** Why each lane waits, by lane id. */
  readonly lanes: ReadonlyMap<number, Reason>;
}

export function jobLine(run: RunRow, known: Knowledge): JobLine {
  const shared_with = sharedWith(run, known.reads);
  const self = `/jobs/${formatRunRef(run)}`;
  return {
    name: run.name,
    run: run.run,
    batch: run.batch,
    key: run.key,
    type: run.type,
    state: run.state,
    reason: reasonOf(run, known, shared_with),
    endpoint: run.endpoint,
    model: run.model,
    digest: run.digest,
    shared_with,
    attempts: run.attempt,
    submitted_at: isoTime(run.submitted_at),
    started_at: isoTime(run.started_at),
    finished_at: isoTime(run.finished_at),
    instance: run.instance,
    links: { self, result: `${self}/result`, logs: `${self}/logs` },
  };
}

export interface JobViewParts {
  readonly spec: SpecRow | null;
  readonly live?: LiveState | null;
  readonly live_missing?: string;
  /** What a submission did; without one nothing was created. */
  readonly created?: boolean;
  readonly answered_before?: boolean;
  readonly options_differ?: boolean;
  readonly differs?: readonly string[];
  readonly warnings?: readonly string[];
  /** What its file says otherwise. */
  readonly job_file?: string | null;
  readonly adopted?: AdoptedView | null;
}

export function jobView(run: RunRow, known: Knowledge, parts: JobViewParts): JobView {
  return {
    ...jobLine(run, known),
    metadata: parts.spec?.metadata ?? null,
    created: parts.created ?? false,
    answered_before: parts.answered_before ?? run.answered_by !== null,
    options: optionsView(run, parts.spec),
    ...(parts.options_differ === true ? { options_differ: true } : {}),
    ...(parts.differs === undefined ? {} : { differs: parts.differs }),
    ...(parts.warnings === undefined || parts.warnings.length === 0 ? {} : { warnings: parts.warnings }),
    ...(parts.job_file === undefined || parts.job_file === null ? {} : { job_file: parts.job_file }),
    ...(parts.adopted === undefined || parts.adopted === null ? {} : { adopted: parts.adopted }),
    live: parts.live ?? null,
    ...(parts.live_missing === undefined ? {} : { live_missing: parts.live_missing }),
  };
}

/** Those that a retry gave anew stand in the row; the others in what was submitted. */
function optionsView(run: RunRow, spec: SpecRow | null): JobView['options'] {
  return {
    priority: run.priority,
    attempt_timeout_ms: run.attempt_timeout_ms,
    first_token_timeout_ms: spec?.options.first_token_timeout_ms ?? run.attempt_timeout_ms,
    stall_timeout_ms: spec?.options.stall_timeout_ms ?? run.attempt_timeout_ms,
    max_attempts: run.max_attempts,
    run_at: isoTime(spec?.options.run_at ?? null),
    tags: spec?.options.tags ?? [],
  };
}

function sharedWith(run: RunRow, reads: Reads): string | null {
  const other =
    run.state === 'blocked'
      ? reads.leader(run.digest)
      : run.answered_by === null
        ? null
        : reads.runById(run.answered_by);
  return other === null || other.id === run.id ? null : formatRunRef(other);
}

function reasonOf(run: RunRow, known: Knowledge, shared_with: string | null): ReasonView | null {
  if (run.state === 'completed') return null;
  if (hasEnded(run.state)) return endedReason(run);
  if (run.cancel_requested_at !== null) {
    return { ...reasonView(reason('Cancelling')), since: isoTime(run.cancel_requested_at) };
  }
  const now = waitingReason(run, known, shared_with);
  return now === null ? null : reasonView(now);
}

function endedReason(run: RunRow): ReasonView | null {
  if (run.reason_code === null) return null;
  const { code, message } = {
    code: run.reason_code,
    message: run.reason_message ?? reason(run.reason_code).message,
  };
  return run.finished_at === null ? { code, message } : { code, message, since: isoTime(run.finished_at) };
}

function waitingReason(run: RunRow, known: Knowledge, shared_with: string | null): Reason | null {
  const until = run.due_at ?? undefined;
  switch (run.state) {
    case 'scheduled':
      return reason('BeginTime', until === undefined ? '' : `It begins at ${isoTime(until)}`, until);
    case 'queued':
      return known.lanes.get(run.lane) ?? reason('WaitingForSlot');
    case 'blocked':
      return reason('SameAs', shared_with === null ? '' : `It waits for ${shared_with}`);
    case 'retrying':
      return reason('Backoff', run.last_error ?? '', until);
    default:
      return null;
  }
}

function reasonView(value: Reason): ReasonView {
  const { code, message, until } = value;
  return until === undefined ? { code, message } : { code, message, until: isoTime(until) };
}

type Details = NonNullable<JobDetail['with']>;

export function attemptView(row: AttemptRow): AttemptView {
  const { job: _job, log_file: _file, log_offset: _offset, kept_answer, ...rest } = row;
  return {
    ...rest,
    started_at: isoTime(row.started_at),
    ended_at: isoTime(row.ended_at),
    kept_answer: kept_answer?.text_sha256 ?? null,
  };
}

export function runsView(runs: readonly RunRow[]): Details['runs'] {
  return runs.map(({ run, state, finished_at }) => ({ run, state, finished_at: isoTime(finished_at) }));
}

/** The null result: the relation of jobs and results is total (R12). */
export function nullResult(run: RunRow, spec: SpecRow | null): ResultView {
  return {
    job: linkOf(run, spec),
    result: null,
    name: run.name,
    run: run.run,
    key: run.key,
    metadata: spec?.metadata ?? null,
  };
}

export function resultView(run: RunRow, spec: SpecRow | null, row: ResultRow, text: string): ResultView {
  const { meta } = row;
  // Its own epoch may have been taken by another file before it could be published.
  const epoch = run.epoch ?? row.epoch;
  const files = filesView(meta.files, epoch, run.name);
  return {
    ...nullResult(run, spec),
    result: text,
    file: resultFileName(epoch, run.name),
    digest: run.digest,
    attempt: row.attempt,
    endpoint: meta.endpoint,
    model: meta.model,
    model_answered: meta.model_answered,
    parameters_sent: meta.parameters_sent,
    finish_reason: meta.finish_reason,
    warnings: meta.warnings,
    usage: meta.usage,
    cost: meta.cost,
    ...(files === undefined ? {} : { files }),
    sha256: row.text_sha256,
    accepted_at: isoTime(row.accepted_at),
  };
}

function linkOf(run: RunRow, spec: SpecRow | null): string {
  return spec?.link ?? jobFileName(run.name);
}

export function batchView(row: BatchRow): BatchView {
  const counts = Object.fromEntries(RUN_STATES.map((state) => [state, row.counts[state] ?? 0])) as Record<
    RunState,
    number
  >;
  const sum = (states: readonly RunState[]): number =>
    states.reduce((total, state) => total + counts[state], 0);
  const total = sum(RUN_STATES);
  const ended = sum(RUN_STATES.filter(hasEnded));
  return {
    batch: row.batch,
    created_at: isoTime(row.created_at),
    counts,
    total,
    ended,
    tokens: { input: row.input_tokens, output: row.output_tokens },
    cost: row.costs.map(({ currency, amount }) => ({ currency, amount: rounded(amount) })),
    cost_unknown: row.cost_unknown,
    eta_s: eta(row, total, ended),
  };
}

/** Sums of fractions end in digits that nobody meant. */
function rounded(amount: number): number {
  return Number(amount.toPrecision(12));
}

/** At the rate from its first start to its last end; 0 where nothing is left. */
function eta(row: BatchRow, total: number, ended: number): number | null {
  if (ended === total) return 0;
  if (ended === 0 || row.first_started_at === null || row.last_finished_at === null) return null;
  const took_ms = Math.max(0, row.last_finished_at - row.first_started_at);
  return Math.ceil((took_ms / ended) * ((total - ended) / 1_000));
}

export function jsonOf(body: string | null): Json {
  return body === null ? null : (JSON.parse(body) as Json);
}
