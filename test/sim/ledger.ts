/**
 * What is on disk, followed commit by commit, and held against the rules that must be true after every one of them. It shares
 * no code with the rules' own implementation but the table of states.
 */
import type { Change } from '../../src/core/ports/store.ts';
import type { ResultRow, RunRow } from '../../src/core/rows.ts';
import { transitions } from '../../src/core/states.ts';
import { attemptKey } from './lease-watch.ts';
import { ENDPOINTS } from './world.ts';

const STEPS = new Set(transitions().map(({ from, to }) => `${from} ${to}`));
const BEGINNINGS = new Set(['scheduled', 'queued', 'blocked', 'completed']);
/** Of runs that a file tells of, which has an epoch. */
const FOREIGN_BEGINNINGS = new Set(['completed', 'failed', 'cancelled']);

export interface LedgerOptions {
  readonly now: () => number;
  readonly slots: ReadonlyMap<string, number>;
  readonly broken: (rule: string, message: string) => void;
}

export class Ledger {
  readonly runs = new Map<number, RunRow>();
  /** Each run as it was accepted. */
  readonly begun = new Map<number, RunRow>();
  readonly results = new Map<number, ResultRow>();
  /** `name@run` to its id. */
  readonly ids = new Map<string, number>();
  /** SHA-256 of the specification of each run. */
  readonly specs = new Map<number, string>();
  /** The runs of each name. */
  readonly named = new Map<string, number[]>();
  /** Attempts that have a row: `name@run#attempt`, with whether it has ended. */
  readonly attempts = new Map<string, boolean>();
  /** Running attempts, with the time of their claim. */
  readonly leases = new Map<string, number>();
  /** `name@run` of what somebody cancelled, ever. */
  readonly cancelled = new Set<string>();
  readonly #options: LedgerOptions;
  readonly #leaders = new Map<string, number>();
  /** Digests of work that has an answer. */
  readonly #answers = new Set<string>();
  readonly #instances = new Map<number, string>();
  readonly #limits = new Map<string, { max: number; paused: boolean }>();
  readonly #running = new Map<string, number>();
  /** Endpoints and instances that got work in this commit. */
  #claimed: { endpoint: string; instance: string }[] = [];

  constructor(options: LedgerOptions) {
    this.#options = options;
    for (const { name, max_concurrent } of ENDPOINTS)
      this.#limits.set(name, { max: max_concurrent, paused: false });
  }

  commit(changes: readonly Change[]): void {
    this.#claimed = [];
    for (const change of changes) this.#apply(change);
    for (const { endpoint, instance } of this.#claimed) this.#checkLimits(endpoint, instance);
  }

  #apply(change: Change): void {
    switch (change.do) {
      case 'insert_run':
        this.specs.set(change.run.id, change.spec.spec_sha256);
        return this.#inserted(change.run);
      case 'update_run':
        return this.#updated(change.run);
      case 'insert_result':
        return this.#answered(change.result);
      case 'insert_attempt':
        return void this.attempts.set(this.#key(change.attempt.job, change.attempt.attempt), false);
      case 'end_attempt': {
        const key = this.#key(change.attempt.job, change.attempt.attempt);
        if (this.attempts.get(key) !== false) this.#broken('final', `${key} ends and does not run`);
        return void this.attempts.set(key, true);
      }
      case 'put_instance':
        return void this.#instances.set(change.instance.id, change.instance.name);
      case 'put_endpoint': {
        const { name, max_concurrent, paused } = change.endpoint;
        const configured = ENDPOINTS.find((one) => one.name === name)?.max_concurrent ?? 0;
        return void this.#limits.set(name, { max: max_concurrent ?? configured, paused });
      }
      default:
    }
  }

  #inserted(run: RunRow): void {
    const ref = `${run.name}@${run.run}`;
    if (this.ids.has(ref)) this.#broken('one run', `${ref} is accepted a second time`);
    this.begun.set(run.id, run);
    if (!(run.epoch === null ? BEGINNINGS : FOREIGN_BEGINNINGS).has(run.state))
      this.#broken('transitions', `${ref} begins as ${run.state}`);
    this.ids.set(ref, run.id);
    this.named.set(run.name, [...(this.named.get(run.name) ?? []), run.id]);
    this.#store(run);
  }

  #updated(run: RunRow): void {
    const ref = `${run.name}@${run.run}`;
    const before = this.runs.get(run.id);
    if (before === undefined) return this.#broken('told before disk', `${ref} changes and was never stored`);
    this.#checkStep(ref, before, run);
    if (before.state === 'running' && run.state !== 'running') this.#left(before);
    if (run.state === 'running' && before.state !== 'running') this.#begun(run);
    this.#store(run);
    return undefined;
  }

  #checkStep(ref: string, before: RunRow, run: RunRow): void {
    if (before.state !== run.state && !STEPS.has(`${before.state} ${run.state}`))
      this.#broken('transitions', `${ref} went from ${before.state} to ${run.state}`);
    const claimed = before.state === 'queued' && run.state === 'running';
    if (run.attempt !== before.attempt + (claimed ? 1 : 0))
      this.#broken('fence', `${ref} went from attempt ${before.attempt} to ${run.attempt} as ${run.state}`);
    const cancelling = before.state === 'running' && before.cancel_requested_at !== null;
    if (cancelling && ['queued', 'retrying', 'failed'].includes(run.state))
      this.#broken('cancel', `${ref} was to be cancelled, and is ${run.state}`);
    if (cancelling && run.state === 'running' && run.cancel_requested_at === null)
      this.#broken('cancel', `the cancel of ${ref} is forgotten`);
    if (run.cancel_requested_at !== null || run.state === 'cancelled') this.cancelled.add(ref);
  }

  #store(run: RunRow): void {
    const before = this.runs.get(run.id);
    this.runs.set(run.id, run);
    if (before?.leads === true && !run.leads && this.#leaders.get(run.digest) === run.id)
      this.#leaders.delete(run.digest);
    if (!run.leads) return;
    const other = this.#leaders.get(run.digest) ?? run.id;
    if (other !== run.id) {
      const { name, run: number } = this.runs.get(other) ?? run;
      this.#broken('one leader', `${run.name}@${run.run} and ${name}@${number} lead the same work`);
    }
    this.#leaders.set(run.digest, run.id);
  }

  #begun(run: RunRow): void {
    const instance = this.#instances.get(run.instance ?? -1) ?? 'nobody';
    this.leases.set(attemptKey(run), this.#options.now());
    if (this.#answers.has(run.digest))
      this.#broken('one answer', `${run.name}@${run.run} is asked, and its work has an answer`);
    this.#count(run, 1);
    this.#claimed.push({ endpoint: run.endpoint, instance });
  }

  #left(run: RunRow): void {
    this.leases.delete(attemptKey(run));
    this.#count(run, -1);
  }

  #count(run: RunRow, by: number): void {
    for (const key of [run.endpoint, `instance ${this.#instances.get(run.instance ?? -1) ?? 'nobody'}`])
      this.#running.set(key, (this.#running.get(key) ?? 0) + by);
  }

  /** Limits hold for what is given out; what runs when a limit is lowered goes on. */
  #checkLimits(endpoint: string, instance: string): void {
    const limit = this.#limits.get(endpoint);
    const running = this.#running.get(endpoint) ?? 0;
    if (limit?.paused === true) this.#broken('limits', `${endpoint} is paused and was given work`);
    if (running > (limit?.max ?? 0))
      this.#broken('limits', `${endpoint} runs ${running} of at most ${limit?.max ?? 0}`);
    const held = this.#running.get(`instance ${instance}`) ?? 0;
    const slots = this.#options.slots.get(instance) ?? 0;
    if (held > slots) this.#broken('limits', `${instance} holds ${held} leases and has ${slots} slots`);
  }

  #answered(result: ResultRow): void {
    const run = this.runs.get(result.job);
    const ref = run === undefined ? `run ${result.job}` : `${run.name}@${run.run}`;
    if (this.results.has(result.job)) this.#broken('one result', `${ref} has a second result`);
    if (run?.state !== 'completed')
      this.#broken('one result', `${ref} is ${run?.state ?? 'unknown'} and gets a result`);
    this.results.set(result.job, result);
    if (run === undefined) return;
    this.#answers.add(run.digest);
  }

  #key(job: number, attempt: number): string {
    const run = this.runs.get(job);
    return run === undefined ? `run ${job}#${attempt}` : attemptKey({ ...run, attempt });
  }

  #broken(rule: string, message: string): void {
    this.#options.broken(rule, message);
  }
}
