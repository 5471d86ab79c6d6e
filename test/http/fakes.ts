/**
 * The ports behind the HTTP server, in memory: a scheduler that decides as the real one does for these few cases, and the
 * rows that it commits. A test drives it (`start`, `log`, `finish`) in the place of an instance.
 */
import { createHash } from 'node:crypto';
import type { LiveState, LogEntry } from '../../src/core/attempt.ts';
import { canonicalJson, isJsonObject, type Json } from '../../src/core/json.ts';
import type { RunRef } from '../../src/core/names.ts';
import type { LogReader } from '../../src/core/ports/logs.ts';
import type { BatchRow, CountRow, ReadStore, RunFilter, RunPage } from '../../src/core/ports/read-store.ts';
import type {
  CancelVerdict,
  EndpointStatus,
  FollowEnd,
  InstanceStatus,
  LaneStatus,
  LogPiece,
  RetryVerdict,
  RunAnswer,
  RunChange,
  Scheduler,
  SchedulerStatus,
} from '../../src/core/ports/scheduler.ts';
import type { AttemptRow, InstanceRow, KeyRow, ResultRow, RunRow, SpecRow } from '../../src/core/rows.ts';
import { hasEnded, type RunState } from '../../src/core/states.ts';
import type { OnInvalid, PreparedJob, SubmitReceipt, SubmittedJob } from '../../src/core/submission.ts';
import type { Prepare } from '../../src/http/http-options.ts';

export const NOW = Date.UTC(2026, 10, 22, 9, 0, 0);

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

interface Follower {
  readonly job: number;
  readonly attempt: number;
  readonly onPiece: (piece: LogPiece) => void;
  readonly end: (why: FollowEnd) => void;
}

/** The rows. Every read is finished before it returns, as the port asks. */
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
        is(filter.key, row.key ?? undefined) &&
        (filter.tag === undefined || (this.specs.get(row.id)?.options.tags.includes(filter.tag) ?? false)) &&
        row.submitted_at >= (filter.since ?? 0) &&
        row.name.startsWith(filter.prefix ?? '') &&
        (filter.latest !== true || latest.get(row.name) === row.run),
    );
  }
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

export class FakeScheduler implements Scheduler {
  readonly reads: FakeReads;
  readonly logs: FakeLogs;
  /** What instances say of running attempts; a name that is missing does not answer. */
  readonly alive = new Map<string, LiveState>();
  lane_rows: LaneStatus[] = [];
  instance_status: InstanceStatus[] = [];
  endpoint_status: EndpointStatus[] = [];
  trouble: SchedulerStatus['trouble'] = null;
  /** The next call rejects with this. */
  failure: Error | null = null;
  follows = 0;
  readonly #listeners = new Set<(changes: readonly RunChange[]) => void>();
  readonly #followers = new Set<Follower>();
  /** Logs of running attempts, by run id. */
  readonly #live_logs = new Map<number, string>();
  #next_id = 1;
  #epoch = NOW;

  constructor(reads: FakeReads, logs: FakeLogs) {
    this.reads = reads;
    this.logs = logs;
  }

  get listeners(): number {
    return this.#listeners.size;
  }
  get followers(): number {
    return this.#followers.size;
  }

  async submit(jobs: readonly PreparedJob[], onInvalid: OnInvalid): Promise<SubmitReceipt> {
    this.#fail();
    const latest = new Map<string, RunRow>();
    for (const row of this.reads.rows.values()) {
      const known = latest.get(row.name);
      if (known === undefined || known.run < row.run) latest.set(row.name, row);
    }
    const leaders = new Map(
      [...this.reads.rows.values()].filter((row) => row.leads).map((row) => [row.digest, row]),
    );
    const planned = new Map<string, { run: number; digest: string }>();
    for (const row of latest.values()) planned.set(row.name, row);
    const isConflict = (job: PreparedJob): boolean => {
      const known = planned.get(job.name);
      const conflicts = known !== undefined && known.digest !== job.digest && job.if_exists === 'same';
      if (known === undefined) planned.set(job.name, { run: 1, digest: job.digest });
      return conflicts;
    };
    const conflicts = new Set(jobs.filter(isConflict));
    const accepted = conflicts.size === 0 || onInvalid === 'skip';
    const changes: RunChange[] = [];
    const receipts = jobs.map((job): SubmittedJob => {
      const known = latest.get(job.name) ?? null;
      const refused = {
        name: job.name,
        run: known?.run ?? 1,
        state: known?.state ?? 'queued',
        options_differ: false,
      };
      if (conflicts.has(job) || !accepted)
        return { ...refused, verdict: conflicts.has(job) ? 'conflict' : 'created' };
      if (known !== null && known.digest === job.digest) {
        return { ...refused, verdict: known.state === 'completed' ? 'answered_before' : 'known' };
      }
      const row = this.#insert(job, (known?.run ?? 0) + 1, leaders.get(job.digest) ?? null);
      latest.set(job.name, row);
      if (row.leads) leaders.set(row.digest, row);
      changes.push(changeOf(row));
      const verdict = row.state === 'blocked' ? 'shared' : 'created';
      return { name: row.name, run: row.run, state: row.state, verdict, options_differ: false };
    });
    this.tell(changes);
    return { jobs: receipts, accepted };
  }

  async cancel(runs: readonly RunRef[]): Promise<readonly RunAnswer<CancelVerdict>[]> {
    this.#fail();
    return runs.map((ref) => {
      const row = this.reads.run(ref.name, ref.run);
      if (row === null) return { name: ref.name, run: ref.run ?? 0, verdict: 'not_found', state: null };
      const answer = { name: row.name, run: row.run, state: row.state };
      if (hasEnded(row.state)) return { ...answer, verdict: 'already_ended' };
      if (row.state === 'running') {
        this.reads.rows.set(row.id, { ...row, cancel_requested_at: NOW });
        return { ...answer, verdict: 'cancelling' };
      }
      this.change(row.name, { state: 'cancelled', leads: false, reason_code: 'Cancelled', finished_at: NOW });
      return { ...answer, state: 'cancelled', verdict: 'cancelled' };
    });
  }

  async retry(
    runs: readonly RunRef[],
    options: { priority?: number; max_attempts?: number; attempt_timeout_ms?: number },
  ): Promise<readonly RunAnswer<RetryVerdict>[]> {
    this.#fail();
    return runs.map((ref) => {
      const row = this.reads.run(ref.name, ref.run);
      if (row === null) return { name: ref.name, run: ref.run ?? 0, verdict: 'not_found', state: null };
      const answer = { name: row.name, run: row.run, state: row.state };
      if (row.state !== 'failed' && row.state !== 'cancelled') return { ...answer, verdict: 'wrong_state' };
      this.change(row.name, {
        ...options,
        state: 'queued',
        leads: true,
        reason_code: null,
        finished_at: null,
      });
      return { ...answer, state: 'queued', verdict: 'queued' };
    });
  }

  live(name: string, _run: number, _wait_ms: number): Promise<LiveState | null> {
    const said = this.alive.get(name);
    // An instance that does not answer: the server must not wait for it longer than it says.
    return said === undefined ? new Promise(() => {}) : Promise.resolve(said);
  }

  async lanes(): Promise<readonly LaneStatus[]> {
    return this.lane_rows;
  }

  async status(): Promise<SchedulerStatus> {
    this.#fail();
    return {
      store_id: this.reads.store_id,
      turns: 7,
      unpublished: 0,
      trouble: this.trouble,
      instances: this.instance_status,
      endpoints: this.endpoint_status,
    };
  }

  follow(
    name: string,
    run: number,
    from: { attempt: number; offset: number },
    onPiece: (piece: LogPiece) => void,
    stop: AbortSignal,
  ): Promise<FollowEnd> {
    this.follows++;
    const row = this.reads.run(name, run);
    if (row === null || row.state !== 'running' || row.attempt !== from.attempt)
      return Promise.resolve('gone');
    for (const piece of piecesOf(this.#live_logs.get(row.id) ?? '', from.attempt))
      if (piece.offset > from.offset) onPiece(piece);
    return new Promise((resolve) => {
      const follower: Follower = {
        job: row.id,
        attempt: from.attempt,
        onPiece,
        end: (why) => {
          this.#followers.delete(follower);
          resolve(why);
        },
      };
      this.#followers.add(follower);
      stop.addEventListener('abort', () => follower.end('gone'), { once: true });
      if (stop.aborted) follower.end('gone');
    });
  }

  onChanges(fn: (changes: readonly RunChange[]) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  async putKey(key: KeyRow): Promise<void> {
    this.reads.key_rows.set(key.id, key);
  }

  // What an instance and the turns do, for tests.

  /** Changes the latest run of a name and tells it, as a commit does. */
  change(name: string, fields: Partial<RunRow>): RunRow {
    const row = { ...this.latest(name), ...fields };
    this.reads.rows.set(row.id, row);
    this.tell([changeOf(row)]);
    return row;
  }

  latest(name: string): RunRow {
    const row = this.reads.run(name, null);
    if (row === null) throw new Error(`no run of ${name}`);
    return row;
  }

  /** Begins the next attempt. */
  start(name: string): RunRow {
    const row = this.latest(name);
    const attempt = row.attempt + 1;
    this.#live_logs.set(row.id, '');
    const rows = this.reads.attempt_rows.get(row.id) ?? [];
    this.reads.attempt_rows.set(row.id, [...rows, newAttempt(row.id, attempt)]);
    return this.change(name, { state: 'running', attempt, instance: 0, started_at: NOW });
  }

  /** Writes an entry to the log of the running attempt. */
  log(name: string, text: string): void {
    const row = this.latest(name);
    const entry: LogEntry = { at: NOW, stream: 'stdout', text };
    const log = `${this.#live_logs.get(row.id) ?? ''}${JSON.stringify(entry)}\n`;
    this.#live_logs.set(row.id, log);
    const piece: LogPiece = { ...entry, attempt: row.attempt, offset: Buffer.byteLength(log) };
    for (const follower of [...this.#followers]) if (follower.job === row.id) follower.onPiece(piece);
  }

  /** Ends the attempt, and with `answer` the run; without one it is retried. The log is stored first, as at a commit. */
  finish(name: string, answer: string | null): RunRow {
    const row = this.latest(name);
    const place = this.logs.append(this.#live_logs.get(row.id) ?? '');
    const kept = place.log_bytes === 0 ? {} : place;
    this.endAttempt(row, { ...kept, outcome: answer === null ? 'errored' : 'succeeded' });
    if (answer === null)
      return this.change(name, { state: 'retrying', due_at: NOW + 1_000, last_error: 'HTTP 500' });
    const text_sha256 = sha256(answer);
    this.reads.bodies.set(text_sha256, answer);
    this.#epoch++;
    this.reads.results.set(row.id, newResult(row, answer, this.#epoch));
    return this.change(name, {
      state: 'completed',
      leads: false,
      finished_at: NOW + 1_000,
      epoch: this.#epoch,
    });
  }

  endAttempt(row: RunRow, fields: Partial<AttemptRow>): void {
    const rows = this.reads.attempt_rows.get(row.id) ?? [];
    const ended = rows.map((one) =>
      one.attempt === row.attempt ? { ...one, ended_at: NOW, ...fields } : one,
    );
    this.reads.attempt_rows.set(row.id, ended);
    for (const follower of [...this.#followers]) if (follower.job === row.id) follower.end('ended');
  }

  #fail(): void {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
  }

  /** Tells changes, as after a commit. */
  tell(changes: readonly RunChange[]): void {
    if (changes.length > 0) for (const fn of [...this.#listeners]) fn(changes);
  }

  #insert(job: PreparedJob, run: number, leader: RunRow | null): RunRow {
    const id = this.#next_id++;
    const state: RunState = leader === null ? 'queued' : 'blocked';
    const row = newRun(id, job, run, state);
    this.reads.rows.set(id, row);
    const { spec_sha256, prompt_sha256, request, options, metadata, link } = job;
    this.reads.specs.set(id, { spec_sha256, prompt_sha256, request, options, metadata, link });
    this.reads.bodies.set(spec_sha256, job.spec).set(prompt_sha256, job.prompt);
    if (job.batch !== null && !this.reads.batch_names.has(job.batch))
      this.reads.batch_names.set(job.batch, NOW);
    return row;
  }
}

function piecesOf(log: string, attempt: number): LogPiece[] {
  let offset = 0;
  return log.split('\n').flatMap((line) => {
    offset += Buffer.byteLength(line) + 1;
    return line === '' ? [] : [{ ...(JSON.parse(line) as LogEntry), attempt, offset }];
  });
}

function changeOf({ name, run, batch, state, attempt, reason_code }: RunRow): RunChange {
  return { name, run, batch, state, attempt, reason_code };
}

function newRun(id: number, job: PreparedJob, run: number, state: RunState): RunRow {
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
    errors: 0,
    lost: 0,
    interrupted: 0,
    rate_limited_since: null,
    last_error: null,
    same_errors: 0,
    cancel_requested_at: null,
    reason_code: null,
    reason_message: null,
    started_at: null,
    finished_at: null,
    epoch: null,
    answered_by: null,
  };
}

function newAttempt(job: number, attempt: number): AttemptRow {
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
  };
}

function newResult(row: RunRow, text: string, epoch: number): ResultRow {
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

/** Prepares as much of a job as the server looks at: a prompt that is a text, and a configuration with a model. */
export const prepare: Prepare = async (value, { via }) => {
  const job = isJsonObject(value) ? value : {};
  const { prompt, name, batch, key, metadata, if_exists } = job;
  const configuration = isJsonObject(job['configuration']) ? job['configuration'] : {};
  if (isJsonObject(prompt) && via === 'tcp') {
    return {
      ok: false,
      faults: [{ code: 'LinkOverTcp', path: 'prompt.base', expected: 'a text', got: 'a link' }],
    };
  }
  if (typeof prompt !== 'string') {
    return {
      ok: false,
      faults: [{ code: 'InvalidJob', path: 'prompt', expected: 'a text', got: 'nothing' }],
    };
  }
  if (configuration['seed'] !== undefined && typeof configuration['seed'] !== 'number') {
    return {
      ok: false,
      faults: [
        {
          code: 'InvalidJob',
          path: 'configuration.seed',
          expected: 'an integer',
          got: 'a text',
          hint: 'Leave out the quotes.',
        },
      ],
    };
  }
  const spec = canonicalJson({ type: 'llm', prompt, configuration });
  const built = canonicalJson([{ role: 'user', content: prompt }]);
  const request = canonicalJson({ prompt: sha256(built), configuration });
  const digest = `1:${sha256(request)}`;
  return {
    ok: true,
    warnings: configuration['odd'] === undefined ? [] : ['configuration.odd is passed on as it is'],
    job: {
      name: typeof name === 'string' ? name : digest.slice(2, 14),
      batch: typeof batch === 'string' ? batch : null,
      key: typeof key === 'string' ? key : null,
      type: 'llm',
      source: 'http',
      endpoint: 'simulator',
      model: 'parrot',
      needs: '',
      digest,
      request,
      spec,
      spec_sha256: sha256(spec),
      prompt: built,
      prompt_sha256: sha256(built),
      options: {
        priority: 0,
        attempt_timeout_ms: 600_000,
        first_token_timeout_ms: 300_000,
        stall_timeout_ms: 60_000,
        max_attempts: 4,
        run_at: null,
        tags: tagsOf(job['options']),
      },
      metadata: metadata as Json | undefined,
      link: `${typeof name === 'string' ? name : digest.slice(2, 14)}.json`,
      if_exists: if_exists === 'new_run' ? 'new_run' : 'same',
    },
  };
};

function tagsOf(options: unknown): readonly string[] {
  const tags = isJsonObject(options) ? options['tags'] : undefined;
  return Array.isArray(tags) ? tags.map(String) : [];
}
