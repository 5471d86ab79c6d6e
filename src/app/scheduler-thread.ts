/** The scheduler's own thread: the only writer of the store, and the one that instances talk to. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { EndpointConfig } from '../core/endpoints.ts';
import type { RunRef } from '../core/names.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogPiece, RetryOptions, RunChange } from '../core/ports/scheduler.ts';
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
import { processGone } from './process-gone.ts';
import { openChannel } from './rpc.ts';

export interface SchedulerThreadData {
  readonly database: string;
  readonly expect_existing: boolean;
  readonly logs: string;
  readonly endpoints: readonly EndpointConfig[];
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
  live(name: string, run: number, wait_ms: number): unknown;
  lanes(): unknown;
  status(): unknown;
  follow(id: number, name: string, run: number, from: { readonly attempt: number; readonly offset: number }): unknown;
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
  fatal(message: string): void;
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

async function run(port: MessagePort, data: SchedulerThreadData): Promise<void> {
  const main = openChannel<SchedulerListener, SchedulerFunctions>(port, functions());
  const publisher = openChannel<PublisherFunctions, PublisherListener>(data.publisher, {
    async published(published, conflicts) {
      for (const publication of conflicts) scheduler().republish(publication);
      if (published.length > 0) await scheduler().published(published);
    },
  });
  const follows = new Map<number, AbortController>();
  let service: SchedulerService | null = null;
  let close: () => Promise<void> = () => Promise.resolve();
  const fatal = (error: unknown): void => main.tell('fatal', error instanceof Error ? (error.stack ?? error.message) : String(error));

  const meter = new BusyMeter((busy) => publisher.tell('busy', busy));

  function note(events: readonly PromptdEvent[]): void {
    let published = 0;
    for (const event of events) {
      if (event.type === 'turn_failed') main.tell('note', 'error', event, 'a turn failed');
      else if (event.type === 'gate_closed') main.tell('note', 'warn', { ...event.gate }, event.gate.reason.message);
      else if (event.type === 'instance_attached' || event.type === 'instance_detached') main.tell('note', 'info', event, event.type.replace('_', ' '));
      else if (event.type === 'published') published += event.count;
      else if (event.type === 'turn') meter.add(event.changes - published);
    }
  }

  function scheduler(): SchedulerService {
    if (service === null) throw new Error('the scheduler has not started');
    return service;
  }

  async function start(): Promise<{ store_id: string; host: string; port: number }> {
    const { database: path, expect_existing, endpoints, local_name } = data;
    const store = openStore({ path, clock: systemClock, random: systemRandom, expect_existing });
    const tidy = setInterval(() => void store.tidy().catch(fatal), 1_000);
    const transport = new TcpTransport({ timers: systemTimers });
    service = await SchedulerService.start({
      store,
      logs: new AttemptLogWriter({ files: systemFiles, folder: data.logs, clock: systemClock }),
      endpoints,
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
      tokenFits: tokenCheck(data.token),
      processGone,
      crashpoint: crashPointOf(environment()),
      onPublish: () => publisher.tell('poke'),
      on: (events) => note(events),
      onFatal: fatal,
    });
    const accepting = service;
    const listener = await transport.listen(data.listen, (connection) => accepting.accept(connection));
    service.onChanges((changes) => main.tell('changes', changes));
    close = async () => {
      clearInterval(tidy);
      meter.stop();
      await listener.close();
      await service?.stop();
      await store.close();
    };
    return { store_id: service.store_id, ...listener.address };
  }

  function functions(): SchedulerFunctions {
    return {
      start,
      submit: (jobs, onInvalid) => scheduler().submit(jobs, onInvalid),
      cancel: (runs) => scheduler().cancel(runs),
      retry: (runs, options) => scheduler().retry(runs, options),
      live: (name, number, wait_ms) => scheduler().live(name, number, wait_ms),
      lanes: () => scheduler().lanes(),
      status: () => scheduler().status(),
      putKey: (key) => scheduler().putKey(key),
      quiet: () => scheduler().quiet,
      async follow(id, name, number, from) {
        const stop = new AbortController();
        follows.set(id, stop);
        const end = await scheduler().follow(name, number, from, (piece) => main.tell('piece', id, piece), stop.signal);
        follows.delete(id);
        return end;
      },
      unfollow: (id) => follows.get(id)?.abort(),
      async stop() {
        await close();
        publisher.close();
        setImmediate(() => main.close());
      },
    };
  }
}

/** Compares in a time that says nothing about how much of the token was right. */
function tokenCheck(token: string): (given: string) => boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = digest(token);
  return (given) => timingSafeEqual(digest(given), wanted);
}

if (parentPort !== null) await run(parentPort, workerData as SchedulerThreadData);
