/**
 * The working set of one turn: rows as they were loaded, with what the turn changed so far over them. Decisions read from it
 * and write to it, in order of arrival; it becomes a list of changes, effects, and overlays of the board. A key that nobody
 * loaded throws {@link Missing}: the turn then loads it and decides again from the start, so that deciding stays pure.
 */
import {
  runKey,
  type Board,
  type BoardEndpoint,
  type BoardInstance,
  type BoardLane,
  type Counter,
  type Lease,
} from './board.ts';
import type { PromptdEvent } from './events.ts';
import type { Gate } from './gate.ts';
import { Overlay } from './overlay.ts';
import type { AttemptRow, PublicationRow, ResultRow, RunRow, SpecRow } from './rows.ts';
import type { Change, Loaded, LoadKeys } from './ports/store.ts';
import { leadsIn, nextState, type RunEvent } from './states.ts';
import type { Effect, Receipt, TurnMoment } from './turn-events.ts';

/** Thrown where a decision needs a key that was not loaded; it never leaves the turn. */
export class Missing extends Error {
  override readonly name = 'Missing';
  readonly keys: readonly LoadKeys[];

  constructor(...keys: LoadKeys[]) {
    super('a decision needs what was not loaded');
    this.keys = keys;
  }
}

/** Gathers what several decisions miss, so that one load brings it all. */
export class MissingKeys {
  readonly keys: LoadKeys[] = [];

  /** Once something is missing, what was decided after it stands on half a decision: its faults are no news. */
  during(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      if (error instanceof Missing) this.keys.push(...error.keys);
      else if (this.keys.length === 0) throw error;
    }
  }
}

export class Draft {
  readonly moment: TurnMoment;
  readonly changes: Change[] = [];
  readonly effects: Effect[] = [];
  readonly instances: Overlay<number, BoardInstance>;
  readonly leases: Overlay<string, Lease>;
  readonly lanes: Overlay<number, BoardLane>;
  readonly lane_ids: Overlay<string, number>;
  readonly endpoints: Overlay<string, BoardEndpoint>;
  readonly gates: Overlay<string, Gate>;
  readonly followed: Overlay<string, true>;
  readonly counters: Overlay<Counter, number>;
  /** Ranks given to batches, by lane and batch. */
  readonly ranks = new Map<string, number>();
  readonly ranksTaken = new Set<string>();
  /** Lanes that this turn made: nothing of them can be loaded. */
  readonly lanesMade = new Set<number>();
  /** Lanes that were empty when the turn began, so that all their work is in this draft. */
  readonly lanesFilled = new Set<number>();
  readonly batches = new Set<string>();
  /** Lanes from which this turn claimed. */
  readonly servedLanes = new Set<number>();
  /** Runs that became queued in this turn, by lane. */
  readonly queued = new Map<number, Set<number>>();
  /** How many runs of each lane this turn took out of the queue: so many of its loaded heads may wait no longer. */
  readonly unqueued = new Map<number, number>();
  readonly loaded: LoadedRows;
  toPublish = 0;

  constructor(board: Board, loaded: LoadedRows, moment: TurnMoment) {
    this.moment = moment;
    this.loaded = loaded;
    this.instances = new Overlay(board.instances);
    this.leases = new Overlay(board.leases);
    this.lanes = new Overlay(board.lanes);
    this.lane_ids = new Overlay(board.lane_ids);
    this.endpoints = new Overlay(board.endpoints);
    this.gates = new Overlay(board.gates);
    this.followed = new Overlay(board.followed);
    this.counters = new Overlay(board.counters);
  }

  readonly #rows = new Map<number, RunRow>();
  readonly #latest = new Map<string, number>();
  readonly #refs = new Map<string, number>();
  readonly #asked = new Map<string, number>();
  readonly #leaders = new Map<string, number | null>();
  readonly #completed = new Map<string, number>();
  readonly #epochs = new Map<string, number>();
  readonly #results = new Map<number, ResultRow>();
  /** Attempts that this turn ended or gave an answer to keep, by run and number. */
  readonly #attempts = new Map<string, AttemptRow>();

  row(id: number): RunRow {
    const row = this.#rows.get(id) ?? this.loaded.row(id);
    if (row === undefined) throw new Missing({ ids: [id] });
    return row;
  }

  latest(name: string): RunRow | null {
    const id = this.#latest.get(name) ?? this.loaded.latest(name);
    return id === null ? null : this.row(id);
  }

  run(name: string, run: number | null): RunRow | null {
    if (run === null) return this.latest(name);
    const id = this.#refs.get(runKey(name, run)) ?? this.loaded.run(name, run);
    return id === null ? null : this.row(id);
  }

  /** The latest run of a name that asks this digest. */
  asked(name: string, digest: string): RunRow | null {
    const id = this.#asked.get(`${name} ${digest}`) ?? this.loaded.asked(name, digest);
    return id === null ? null : this.row(id);
  }

  leader(digest: string): RunRow | null {
    const changed = this.#leaders.get(digest);
    const id = changed === undefined ? this.loaded.leader(digest) : changed;
    return id === null ? null : this.row(id);
  }

  completed(digest: string): RunRow | null {
    const id = this.#completed.get(digest) ?? this.loaded.completed(digest);
    return id === null ? null : this.row(id);
  }

  lastEnded(digest: string): RunRow | null {
    const id = this.loaded.lastEnded(digest);
    return id === null ? null : this.row(id);
  }

  result(job: number): ResultRow | null {
    return this.#results.get(job) ?? this.loaded.result(job);
  }

  attempts(job: number): readonly AttemptRow[] {
    return this.loaded.attempts(job).map((row) => this.#attempts.get(`${job} ${row.attempt}`) ?? row);
  }

  spec(job: number): SpecRow | null {
    return this.loaded.spec(job);
  }

  /** An epoch greater than every one of the name, and not before now. */
  takeEpoch(name: string): number {
    const last = this.#epochs.get(name) ?? this.loaded.epoch(name);
    const epoch = Math.max(this.moment.now, last + 1);
    this.#epochs.set(name, epoch);
    return epoch;
  }

  /** An epoch that a file of the name has taken. */
  useEpoch(name: string, epoch: number): void {
    this.#epochs.set(name, Math.max(epoch, this.#epochs.get(name) ?? this.loaded.epoch(name)));
  }

  rank(lane: number, batch: string): number {
    return this.ranks.get(`${lane}\n${batch}`) ?? this.loaded.rank(lane, batch);
  }

  next(counter: Counter): number {
    const value = this.counters.get(counter) ?? 1;
    this.counters.set(counter, value + 1);
    return value;
  }

  insert(run: RunRow, spec: SpecRow): void {
    this.changes.push({ do: 'insert_run', run, spec });
    this.#latest.set(run.name, run.id);
    this.#refs.set(runKey(run.name, run.run), run.id);
    this.#asked.set(`${run.name} ${run.digest}`, run.id);
    this.#remember(run);
    this.#tell(run, null, 'accept');
  }

  /** A file is to be made of committed rows. */
  publish(publication: PublicationRow): void {
    this.changes.push({ do: 'put_publication', publication });
    this.toPublish += 1;
  }

  /** Writes what became of an attempt. */
  putAttempt(what: 'end_attempt' | 'keep_answer', attempt: AttemptRow): void {
    this.changes.push({ do: what, attempt });
    this.#attempts.set(`${attempt.job} ${attempt.attempt}`, attempt);
  }

  insertResult(result: ResultRow): void {
    this.changes.push({ do: 'insert_result', result });
    this.#results.set(result.job, result);
  }

  /** The one function that changes a state. An event that the table does not know in this state is a bug. */
  change(before: RunRow, event: RunEvent, set: Partial<RunRow> = {}): RunRow {
    const state = nextState(before.state, event);
    if (state === null)
      throw new Error(
        `a ${before.state} run (${runKey(before.name, before.run)}) has no transition "${event}"`,
      );
    const after: RunRow = {
      ...before,
      due_at: null,
      reason_code: null,
      reason_message: null,
      ...set,
      state,
      leads: leadsIn(state),
    };
    this.#update(before, after);
    this.#tell(after, before, event);
    return after;
  }

  /** Changes what is no state: a cancel request, a priority. */
  amend(
    before: RunRow,
    set: Partial<
      Pick<RunRow, 'cancel_requested_at' | 'priority' | 'epoch' | 'reason_code' | 'reason_message'>
    >,
  ): RunRow {
    const after = { ...before, ...set };
    this.#update(before, after);
    return after;
  }

  #update(before: RunRow, after: RunRow): void {
    this.changes.push({ do: 'update_run', if_state: before.state, if_attempt: before.attempt, run: after });
    if (before.leads && !after.leads) this.#leaders.set(before.digest, null);
    if (before.state === 'queued' && after.state !== 'queued') {
      this.queued.get(before.lane)?.delete(before.id);
      this.unqueued.set(before.lane, (this.unqueued.get(before.lane) ?? 0) + 1);
    }
    this.#remember(after);
  }

  #remember(run: RunRow): void {
    this.#rows.set(run.id, run);
    // Who was adopted with its answer keeps the digest, and nobody waits for it.
    if (run.leads && run.state !== 'completed') this.#leaders.set(run.digest, run.id);
    if (run.state === 'completed') this.#completed.set(run.digest, run.id);
    if (run.state !== 'queued') return;
    const queued = this.queued.get(run.lane) ?? new Set();
    this.queued.set(run.lane, queued.add(run.id));
  }

  #tell(run: RunRow, before: RunRow | null, by: RunEvent | 'accept'): void {
    const { name, batch, attempt, reason_code } = run;
    this.tell({
      type: 'run_changed',
      name,
      run: run.run,
      batch,
      from: before?.state ?? null,
      by,
      to: run.state,
      attempt,
      reason_code,
    });
  }

  tell(event: PromptdEvent): void {
    this.effects.push({ type: 'event', event });
  }

  receipt(event: number, receipt: Receipt): void {
    this.effects.push({ type: 'receipt', event, receipt });
  }

  /** Writes the overlays through to the board: only after the commit. */
  apply(): void {
    for (const overlay of [
      this.instances,
      this.leases,
      this.lanes,
      this.lane_ids,
      this.endpoints,
      this.gates,
      this.followed,
      this.counters,
    ]) {
      overlay.apply();
    }
  }
}

/** All that was loaded for a turn, over one or more loads. A key that was never asked for is {@link Missing}. */
export class LoadedRows {
  readonly #runs = new Map<number, RunRow>();
  readonly #latest = new Map<string, number | null>();
  readonly #refs = new Map<string, number | null>();
  readonly #asked = new Map<string, number | null>();
  readonly #leaders = new Map<string, number | null>();
  readonly #completed = new Map<string, number | null>();
  readonly #lastEnded = new Map<string, number | null>();
  readonly #followers = new Map<string, readonly number[]>();
  readonly #claims = new Map<number, readonly number[]>();
  readonly #claimLimits = new Map<number, number>();
  readonly #attempts = new Map<number, readonly AttemptRow[]>();
  readonly #results = new Map<number, ResultRow | null>();
  readonly #specs = new Map<number, SpecRow | null>();
  readonly #ranks = new Map<string, number>();
  readonly #epochs = new Map<string, number>();
  #due: readonly number[] | null = null;

  /** Adds what `store.load(keys)` gave; what it did not give is known to be absent. */
  add(keys: LoadKeys, loaded: Loaded): void {
    for (const run of loaded.runs) this.#runs.set(run.id, run);
    for (const run of loaded.runs) this.#refs.set(runKey(run.name, run.run), run.id);
    for (const { name, run } of keys.runs ?? []) this.#absent(this.#refs, runKey(name, run));
    for (const name of keys.names ?? []) this.#latest.set(name, loaded.latest.get(name) ?? null);
    for (const { name, digest } of keys.asked ?? [])
      this.#asked.set(`${name} ${digest}`, loaded.asked.get(`${name} ${digest}`) ?? null);
    for (const digest of keys.digests ?? []) {
      this.#leaders.set(digest, loaded.leaders.get(digest) ?? null);
      this.#completed.set(digest, loaded.completed.get(digest) ?? null);
      this.#lastEnded.set(digest, loaded.last_ended.get(digest) ?? null);
    }
    for (const { digest, best } of keys.followers ?? [])
      this.#followers.set(`${String(best)} ${digest}`, loaded.followers.get(digest) ?? []);
    for (const { lane, limit } of keys.claims ?? []) {
      this.#claims.set(lane, loaded.claims.get(lane) ?? []);
      this.#claimLimits.set(lane, limit);
    }
    for (const job of keys.attempts ?? []) this.#attempts.set(job, loaded.attempts.get(job) ?? []);
    for (const job of keys.results ?? []) this.#results.set(job, loaded.results.get(job) ?? null);
    for (const job of keys.options ?? []) this.#specs.set(job, loaded.specs.get(job) ?? null);
    for (const { lane, batch } of keys.ranks ?? []) this.#ranks.set(`${lane}\n${batch}`, 0);
    for (const rank of loaded.ranks) this.#ranks.set(`${rank.lane}\n${rank.batch}`, rank.last_rank);
    for (const name of keys.epochs ?? []) this.#epochs.set(name, loaded.epochs.get(name) ?? 0);
    if (keys.due !== undefined) this.#due = loaded.due;
  }

  #absent<K>(map: Map<K, number | null>, key: K): void {
    if (!map.has(key)) map.set(key, null);
  }

  row(id: number): RunRow | undefined {
    return this.#runs.get(id);
  }
  latest(name: string): number | null {
    return known(this.#latest.get(name), { names: [name] });
  }
  run(name: string, run: number): number | null {
    return known(this.#refs.get(runKey(name, run)), { runs: [{ name, run }] });
  }
  asked(name: string, digest: string): number | null {
    return known(this.#asked.get(`${name} ${digest}`), { asked: [{ name, digest }] });
  }
  leader(digest: string): number | null {
    return known(this.#leaders.get(digest), { digests: [digest] });
  }
  completed(digest: string): number | null {
    return known(this.#completed.get(digest), { digests: [digest] });
  }
  lastEnded(digest: string): number | null {
    return known(this.#lastEnded.get(digest), { digests: [digest] });
  }
  followers(digest: string, limit: number, best: boolean): readonly number[] {
    return known(this.#followers.get(`${String(best)} ${digest}`), { followers: [{ digest, limit, best }] });
  }
  /** Null where nothing of this lane was asked for. */
  claims(lane: number): readonly number[] | null {
    return this.#claims.get(lane) ?? null;
  }
  claimLimit(lane: number): number {
    return this.#claimLimits.get(lane) ?? 0;
  }
  attempts(job: number): readonly AttemptRow[] {
    return known(this.#attempts.get(job), { attempts: [job] });
  }
  result(job: number): ResultRow | null {
    return known(this.#results.get(job), { results: [job] });
  }
  spec(job: number): SpecRow | null {
    return known(this.#specs.get(job), { options: [job] });
  }
  rank(lane: number, batch: string): number {
    return known(this.#ranks.get(`${lane}\n${batch}`), { ranks: [{ lane, batch }] });
  }
  epoch(name: string): number {
    return known(this.#epochs.get(name), { epochs: [name] });
  }
  due(before: number, limit: number): readonly number[] {
    return known(this.#due ?? undefined, { due: { before, limit } });
  }
}

function known<V>(value: V | undefined, keys: LoadKeys): V {
  if (value === undefined) throw new Missing(keys);
  return value;
}
