/** The scheduler's own thread: the only writer of the store, and the one that instances talk to. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { Adoption } from '../core/adoption.ts';
import type { Prices } from '../core/cost.ts';
import type { EndpointConfig } from '../core/endpoints.ts';
import { Problem } from '../core/errors.ts';
import type { RunRef } from '../core/names.ts';
import type { Gate } from '../core/gate.ts';
import { LIMITS } from '../core/limits.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import type { FollowEnd, LogPiece, RetryOptions, RunChange } from '../core/ports/scheduler.ts';
import type { Store } from '../core/ports/store.ts';
import type { KeyRow, PublicationRow } from '../core/rows.ts';
import type { OnInvalid, PreparedJob } from '../core/submission.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemRandom } from '../platform/random.ts';
import { systemTimers } from '../platform/timers.ts';
import { SchedulerService } from '../scheduler/scheduler.ts';
import { openStore } from '../stores/sqlite/store.ts';
import { TcpTransport } from '../transport/tcp.ts';
import { AttemptLogWriter } from '../workspace/attempt-logs.ts';
import type { PromptdEvent } from '../core/events.ts';
import { BusyMeter } from './busy-meter.ts';
import { environment } from './environment.ts';
import { crashPointOf } from './crash.ts';
import { machineId } from './machine-id.ts';
import { processGone } from './process-gone.ts';
import { type Channel, openChannel } from './rpc.ts';

export interface SchedulerThreadData {
  readonly database: string;
  readonly expect_existing: string | null;
  readonly logs: string;
  /** How long logs of attempts are kept. */
  readonly log_retention_ms: number;
  readonly endpoints: readonly EndpointConfig[];
  readonly prices: Prices;
  readonly listen: { readonly host: string; readonly port: number };
  readonly token: string;
  readonly local_name: string;
  /** To the publisher's thread. */
  readonly publisher: MessagePort;
}

/** What the main thread calls here. */
export interface SchedulerFunctions {
  start(): Promise<{ readonly store_id: string; readonly host: string; readonly port: number }>;
  submit(jobs: readonly PreparedJob[], onInvalid: OnInvalid): unknown;
  cancel(runs: readonly RunRef[]): unknown;
  retry(runs: readonly RunRef[], options: RetryOptions): unknown;
  adopt(adoptions: readonly Adoption[]): unknown;
  publishJobs(runs: readonly RunRef[]): unknown;
  live(name: string, run: number, wait_ms: number): unknown;
  lanes(): unknown;
  status(): unknown;
  follow(
    id: number,
    name: string,
    run: number,
    from: { readonly attempt: number; readonly offset: number },
  ): unknown;
  unfollow(id: number): void;
  putKey(key: KeyRow): unknown;
  quiet(): boolean;
  stop(): Promise<void>;
}

/** What is told to the main thread. */
export interface SchedulerListener {
  changes(changes: readonly RunChange[]): void;
  piece(follow: number, piece: LogPiece): void;
  note(level: 'info' | 'warn' | 'error', fields: object, message: string): void;
  /** `advice`: what to do, where that is known. */
  fatal(message: string, advice?: string): void;
}

/** What the publisher's thread calls here. */
export interface PublisherListener {
  published(published: readonly PublicationRow[], conflicts: readonly PublicationRow[]): Promise<void>;
}

/** What is told to the publisher's thread. */
export interface PublisherFunctions {
  poke(): void;
  /** Whether the queue works hard: files may wait then. */
  busy(busy: boolean): void;
}

/** Between two looks whether the database's log wants copying. */
const TIDY_MS = 1_000;

class SchedulerThread {
  readonly #data: SchedulerThreadData;
  readonly #main: Channel<SchedulerListener>;
  readonly #publisher: Channel<PublisherFunctions>;
  readonly #meter: BusyMeter;
  readonly #follows = new Map<number, AbortController>();
  #service: SchedulerService | null = null;
  #close: () => Promise<void> = () => Promise.resolve();

  constructor(port: MessagePort, data: SchedulerThreadData) {
    this.#data = data;
    this.#main = openChannel<SchedulerListener, SchedulerFunctions>(port, this.#functions());
    this.#publisher = openChannel<PublisherFunctions, PublisherListener>(data.publisher, {
      published: async (published, conflicts) => {
        for (const publication of conflicts) this.#scheduler.republish(publication);
        if (published.length > 0) await this.#scheduler.published(published);
      },
    });
    this.#meter = new BusyMeter((busy) => this.#publisher.tell('busy', busy));
  }

  get #scheduler(): SchedulerService {
    if (this.#service === null) throw new Error('the scheduler has not started');
    return this.#service;
  }

  #functions(): SchedulerFunctions {
    return {
      start: () => this.#start(),
      submit: (jobs, onInvalid) => this.#scheduler.submit(jobs, onInvalid),
      cancel: (runs) => this.#scheduler.cancel(runs),
      retry: (runs, options) => this.#scheduler.retry(runs, options),
      adopt: (adoptions) => this.#scheduler.adopt(adoptions),
      publishJobs: (runs) => this.#scheduler.publishJobs(runs),
      live: (name, run, wait_ms) => this.#scheduler.live(name, run, wait_ms),
      lanes: () => this.#scheduler.lanes(),
      status: () => this.#scheduler.status(),
      putKey: (key) => this.#scheduler.putKey(key),
      quiet: () => this.#scheduler.quiet,
      follow: (id, name, run, from) => this.#follow(id, name, run, from),
      unfollow: (id) => this.#follows.get(id)?.abort(),
      stop: async () => {
        await this.#close();
        this.#publisher.close();
        setImmediate(() => this.#main.close());
      },
    };
  }

  async #start(): Promise<{ store_id: string; host: string; port: number }> {
    const { database: path, expect_existing } = this.#data;
    const crashpoint = crashPointOf(environment());
    const store = openStore({ path, clock: systemClock, random: systemRandom, expect_existing, crashpoint });
    try {
      return await this.#startOn(store, crashpoint);
    } catch (error) {
      // A thread that just ends would let SQLite merge the log, and leave the mark that says that there is one.
      await this.#service?.stop();
      await store.close();
      throw error;
    }
  }

  async #startOn(
    store: Store,
    crashpoint: CrashPoint,
  ): Promise<{ store_id: string; host: string; port: number }> {
    const { listen } = this.#data;
    const logs = this.#openLogs();
    const service = await this.#startService(store, logs, crashpoint);
    this.#service = service;
    const transport = new TcpTransport({ timers: systemTimers });
    const listener = await transport.listen(listen, (connection) => service.accept(connection));
    crashpoint('start.after_listen');
    service.onChanges((changes) => this.#main.tell('changes', changes));
    const tidy = setInterval(() => void store.tidy().catch((error: unknown) => this.#fatal(error)), TIDY_MS);
    const endPruning = logs.keepPruned(systemTimers, (error) =>
      this.#main.tell('note', 'warn', { error: String(error) }, 'old logs could not be removed'),
    );
    this.#close = async () => {
      clearInterval(tidy);
      endPruning();
      this.#meter.stop();
      await listener.close();
      await service.stop();
      await store.close();
    };
    return { store_id: service.store_id, ...listener.address };
  }

  #openLogs(): AttemptLogWriter {
    const { logs: folder, log_retention_ms } = this.#data;
    return new AttemptLogWriter({ files: systemFiles, folder, clock: systemClock, log_retention_ms });
  }

  #startService(store: Store, logs: AttemptLogWriter, crashpoint: CrashPoint): Promise<SchedulerService> {
    const { endpoints, prices, local_name, token } = this.#data;
    return SchedulerService.start({
      store,
      logs,
      endpoints,
      prices,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      limits: {
        frame_bytes_before_max: LIMITS.frame_bytes_before_hello_max,
        frame_bytes_max: LIMITS.frame_bytes_max,
        frame_timeout_ms: LIMITS.frame_timeout_ms,
      },
      heartbeat_ms: LIMITS.heartbeat_ms,
      local_name,
      tokenFits: tokenCheck(token),
      processGone,
      machine: machineId(),
      crashpoint,
      onPublish: () => this.#publisher.tell('poke'),
      on: (events) => this.#note(events),
      onFatal: (error) => this.#fatal(error),
    });
  }

  async #follow(...[id, name, run, from]: Parameters<SchedulerFunctions['follow']>): Promise<FollowEnd> {
    const stop = new AbortController();
    this.#follows.set(id, stop);
    const end = await this.#scheduler.follow(
      name,
      run,
      from,
      (piece) => this.#main.tell('piece', id, piece),
      stop.signal,
    );
    this.#follows.delete(id);
    return end;
  }

  #note(events: readonly PromptdEvent[]): void {
    let published = 0;
    for (const event of events) {
      if (event.type === 'turn_failed') this.#main.tell('note', 'error', event, 'a turn failed');
      else if (event.type === 'gate_closed')
        this.#main.tell('note', 'warn', gateFields(event.gate), event.gate.reason.message);
      else if (event.type === 'instance_attached' || event.type === 'instance_detached')
        this.#main.tell('note', 'info', event, event.type.replace('_', ' '));
      else if (event.type === 'published') published += event.count;
      else if (event.type === 'turn') this.#meter.add(event.changes - published);
    }
  }

  #fatal(error: unknown): void {
    if (error instanceof Problem) this.#main.tell('fatal', error.message, error.hint);
    else this.#main.tell('fatal', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** What a reader of the log can use; its sentence is the message. */
function gateFields({ endpoint, model, closed, reason: { code, until } }: Gate): object {
  return { type: 'gate_closed', endpoint, model, code, closed, ...(until === undefined ? {} : { until }) };
}

/** Compares in a time that says nothing about how much of the token was right. */
function tokenCheck(token: string): (given: string) => boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = digest(token);
  return (given) => timingSafeEqual(digest(given), wanted);
}

if (parentPort !== null) new SchedulerThread(parentPort, workerData as SchedulerThreadData);
