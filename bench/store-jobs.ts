/** Jobs as a scheduler writes them into the store, in four turns: accepted, claimed, answered, published. */
import type { Change } from '../src/core/ports/store.ts';
import type { AnswerMeta, RunRow, SpecRow } from '../src/core/rows.ts';
import { anAttempt, aRun, aSpec, sha256, T0 } from '../test/stores/rows.ts';

const CLAIMED_AT = T0 + 1_000;
const ENDED_AT = T0 + 2_000;

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
  const run = aRun(id, { name, digest: `1:${sha256(request)}`, batch: 'bench' });
  const spec = aSpec({
    spec_sha256: sha256(spec_body),
    prompt_sha256: sha256(prompt_body),
    request,
    link: `${name}.json`,
  });
  return { run, spec, spec_body, prompt_body, text, text_sha256: sha256(text) };
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
    { do: 'insert_attempt', attempt: anAttempt(run.id, { started_at: CLAIMED_AT }) },
  ],
  ({ run, text, text_sha256 }) => {
    const { timings, usage, parameters_sent } = META;
    const attempt = anAttempt(run.id, {
      started_at: CLAIMED_AT,
      ended_at: ENDED_AT,
      outcome: 'succeeded',
      timings,
      usage,
      parameters_sent,
    });
    const epoch = ENDED_AT + run.id;
    const done = { state: 'completed', leads: false, finished_at: epoch, epoch } as const;
    return [
      { do: 'update_run', if_state: 'running', if_attempt: 1, run: { ...claimed(run), ...done } },
      { do: 'end_attempt', attempt },
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
      publication: { kind: 'result', job: run.id, epoch: ENDED_AT + run.id },
    },
  ],
];

function claimed(run: RunRow): RunRow {
  return { ...run, state: 'running', attempt: 1, instance: 0, started_at: CLAIMED_AT };
}

/** What must be there before the first of them. */
export const before: readonly Change[] = [
  { do: 'put_lane', lane: { id: 1, endpoint: 'simulator', model: 'no-op', needs: '', last_rank: 0 } },
  { do: 'put_batch', batch: 'bench', created_at: T0 },
];
