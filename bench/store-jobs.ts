/** Jobs as a scheduler writes them into the store, in four turns: accepted, claimed, answered, published. */
import { createHash } from 'node:crypto';
import type { Change } from '../src/core/ports/store.ts';
import { FULL_BUDGETS } from '../src/core/retry.ts';
import type { AnswerMeta, AttemptRow, RunRow, SpecRow } from '../src/core/rows.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface Job {
  readonly run: RunRow;
  readonly spec: SpecRow;
  readonly spec_body: string;
  readonly prompt_body: string;
  readonly text: string;
  readonly text_sha256: string;
}

export const META: AnswerMeta = {
  model: 'no-op',
  model_answered: 'no-op',
  endpoint: 'simulator',
  endpoint_kind: 'simulator',
  parameters_sent: { temperature: 0.2, max_tokens: 400, seed: 7 },
  finish_reason: 'stop',
  warnings: [],
  usage: {
    input: 120,
    cached: 0,
    output: 80,
    reasoning: 0,
    raw: { prompt_tokens: 120, completion_tokens: 80 },
  },
  timings: { queued_ms: 12, build_ms: 0, first_token_ms: 3, call_ms: 9 },
  cost: null,
};

export function job(id: number): Job {
  const name = `bench-${id}`;
  const prompt_body = JSON.stringify([
    { role: 'user', content: `Summarise article ${id} in three points. ${'x'.repeat(200)}` },
  ]);
  const spec_body = JSON.stringify({
    type: 'llm',
    prompt: { base: prompt_body },
    configuration: { LLM_name: 'no-op', seed: id },
  });
  const request = JSON.stringify({
    type: 'llm',
    endpoint: 'simulator',
    model: 'no-op',
    prompt: sha256(prompt_body),
    seed: id,
  });
  const text = `# Answer ${id}\n\n${'It depends on what is meant. '.repeat(10)}`;
  const run: RunRow = {
    ...{ id, name, run: 1, type: 'llm', source: 'http', lane: 1, endpoint: 'simulator', model: 'no-op' },
    ...{
      digest: `1:${sha256(request)}`,
      batch: 'bench',
      key: null,
      max_attempts: 4,
      attempt_timeout_ms: 600_000,
    },
    ...{
      submitted_at: 1_790_000_000_000 + id,
      state: 'queued',
      priority: 0,
      rank: id,
      leads: true,
      due_at: null,
    },
    ...{
      attempt: 0,
      instance: null,
    },
    ...FULL_BUDGETS,
    ...{
      reason_code: null,
      reason_message: null,
      started_at: null,
    },
    ...{ finished_at: null, epoch: null, answered_by: null },
  };
  const options = {
    ...{
      priority: 0,
      attempt_timeout_ms: 600_000,
      first_token_timeout_ms: 300_000,
      stall_timeout_ms: 60_000,
    },
    ...{ max_attempts: 4, run_at: null, tags: [] },
  };
  const spec: SpecRow = {
    ...{ spec_sha256: sha256(spec_body), prompt_sha256: sha256(prompt_body), request, options },
    ...{ metadata: undefined, link: `${name}.json` },
  };
  return { run, spec, spec_body, prompt_body, text, text_sha256: sha256(text) };
}

function attemptOf(id: number): AttemptRow {
  return {
    ...{ job: id, attempt: 1, instance: 0, started_at: 1_790_000_001_000, ended_at: null, outcome: null },
    ...{ charged_for: null, reason_code: null, error: null, timings: null, usage: null, cost: null },
    ...{
      parameters_sent: null,
      warnings: [],
      log_file: null,
      log_offset: 0,
      log_bytes: 0,
      kept_answer: null,
      prompt_sha256: null,
    },
  };
}

export const steps: readonly ((job: Job) => readonly Change[])[] = [
  ({ run, spec, spec_body, prompt_body }) => [
    { do: 'put_body', sha256: spec.spec_sha256, body: spec_body },
    { do: 'put_body', sha256: spec.prompt_sha256, body: prompt_body },
    { do: 'insert_run', run, spec },
    { do: 'put_publication', publication: { kind: 'job', job: run.id, epoch: null } },
  ],
  ({ run }) => [
    { do: 'update_run', if_state: 'queued', if_attempt: 0, run: claimed(run) },
    { do: 'insert_attempt', attempt: attemptOf(run.id) },
  ],
  ({ run, text, text_sha256 }) => {
    const { timings, usage, parameters_sent } = META;
    const ended = {
      ended_at: 1_790_000_002_000,
      outcome: 'succeeded',
      timings,
      usage,
      parameters_sent,
    } as const;
    const epoch = 1_790_000_002_000 + run.id;
    const done = { state: 'completed', leads: false, finished_at: epoch, epoch } as const;
    return [
      { do: 'update_run', if_state: 'running', if_attempt: 1, run: { ...claimed(run), ...done } },
      { do: 'end_attempt', attempt: { ...attemptOf(run.id), ...ended } },
      { do: 'put_body', sha256: text_sha256, body: text },
      {
        do: 'insert_result',
        result: {
          job: run.id,
          epoch,
          attempt: 1,
          text_sha256,
          text_bytes: text.length,
          meta: META,
          accepted_at: epoch,
        },
      },
      { do: 'put_publication', publication: { kind: 'result', job: run.id, epoch } },
    ];
  },
  ({ run }) => [
    { do: 'drop_publication', publication: { kind: 'job', job: run.id, epoch: null } },
    {
      do: 'drop_publication',
      publication: { kind: 'result', job: run.id, epoch: 1_790_000_002_000 + run.id },
    },
  ],
];

function claimed(run: RunRow): RunRow {
  return { ...run, state: 'running', attempt: 1, instance: 0, started_at: 1_790_000_001_000 };
}

/** What must be there before the first of them. */
export const before: readonly Change[] = [
  { do: 'put_lane', lane: { id: 1, endpoint: 'simulator', model: 'no-op', needs: '', last_rank: 0 } },
  { do: 'put_batch', batch: 'bench', created_at: 1_790_000_000_000 },
];
