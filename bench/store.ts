/**
 * What the SQLite store alone costs: `node bench/store.ts [jobs] [jobs per turn]`. Each job is written as a scheduler
 * writes it, in four turns: accepted, claimed, answered, published. Everything is on disk (WAL, synchronous=FULL) and the
 * log is copied into the database as it would be in a server; both are in the time. What is loaded is measured apart.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FULL_BUDGETS } from '../src/core/retry.ts';
import type { Change, Store } from '../src/core/ports/store.ts';
import type { AnswerMeta, AttemptRow, RunRow, SpecRow } from '../src/core/rows.ts';
import { openStore } from '../src/stores/sqlite/store.ts';

const JOBS = Number(process.argv[2] ?? 100_000);
const TURN = Number(process.argv[3] ?? 1_000);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

interface Job {
  readonly run: RunRow;
  readonly spec: SpecRow;
  readonly spec_body: string;
  readonly prompt_body: string;
  readonly text: string;
  readonly text_sha256: string;
}

const META: AnswerMeta = {
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

function job(id: number): Job {
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

const steps: readonly ((job: Job) => readonly Change[])[] = [
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

interface Spent {
  readonly name: string;
  ms: number;
}

async function timed<T>(spent: Spent, act: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const done = await act();
  spent.ms += performance.now() - from;
  return done;
}

async function measure(store: Store): Promise<void> {
  const names = ['accept', 'claim', 'answer', 'publish'] as const;
  const writes = names.map((name): Spent => ({ name, ms: 0 }));
  const reads = names.slice(0, 3).map((name): Spent => ({ name: `load for ${name}`, ms: 0 }));
  const tidy: Spent = { name: 'checkpoints', ms: 0 };
  await store.commit([
    { do: 'put_lane', lane: { id: 1, endpoint: 'simulator', model: 'no-op', needs: '', last_rank: 0 } },
    { do: 'put_batch', batch: 'bench', created_at: 1_790_000_000_000 },
  ]);
  for (let first = 1; first <= JOBS; first += TURN) {
    const lot = Array.from({ length: Math.min(TURN, JOBS - first + 1) }, (_, n) => job(first + n));
    const ids = lot.map(({ run }) => run.id);
    const loads = [
      { names: lot.map(({ run }) => run.name), digests: lot.map(({ run }) => run.digest) },
      { claims: [{ lane: 1, limit: lot.length }], orders: ids },
      { ids, epochs: lot.map(({ run }) => run.name) },
    ];
    for (const [at, step] of steps.entries()) {
      const load = loads[at];
      const read = reads[at];
      if (load !== undefined && read !== undefined) await timed(read, () => store.load(load));
      const changes = lot.flatMap(step);
      const refused = await timed(writes[at] ?? tidy, () => store.commit(changes));
      if (refused.length > 0) throw new Error(`refused: ${JSON.stringify(refused[0])}`);
      await timed(tidy, () => store.tidy());
    }
  }
  report([...writes, tidy], 'written');
  report(reads, 'loaded');
}

function report(spent: readonly Spent[], what: string): void {
  for (const { name, ms } of spent)
    console.log(`  ${name.padEnd(16)} ${((ms * 1_000) / JOBS).toFixed(2)} µs per job`);
  const ms = spent.reduce((sum, one) => sum + one.ms, 0);
  console.log(`${what}: ${Math.round((JOBS * 1_000) / ms).toLocaleString('en')} jobs/s`);
}

const folder = mkdtempSync(join(tmpdir(), 'promptd-bench-'));
try {
  const path = join(folder, 'queue.db');
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  const random = { next: () => Math.random(), id: (bytes: number) => 'ab'.repeat(bytes) };
  const store = openStore({ path, clock, random });
  console.log(`${JOBS.toLocaleString('en')} jobs in turns of ${TURN.toLocaleString('en')}`);
  await measure(store);
  await store.close();
  console.log(`database: ${(statSync(path).size / JOBS / 1024).toFixed(2)} KiB per job`);
} finally {
  rmSync(folder, { recursive: true });
}
