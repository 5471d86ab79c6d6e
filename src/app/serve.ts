/**
 * `promptd serve`: everything of one machine. Takes the workspace's lock, starts the scheduler's and the publisher's threads,
 * opens the doors, keeps a local instance, and stops all of it in the right order.
 */
import { mkdir, rm, stat } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { MessageChannel } from 'node:worker_threads';
import { Problem } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import { openReadStore } from '../stores/sqlite/read-store.ts';
import { foldersOf, socketPath, type WorkspaceLayout } from '../workspace/layout.ts';
import type { Config } from './config.ts';
import { ensureAdminKey, instanceToken } from './door-keys.ts';
import { openDoors, type Doors } from './doors.ts';
import { keepLocalInstance, type LocalInstance } from './local-instance.ts';
import { tryLock, type Lock } from '../stores/sqlite/file-lock.ts';
import { openLog } from './log.ts';
import { startPublisherThread, type PublisherThread } from './publisher-remote.ts';
import { startSchedulerThread, type SchedulerThread } from './scheduler-remote.ts';
import { readServerFile, removeServerFile, writeServerFile } from './server-info.ts';
import { stopSignals } from './signals.ts';
import { version } from './version.ts';
import { watchIdle } from './idle.ts';

export interface ServeProcessOptions {
  readonly config: Config;
  /** Started by `run`: ends when there was nothing to do for a while, and takes any free port where the usual one is taken. */
  readonly detached: boolean;
  /** Sentences for the person at the terminal. */
  readonly say: (sentence: string) => void;
}

/** Runs until it is stopped; resolves with the exit code. Rejects with the Problem that kept it from starting. */
export async function serve(options: ServeProcessOptions): Promise<number> {
  const { layout } = options.config;
  for (const folder of foldersOf(layout)) await mkdir(folder, { recursive: true });
  const lock = await takeWorkspace(layout);
  try {
    return await new Server(options, lock).run();
  } finally {
    lock.release();
  }
}

async function takeWorkspace(layout: WorkspaceLayout): Promise<Lock> {
  const lock = tryLock(`${layout.state}/serve.lock`);
  if (lock !== null) return lock;
  const other = await readServerFile(layout.server);
  const who =
    other === null
      ? ''
      : ` (pid ${other.pid}, ${other.url}, since ${new Date(other.started_at).toLocaleTimeString()})`;
  throw new Problem('WorkspaceHeld', `Another promptd serves this workspace${who}. Nothing was changed.`);
}

class Server {
  readonly #options: ServeProcessOptions;
  readonly #config: Config;
  readonly #lock: Lock;
  readonly #ended = Promise.withResolvers<number>();
  readonly #log: ReturnType<typeof openLog>;
  #stopping = false;

  constructor(options: ServeProcessOptions, lock: Lock) {
    this.#options = options;
    this.#config = options.config;
    this.#lock = lock;
    this.#log = openLog(options.config.layout.logs, 'serve', options.config.log_level);
  }

  async run(): Promise<number> {
    const { layout } = this.#config;
    const { scheduler, publisher } = await this.#startThreads();
    const reads = openReadStore({ path: layout.database });
    await ensureAdminKey(layout.admin_key, reads, scheduler);
    const doors = await this.#open(scheduler, reads);
    const local = keepLocalInstance(layout, this.#config.instance.slots, (fields, message) =>
      this.#log.warn(fields, message),
    );
    await this.#announce(scheduler, doors);
    const idle = this.#options.detached
      ? watchIdle(scheduler, LIMITS.idle_exit_ms, () =>
          this.#stop('idle', scheduler, publisher, reads, doors, local),
        )
      : null;
    const signals = stopSignals({
      first: (signal) => this.#stop(signal, scheduler, publisher, reads, doors, local),
      second: () => {
        local.kill();
        process.exit(1);
      },
    });
    const code = await this.#ended.promise;
    idle?.cancel();
    signals.release();
    return code;
  }

  async #startThreads(): Promise<{ scheduler: SchedulerThread; publisher: PublisherThread }> {
    const { layout, endpoints, instances, instance } = this.#config;
    const existing = await stat(layout.admin_key).then(
      () => true,
      () => false,
    );
    const token = await instanceToken(layout.instance_token);
    const { port1, port2 } = new MessageChannel();
    const fatal = (message: string): void => this.#die(message);
    const scheduler = await this.#orAnyPort(instances.port, (port) =>
      startSchedulerThread({
        data: {
          database: layout.database,
          expect_existing: existing,
          logs: layout.logs,
          endpoints: [...endpoints.values()],
          listen: { host: instances.host, port },
          token,
          local_name: instance.name,
        },
        publisher: port1,
        onFatal: fatal,
        note: (level, fields, message) => this.#log[level](fields, message),
      }),
    );
    const publisher = startPublisherThread(
      { database: layout.database, layout, scheduler: port2 },
      {
        fatal,
        trouble: (message) =>
          this.#log.warn({ message }, message === null ? 'publishing goes on' : 'publishing waits'),
      },
    );
    return { scheduler, publisher };
  }

  /** A server that `run` started takes another port where the usual one is taken; a person's choice is not overruled. */
  async #orAnyPort<T>(port: number, fn: (port: number) => Promise<T>): Promise<T> {
    if (this.#options.detached) return fn(0);
    try {
      return await fn(port);
    } catch (error) {
      if (!(error instanceof Error) || !/EADDRINUSE/.test(error.message)) throw error;
      throw new Problem('InvalidConfig', `Port ${port} is taken by another program`, {
        hint: 'Stop that program, or choose another port: http.port and instances.port in promptd.config.json, 0 for any.',
      });
    }
  }

  async #open(scheduler: SchedulerThread, reads: ReadStore): Promise<Doors> {
    const { layout, http } = this.#config;
    const socket = socketPath(layout, realpathSync(layout.root), tmpdir());
    // We hold the workspace, so what stands there is left over.
    await rm(socket, { force: true });
    const doors = await openDoors({
      config: this.#config,
      scheduler,
      reads,
      log: this.#log,
      version: version(),
    });
    await doors.http.listenSocket(socket);
    const at = await this.#orAnyPort(http.port, (port) => doors.http.listenTcp({ host: http.host, port }));
    return { ...doors, socket, url: `http://${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}` };
  }

  async #announce(scheduler: SchedulerThread, doors: Doors): Promise<void> {
    const { layout, instances } = this.#config;
    await writeServerFile(layout.server, {
      pid: process.pid,
      url: doors.url,
      socket: doors.socket,
      instances: { host: instances.host, port: scheduler.address.port },
      store_id: scheduler.store_id,
      version: version(),
      started_at: Date.now(),
    });
    this.#log.info({ pid: process.pid, url: doors.url, instances: scheduler.address }, 'serving');
    this.#options.say(`promptd ${version()} serves ${layout.root}`);
    this.#options.say(
      `HTTP ${doors.url}  socket ${doors.socket}  instances ${instances.host}:${scheduler.address.port}`,
    );
    this.#options.say(
      `Key for HTTP: ${layout.admin_key}. Stop with Ctrl-C: running calls may finish, nothing is lost.`,
    );
  }

  #stop(
    why: string,
    scheduler: SchedulerThread,
    publisher: PublisherThread,
    reads: ReadStore,
    doors: Doors,
    local: LocalInstance,
  ): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.info({ why }, 'stopping');
    if (why !== 'idle')
      this.#options.say(
        `Stopping: running calls have ${LIMITS.stop_deadline_ms / 1000} s to finish. Once more to stop at once.`,
      );
    const orderly = async (): Promise<void> => {
      await doors.http.close(2_000);
      await local.stop(LIMITS.stop_deadline_ms);
      await publisher.idle(LIMITS.stop_deadline_ms);
      await publisher.stop();
      await scheduler.stop();
      reads.close();
      doors.close();
      await rm(doors.socket, { force: true });
      await removeServerFile(this.#config.layout.server, process.pid);
      this.#log.info({}, 'stopped');
    };
    orderly().then(
      () => this.#ended.resolve(0),
      (error: unknown) => this.#die(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
  }

  /** What is on disk is right; what is in memory cannot be trusted. The local instance goes on and finds the next server. */
  #die(message: string): void {
    this.#log.fatal({ message }, 'fatal');
    this.#options.say(
      `promptd must stop: ${message.split('\n')[0] ?? message}. What was accepted is safe; start it again.`,
    );
    this.#lock.release();
    process.exit(1);
  }
}
