/**
 * The ports behind the HTTP server, in memory: a scheduler that decides as the real one does for these few cases, and the
 * rows that it commits. A test drives it (`start`, `log`, `finish`) in the place of an instance.
 */
import type { LiveState, LogEntry } from '../../src/core/attempt.ts';
import type { RunRef } from '../../src/core/names.ts';
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
import type { AttemptRow, KeyRow, RunRow } from '../../src/core/rows.ts';
import { hasEnded, type RunState } from '../../src/core/states.ts';
import type { OnInvalid, PreparedJob, SubmitReceipt, SubmittedJob } from '../../src/core/submission.ts';
import { type FakeLogs, type FakeReads, newAttempt, newResult, newRun, NOW, sha256 } from './fake-reads.ts';

interface Follower {
  readonly job: number;
  readonly attempt: number;
  readonly onPiece: (piece: LogPiece) => void;
  readonly end: (why: FollowEnd) => void;
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
        next_run: false,
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
      return {
        name: row.name,
        run: row.run,
        state: row.state,
        verdict,
        options_differ: false,
        next_run: row.run > 1,
      };
    });
    this.tell(changes);
    return { jobs: receipts, accepted };
  }

  /** Files are no part of what HTTP does. */
  adopt(): Promise<never> {
    return Promise.reject(new Error('a door of HTTP adopts nothing'));
  }

  publishJobs(): Promise<never> {
    return Promise.reject(new Error('a door of HTTP publishes nothing'));
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
