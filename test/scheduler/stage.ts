/** A scheduler over SQLite in memory, a network in memory, virtual time and seeded chance. */
import type { EndpointConfig } from '../../src/core/endpoints.ts';
import type { PromptdEvent } from '../../src/core/events.ts';
import type { CrashPointName } from '../../src/core/ports/crashpoint.ts';
import type { LogPlace } from '../../src/core/ports/logs.ts';
import type { SubmittedJob } from '../../src/core/submission.ts';
import { SchedulerService, type SchedulerOptions } from '../../src/scheduler/scheduler.ts';
import { openMemoryStores } from '../../src/stores/sqlite/memory.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from '../../src/transport/memory.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { FaultyStore } from './faulty-store.ts';
import { Peer, type Held, type Hello } from './peer.ts';
import { jobOf, type JobWish } from './prepared-job.ts';
import { BEAT, FRAMES, PORT } from './terms.ts';

export function endpointOf(name: string, more: Partial<EndpointConfig> = {}): EndpointConfig {
  const nothing = { base_urls: [], api_key_env: null, api_key_file: null, settings: {} };
  return { name, kind: 'simulator', max_concurrent: 16, sticky_models: false, ...nothing, ...more };
}

export interface StageOptions {
  readonly endpoints?: readonly EndpointConfig[];
  readonly more?: Partial<SchedulerOptions>;
  /** How the network carries bytes. */
  readonly network?: Omit<MemoryNetworkOptions, 'timers'>;
}

export class Stage {
  readonly clock = new FakeClock();
  readonly random = new SeededRandom(7);
  readonly network: MemoryNetwork;
  readonly stores = openMemoryStores({ clock: this.clock, random: this.random });
  readonly store = new FaultyStore(this.stores.store);
  readonly reads = this.stores.reads;
  readonly events: PromptdEvent[] = [];
  readonly fatal: unknown[] = [];
  readonly logs: string[] = [];
  published = 0;
  /** Where the scheduler may be ended. */
  crashpoint: (name: CrashPointName) => void = () => undefined;
  /** Pids that are surely gone. */
  readonly dead = new Set<number>();
  readonly #options: StageOptions;
  #listener: { close(): Promise<void> } | null = null;
  #service: SchedulerService | null = null;

  private constructor(options: StageOptions) {
    this.#options = options;
    this.network = new MemoryNetwork({ timers: this.clock, ...options.network });
  }

  static async open(options: StageOptions = {}): Promise<Stage> {
    const stage = new Stage(options);
    await stage.start();
    return stage;
  }

  get service(): SchedulerService {
    if (this.#service === null) throw new Error('no scheduler runs');
    return this.#service;
  }

  /** A scheduler over what is in the store, e.g. after another one was stopped. */
  async start(): Promise<void> {
    const { clock, random, store } = this;
    const service = await SchedulerService.start({
      store,
      logs: {
        appendNow: () => null,
        append: async (logs) => logs.map((log): LogPlace | null => this.#keepLog(log)),
      },
      endpoints: this.#options.endpoints ?? [endpointOf('e')],
      clock,
      timers: clock,
      random,
      limits: FRAMES,
      heartbeat_ms: BEAT,
      local_name: 'local',
      tokenFits: (token) => token === 'token',
      processGone: (pid) => this.dead.has(pid),
      crashpoint: (name) => this.crashpoint(name),
      onPublish: () => {
        this.published += 1;
      },
      on: (events) => this.events.push(...events),
      onFatal: (error) => this.fatal.push(error),
      ...this.#options.more,
    });
    this.#service = service;
    this.#listener = await this.network.listen({ host: 'memory', port: PORT }, (connection) =>
      service.accept(connection),
    );
    await clock.settle();
  }

  /** Ends the scheduler in an orderly way; the store stays. */
  async stop(): Promise<void> {
    const service = this.#service;
    this.#service = null;
    await this.#listener?.close();
    const stopped = service?.stop();
    await this.clock.settle();
    await stopped;
    // A connection says goodbye.
    await this.clock.advance(5_000);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.stores.store.close();
  }

  /** What a promise of the scheduler gives, without time passing. */
  async now<T>(promise: Promise<T>): Promise<T> {
    promise.catch(() => undefined);
    await this.clock.settle();
    return promise;
  }

  async submit(
    ...jobs: readonly (string | [name: string, wish: JobWish])[]
  ): Promise<readonly SubmittedJob[]> {
    const prepared = jobs.map((job) => (typeof job === 'string' ? jobOf(job) : jobOf(...job)));
    const receipt = await this.now(this.service.submit(prepared, 'refuse_all'));
    return receipt.jobs;
  }

  async cancel(...names: readonly string[]): Promise<readonly string[]> {
    const answers = await this.now(this.service.cancel(names.map((name) => ({ name, run: null }))));
    return answers.map(({ verdict }) => verdict);
  }

  async retry(name: string, options = {}): Promise<string> {
    const [answer] = await this.now(this.service.retry([{ name, run: null }], options));
    return answer?.verdict ?? 'nothing';
  }

  attach(wish: Partial<Hello> = {}, held: readonly Held[] = []): Promise<Peer> {
    return Peer.attach(this.network, this.clock, wish, held);
  }

  greet(wish: Partial<Hello> = {}): Promise<Peer> {
    return Peer.greet(this.network, this.clock, wish);
  }

  /** Lets what is due now happen. */
  settle(): Promise<void> {
    return this.clock.settle();
  }

  /** Time passes while these instances list what they hold, as often as they should. */
  async live(
    ms: number,
    ...peers: readonly (readonly [Peer, readonly string[], draining?: 'draining'])[]
  ): Promise<void> {
    for (let passed = 0; passed < ms; passed += BEAT) {
      for (const [peer, names, draining] of peers)
        peer.beat(
          names.map((name) => peer.order(name)),
          draining !== undefined,
        );
      await this.clock.advance(Math.min(BEAT, ms - passed));
    }
  }

  state(name: string): string {
    return this.reads.run(name, null)?.state ?? 'unknown';
  }

  states(...names: readonly string[]): string[] {
    return names.map((name) => this.state(name));
  }

  run(name: string) {
    const run = this.reads.run(name, null);
    if (run === null) throw new Error(`no run is named ${name}`);
    return run;
  }

  attempts(name: string) {
    return this.reads.attempts(this.run(name).id);
  }

  /** `outcome/charge` of each attempt, in order. */
  outcomes(name: string): string[] {
    return this.attempts(name).map(
      ({ outcome, charged_for }) => `${outcome ?? 'running'}/${charged_for ?? 'free'}`,
    );
  }

  text(name: string): string | null {
    const result = this.reads.result(this.run(name).id);
    return result === null ? null : this.reads.body(result.text_sha256);
  }

  failures(): string[] {
    return this.events.flatMap((event) =>
      event.type === 'turn_failed' ? [`${event.code}: ${event.message}`] : [],
    );
  }

  #keepLog(log: string): LogPlace | null {
    if (log === '') return null;
    this.logs.push(log);
    return { log_file: 'log', log_offset: 0, log_bytes: Buffer.byteLength(log) };
  }
}
