/**
 * `promptd serve`: everything of one machine. Takes the workspace's lock, starts the scheduler's and the publisher's threads,
 * opens the doors, keeps a local instance, and stops all of it in the right order.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { Problem } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemFolderNames } from '../platform/folder-names.ts';
import { systemRandom } from '../platform/random.ts';
import { openReadStore } from '../stores/sqlite/read-store.ts';
import { traceOfDatabase } from '../workspace/database-trace.ts';
import { foldersOf, socketPath } from '../workspace/layout.ts';
import { refuseWithoutLinks } from '../workspace/publishing-folders.ts';
import { isSystemError } from '../workspace/system-error.ts';
import type { Config } from './config.ts';
import { crashPointOf } from './crash.ts';
import { ensureAdminKey, instanceToken } from './door-keys.ts';
import { openDoors, type Doors } from './doors.ts';
import { environment } from './environment.ts';
import { FolderTroubles } from './folder-troubles.ts';
import { folderUnwatched } from './folder-unwatched.ts';
import { folderWatch, type FolderWatch } from './folder-watch.ts';
import { openIntake, type Intake } from './intake.ts';
import { keepLocalInstance, type LocalInstance } from './local-instance.ts';
import { tryLock, type Lock } from '../stores/sqlite/file-lock.ts';
import { openLog } from './log.ts';
import { machineId } from './machine-id.ts';
import { isStateGone, rebuildLost } from './lost-state.ts';
import { startPublisherThread, type PublisherThread } from './publisher-remote.ts';
import { startSchedulerThread, type SchedulerThread } from './scheduler-remote.ts';
import {
  isServerGone,
  isVisible,
  readServerFile,
  removeServerFile,
  SERVE_LOCK,
  writeServerFile,
} from './server-info.ts';
import { traceOfSettings } from './settings-trace.ts';
import { sayingTrouble } from './trouble-said.ts';
import { stopSignals } from './signals.ts';
import { onUncaught } from './uncaught.ts';
import { version } from './version.ts';
import { watchIdle } from './idle.ts';
import { watchState } from './state-watch.ts';

export interface ServeProcessOptions {
  readonly config: Config;
  /** Started by `run`: ends when there was nothing to do for a while, and takes any free port where the usual one is taken. */
  readonly detached: boolean;
  /** Sentences for the person at the terminal. */
  readonly say: (sentence: string) => void;
}

/** Runs until it is stopped; resolves with the exit code. Rejects with the Problem that kept it from starting. */
export async function serve(options: ServeProcessOptions): Promise<number> {
  try {
    return await serveHeld(options);
  } catch (error) {
    throw startProblem(error);
  }
}

/** What the system refused while starting, in words that say what to do. */
function startProblem(error: unknown): unknown {
  if (!isSystemError(error)) return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new Problem('DiskLow', `The server could not start: ${error.message}`, {
      hint: 'Free some space, then start it again. What was accepted before is safe.',
      cause: error,
    });
  }
  return new Problem('FolderRefused', `The server could not start: ${error.message}`, {
    hint: 'Look at the permissions and at the disk of that path, then start it again.',
    cause: error,
  });
}

async function serveHeld(options: ServeProcessOptions): Promise<number> {
  const { layout } = options.config;
  for (const folder of foldersOf(layout)) await mkdir(folder, { recursive: true });
  // Prompts, keys and the socket are this user's own, whatever the umask was.
  await chmod(layout.state, 0o700);
  const lock = await takeWorkspace(options);
  try {
    const isGone = await isStateGone(layout);
    const trace = await traceOfDatabase({
      files: systemFiles,
      names: systemFolderNames,
      layout,
      thorough: isGone,
    });
    if (isGone && trace !== null) await rebuildLost(layout, environment(), options.say);
    return await new Server(options, lock, trace).run();
  } finally {
    lock.release();
  }
}

/** For so long a lock that no known server holds may be that of somebody who looks at it. */
const LOOKED_AT_MS = 250;
/** How long a server that `run` started may take to make way. */
const MAKE_WAY_MS = LIMITS.stop_deadline_ms + 5_000;

async function takeWorkspace({ config, detached, say }: ServeProcessOptions): Promise<Lock> {
  const { layout } = config;
  const path = join(layout.state, SERVE_LOCK);
  const lock = tryLock(path);
  if (lock !== null) return lock;
  const other = await readServerFile(layout.server);
  if (!detached && other?.detached === true && isVisible(other) && !isServerGone(other)) {
    say(
      `A server that \`promptd run\` had started holds this workspace (pid ${other.pid}); it makes way when its calls have ended, after ${LIMITS.stop_deadline_ms / 1000} s at most.`,
    );
    process.kill(other.pid, 'SIGTERM');
    const freed = await lockWithin(path, MAKE_WAY_MS);
    if (freed !== null) return freed;
  }
  // Whoever looks whether a server runs holds the lock for a moment.
  if (other === null || isServerGone(other)) {
    const freed = await lockWithin(path, LOOKED_AT_MS);
    if (freed !== null) return freed;
  }
  const since = other === null ? '' : new Date(other.started_at).toLocaleString('sv-SE');
  const where = other === null || isVisible(other) ? '' : ' of another container';
  const who = other === null ? '' : ` (pid ${other.pid}${where}, ${other.url}, since ${since})`;
  throw new Problem('WorkspaceHeld', `Another promptd serves this workspace${who}. Nothing was changed.`);
}

async function lockWithin(path: string, patience_ms: number): Promise<Lock | null> {
  const until = performance.now() + patience_ms;
  for (;;) {
    const lock = tryLock(path);
    if (lock !== null || performance.now() > until) return lock;
    await sleep(50);
  }
}

/** Requests under way at a stop have this long. */
const DOORS_CLOSE_MS = 2_000;

/** What runs, in the order of its making. */
interface Parts {
  readonly scheduler: SchedulerThread;
  readonly publisher: PublisherThread;
  readonly reads: ReadStore;
  readonly doors: Doors;
  readonly folder: FolderWatch;
  readonly local: LocalInstance;
}

class Server {
  readonly #options: ServeProcessOptions;
  readonly #config: Config;
  readonly #lock: Lock;
  /** What says that there was a database; null where nothing does. */
  readonly #trace: string | null;
  readonly #ended = Promise.withResolvers<number>();
  readonly #log: ReturnType<typeof openLog>;
  readonly #crashpoint = crashPointOf(environment());
  readonly #troubles = new FolderTroubles();
  #stopping = false;

  constructor(options: ServeProcessOptions, lock: Lock, trace: string | null) {
    this.#options = options;
    this.#config = options.config;
    this.#lock = lock;
    this.#trace = trace;
    this.#log = openLog(options.config.layout.logs, 'serve', options.config.log_level);
  }

  async run(): Promise<number> {
    const { layout, instance } = this.#config;
    await refuseWithoutLinks({ files: systemFiles, layout, random: systemRandom });
    const token = await instanceToken(layout.instance_token);
    // It starts beside everything else, and finds the address once that is announced.
    const local = keepLocalInstance(layout, instance.slots, (fields, message) =>
      this.#log.warn(fields, message),
    );
    // From here on there is something to end: whoever is asked to while it starts does so as soon as it has started.
    const asked = Promise.withResolvers<NodeJS.Signals>();
    const signals = stopSignals({
      first: asked.resolve,
      second: () => {
        local.kill();
        process.exit(1);
      },
    });
    const uncaught = onUncaught((reason) => this.#die(reason));
    try {
      return await this.#serve(local, token, asked.promise);
    } catch (error) {
      local.kill();
      throw error;
    } finally {
      signals.release();
      uncaught.release();
    }
  }

  async #serve(local: LocalInstance, token: string, asked: Promise<NodeJS.Signals>): Promise<number> {
    const { layout } = this.#config;
    const threads = await this.#startThreads(token);
    let parts: Parts;
    try {
      parts = { ...threads, ...(await this.#openUp(threads.scheduler)), local };
    } catch (error) {
      // They would go on without a lock, and keep the process.
      await threads.publisher.stop();
      await threads.scheduler.stop();
      throw error;
    }
    const { scheduler } = parts;
    parts.folder.start();
    const idle = this.#options.detached
      ? watchIdle(scheduler, LIMITS.idle_exit_ms, () => void this.#stop('idle', parts))
      : null;
    const state = watchState(layout, (what) => this.#dieOfLostState(what, local));
    void asked.then((signal) => this.#stop(signal, parts));
    const code = await this.#ended.promise;
    idle?.cancel();
    state.cancel();
    return code;
  }

  async #openUp(scheduler: SchedulerThread): Promise<Pick<Parts, 'reads' | 'doors' | 'folder'>> {
    const { layout } = this.#config;
    const reads = openReadStore({ path: layout.database });
    let doors: Doors | null = null;
    try {
      await ensureAdminKey(layout.admin_key, reads, scheduler);
      const intake = openIntake(this.#config, scheduler, this.#log);
      const folder = this.#isWatching
        ? this.#watchFolder(intake, reads)
        : folderUnwatched(this.#config, reads);
      doors = await this.#open(intake, reads, folder);
      this.#crashpoint('start.before_announce');
      await this.#announce(scheduler, doors);
      return { reads, doors, folder };
    } catch (error) {
      await doors?.http.close(0);
      reads.close();
      throw error;
    }
  }

  async #startThreads(token: string): Promise<{ scheduler: SchedulerThread; publisher: PublisherThread }> {
    const { layout, endpoints, prices, instances, instance, logs } = this.#config;
    const { port1, port2 } = new MessageChannel();
    const fatal = (message: string, advice?: string): void => this.#die(message, advice);
    const tell = sayingTrouble(systemClock, this.#options.say);
    const scheduler = await this.#orAnyPort(instances.port, (port) =>
      startSchedulerThread({
        data: {
          database: layout.database,
          expect_existing: this.#trace,
          logs: layout.logs,
          log_retention_ms: logs.retention_ms,
          endpoints: [...endpoints.values()],
          prices,
          listen: { host: instances.host, port },
          token,
          local_name: instance.name,
        },
        publisher: port1,
        onFatal: fatal,
        crashpoint: this.#crashpoint,
        note: (level, fields, message) => {
          this.#log[level](fields, message);
          if (level === 'error') tell('message' in fields ? String(fields.message) : message);
        },
      }),
    );
    const publisher = startPublisherThread(
      { database: layout.database, layout, scheduler: port2 },
      {
        fatal,
        trouble: (trouble) => {
          this.#log.warn(trouble ?? {}, trouble === null ? 'publishing goes on' : 'publishing waits');
          if (trouble === null) this.#troubles.end('published');
          else tell(this.#troubles.begin('published', trouble.code, trouble.message).message);
        },
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
      throw new Problem('PortTaken', `Port ${port} is taken by another program`, {
        hint: 'Stop that program, or choose another port: http.port and instances.port in promptd.config.json, 0 for any.',
      });
    }
  }

  /** A server that `run` started serves what that was asked for. */
  get #isWatching(): boolean {
    return !this.#options.detached && this.#config.watch.enabled;
  }

  #watchFolder(intake: Intake, reads: ReadStore): FolderWatch {
    return folderWatch({
      config: this.#config,
      intake,
      reads,
      log: this.#log,
      troubles: this.#troubles,
      crashpoint: this.#crashpoint,
      say: this.#options.say,
      onFatal: (error) => this.#die(error.stack ?? error.message),
    });
  }

  async #open(intake: Intake, reads: ReadStore, folder: FolderWatch): Promise<Doors> {
    const { layout } = this.#config;
    const socket = socketPath(layout, realpathSync(layout.root), tmpdir());
    // We hold the workspace, so what stands there is left over.
    await rm(socket, { force: true });
    const server = await openDoors({
      config: this.#config,
      intake,
      reads,
      log: this.#log,
      version: version(),
      troubles: this.#troubles,
      folder,
    });
    const at = await this.#listen(server, socket).catch(async (error: unknown) => {
      await server.close(0);
      await rm(socket, { force: true });
      throw error;
    });
    return {
      http: server,
      socket,
      url: `http://${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`,
    };
  }

  async #listen(server: Doors['http'], socket: string): Promise<{ host: string; port: number }> {
    const { host, port: wanted } = this.#config.http;
    await server.listenSocket(socket);
    return this.#orAnyPort(wanted, (port) => server.listenTcp({ host, port }));
  }

  async #announce(scheduler: SchedulerThread, doors: Doors): Promise<void> {
    const { layout, instances } = this.#config;
    await writeServerFile(layout.server, {
      pid: process.pid,
      machine: machineId(),
      url: doors.url,
      socket: doors.socket,
      instances: { host: instances.host, port: scheduler.address.port },
      store_id: scheduler.store_id,
      version: version(),
      detached: this.#options.detached,
      started_at: Date.now(),
      settings: await traceOfSettings(this.#config, environment(), systemRandom.id(16)),
    });
    this.#log.info({ pid: process.pid, url: doors.url, instances: scheduler.address }, 'serving');
    this.#options.say(`promptd ${version()} serves ${layout.root}`);
    this.#options.say(
      `HTTP ${doors.url}  socket ${doors.socket}  instances ${instances.host}:${scheduler.address.port}`,
    );
    if (this.#isWatching)
      this.#options.say(`Files dropped into ${layout.jobs} are taken by themselves: promptd status`);
    this.#options.say(
      `Key for HTTP: ${layout.admin_key}. Stop with Ctrl-C: running calls may finish, nothing is lost.`,
    );
  }

  async #stop(why: string, parts: Parts): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.info({ why }, 'stopping');
    try {
      if (why !== 'idle') {
        const { instances } = await parts.scheduler.status();
        const seconds = LIMITS.stop_deadline_ms / 1000;
        const calls = instances.every(({ running }) => running.length === 0)
          ? 'nothing runs'
          : `running calls have ${seconds} s to finish; once more to stop at once`;
        this.#options.say(`Stopping: ${calls}.`);
      }
      await this.#stopInOrder(parts);
      this.#ended.resolve(0);
    } catch (error) {
      this.#die(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }

  /** The folder and the doors first, then the instance (its last outcomes are still taken), then files, then the queue. */
  async #stopInOrder({ scheduler, publisher, reads, doors, folder, local }: Parts): Promise<void> {
    await folder.stop();
    await doors.http.close(DOORS_CLOSE_MS);
    await local.stop(LIMITS.stop_deadline_ms, () => this.#adopted(scheduler));
    await publisher.idle(LIMITS.stop_deadline_ms);
    await publisher.stop();
    // The queue's own connection is the last to close: it merges the log, so that one file holds everything.
    reads.close();
    await scheduler.stop();
    await rm(doors.socket, { force: true });
    await removeServerFile(this.#config.layout.server);
    this.#log.info({}, 'stopped');
  }

  /** The child of a killed server that found its way back to this one; the pid is what it said in its hello. */
  async #adopted(scheduler: SchedulerThread): Promise<number | null> {
    const { name } = this.#config.instance;
    const { instances } = await scheduler.status();
    return instances.find((one) => one.name === name)?.pid ?? null;
  }

  /** Its instance has lost the place of its outcomes, and must not be in the way of the next server's. */
  #dieOfLostState(what: string, local: LocalInstance): void {
    if (this.#stopping) return;
    local.kill();
    this.#die(
      what,
      'What has become a file is safe; the next start makes the database from the files, or says how.',
    );
  }

  /** What is on disk is right; what is in memory cannot be trusted. The local instance goes on and finds the next server. */
  #die(message: string, advice = 'What was accepted is safe; start it again.'): void {
    this.#log.fatal({ message }, 'fatal');
    this.#options.say(`promptd must stop: ${message.split('\n')[0] ?? message}. ${advice}`);
    this.#lock.release();
    process.exit(1);
  }
}
