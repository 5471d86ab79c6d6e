/** The rows and logs that the HTTP server reads, in memory. Every read is finished before it returns, as the port asks. */
import { resultFileName } from '../../src/core/names.ts';
import { FULL_BUDGETS } from '../../src/core/retry.ts';
import { createHash } from 'node:crypto';
import type { LogReader } from '../../src/core/ports/logs.ts';
import type {
  AnswerFileName,
  BatchRow,
  CountRow,
  ReadStore,
  RunFilter,
  RunPage,
} from '../../src/core/ports/read-store.ts';
import type { AttemptRow, InstanceRow, KeyRow, ResultRow, RunRow, SpecRow } from '../../src/core/rows.ts';
import type { RunState } from '../../src/core/states.ts';
import type { PreparedJob } from '../../src/core/submission.ts';

export const NOW = Date.UTC(2026, 10, 22, 9, 0, 0);

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export class FakeReads implements ReadStore {
  readonly store_id = 'store-1';
  readonly rows = new Map<number, RunRow>();
  readonly specs = new Map<number, SpecRow>();
  readonly bodies = new Map<string, string>();
  readonly attempt_rows = new Map<number, AttemptRow[]>();
  readonly results = new Map<number, ResultRow>();
  readonly key_rows = new Map<string, KeyRow>();
  readonly instance_rows: InstanceRow[] = [];
  readonly batch_names = new Map<string, number>();
  readonly costs = new Map<string, BatchRow['costs']>();
  readonly costs_unknown = new Map<string, number>();

  run(name: string, run: number | null): RunRow | null {
    const runs = this.runsOf(name, Number.MAX_SAFE_INTEGER);
    return (run === null ? runs[0] : runs.find((row) => row.run === run)) ?? null;
  }
  runById(id: number): RunRow | null {
    return this.rows.get(id) ?? null;
  }
  runsOf(name: string, limit: number): readonly RunRow[] {
    const runs = [...this.rows.values()].filter((row) => row.name === name);
    return runs.toSorted((a, b) => b.run - a.run).slice(0, limit);
  }
  named(names: readonly string[]): ReadonlySet<string> {
    return new Set(names.filter((name) => this.run(name, null) !== null));
  }
  ofRuns(files: readonly AnswerFileName[]): readonly boolean[] {
    return files.map(({ name, epoch }) =>
      this.runsOf(name, Number.MAX_SAFE_INTEGER).some((run) => run.epoch === epoch),
    );
  }
  published(after: number): readonly string[] | null {
    const rest = [...this.rows.values()].filter(({ id }) => id > after);
    const completed = rest.filter(({ state }) => state === 'completed');
    return rest.length === 0 ? null : completed.map(({ epoch, name }) => resultFileName(epoch ?? 0, name));
  }
  runs(filter: RunFilter, limit: number, before: number | null): RunPage {
    const all = this.#matching(filter).toSorted((a, b) => b.id - a.id);
    const rest = all.filter(({ id }) => before === null || id < before);
    const runs = rest.slice(0, limit);
    return { runs, next_before: rest.length > limit ? (runs.at(-1)?.id ?? null) : null };
  }
  counts(
    by: readonly ('state' | 'reason' | 'model' | 'endpoint' | 'batch')[],
    filter: RunFilter,
  ): readonly CountRow[] {
    const groups = new Map<string, { by: CountRow['by']; runs: number }>();
    for (const row of this.#matching(filter)) {
      const values = {
        state: row.state,
        reason: row.reason_code,
        model: row.model,
        endpoint: row.endpoint,
        batch: row.batch,
      };
      const group = Object.fromEntries(by.map((name) => [name, values[name]]));
      const known = groups.get(JSON.stringify(group)) ?? { by: group, runs: 0 };
      known.runs++;
      groups.set(JSON.stringify(group), known);
    }
    return [...groups.values()];
  }
  spec(job: number): SpecRow | null {
    return this.specs.get(job) ?? null;
  }
  attempts(job: number): readonly AttemptRow[] {
    return [...(this.attempt_rows.get(job) ?? [])];
  }
  result(job: number): ResultRow | null {
    return this.results.get(job) ?? null;
  }
  body(hash: string): string | null {
    return this.bodies.get(hash) ?? null;
  }
  leader(digest: string): RunRow | null {
    return [...this.rows.values()].find((row) => row.leads && row.digest === digest) ?? null;
  }
  batches(limit: number): readonly BatchRow[] {
    return [...this.batch_names.keys()]
      .toReversed()
      .slice(0, limit)
      .flatMap((name) => this.batch(name) ?? []);
  }
  batch(name: string): BatchRow | null {
    const created_at = this.batch_names.get(name);
    if (created_at === undefined) return null;
    const rows = this.#matching({ batch: name });
    const counts: Partial<Record<RunState, number>> = {};
    for (const { state } of rows) counts[state] = (counts[state] ?? 0) + 1;
    const times = (of: (row: RunRow) => number | null): number[] => rows.flatMap((row) => of(row) ?? []);
    const started = times((row) => row.started_at);
    const finished = times((row) => row.finished_at);
    return {
      batch: name,
      created_at,
      counts,
      input_tokens: 0,
      costs: this.costs.get(name) ?? [],
      cost_unknown: this.costs_unknown.get(name) ?? 0,
      output_tokens: 0,
      first_started_at: started.length === 0 ? null : Math.min(...started),
      last_finished_at: finished.length === 0 ? null : Math.max(...finished),
    };
  }
  instances(): readonly InstanceRow[] {
    return this.instance_rows;
  }
  key(id: string): KeyRow | null {
    return this.key_rows.get(id) ?? null;
  }
  keys(): readonly KeyRow[] {
    return [...this.key_rows.values()];
  }
  publications(): [] {
    return [];
  }
  publicationBody(): null {
    return null;
  }
  unpublished(): number {
    return 0;
  }
  close(): void {}

  #matching(filter: RunFilter): RunRow[] {
    const latest = new Map<string, number>();
    for (const { name, run } of this.rows.values()) latest.set(name, Math.max(run, latest.get(name) ?? 0));
    const is = <T>(wanted: T | undefined, got: T): boolean => wanted === undefined || wanted === got;
    return [...this.rows.values()].filter(
      (row) =>
        (filter.state?.includes(row.state) ?? true) &&
        is(filter.batch, row.batch ?? undefined) &&
        is(filter.reason, row.reason_code ?? undefined) &&
        is(filter.endpoint, row.endpoint) &&
        is(filter.model, row.model) &&
        inLanes(filter.lanes, row.lane) &&
        is(filter.key, row.key ?? undefined) &&
        (filter.tag === undefined || (this.specs.get(row.id)?.options.tags.includes(filter.tag) ?? false)) &&
        row.submitted_at >= (filter.since ?? 0) &&
        row.name.startsWith(filter.prefix ?? '') &&
        (filter.latest !== true || latest.get(row.name) === row.run),
    );
  }
}

function inLanes(lanes: RunFilter['lanes'], lane: number): boolean {
  if (lanes === undefined) return true;
  return 'in' in lanes ? lanes.in.includes(lane) : !lanes.not_in.includes(lane);
}

/** Logs of attempts: those that run in memory of an instance, those that ended in one file on the server. */
export class FakeLogs implements LogReader {
  file = Buffer.alloc(0);
  readonly gone = new Set<number>();

  append(log: string): { log_file: string; log_offset: number; log_bytes: number } {
    const bytes = Buffer.from(log);
    const log_offset = this.file.length;
    this.file = Buffer.concat([this.file, bytes]);
    return { log_file: 'log-1', log_offset, log_bytes: bytes.length };
  }
  async read(place: { log_offset: number; log_bytes: number }, offset: number): Promise<Uint8Array | null> {
    if (this.gone.has(place.log_offset)) return null;
    return this.file.subarray(place.log_offset + offset, place.log_offset + place.log_bytes);
  }
}

export function newRun(id: number, job: PreparedJob, run: number, state: RunState): RunRow {
  const { name, type, source, endpoint, model, digest, batch, key, options } = job;
  return {
    id,
    name,
    run,
    type,
    source,
    lane: 1,
    endpoint,
    model,
    digest,
    batch,
    key,
    max_attempts: options.max_attempts,
    attempt_timeout_ms: options.attempt_timeout_ms,
    submitted_at: NOW,
    state,
    priority: options.priority,
    rank: id,
    leads: state === 'queued',
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
  };
}

export function newAttempt(job: number, attempt: number): AttemptRow {
  return {
    job,
    attempt,
    instance: 0,
    started_at: NOW,
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
  };
}

export function newResult(row: RunRow, text: string, epoch: number): ResultRow {
  const timings = { queued_ms: 1, build_ms: null, first_token_ms: 2, call_ms: 3 };
  const meta = {
    model: row.model,
    model_answered: row.model,
    endpoint: row.endpoint,
    endpoint_kind: 'simulator',
    parameters_sent: {},
    finish_reason: 'stop',
    warnings: [],
    usage: null,
    timings,
    cost: null,
  };
  return {
    job: row.id,
    epoch,
    attempt: row.attempt,
    text_sha256: sha256(text),
    text_bytes: Buffer.byteLength(text),
    meta,
    accepted_at: NOW,
  };
}
