/** Rows for tests of stores: one run with everything that belongs to it, any part of it replaced. */
import { FULL_BUDGETS } from '../../src/core/retry.ts';
import { createHash } from 'node:crypto';
import type { Change } from '../../src/core/ports/store.ts';
import type { AnswerMeta, AttemptRow, ResultRow, RunRow, SpecRow } from '../../src/core/rows.ts';

export const T0 = 1_790_000_000_000;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Queued, leading its own digest, in lane 1 and no batch. */
export function aRun(id: number, more: Partial<RunRow> = {}): RunRow {
  return {
    id,
    name: `job-${id}`,
    run: 1,
    type: 'llm',
    source: 'http',
    lane: 1,
    endpoint: 'simulator',
    model: 'no-op',
    digest: `1:${sha256(`digest ${id}`)}`,
    batch: null,
    key: null,
    max_attempts: 4,
    attempt_timeout_ms: 600_000,
    submitted_at: T0 + id,
    state: 'queued',
    priority: 0,
    rank: id,
    leads: true,
    due_at: null,
    attempt: 0,
    instance: null,
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

export const SPEC_BODY = '{"configuration":{"LLM_name":"no-op"},"prompt":"Hello","type":"llm"}';
export const PROMPT_BODY = '[{"content":"Hello","role":"user"}]';

export function aSpec(more: Partial<SpecRow> = {}): SpecRow {
  return {
    spec_sha256: sha256(SPEC_BODY),
    prompt_sha256: sha256(PROMPT_BODY),
    request: '{"endpoint":"simulator","model":"no-op"}',
    options: {
      priority: 0,
      attempt_timeout_ms: 600_000,
      first_token_timeout_ms: 300_000,
      stall_timeout_ms: 60_000,
      max_attempts: 4,
      run_at: null,
      tags: [],
    },
    metadata: undefined,
    link: 'job.json',
    ...more,
  };
}

export const tagged = (...tags: string[]): SpecRow => aSpec({ options: { ...aSpec().options, tags } });

export function anAttempt(job: number, more: Partial<AttemptRow> = {}): AttemptRow {
  return {
    job,
    attempt: 1,
    instance: 0,
    started_at: T0,
    ended_at: null,
    outcome: null,
    charged_for: null,
    reason_code: null,
    error: null,
    timings: null,
    usage: null,
    cost: null,
    parameters_sent: null,
    warnings: [],
    log_file: null,
    log_offset: 0,
    log_bytes: 0,
    kept_answer: null,
    prompt_sha256: null,
    ...more,
  };
}

export const META: AnswerMeta = {
  model: 'no-op',
  model_answered: 'no-op:1',
  endpoint: 'simulator',
  endpoint_kind: 'simulator',
  parameters_sent: { temperature: 0.2, stop: ['\n'] },
  finish_reason: 'stop',
  warnings: ['top_k was not honoured'],
  usage: { input: 12, cached: 2, output: 30, reasoning: null, raw: { eval_count: 30 } },
  timings: { queued_ms: 5, build_ms: null, first_token_ms: 1.5, call_ms: 20 },
  cost: null,
};

export function aResult(job: number, text: string, more: Partial<ResultRow> = {}): ResultRow {
  const bytes = Buffer.byteLength(text);
  return {
    ...{ job, epoch: T0 + job, attempt: 1, text_sha256: sha256(text), text_bytes: bytes, meta: META },
    accepted_at: T0 + job,
    ...more,
  };
}

export const body = (text: string): Change => ({ do: 'put_body', sha256: sha256(text), body: text });

/** The bodies that {@link aSpec} names. */
export const BODIES: readonly Change[] = [body(SPEC_BODY), body(PROMPT_BODY)];

/** Inserts runs with their bodies, all in one commit. */
export function accepted(...runs: readonly RunRow[]): readonly Change[] {
  return [...BODIES, ...runs.map((run): Change => ({ do: 'insert_run', run, spec: aSpec() }))];
}

/** Moves a run from the state and attempt that it had. */
export function moved(from: RunRow, more: Partial<RunRow>): Change {
  return { do: 'update_run', if_state: from.state, if_attempt: from.attempt, run: { ...from, ...more } };
}

export const CLAIMED = { state: 'running', attempt: 1, instance: 0, started_at: T0 + 10 } as const;
export const COMPLETED = { state: 'completed', leads: false, finished_at: T0 + 20, epoch: T0 + 20 } as const;
export const FAILED = {
  state: 'failed',
  leads: false,
  finished_at: T0 + 20,
  epoch: T0 + 20,
  reason_code: 'BadRequest',
  reason_message: 'It was refused.',
} as const satisfies Partial<RunRow>;

/** From acceptance to a result, in three commits' worth of changes. */
export function answered(run: RunRow, text: string): readonly (readonly Change[])[] {
  const claimed = { ...run, ...CLAIMED };
  const ended = { ended_at: T0 + 20, outcome: 'succeeded', usage: META.usage } as const;
  return [
    accepted(run),
    [moved(run, CLAIMED), { do: 'insert_attempt', attempt: anAttempt(run.id) }],
    [
      moved(claimed, COMPLETED),
      { do: 'end_attempt', attempt: anAttempt(run.id, ended) },
      body(text),
      { do: 'insert_result', result: aResult(run.id, text, { epoch: T0 + 20 }) },
      { do: 'put_publication', publication: { kind: 'result', job: run.id, epoch: T0 + 20 } },
    ],
  ];
}
