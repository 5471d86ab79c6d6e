/**
 * The scheduler: the turn and its services, behind the port that HTTP and tests call.
 * Turn loop (decides and commits) · gateway (instances) · lease clock · due timer · wake timer · reports (outcomes).
 */
import type { Adoption, AdoptionVerdict } from '../core/adoption.ts';
import { boardAtStart, runKey, type Board } from '../core/board.ts';
import type { LiveState } from '../core/attempt.ts';
import type { Prices } from '../core/cost.ts';
import type { decide } from '../core/decide.ts';
import { type EndpointConfig, SHOWN_JOBS } from '../core/endpoints.ts';
import type { PromptdEvent } from '../core/events.ts';
import { laneStatuses } from '../core/lane-status.ts';
import type { RunRef } from '../core/names.ts';
import type { Clock, Random, Timers } from '../core/ports/clock.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { LogWriter } from '../core/ports/logs.ts';
import type {
  CancelVerdict,
  FollowEnd,
  LaneStatus,
  LogPiece,
  RetryOptions,
  RetryVerdict,
  RunAnswer,
  RunChange,
  Scheduler,
  SchedulerStatus,
} from '../core/ports/scheduler.ts';
import type { Store } from '../core/ports/store.ts';
import type { Connection } from '../core/ports/transport.ts';
import type { EndpointRow, KeyRow, PublicationRow } from '../core/rows.ts';
import type { OnInvalid, PreparedJob, SubmitReceipt } from '../core/submission.ts';
import type { Receipt } from '../core/turn-events.ts';
import type { SessionLimits } from '../wire/session.ts';
import { DueTimer } from './due-timer.ts';
import { Gateway } from './gateway.ts';
import { LEASE_TERMS, LeaseClock } from './lease-clock.ts';
import { Release } from './release.ts';
import { Reports } from './reports.ts';
import { statusOf } from './status.ts';
import { TurnLoop } from './turn-loop.ts';
import { WakeTimer } from './wake-timer.ts';

export interface SchedulerOptions {
  readonly store: Store;
  readonly logs: LogWriter;
  readonly endpoints: readonly EndpointConfig[];
  /** Without them the cost of no answer is known. */
  readonly prices?: Prices;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly limits: SessionLimits;
  readonly heartbeat_ms: number;
  readonly local_name: string;
  readonly tokenFits: (token: string) => boolean;
  readonly processGone: (pid: number) => boolean;
  /** See GatewayOptions. */
  readonly machine?: string;
  readonly crashpoint: CrashPoint;
  /** There is something new to publish. */
  readonly onPublish: () => void;
  readonly on: (events: readonly PromptdEvent[]) => void;
  readonly onFatal: (error: unknown) => void;
  readonly terms?: typeof LEASE_TERMS;
  /** See TurnLoopOptions. */
  readonly decide?: typeof decide;
}

export class SchedulerService implements Scheduler {
  readonly store_id: string;
  readonly #options: SchedulerOptions;
  readonly #board: Board;
  readonly #loop: TurnLoop;
  readonly #leases: LeaseClock;
  readonly #gateway: Gateway;
  readonly #due: DueTimer;
  readonly #wake: WakeTimer;
  readonly #listeners = new Set<(changes: readonly RunChange[]) => void>();
  #unpublished: number;

  private constructor(options: SchedulerOptions, store_id: string, board: Board, unpublished: number) {
    const { clock, timers, random, store, crashpoint } = options;
    const terms = { ...LEASE_TERMS, ...options.terms };
    this.#options = options;
    this.store_id = store_id;
    this.#board = board;
    this.#unpublished = unpublished;
    this.#due = new DueTimer(clock, timers, () => {
      crashpoint('timer.due');
      this.#loop.push({ type: 'due' });
    });
    this.#wake = new WakeTimer(clock, timers, () => {
      crashpoint('timer.wake');
      this.#loop.push({ type: 'wake' });
    });
    this.#leases = new LeaseClock({
      clock,
      timers,
      ...terms,
      onEnded: (key, attempt, proof, instance) => {
        // Before the lease's end is decided, so that the run is not given to the same silence again.
        if (proof === 'expired') this.#gateway.dropSilent(instance);
        const at = key.lastIndexOf('@');
        this.#loop.push({
          type: 'lease_ended',
          name: key.slice(0, at),
          run: Number(key.slice(at + 1)),
          attempt,
          proof,
        });
      },
      onNotAccepted: (instance) => this.#gateway.dropConnection(instance),
    });
    this.#gateway = new Gateway({
      ...options,
      store_id,
      leases: this.#leases,
      reports: new Reports(options.logs, (event) => this.#loop.push(event), crashpoint, options.prices ?? {}),
      lease_ttl_ms: terms.lease_ttl_ms,
      push: (event) => this.#loop.push(event),
      ask: (event) => this.#loop.ask(event),
    });
    const release = new Release({
      store,
      timers,
      leases: this.#leases,
      gateway: this.#gateway,
      due: this.#due,
      wake: this.#wake,
      onPublish: options.onPublish,
      showsJob: (name) =>
        options.endpoints.some((endpoint) => endpoint.name === name && SHOWN_JOBS.has(endpoint.kind)),
      crashpoint,
    });
    this.#loop = new TurnLoop({
      store,
      board,
      store_id,
      clock,
      timers,
      random,
      crashpoint,
      release: (effects) => release.run(effects),
      on: (events) => this.#tell(events),
      onFatal: options.onFatal,
      ...(options.decide === undefined ? {} : { decide: options.decide }),
    });
  }

  /** Reads where the last scheduler left off. Runs that are running have a term for their instances to come back. */
  static async start(options: SchedulerOptions): Promise<SchedulerService> {
    const start = await options.store.start();
    options.crashpoint('start.after_load');
    const board = boardAtStart(start, options.endpoints, options.clock.monotonic());
    const scheduler = new SchedulerService(options, start.store_id, board, start.unpublished);
    for (const lease of board.leases.values()) {
      scheduler.#leases.restore(
        runKey(lease.name, lease.run),
        lease.attempt,
        lease.instance,
        lease.attempt_timeout_ms,
      );
    }
    for (const { name, run, attempt, cancel_requested_at } of start.running) {
      if (cancel_requested_at !== null) scheduler.#leases.cancelling(runKey(name, run), attempt);
    }
    for (const digest of start.followed_digests)
      scheduler.#loop.push({ type: 'settle_followers', digest, ended: null });
    scheduler.#due.at(start.next_due_at);
    if (start.unpublished > 0) options.onPublish();
    options.crashpoint('start.after_restore');
    return scheduler;
  }

  /** An instance's connection came in. */
  accept(connection: Connection): void {
    this.#gateway.accept(connection);
  }

  async submit(jobs: readonly PreparedJob[], onInvalid: OnInvalid): Promise<SubmitReceipt> {
    return valueOf(await this.#loop.ask({ type: 'submit', jobs, on_invalid: onInvalid }), 'submit');
  }

  async cancel(runs: readonly RunRef[]): Promise<readonly RunAnswer<CancelVerdict>[]> {
    return valueOf(await this.#loop.ask({ type: 'cancel', runs }), 'cancel');
  }

  async retry(runs: readonly RunRef[], options: RetryOptions): Promise<readonly RunAnswer<RetryVerdict>[]> {
    return valueOf(await this.#loop.ask({ type: 'retry', runs, options }), 'retry');
  }

  async adopt(adoptions: readonly Adoption[]): Promise<readonly AdoptionVerdict[]> {
    return valueOf(await this.#loop.ask({ type: 'adopt', adoptions }), 'adopt');
  }

  async publishJobs(runs: readonly RunRef[]): Promise<void> {
    await this.#loop.ask({ type: 'publish_jobs', runs });
  }

  async putKey(key: KeyRow): Promise<void> {
    await this.#loop.ask({ type: 'put_key', key });
  }

  async putEndpoint(endpoint: EndpointRow): Promise<void> {
    await this.#loop.ask({ type: 'put_endpoint', endpoint });
  }

  async live(name: string, run: number, wait_ms: number): Promise<LiveState | null> {
    const lease = this.#board.leases.get(runKey(name, run));
    if (lease === undefined) return null;
    return this.#gateway.live(lease.instance, lease, wait_ms);
  }

  async follow(
    name: string,
    run: number,
    from: { readonly attempt: number; readonly offset: number },
    onPiece: (piece: LogPiece) => void,
    stop: AbortSignal,
  ): Promise<FollowEnd> {
    const lease = this.#board.leases.get(runKey(name, run));
    if (lease === undefined || lease.attempt !== from.attempt) return 'gone';
    return this.#gateway.follow(lease.instance, lease, from.offset, onPiece, stop);
  }

  lanes(): Promise<readonly LaneStatus[]> {
    return Promise.resolve(laneStatuses(this.#board, this.#options.clock.monotonic()));
  }

  status(): Promise<SchedulerStatus> {
    const status = statusOf(this.#board, this.#gateway, this.#options.clock.monotonic());
    const { turns, trouble } = this.#loop;
    return Promise.resolve({
      store_id: this.store_id,
      turns,
      unpublished: this.#unpublished,
      trouble,
      ...status,
    });
  }

  onChanges(fn: (changes: readonly RunChange[]) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /** The publisher says which files stand. */
  async published(publications: readonly PublicationRow[]): Promise<void> {
    await this.#loop.ask({ type: 'published', publications });
  }

  republish(publication: PublicationRow): void {
    this.#loop.push({ type: 'republish', publication });
  }

  /** True while nothing runs, waits for a slot, is due some time, or is still to be published. */
  get quiet(): boolean {
    const { leases, lanes, followed } = this.#board;
    const waits = [...lanes.values()].some((lane) => lane.has_work);
    return leases.size === 0 && !waits && followed.size === 0 && !this.#due.waiting && this.#unpublished <= 0;
  }

  /** Finishes the turn that runs, says goodbye to instances (their attempts go on), and closes nothing that it was given. Idempotent. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    this.#gateway.close();
    // After the last turn, which may have set them.
    this.#due.stop();
    this.#wake.stop();
    this.#leases.stop();
  }

  #tell(events: readonly PromptdEvent[]): void {
    const changes: RunChange[] = [];
    for (const event of events) {
      if (event.type === 'run_changed') {
        const { name, run, batch, to: state, attempt, reason_code } = event;
        changes.push({ name, run, batch, state, attempt, reason_code });
      } else if (event.type === 'published') {
        this.#unpublished -= event.count;
      } else if (event.type === 'to_publish') {
        this.#unpublished += event.count;
      }
    }
    this.#options.on(events);
    if (changes.length === 0) return;
    for (const listener of this.#listeners) listener(changes);
  }
}

interface Answers {
  readonly submit: SubmitReceipt;
  readonly cancel: readonly RunAnswer<CancelVerdict>[];
  readonly retry: readonly RunAnswer<RetryVerdict>[];
  readonly adopt: readonly AdoptionVerdict[];
}

function valueOf<T extends keyof Answers>(receipt: Receipt, type: T): Answers[T] {
  if (receipt.type !== type) throw new Error(`a ${type} was answered with a receipt of ${receipt.type}`);
  return (receipt as { readonly value: unknown }).value as Answers[T];
}
