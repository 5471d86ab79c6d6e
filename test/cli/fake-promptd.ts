/** A server with the calls of promptd and no machine behind them: the test says what becomes of the jobs. */
import type { ServerResponse } from 'node:http';
import { REASONS, type ReasonCode } from '../../src/core/reasons.ts';
import type { Cost } from '../../src/core/rows.ts';
import { hasEnded, type RunState } from '../../src/core/states.ts';
import { type Asked, openSse, ScriptedServer, sendJson, sendProblem } from '../client/scripted-server.ts';

export interface FakeRun {
  name: string;
  run: number;
  batch: string | null;
  key: string | null;
  state: RunState;
  reason: ReasonCode | null;
  content: string;
  answer: string;
  warnings: string[];
  attempts: number;
  /** Of its attempt. */
  cost: Cost | null;
}

type JobIn = Record<string, unknown> & { name?: string; batch?: string; key?: string; if_exists?: string };

const T0 = '2026-11-22T09:00:00.000Z';

export class FakePromptd {
  readonly server = new ScriptedServer();
  readonly runs: FakeRun[] = [];
  /** What the answer to every submission warns of. */
  warnings: readonly string[] = [];
  /** What becomes of a run that is created; by itself it stays queued. */
  onCreated: (run: FakeRun) => void = () => undefined;
  readonly #readers = new Set<ReturnType<typeof openSse>>();
  readonly #streams = new Set<ServerResponse>();
  #opened: (() => void)[] = [];

  constructor() {
    const { server } = this;
    server.json('GET /healthz', { ok: true, version: '9.9.9', store_id: 's' });
    server.json('GET /stats', {
      version: '9.9.9',
      store_id: 's',
      uptime_s: 5,
      turns: 1,
      states: {},
      unpublished: 0,
      trouble: null,
    });
    server.json('GET /instances', { instances: [] });
    server.json('GET /endpoints', { endpoints: [] });
    server.json('GET /batches', { batches: [] });
    server.on('GET /events', (_asked, response) => this.#openEvents(response));
    server.on('POST /jobs', (asked, response) => this.#submit(asked, response));
    server.on('GET /jobs', (asked, response) => {
      const found = this.#select(asked);
      const limit = Number(query(asked).get('limit') ?? 50);
      sendJson(response, { jobs: found.slice(0, limit).map(lineOf), next_cursor: null });
    });
    server.on('GET /jobs/counts', (asked, response) => {
      const counts = new Map<RunState, number>();
      for (const run of this.#select(asked)) counts.set(run.state, (counts.get(run.state) ?? 0) + 1);
      sendJson(response, { counts: [...counts].map(([state, runs]) => ({ by: { state }, runs })) });
    });
  }

  /** Adds a run as if it had been submitted long ago. */
  has(run: Partial<FakeRun> & { name: string }): FakeRun {
    const whole: FakeRun = {
      run: 1,
      batch: null,
      key: null,
      state: 'queued',
      reason: null,
      content: '',
      answer: '',
      warnings: [],
      attempts: 1,
      cost: null,
      ...run,
    };
    this.runs.push(whole);
    this.#serve(whole);
    return whole;
  }

  /** A run changes its state, and whoever listens is told. */
  becomes(run: FakeRun, state: RunState, reason: ReasonCode | null = null): void {
    run.state = state;
    run.reason = reason;
    const { name, batch } = run;
    for (const send of this.#readers)
      send('runs', [{ name, run: run.run, batch, state, attempt: 1, reason }]);
  }

  find(name: string, run?: number): FakeRun {
    const found = this.runs
      .filter((one) => one.name === name && (run === undefined || one.run === run))
      .at(-1);
    if (found === undefined) throw new Error(`no run ${name}`);
    return found;
  }

  /** Resolves when somebody opens the stream of events the next time. */
  opened(): Promise<void> {
    return new Promise((resolve) => this.#opened.push(resolve));
  }

  cutStreams(): void {
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
    this.#readers.clear();
  }

  #openEvents(response: ServerResponse): void {
    const send = openSse(response);
    send('hello', { version: '9.9.9', store_id: 's' });
    this.#readers.add(send);
    this.#streams.add(response);
    response.on('close', () => {
      this.#readers.delete(send);
      this.#streams.delete(response);
    });
    for (const resolve of this.#opened.splice(0)) resolve();
  }

  #submit(asked: Asked, response: ServerResponse): void {
    const jobs = asked.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JobIn);
    const skip = query(asked).get('on_invalid') === 'skip';
    const conflicts = jobs.flatMap((job, index) =>
      this.#conflicts(job) ? [{ index, errors: [taken(job, index)] }] : [],
    );
    if (conflicts.length > 0 && !skip) {
      const errors = conflicts.flatMap((conflict) => conflict.errors);
      const hint = 'To ask again under this name: "if_exists": "new_run". Its first answer stays.';
      sendProblem(
        response,
        409,
        'NameTaken',
        `"${jobs[conflicts[0]?.index ?? 0]?.name}" exists with another prompt`,
        { errors, hint },
      );
      return;
    }
    const counts = { created: 0, answered_before: 0, shared: 0, known: 0 };
    const created: FakeRun[] = [];
    const next: { name: string; run: number; differs: string[] }[] = [];
    const receipts = jobs.flatMap((job) => {
      if (this.#conflicts(job)) return [];
      const [run, verdict] = this.#accept(job);
      counts[verdict]++;
      if (verdict === 'created') created.push(run);
      if (verdict === 'created' && run.run > 1)
        next.push({ name: run.name, run: run.run, differs: ['prompt.base'] });
      return [{ name: run.name, run: run.run, state: run.state }];
    });
    sendJson(
      response,
      {
        ...counts,
        jobs: receipts,
        warnings: this.warnings,
        ...(next.length > 0 ? { next_runs: { total: next.length, some: next.slice(0, 20) } } : {}),
        ...(conflicts.length > 0 ? { refused: conflicts } : {}),
      },
      201,
    );
    for (const run of created) setImmediate(() => this.onCreated(run));
  }

  #conflicts(job: JobIn): boolean {
    const known = this.runs.filter((run) => run.name === job.name).at(-1);
    return known !== undefined && known.content !== contentOf(job) && job.if_exists !== 'new_run';
  }

  #accept(job: JobIn): [FakeRun, 'created' | 'answered_before' | 'known'] {
    const content = contentOf(job);
    const name = job.name ?? (job.batch === undefined ? 'd1ge57' : `${job.batch}.${job.key ?? 'd1ge57'}`);
    const known = this.runs.filter((run) => run.name === name).at(-1);
    if (known?.content === content) return [known, known.state === 'completed' ? 'answered_before' : 'known'];
    const run = this.has({
      name,
      run: (known?.run ?? 0) + 1,
      batch: job.batch ?? null,
      key: job.key ?? null,
      content,
      answer: `The answer of ${name}.`,
    });
    return [run, 'created'];
  }

  #serve(run: FakeRun): void {
    const refs = [run.name, `${run.name}@${run.run}`];
    for (const ref of refs) {
      this.server.on(`GET /jobs/${ref}`, (asked, response) => sendJson(response, viewOf(run, asked)));
      this.server.on(`GET /jobs/${ref}/result`, (_asked, response) => {
        const isDone = run.state === 'completed';
        const file = isDone ? { file: `1700000000000_${run.name}.json` } : {};
        sendJson(response, {
          job: `${run.name}.json`,
          result: isDone ? run.answer : null,
          name: run.name,
          run: run.run,
          ...file,
        });
      });
    }
  }

  #select(asked: Asked): FakeRun[] {
    const given = query(asked);
    const states = given.get('state')?.split(',');
    const latest = [...new Map(this.runs.map((run) => [run.name, run])).values()].toReversed();
    return latest.filter(
      (run) =>
        run.name.startsWith(given.get('prefix') ?? '') &&
        (states?.includes(run.state) ?? true) &&
        (given.get('batch') ?? run.batch) === run.batch &&
        (given.get('reason') ?? run.reason) === run.reason,
    );
  }
}

function query(asked: Asked): URLSearchParams {
  return new URL(asked.url, 'http://x').searchParams;
}

function contentOf(job: JobIn): string {
  return JSON.stringify([job['prompt'], job['configuration']]);
}

function taken(job: JobIn, index: number): object {
  return {
    code: 'NameTaken',
    path: `jobs[${index}].name`,
    expected: 'a free name, or the same job',
    got: `"${job.name}", which exists with another prompt (differs: prompt.base)`,
    hint: 'To ask again under this name: "if_exists": "new_run". Its first answer stays.',
  };
}

function lineOf(run: FakeRun): object {
  const { name, batch, key, state, reason, attempts } = run;
  const self = `/jobs/${name}@${run.run}`;
  return {
    name,
    run: run.run,
    batch,
    key,
    type: 'llm',
    state,
    reason: reason === null ? null : { code: reason, message: REASONS[reason].advice },
    endpoint: 'ollama',
    model: 'llama3.2:3b',
    digest: '1:abc',
    shared_with: null,
    attempts,
    submitted_at: T0,
    started_at: state === 'queued' ? null : T0,
    finished_at: hasEnded(state) ? '2026-11-22T09:00:02.500Z' : null,
    instance: state === 'queued' ? null : 0,
    links: { self, result: `${self}/result`, logs: `${self}/logs` },
  };
}

function viewOf(run: FakeRun, asked: Asked): object {
  const parts = query(asked).get('with')?.split(',') ?? [];
  const usage = { input: 10, cached: null, output: 5, reasoning: null, raw: {} };
  const attempt = {
    attempt: 1,
    instance: 0,
    started_at: T0,
    ended_at: '2026-11-22T09:00:02.500Z',
    outcome: run.state === 'completed' ? 'succeeded' : 'errored',
    charged_for: run.state === 'completed' ? null : 'errors',
    reason_code: run.reason,
    error: run.reason === null ? null : 'the server said no',
    timings: null,
    usage,
    cost: run.cost,
    parameters_sent: {},
    warnings: run.warnings,
    log_bytes: 0,
    kept_answer: null,
  };
  return {
    ...lineOf(run),
    metadata: null,
    created: false,
    answered_before: false,
    options: {
      priority: 0,
      attempt_timeout_ms: 600_000,
      first_token_timeout_ms: 1,
      stall_timeout_ms: 1,
      max_attempts: 4,
      run_at: null,
      tags: [],
    },
    live: null,
    ...(parts.length === 0
      ? {}
      : {
          with: {
            ...(parts.includes('attempts') ? { attempts: [attempt] } : {}),
            ...(parts.includes('runs')
              ? { runs: [{ run: run.run, state: run.state, finished_at: null }] }
              : {}),
            ...(parts.includes('prompt') ? { prompt: [{ role: 'user', content: run.content }] } : {}),
          },
        }),
  };
}
