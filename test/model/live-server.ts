/**
 * A whole server inside the test's process: Fastify on a Unix socket (and TCP), the real checks of jobs, the scheduler over
 * SQLite in a file, an instance with its spool, the publisher and its folders. Only the models are played, and only threads
 * and the network between scheduler and instance are left out.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EndpointConfig } from '../../src/core/endpoints.ts';
import type { PromptdEvent } from '../../src/core/events.ts';
import { analyse } from '../../src/reading/analyse.ts';
import { differing } from '../../src/core/differences.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { ReadStore } from '../../src/core/ports/read-store.ts';
import type { Store } from '../../src/core/ports/store.ts';
import { createHttp, type HttpServer } from '../../src/http/http-server.ts';
import { createInstance, type Instance } from '../../src/instance/instance.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemFiles } from '../../src/platform/files.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { createPrepare } from '../../src/prompt/prepare.ts';
import { SchedulerService } from '../../src/scheduler/scheduler.ts';
import { openReadStore } from '../../src/stores/sqlite/read-store.ts';
import { openStore } from '../../src/stores/sqlite/store.ts';
import { MemoryNetwork } from '../../src/transport/memory.ts';
import { FRAME_LIMITS } from '../../src/wire/messages.ts';
import { AttemptLogReader, AttemptLogWriter } from '../../src/workspace/attempt-logs.ts';
import { foldersOf, layoutOf } from '../../src/workspace/layout.ts';
import { WorkspaceLinkReader } from '../../src/workspace/link-reader.ts';
import { createPublisher, type Publisher } from '../../src/workspace/publisher.ts';
import { HttpCaller } from './http-caller.ts';
import { PlayModels } from './play.ts';
import { until } from '../support/until.ts';

const PORT = 7434;
/** Failed attempts are tried again at once: full jitter begins at 0. */
const noWait = { next: () => 0, id: (bytes: number) => systemRandom.id(bytes) };

const ENDPOINT: EndpointConfig = {
  ...{ name: 'e', kind: 'simulator', max_concurrent: 1_000, sticky_models: false },
  ...{ base_urls: [], api_key_env: null, api_key_file: null, settings: {} },
};

// A library under @fastify/swagger imports `node:process`, and Node opens stdin for whoever does.
if ('unref' in process.stdin) process.stdin.unref();

export class LiveServer {
  /** The temporary folder; the workspace lies in it, so that a test sees what is written beside it. */
  readonly folder = mkdtempSync(join(tmpdir(), 'promptd-live-'));
  readonly layout = layoutOf(join(this.folder, 'workspace'));
  readonly models = new PlayModels();
  readonly events: PromptdEvent[] = [];
  readonly faults: unknown[] = [];
  readonly http: HttpCaller;
  readonly #network = new MemoryNetwork({ timers: systemTimers });
  readonly #slots: number;
  server!: HttpServer;
  reads!: ReadStore;
  #store!: Store;
  #scheduler!: SchedulerService;
  #publisher!: Publisher;
  #instance!: Instance;
  #listener: { close(): Promise<void> } | null = null;

  private constructor(slots: number) {
    this.#slots = slots;
    this.http = new HttpCaller(join(this.folder, 'http.sock'));
  }

  /** `await using` it. Its instance is connected. `slots`: attempts that run at a time. */
  static async open(options: { readonly slots?: number } = {}): Promise<LiveServer> {
    const live = new LiveServer(options.slots ?? 200);
    for (const folder of foldersOf(live.layout)) mkdirSync(folder, { recursive: true });
    chmodSync(live.layout.state, 0o700);
    await live.#startServer();
    live.#instance = live.#makeInstance();
    await live.#instance.start();
    await live.connected();
    return live;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#instance.stop();
    await this.#stopServer();
    this.http.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The server ends in an orderly way and starts again over the same database; attempts go on meanwhile. */
  async restart(): Promise<void> {
    await this.#stopServer();
    await this.#startServer();
    await this.connected();
  }

  /** Until the scheduler gives its work to the instance. */
  async connected(): Promise<void> {
    await until('the instance to be connected', async () => {
      const { instances } = await this.#scheduler.status();
      return instances.some(({ state }) => state === 'connected');
    });
  }

  /** Until every committed answer stands as a file. */
  async published(): Promise<void> {
    this.#publisher.poke();
    await this.#publisher.idle();
    await until('the rows of files that stand to be gone', () => this.reads.unpublished() === 0);
  }

  async #startServer(): Promise<void> {
    const { layout } = this;
    this.#store = openStore({ path: layout.database, clock: systemClock, random: systemRandom });
    this.reads = openReadStore({ path: layout.database });
    this.#scheduler = await this.#startScheduler();
    this.#publisher = createPublisher({
      reads: this.reads,
      ...{ files: systemFiles, layout, clock: systemClock, timers: systemTimers, random: systemRandom },
      onPublished: async (published, conflicts) => {
        for (const publication of conflicts) this.#scheduler.republish(publication);
        if (published.length > 0) await this.#scheduler.published(published);
      },
      onFatal: (error) => this.faults.push(error),
    });
    this.#listener = await this.#network.listen({ host: 'memory', port: PORT }, (connection) =>
      this.#scheduler.accept(connection),
    );
    this.server = await this.#openDoors();
    this.#publisher.poke();
  }

  async #stopServer(): Promise<void> {
    await this.server.close(2_000);
    await this.#listener?.close();
    await this.#publisher.stop();
    await this.#scheduler.stop();
    this.reads.close();
    await this.#store.close();
    rmSync(this.http.socket, { force: true });
  }

  #startScheduler(): Promise<SchedulerService> {
    return SchedulerService.start({
      store: this.#store,
      logs: new AttemptLogWriter({ files: systemFiles, folder: this.layout.logs, clock: systemClock }),
      endpoints: [ENDPOINT],
      ...{ clock: systemClock, timers: systemTimers, random: noWait },
      limits: {
        frame_bytes_before_max: FRAME_LIMITS.before,
        frame_bytes_max: FRAME_LIMITS.after,
        frame_timeout_ms: LIMITS.frame_timeout_ms,
      },
      heartbeat_ms: LIMITS.heartbeat_ms,
      local_name: 'local',
      tokenFits: () => true,
      processGone: () => false,
      crashpoint: () => undefined,
      onPublish: () => this.#publisher.poke(),
      on: (events) => this.#note(events),
      onFatal: (error) => this.faults.push(error),
    });
  }

  async #openDoors(): Promise<HttpServer> {
    const { layout } = this;
    const server = await createHttp({
      scheduler: this.#scheduler,
      reads: this.reads,
      logs: new AttemptLogReader({ files: systemFiles, folder: layout.logs }),
      prepare: createPrepare({
        endpoints: new Map([[ENDPOINT.name, ENDPOINT]]),
        default_endpoint: ENDPOINT.name,
        links: new WorkspaceLinkReader({ root: layout.root }),
      }),
      differing,
      analyser: { analyse: async (text) => analyse(text) },
      ...{ clock: systemClock, timers: systemTimers, random: systemRandom, version: '0.0.0-test' },
      log: { debug: ignore, info: ignore, warn: ignore, error: (fields) => this.faults.push(fields) },
      limits: { ...LIMITS, live_state_wait_ms: 50, auth_failures_per_minute: 1_000_000 },
      allowed_hosts: [],
      extra: { status: () => Promise.resolve({}) },
      ui: true,
    });
    await server.listenSocket(this.http.socket);
    return server;
  }

  #makeInstance(): Instance {
    return createInstance({
      name: 'local',
      slots: this.#slots,
      endpoints: [ENDPOINT.name],
      needs: [''],
      token: () => Promise.resolve('token'),
      locate: () => Promise.resolve({ host: 'memory', port: PORT }),
      transport: this.#network,
      runner: this.models,
      spool_dir: this.layout.spool,
      ...{ files: systemFiles, clock: systemClock, timers: systemTimers, random: noWait },
      pid: process.pid,
      version: '0.0.0-test',
      orphan_ttl_ms: null,
      on: () => undefined,
    });
  }

  #note(events: readonly PromptdEvent[]): void {
    this.events.push(...events);
    for (const event of events) if (event.type === 'turn_failed') this.faults.push(event);
  }
}

const ignore = (): void => undefined;
