/**
 * What must hold of every turn, whatever came into it. The rules are told from the changes and effects that a turn makes and
 * from the rows as these changes leave them: nothing here asks the code that decided.
 */
import { expect } from 'vitest';
import { runKey, type Board } from '../../src/core/board.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Change } from '../../src/core/ports/store.ts';
import type { Charge, RunRow } from '../../src/core/rows.ts';
import { transitions } from '../../src/core/states.ts';
import type { Effect, TurnEvent } from '../../src/core/turn-events.ts';
import type { Turn } from './decide-world.ts';

const EDGES = new Set(transitions().map(({ from, to }) => `${from} ${to}`));
const BEGINNINGS = new Set(['scheduled', 'queued', 'blocked', 'completed']);
const LEADING = new Set(['queued', 'running', 'retrying']);
const ASKED = new Set<TurnEvent['type']>(['submit', 'cancel', 'retry', 'greet', 'put_endpoint', 'published']);

type Spent = Record<Charge, number>;
type Of<D extends Change['do']> = Extract<Change, { do: D }>;

const nothingSpent = (): Spent => ({ errors: 0, lost: 0, interrupted: 0, rate_limited: 0 });

/** The rows as the changes of all turns left them, and the rules that look at one turn's changes beside them. */
export class Ledger {
  readonly rows = new Map<number, RunRow>();
  readonly #open = new Map<string, number>();
  readonly #closed = new Set<string>();
  readonly #spent = new Map<number, Spent>();
  readonly #results = new Map<number, string>();
  readonly #epochs = new Map<string, number>();
  /** Runs claimed in the turn that is looked at. */
  #claimed: RunRow[] = [];

  /** Applies a turn's changes in their order; each must stand on what the ones before it left. */
  enter(turn: Turn): void {
    this.#claimed = [];
    for (const change of turn.draft.changes) this.#enter(change);
    this.#checkEffects(turn);
    this.#checkRows(turn.effects);
  }

  get claimed(): readonly RunRow[] {
    return this.#claimed;
  }

  #enter(change: Change): void {
    if (change.do === 'insert_run') this.#insertRun(change.run);
    else if (change.do === 'update_run') this.#updateRun(change);
    else if (change.do === 'insert_attempt')
      this.#open.set(`${change.attempt.job}#${change.attempt.attempt}`, 1);
    else if (change.do === 'end_attempt') this.#endAttempt(change);
    else if (change.do === 'insert_result') this.#insertResult(change);
    else if (change.do === 'put_publication') this.#publish(change);
  }

  #insertRun(run: RunRow): void {
    const ofName = [...this.rows.values()].filter(({ name }) => name === run.name);
    expect(run.run, 'runs of a name are numbered without gaps').toBe(ofName.length + 1);
    expect(BEGINNINGS, 'a run begins in one of these').toContain(run.state);
    expect([run.attempt, run.errors, run.lost, run.interrupted]).toEqual([0, 0, 0, 0]);
    this.rows.set(run.id, run);
    this.#spent.set(run.id, nothingSpent());
  }

  #updateRun({ if_state, if_attempt, run }: Of<'update_run'>): void {
    const before = this.rows.get(run.id);
    if (before === undefined) throw new Error(`a turn changes run ${run.id}, which nobody inserted`);
    expect([if_state, if_attempt], 'a change carries the fence of the row that it stands on').toEqual([
      before.state,
      before.attempt,
    ]);
    const edge = `${before.state} ${run.state}`;
    if (before.state !== run.state) expect(EDGES, `${runKey(run.name, run.run)}`).toContain(edge);
    expect(run.attempt - before.attempt, 'an attempt is new with a claim only').toBe(
      edge === 'queued running' ? 1 : 0,
    );
    if (edge === 'queued running') this.#claimed.push(run);
    if (/^(failed|cancelled) (queued|blocked)$/.test(edge)) this.#spent.set(run.id, nothingSpent());
    this.rows.set(run.id, run);
  }

  #endAttempt({ attempt }: Of<'end_attempt'>): void {
    const key = `${attempt.job}#${attempt.attempt}`;
    expect(this.#open.has(key), `attempt ${key} was begun`).toBe(true);
    expect(this.#closed.has(key), `attempt ${key} had ended before`).toBe(false);
    this.#closed.add(key);
    const spent = this.#spent.get(attempt.job);
    if (spent !== undefined && attempt.charged_for !== null) spent[attempt.charged_for] += 1;
  }

  #insertResult({ result }: Of<'insert_result'>): void {
    expect(this.#results.has(result.job), `run ${result.job} had a result`).toBe(false);
    this.#results.set(result.job, result.text_sha256);
  }

  #publish({ publication }: Of<'put_publication'>): void {
    if (publication.kind === 'job') return;
    const name = this.rows.get(publication.job)?.name ?? '';
    expect(publication.epoch, `epochs of ${name} rise`).toBeGreaterThan(this.#epochs.get(name) ?? 0);
    this.#epochs.set(name, publication.epoch ?? 0);
  }

  #checkEffects({ events, effects }: Turn): void {
    const receipts = effects.flatMap((effect) => (effect.type === 'receipt' ? [effect.event] : []));
    const asked = events.flatMap((event, at) => (ASKED.has(event.type) ? [at] : []));
    expect(
      receipts.toSorted((a, b) => a - b),
      'who asks is answered once',
    ).toEqual(asked);
    const reports = events.filter(({ type }) => type === 'report').length;
    expect(
      effects.filter(({ type }) => type === 'acknowledge'),
      'every outcome is acknowledged',
    ).toHaveLength(reports);
    const sent = effects.filter((effect) => effect.type === 'dispatch');
    expect(sent.map(({ job }) => job)).toEqual(this.#claimed.map(({ id }) => id));
    for (const { job, attempt, instance } of sent) {
      const now = { state: 'running', attempt: attempt.attempt, instance, cancel_requested_at: null };
      expect(this.rows.get(job), 'what is sent runs, and nobody cancelled it').toMatchObject(now);
    }
  }

  #checkRows(effects: readonly Effect[]): void {
    const leaders = new Map<string, number>();
    const due = effects.flatMap((effect) => (effect.type === 'due_at' ? [effect.at] : []));
    for (const run of this.rows.values()) {
      const what = `${runKey(run.name, run.run)} ${run.state}`;
      expect(run.leads, what).toBe(LEADING.has(run.state));
      if (run.leads) leaders.set(run.digest, (leaders.get(run.digest) ?? 0) + 1);
      expect(run.due_at !== null, what).toBe(run.state === 'scheduled' || run.state === 'retrying');
      expect(this.#results.has(run.id), what).toBe(run.state === 'completed');
      if (run.answered_by !== null)
        expect(this.#results.get(run.id), 'shared work, shared answer').toBe(
          this.#results.get(run.answered_by),
        );
      this.#checkBudget(run);
    }
    expect(
      [...leaders.values()].filter((count) => count > 1),
      'one at most leads a digest',
    ).toEqual([]);
    for (const at of due) expect(at).toBeGreaterThan(0);
  }

  #checkBudget(run: RunRow): void {
    const { errors, lost, interrupted } = this.#spent.get(run.id) ?? nothingSpent();
    const what = `every charge of ${runKey(run.name, run.run)} is counted once`;
    expect([run.errors, run.lost, run.interrupted], what).toEqual([errors, lost, interrupted]);
    if (run.state === 'running' || run.state === 'queued' || run.state === 'retrying') {
      expect(run.errors).toBeLessThan(run.max_attempts);
      expect(run.lost).toBeLessThan(LIMITS.lost_max);
      expect(run.interrupted).toBeLessThan(LIMITS.interrupted_max);
    }
  }
}

/** Memory says the same as the rows: who holds which lease, which lanes have work, whose end somebody waits for. */
export function checkBoard(board: Board, rows: Iterable<RunRow>, follow_ups: readonly TurnEvent[]): void {
  const all = [...rows];
  const running = all.filter(({ state }) => state === 'running');
  const held = [...board.leases].map(([key, { attempt, instance }]) => `${key}#${attempt} at ${instance}`);
  expect(held.toSorted(), 'a lease for every running run, and no other').toEqual(
    running.map((run) => `${runKey(run.name, run.run)}#${run.attempt} at ${run.instance ?? '?'}`).toSorted(),
  );
  for (const { id, used } of board.instances.values())
    expect(used, `slots used of instance ${id}`).toBe(
      running.filter(({ instance }) => instance === id).length,
    );
  for (const endpoint of board.endpoints.values())
    expect(endpoint.running).toBe(running.filter((run) => run.endpoint === endpoint.name).length);
  const led = new Set(all.filter(({ leads }) => leads).map(({ digest }) => digest));
  for (const run of all) {
    const what = `${runKey(run.name, run.run)} is ${run.state}`;
    if (run.state === 'queued') expect(board.lanes.get(run.lane)?.has_work, what).toBe(true);
    if (run.state !== 'blocked') continue;
    expect(board.followed.has(run.digest), `${what}, and the end of its leader settles it`).toBe(true);
    const settling = follow_ups.some(
      (event) => event.type === 'settle_followers' && event.digest === run.digest,
    );
    expect(led.has(run.digest) || settling, `${what}, and somebody asks or is about to`).toBe(true);
  }
}

/** Placement after a turn: within every limit, in order, and no slot empty for which somebody waits. */
export function checkPlacement(board: Board, ledger: Ledger, now_m: number): void {
  const waiting = [...ledger.rows.values()].filter(
    (run) => run.state === 'queued' && !isBrought(board, run, now_m),
  );
  for (const run of ledger.claimed) {
    const instance = board.instances.get(run.instance ?? -1);
    const endpoint = board.endpoints.get(run.endpoint);
    expect(instance).toMatchObject({ connected: true, draining: false });
    expect(instance?.used).toBeLessThanOrEqual(instance?.slots ?? 0);
    expect(endpoint?.paused).toBe(false);
    expect(isBrought(board, run, now_m), 'what lies in a spool is not asked again').toBe(false);
    expect(endpoint?.running).toBeLessThanOrEqual(endpoint?.max_concurrent ?? 0);
    for (const other of waiting) {
      if (other.lane === run.lane) expect(goesFirst(run, other), 'in the order of the lane').toBe(true);
      const open = other.endpoint === run.endpoint && isOpen(board, other, now_m);
      if (open) expect(run.priority, 'a higher priority goes first').toBeGreaterThanOrEqual(other.priority);
    }
  }
  for (const run of waiting)
    expect(couldStart(board, run, now_m), `${runKey(run.name, run.run)} waits beside a free slot`).toBe(
      false,
    );
}

/** Within a lane: priority, then rank, then arrival. */
function goesFirst(a: RunRow, b: RunRow): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.rank === b.rank ? a.id < b.id : a.rank < b.rank;
}

function isOpen(board: Board, run: RunRow, now_m: number): boolean {
  return [run.endpoint, `${run.endpoint}\n${run.model}`].every((key) => {
    const gate = board.gates.get(key);
    return gate === undefined || (gate.until_m <= now_m && gate.probe === null);
  });
}

/** Whether an instance said that it has an outcome of it, and may still send it. */
function isBrought(board: Board, run: RunRow, now_m: number): boolean {
  return [...board.instances.values()].some(
    ({ connected, brings }) =>
      connected && brings.until_m > now_m && brings.runs.has(runKey(run.name, run.run)),
  );
}

function couldStart(board: Board, run: RunRow, now_m: number): boolean {
  const endpoint = board.endpoints.get(run.endpoint);
  if (endpoint === undefined || endpoint.paused || endpoint.running >= endpoint.max_concurrent) return false;
  const fits = [...board.instances.values()].some(
    (one) => one.connected && !one.draining && one.used < one.slots && one.endpoints.has(run.endpoint),
  );
  return fits && isOpen(board, run, now_m);
}
