/** The server of the simulation: the scheduler over the one store, and the publisher over a disk that outlives both. */
import { join } from 'node:path';
import type { RebuildDisk } from '../../src/app/rebuild.ts';
import type { EndpointConfig } from '../../src/core/endpoints.ts';
import { jobFileName, resultFileName } from '../../src/core/names.ts';
import type { CrashPointName } from '../../src/core/ports/crashpoint.ts';
import type { Files } from '../../src/core/ports/files.ts';
import type { JobFolder } from '../../src/core/ports/job-folder.ts';
import { StoreBusyError, StoreFullError, type Change, type Store } from '../../src/core/ports/store.ts';
import type { PublicationRow } from '../../src/core/rows.ts';
import { SchedulerService, type SchedulerOptions } from '../../src/scheduler/scheduler.ts';
import type { FromInstance, FromScheduler } from '../../src/wire/messages.ts';
import { AttemptLogWriter } from '../../src/workspace/attempt-logs.ts';
import type { KnownAnswers } from '../../src/workspace/foreign-answers.ts';
import type { JobDoor } from '../../src/workspace/job-intake.ts';
import type { AnswersFirst, JobWatcher } from '../../src/workspace/job-watcher.ts';
import { foldersOf, layoutOf } from '../../src/workspace/layout.ts';
import { createPublisher, type Publisher } from '../../src/workspace/publisher.ts';
import { hasEnded } from '../../src/core/states.ts';
import { FaultyStore } from '../scheduler/faulty-store.ts';
import { BEAT, FRAMES, PORT } from '../scheduler/terms.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { SimDisk } from './disk.ts';
import { WatchedFolder } from './watched-folder.ts';
import { Life } from './life.ts';
import { answersOf, watcherOf } from './watcher.ts';
import type { AnswerWatcher } from '../../src/workspace/answer-watcher.ts';
import { tapped } from './wire-tap.ts';
import { ENDPOINTS, type World } from './world.ts';
import { type Doom, type Fate, passPoint } from './doom.ts';

const NOTHING = {
  kind: 'simulator',
  base_urls: [],
  api_key_env: null,
  api_key_file: null,
  settings: {},
} as const;
const CONFIGS: readonly EndpointConfig[] = ENDPOINTS.map((endpoint) => ({ ...NOTHING, ...endpoint }));

export const LAYOUT = layoutOf('/work');

export type SchedulerCalls = Pick<
  SchedulerService,
  'submit' | 'cancel' | 'retry' | 'putEndpoint' | 'status' | 'adopt' | 'publishJobs'
>;

type StoreWeather = 'fine' | 'full' | 'busy' | 'refusing' | 'broken before' | 'broken after';

/** A rule of the design that is broken on purpose, to see that the checks notice. */
export interface Break extends Pick<SchedulerOptions, 'decide'> {
  readonly store?: (store: Store) => Store;
  readonly serverFiles?: (files: Files) => Files;
  readonly instanceFiles?: (files: Files) => Files;
  readonly jobFolder?: (folder: JobFolder) => JobFolder;
  readonly door?: (door: JobDoor) => JobDoor;
  readonly answers?: (answers: AnswersFirst) => AnswersFirst;
  readonly known?: (known: KnownAnswers) => KnownAnswers;
  /** Which of the files in a folder are met by whoever makes a database of them. */
  readonly rebuilt?: (files: readonly string[]) => readonly string[];
  /** What the scheduler understands of what instances say. */
  readonly bend?: (message: FromInstance | FromScheduler, world: World) => FromInstance | FromScheduler;
}

export class ServerProcess {
  readonly disk: SimDisk;
  /** `jobs/` on its disk. */
  readonly folder: WatchedFolder;
  readonly results: WatchedFolder;
  readonly ended: WatchedFolder;
  /** Whether a changed file is asked at once, as the next run of its name. */
  readonly new_run: boolean;
  readonly #reportChance: SeededRandom;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #broken: Break;
  #life: Life | null = null;
  #service: SchedulerService | null = null;
  #publisher: Publisher | null = null;
  #watcher: JobWatcher | null = null;
  #answers: AnswerWatcher | null = null;
  #client: SchedulerCalls | null = null;
  #listener: { close(): Promise<void> } | null = null;
  #refused = 0;
  /** Whether a commit of this life has failed for good, so that the process must end. */
  #store_broke = false;
  weather: StoreWeather = 'fine';
  /** Where it ends next. */
  doom: Doom | null = null;
  /** So many of the next files find their names taken. */
  strangers = 0;
  onPowerLoss: () => void = () => undefined;
  /** Files of strangers, by path. */
  readonly foreign = new Map<string, Uint8Array>();

  constructor(world: World, broken: Break) {
    this.#world = world;
    this.#random = world.stream();
    this.#broken = broken;
    this.disk = new SimDisk(world.stream());
    const { disk } = this;
    const hit = (what: string): void => world.hit(what);
    const folderAt = (folder: string, random: SeededRandom): WatchedFolder =>
      new WatchedFolder({ disk, folder, clock: world.clock, random, hit });
    this.folder = folderAt(LAYOUT.jobs, world.streamOf('the folder of jobs'));
    this.results = folderAt(LAYOUT.results, world.streamOf('the folder of results'));
    this.ended = folderAt(LAYOUT.ended, world.streamOf('the folder of ends'));
    this.new_run = world.streamOf('what becomes of changed files').next() < 0.3;
    this.#reportChance = world.streamOf('reports of wrong files');
  }

  /** As those who ask see it: whoever was not answered before it died never is. Null while none runs that could answer. */
  get client(): SchedulerCalls | null {
    return this.#life?.alive === true ? this.#client : null;
  }

  /** Whether it has nothing left to do. */
  get quiet(): boolean {
    return this.#life?.alive === true && this.#service?.quiet === true;
  }

  /** Null while none runs. */
  get watcher(): JobWatcher | null {
    return this.#life?.alive === true ? this.#watcher : null;
  }

  get answers(): AnswerWatcher | null {
    return this.#life?.alive === true ? this.#answers : null;
  }

  get life(): Life | null {
    return this.#life?.alive === true ? this.#life : null;
  }

  /** Whether it can act: it lives, is not stopped, and its database takes commits. */
  get able(): boolean {
    const { life } = this;
    return life !== null && !life.frozen && this.#client !== null && this.weather === 'fine';
  }

  async start(): Promise<void> {
    if (this.#life?.alive === true) return;
    const world = this.#world;
    const life = new Life(world.clock, this.#random.below(1_000_000));
    this.#life = life;
    this.#service = null;
    this.#client = null;
    this.#watcher = null;
    this.#answers = null;
    this.#store_broke = false;
    world.say('a server starts');
    world.atStorePoint = (name) => this.#storePoint(name, life);
    const mounted = this.disk.mount(life);
    const files = this.#broken.serverFiles?.(mounted) ?? mounted;
    for (const folder of foldersOf(LAYOUT)) void this.disk.files.makeDirectory(folder);
    this.#publisher = this.#makePublisher(life, files);
    await this.#startScheduler(life, files);
    if (life.alive) this.#startWatcher(life, files);
  }

  end(fate: Fate): void {
    const life = this.#life;
    if (life?.alive !== true) return;
    this.#world.say(`the server: ${fate}`);
    if (fate === 'stopped') return life.freeze(500 + this.#random.below(40_000));
    void this.#listener?.close();
    life.die();
    if (fate === 'power lost') {
      this.disk.losePower();
      this.onPowerLoss();
    }
    return undefined;
  }

  /** As whoever makes a database of the folders sees them. */
  foldersToRebuild(clock: RebuildDisk['clock']): RebuildDisk {
    const met = this.#broken.rebuilt ?? ((files) => files);
    const folders = [this.results, this.ended];
    const names = async function* (path: string) {
      for (const folder of folders) if (folder.path === path) yield* met(folder.names());
    };
    return { files: this.disk.files, names, clock };
  }

  async #startScheduler(life: Life, files: Files): Promise<void> {
    const world = this.#world;
    const { decide } = this.#broken;
    const service = await SchedulerService.start({
      store: life.mortal(this.#makeStore()),
      logs: new AttemptLogWriter({ files, folder: LAYOUT.logs, clock: life }),
      endpoints: CONFIGS,
      clock: life,
      timers: life,
      random: this.#random,
      limits: FRAMES,
      heartbeat_ms: BEAT,
      local_name: 'local',
      tokenFits: () => true,
      processGone: (pid) => world.dead.has(pid),
      crashpoint: (name) => this.#crashpoint(name, life),
      onPublish: () => this.#publisher?.poke(),
      on: (events) => {
        if (!life.alive) return;
        world.heard(events);
        for (const event of events)
          if (event.type === 'run_changed' && hasEnded(event.to)) this.#answers?.ended([event.name]);
      },
      onFatal: (error) => this.#fatal('scheduler', error, this.#store_broke, life),
      ...(decide === undefined ? {} : { decide }),
    });
    if (!life.alive) return;
    this.#service = service;
    this.#client = life.mortal<SchedulerCalls>(service);
    this.#publisher?.poke();
    const { bend } = this.#broken;
    this.#listener = await world.network.listen({ host: 'memory', port: PORT }, (connection) =>
      service.accept(
        tapped(life.connection(connection), {
          heard: (message) => world.leases.heard(message, world.clock.monotonic()),
          twice: () => world.duplicating,
          bend: bend === undefined ? undefined : (message) => bend(message, world),
        }),
      ),
    );
  }

  #startWatcher(life: Life, files: Files): void {
    const client = this.client;
    if (client === null) return;
    const parts = {
      world: this.#world,
      life,
      client,
      folder: this.folder.seenBy(life),
      results: this.results.seenBy(life),
      ended: this.ended.seenBy(life),
      jobText: (file: string) => this.folder.peek(file),
      files,
      layout: LAYOUT,
      random: this.#reportChance,
      new_run: this.new_run,
      crashpoint: (name: CrashPointName) => this.#crashpoint(name, life),
      broken: this.#broken,
      onFatal: (error: Error) => this.#fatal('watcher', error, this.disk.failed_fsync, life),
    };
    this.#answers = answersOf(parts);
    this.#watcher = watcherOf(parts, this.#answers);
    this.#answers.start();
    this.#watcher.start();
  }

  #makePublisher(life: Life, files: Files): Publisher {
    return createPublisher({
      reads: this.#world.stores.reads,
      files,
      layout: LAYOUT,
      clock: life,
      timers: life,
      random: this.#random,
      in_flight: 3,
      batch_max: 8,
      onPublished: (published, conflicts) => this.#onPublished(life, published, conflicts),
      onFatal: (error) => this.#fatal('publisher', error, this.disk.failed_fsync, life),
      crashpoint: (name) => this.#crashpoint(name, life),
    });
  }

  /** As the scheduler's thread takes it. */
  async #onPublished(
    life: Life,
    published: readonly PublicationRow[],
    conflicts: readonly PublicationRow[],
  ): Promise<void> {
    const service = this.#service;
    if (service === null || !life.alive) return new Promise(() => undefined);
    for (const publication of conflicts) service.republish(publication);
    if (published.length > 0) await service.published(published);
    return undefined;
  }

  /** The process ends; a violation where nothing happened that it must end for. */
  #fatal(who: string, error: unknown, expected: boolean, life: Life): void {
    if (!life.alive) return;
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (!expected) this.#world.fault('fatal', `the ${who} died: ${why}`);
    this.end('killed');
  }

  #makeStore(): Store {
    const store = new FaultyStore(this.#world.stores.store);
    store.failing = () => this.#storeError();
    store.refusing = (changes) => {
      // What is refused four times is taken for a fault of its own.
      const refuses = this.weather === 'refusing' && this.#refused < 3 && this.#random.next() < 0.3;
      this.#refused = refuses ? this.#refused + 1 : 0;
      return refuses ? [this.#random.below(changes.length)] : [];
    };
    const bent: Store = this.#broken.store?.(store) ?? store;
    return {
      start: () => bent.start(),
      load: (keys) => bent.load(keys),
      nextDue: () => bent.nextDue(),
      tidy: () => bent.tidy(),
      close: () => bent.close(),
      commit: async (changes) => {
        const refused = await bent.commit(changes);
        if (refused.length === 0) this.#committed(changes);
        if (refused.length === 0 && this.weather === 'broken after') throw this.#gone();
        return refused;
      },
    };
  }

  #gone(): Error {
    this.#store_broke = true;
    return new Error('the disk is gone');
  }

  #storeError(): Error | null {
    switch (this.weather) {
      case 'full':
        return new StoreFullError('the database cannot grow');
      case 'busy':
        return new StoreBusyError('another program holds the database');
      case 'broken before':
        return this.#gone();
      default:
        return null;
    }
  }

  #committed(changes: readonly Change[]): void {
    this.#world.committed(changes);
    for (const change of changes) if (change.do === 'put_publication') this.#meetStranger(change.publication);
  }

  /** Somebody else was faster with a file of that very name. */
  #meetStranger({ kind, job, epoch }: PublicationRow): void {
    const run = this.#world.ledger.runs.get(job);
    if (this.strangers === 0 || run === undefined) return;
    this.strangers -= 1;
    const path =
      kind === 'job'
        ? join(LAYOUT.jobs, jobFileName(run.name))
        : join(kind === 'result' ? LAYOUT.results : LAYOUT.ended, resultFileName(epoch ?? 0, run.name));
    if (this.disk.files.peek(path) !== null) return;
    const bytes = Buffer.from(`{"of": "somebody else", "n": ${this.foreign.size}}\n`);
    this.#world.hit('a name was taken');
    this.#world.say(`a stranger takes ${path}`);
    this.disk.files.put(path, bytes);
    this.foreign.set(path, bytes);
  }

  #crashpoint(name: CrashPointName, life: Life): void {
    passPoint(this, name, life, this.#world);
  }

  /** Within a transaction the process cannot stand still here (the code goes on), but it can end: then nothing was written. */
  #storePoint(name: CrashPointName, life: Life): void {
    if (this.doom?.point !== name || !life.alive) return;
    if (this.doom.fate === 'stopped') this.doom = { point: name, fate: 'killed' };
    this.#crashpoint(name, life);
    throw new Error(`ended at ${name}`);
  }
}
