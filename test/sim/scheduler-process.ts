/** The server of the simulation: a scheduler over the one store, and a publisher that pretends to write files. */
import type { EndpointConfig } from '../../src/core/endpoints.ts';
import type { CrashPointName } from '../../src/core/ports/crashpoint.ts';
import { StoreBusyError, StoreFullError } from '../../src/core/ports/store.ts';
import { SchedulerService, type SchedulerOptions } from '../../src/scheduler/scheduler.ts';
import { FaultyStore } from '../scheduler/faulty-store.ts';
import { BEAT, FRAMES, PORT } from '../scheduler/terms.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { Life } from './life.ts';
import { ENDPOINTS, type World } from './world.ts';

const NOTHING = {
  kind: 'simulator',
  base_urls: [],
  api_key_env: null,
  api_key_file: null,
  settings: {},
} as const;
const CONFIGS: readonly EndpointConfig[] = ENDPOINTS.map((endpoint) => ({ ...NOTHING, ...endpoint }));

export type SchedulerCalls = Pick<SchedulerService, 'submit' | 'cancel' | 'retry' | 'putEndpoint' | 'status'>;

export type Weather = 'fine' | 'full' | 'busy' | 'refusing';

/** A rule of the design that is broken on purpose, to see that the checks notice. */
export type Break = Pick<SchedulerOptions, 'decide'> & { readonly store?: (store: FaultyStore) => void };

export class SchedulerProcess {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #broken: Break;
  #life: Life | null = null;
  #service: SchedulerService | null = null;
  #client: SchedulerCalls | null = null;
  #listener: { close(): Promise<void> } | null = null;
  #publishing = false;
  weather: Weather = 'fine';
  /** The place at which it kills itself next. */
  dies_at: CrashPointName | null = null;

  constructor(world: World, broken: Break) {
    this.#world = world;
    this.#random = world.stream();
    this.#broken = broken;
  }

  /** As those who ask see it: whoever was not answered before it died never is. Null while none runs that could answer. */
  get client(): SchedulerCalls | null {
    return this.#life?.alive === true ? this.#client : null;
  }

  /** Whether it has nothing left to do. */
  get quiet(): boolean {
    return this.#life?.alive === true && this.#service?.quiet === true;
  }

  get life(): Life | null {
    return this.#life?.alive === true ? this.#life : null;
  }

  async start(): Promise<void> {
    if (this.#life?.alive === true) return;
    const world = this.#world;
    const life = new Life(world.clock, this.#random.below(1_000_000));
    this.#life = life;
    this.#service = null;
    this.#publishing = false;
    world.say('a scheduler starts');
    const { store: breakStore, ...broken } = this.#broken;
    const store = this.#makeStore();
    breakStore?.(store);
    const service = await SchedulerService.start({
      store: life.mortal(store),
      logs: { appendNow: () => null, append: async (logs) => logs.map(() => null) },
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
      onPublish: () => this.#publishSoon(life),
      on: (events) => {
        if (life.alive) world.heard(events);
      },
      onFatal: (error) => {
        if (life.alive)
          world.fault(
            `the scheduler died: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          );
      },
      ...broken,
    });
    if (!life.alive) return;
    this.#service = service;
    this.#client = life.mortal<SchedulerCalls>(service);
    this.#publishSoon(life);
    this.#listener = await world.network.listen({ host: 'memory', port: PORT }, (connection) =>
      service.accept(life.connection(connection)),
    );
  }

  kill(): void {
    if (this.#life?.alive !== true) return;
    this.#world.say('the scheduler is killed');
    void this.#listener?.close();
    this.#life.die();
  }

  #makeStore(): FaultyStore {
    const store = new FaultyStore(this.#world.stores.store);
    store.failing = () => {
      if (this.weather === 'full') return new StoreFullError('the database cannot grow');
      return this.weather === 'busy' ? new StoreBusyError('another program holds the database') : null;
    };
    let refused = 0;
    store.refusing = (changes) => {
      // What is refused four times is taken for a fault of its own.
      const refuses = this.weather === 'refusing' && refused < 3 && this.#random.next() < 0.3;
      refused = refuses ? refused + 1 : 0;
      return refuses ? [this.#random.below(changes.length)] : [];
    };
    store.onCommitted = (changes) => this.#world.committed(changes);
    return store;
  }

  #crashpoint(name: CrashPointName, life: Life): void {
    if (this.dies_at !== name || !life.alive) return;
    this.dies_at = null;
    this.#world.hit(`killed at ${name}`);
    this.kill();
  }

  /** Looks a little later what is to be published, and says that it stands. */
  #publishSoon(life: Life): void {
    if (this.#publishing || !life.alive) return;
    this.#publishing = true;
    life.after(5 + this.#random.below(100), () => {
      this.#publishing = false;
      const rows = this.#world.stores.reads.publications(50);
      if (rows.length === 0 || this.#service === null) return;
      this.#service.published(rows).then(
        () => this.#publishSoon(life),
        () => this.#publishSoon(life),
      );
    });
  }
}
