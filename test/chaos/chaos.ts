/**
 * One chaos run: real processes, users, models and a tormentor for a while; then everything is healed, comes to rest, is
 * stopped politely, and is compared with what the users were told.
 */
import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Client } from '../../src/client/client.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { check, type Violation } from './check.ts';
import type { Evidence, Sighting, Snapshot } from './evidence.ts';
import { FaultProxy } from './fault-proxy.ts';
import { Fleet } from './fleet.ts';
import { askedOf, filesOf, servedBy, snapshotOf } from './gather.ts';
import type { Op } from './history.ts';
import { planOf, type Remote } from './plan.ts';
import { Tormentor } from './tormentor.ts';
import { Town, User } from './users.ts';
import { Whims } from './whims.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly duration_ms: number;
  /** A line every few seconds, and when something begins. */
  readonly say: (line: string) => void;
  /** Gives the run up: everybody is ended, and it rejects. */
  readonly signal?: AbortSignal;
}

export interface ChaosReport {
  readonly violations: readonly Violation[];
  readonly history: readonly Op[];
  readonly evidence: Evidence;
  /** How often each kind of fault hit. */
  readonly faults: ReadonlyMap<string, number>;
  /** Where everything lies; null where nothing was wrong and it was removed. */
  readonly kept: string | null;
}

const USERS = 4;
const USER_PAUSE_MS = 130;
const SLOTS = 8;
const PROGRESS_MS = 5_000;
const SIGHT_MS = 2_000;
/** Two terms, the backoff of a last attempt and its time limits, three times over. */
const REST_MS = 240_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const root = await mkdtemp(join(tmpdir(), 'promptd-chaos-'));
  const model = await startModelServer();
  const chaos = new Chaos(root, model, options);
  try {
    const report = await Promise.race([chaos.run(), givenUp(options.signal)]);
    if (report.violations.length === 0) await rm(root, { recursive: true, force: true });
    return report.violations.length === 0 ? report : { ...report, kept: root };
  } catch (error) {
    throw new Error(`the run could not be finished; look at ${root}`, { cause: error });
  } finally {
    await chaos.end();
  }
}

function givenUp(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(new Error('given up')), { once: true });
  });
}

class Chaos {
  readonly #root: string;
  readonly #workspace: string;
  readonly #model: ModelServer;
  readonly #options: ChaosOptions;
  readonly #client: Client;
  readonly #proxies: Readonly<Record<Remote, FaultProxy>>;
  readonly #fleet: Fleet;
  readonly #town: Town;
  readonly #whims: Whims;
  readonly #snapshots: Snapshot[] = [];
  readonly #sightings = new Map<string, Sighting>();
  readonly #clients: Client[] = [];
  #began = performance.now();

  constructor(root: string, model: ModelServer, options: ChaosOptions) {
    this.#root = root;
    this.#workspace = join(root, 'workspace');
    this.#model = model;
    this.#options = options;
    this.#client = this.#newClient();
    const proxy = (): FaultProxy => new FaultProxy(() => this.#fleet.address());
    this.#proxies = { east: proxy(), west: proxy() };
    this.#fleet = new Fleet({
      workspace: this.#workspace,
      logs: root,
      proxies: this.#proxies,
      client: this.#client,
      slots: SLOTS,
    });
    this.#town = new Town((op) => this.#write('history.jsonl', op));
    this.#whims = new Whims(options.seed, model);
  }

  async run(): Promise<ChaosReport> {
    await this.#prepare();
    await this.#fleet.start();
    this.#began = performance.now();
    const tormentor = this.#tormentor();
    const stop = new AbortController();
    const watching = [this.#watchFiles(stop.signal), this.#showProgress(stop.signal, tormentor)];
    try {
      await this.#torment(tormentor);
      await this.#rest();
    } finally {
      stop.abort();
      await Promise.all(watching);
    }
    const served = await servedBy(this.#client);
    await this.#fleet.stop();
    this.#snapshots.push(await snapshotOf(this.#workspace, this.#root, 'at the end'));
    const evidence: Evidence = {
      snapshots: this.#snapshots,
      served,
      files: await filesOf(this.#workspace),
      sightings: [...this.#sightings.values()],
      asked: askedOf(this.#model),
      strange_ends: this.#fleet.strange_ends,
    };
    const { history } = this.#town;
    const violations = check(history, evidence);
    for (const violation of violations) this.#write('violations.jsonl', violation);
    return { violations, history, evidence, faults: tormentor.counts, kept: null };
  }

  /** Leaves nobody, whatever happened. */
  async end(): Promise<void> {
    await this.#fleet.end();
    for (const client of this.#clients) client.close();
    await Promise.all(Object.values(this.#proxies).map((proxy) => proxy.close()));
    await this.#model.close();
  }

  async #prepare(): Promise<void> {
    await mkdir(this.#workspace);
    await mkdir(join(this.#root, 'drafts'));
    for (const proxy of Object.values(this.#proxies)) await proxy.listen();
    const config = {
      default_endpoint: 'ollama',
      endpoints: {
        ollama: { kind: 'ollama', base_url: this.#model.url, max_concurrent: 12 },
        openai: { kind: 'openai-compatible', base_url: `${this.#model.url}/v1`, max_concurrent: 12 },
      },
      http: { port: 0 },
      instances: { port: 0 },
      instance: { slots: SLOTS },
    };
    await writeFile(join(this.#workspace, 'promptd.config.json'), JSON.stringify(config, null, 2));
  }

  #tormentor(): Tormentor {
    return new Tormentor({
      plan: planOf(this.#options.seed, this.#options.duration_ms),
      fleet: this.#fleet,
      proxies: this.#proxies,
      whims: this.#whims,
      onServeDead: async (nth) => {
        this.#snapshots.push(await snapshotOf(this.#workspace, this.#root, `after kill ${nth} of serve`));
      },
      log: (at_ms, fault, done) =>
        this.#write('schedule.jsonl', { at_ms: Math.round(at_ms), ...fault, done }),
    });
  }

  async #torment(tormentor: Tormentor): Promise<void> {
    const stop = new AbortController();
    const users = Array.from({ length: USERS }, (_, index) => {
      const name = `u${index + 1}`;
      const random = new SeededRandom(this.#options.seed * 1_000 + index);
      return new User({
        name,
        town: this.#town,
        client: this.#newClient(),
        random,
        workspace: this.#workspace,
        drafts: join(this.#root, 'drafts'),
        pause_ms: USER_PAUSE_MS,
      }).live(stop.signal);
    });
    await Promise.all([tormentor.torment(), sleep(this.#options.duration_ms)]);
    // What users have begun they finish with a server that is there again.
    stop.abort();
    this.#whims.healed = true;
    for (const proxy of Object.values(this.#proxies)) proxy.weather = {};
    await tormentor.heal();
    await Promise.all(users);
    this.#options.say('healed; waiting for rest');
  }

  /** Everything has ended and every file stands; or the time for that is over, which the checker will then say. */
  async #rest(): Promise<void> {
    await this.#fleet.connected();
    const began = performance.now();
    while (performance.now() - began < REST_MS) {
      const stats = await this.#client.stats({ signal: AbortSignal.timeout(5_000) }).catch(() => null);
      if (stats !== null && stats.unpublished === 0 && underWay(stats.states) === 0) return;
      await sleep(100);
    }
    this.#options.say(`not at rest after ${REST_MS / 1_000} s`);
  }

  /** Remembers the first sight of each result and ended file. */
  async #watchFiles(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const files = await filesOf(this.#workspace, ['results', 'ended'], new Set(this.#sightings.keys()));
      for (const { folder, file, sha256 } of files)
        this.#sightings.set(`${folder}/${file}`, { folder, file, sha256 });
      await sleep(SIGHT_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  async #showProgress(stop: AbortSignal, tormentor: Tormentor): Promise<void> {
    for (;;) {
      await sleep(PROGRESS_MS, undefined, { signal: stop }).catch(() => undefined);
      if (stop.aborted) return;
      const submits = this.#town.history.filter((op) => op.op === 'submit');
      const jobs = (all: readonly (typeof submits)[number][]): number =>
        all.reduce((sum, op) => sum + op.jobs.length, 0);
      const faults = [...tormentor.counts.values()].reduce((sum, count) => sum + count, 0);
      const columns = [
        `${Math.round((performance.now() - this.#began) / 1_000)} s`.padStart(6),
        `submitted ${jobs(submits)}`,
        `acknowledged ${jobs(submits.filter((op) => op.outcome === 'ok'))}`,
        `ended files ${this.#sightings.size}`,
        `faults ${faults}`,
        `requests ${this.#model.requests.length}`,
      ];
      this.#options.say(columns.join('  '));
    }
  }

  #newClient(): Client {
    const client = connect({ socket: join(this.#workspace, '.promptd', 'http.sock') });
    this.#clients.push(client);
    return client;
  }

  #write(file: string, line: object): void {
    appendFileSync(join(this.#root, file), `${JSON.stringify(line)}\n`);
  }
}

function underWay(states: Readonly<Partial<Record<string, number>>>): number {
  const ended = ['completed', 'failed', 'cancelled'];
  return Object.entries(states).reduce(
    (sum, [state, runs]) => sum + (ended.includes(state) ? 0 : (runs ?? 0)),
    0,
  );
}
