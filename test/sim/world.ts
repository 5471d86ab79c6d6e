/** What all processes of a simulation share: time, chance, the network, the database, and what is true. */
import type { PromptdEvent } from '../../src/core/events.ts';
import { nextState } from '../../src/core/states.ts';
import type { Random } from '../../src/core/ports/clock.ts';
import type { Change, Store } from '../../src/core/ports/store.ts';
import type { CrashPointName } from '../../src/core/ports/crashpoint.ts';
import type { PreparedJob } from '../../src/core/submission.ts';
import { type MemoryStores, openMemoryStores } from '../../src/stores/sqlite/memory.ts';
import { MemoryNetwork } from '../../src/transport/memory.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { sha256 } from '../../src/core/identity.ts';
import { LeaseWatch } from './lease-watch.ts';
import { Ledger } from './ledger.ts';
import { Models } from './model.ts';
import { DESK } from './packages.ts';

/** Those that jobs are drawn for. */
export const SERVERS = [
  { name: 'fast', kind: 'simulator', max_concurrent: 9, sticky_models: false },
  { name: 'sticky', kind: 'simulator', max_concurrent: 3, sticky_models: true },
] as const;
export const ENDPOINTS = [
  ...SERVERS,
  // Fewer than the ids of both instances, and more than those of one: attempts wait for an id.
  { name: DESK, kind: 'ai-package', max_concurrent: 5, sticky_models: false },
] as const;

const TRACE_MAX = 4_000;

/** Which rule was broken, and how that showed. */
export interface Violation {
  readonly rule: string;
  readonly message: string;
}

/** What a whole file of an answer says that somebody put there. */
export interface Handmade {
  readonly result: string;
  /** Null where the file does not say. */
  readonly digest: string | null;
  readonly run: number | null;
}

export class World {
  readonly clock = new FakeClock();
  readonly network: MemoryNetwork;
  /** The database that stands there now. */
  stores: MemoryStores;
  readonly models: Models;
  ledger: Ledger;
  readonly leases = new LeaseWatch();
  /** Pids that are surely gone. */
  readonly dead = new Set<number>();
  readonly violations: Violation[] = [];
  /** How often each kind of fault, each crash point and each transition was hit. */
  readonly hits = new Map<string, number>();
  /** Runs whose acceptance was told to somebody: `name@run` to the digest of what was asked. */
  readonly accepted = new Map<string, string>();
  /** Names that were submitted by another door than the folder. */
  readonly submitted = new Set<string>();
  /** Digests of fresh draws that somebody has asked for. */
  readonly drawn = new Set<string>();
  /** Specifications (SHA-256) that were submitted, or stood in a right and whole file. */
  readonly asked = new Set<string>();
  /** Answers that people put into results/, by the names of their files without the ending. */
  readonly handmade = new Map<string, Handmade>();
  /** How often somebody has set the wall clock. */
  jumps = 0;
  /** `name@run#attempt` of outcomes that stood on an instance's disk, and of those that it was told it may forget. */
  readonly spooled = new Set<string>();
  readonly acknowledged = new Set<string>();
  /** Of outcomes that the disk itself has ruined. */
  readonly ruined = new Set<string>();
  /** Of attempts that an instance gave up: it could not renew their leases, or it ends. */
  readonly given_up = new Set<string>();
  /** The network delays and cuts as long as this is true. */
  rough = true;
  duplicating_until = 0;
  /** Asked at the crash points within the store. */
  atStorePoint: (name: CrashPointName) => void = () => undefined;
  /** Ids of the runs that were in the database from its beginning. */
  inherited: ReadonlySet<number> = new Set();
  /** Attempts that another database than this one gave out. */
  readonly past = new Set<string>();
  readonly #storeChance: SeededRandom;
  readonly #slots: ReadonlyMap<string, number>;
  /** All commits that made the database, and those that made its backup. */
  #history: (readonly Change[])[] = [];
  #backup: readonly (readonly Change[])[] = [];
  /** While a database is made, what it tells is old news. */
  #changing = false;
  readonly #trace: string[] = [];
  readonly #seed: number;
  #streams = 0;
  #pids = 1_000;

  constructor(seed: number, slots: ReadonlyMap<string, number>) {
    this.#seed = seed;
    const random = this.stream();
    this.models = new Models(seed, this.clock, (rule, message) => this.fault(rule, message));
    this.#storeChance = this.stream();
    this.stores = this.#makeStores();
    this.network = new MemoryNetwork({
      timers: this.clock,
      delay_ms: () => (this.rough ? random.below(40) : 1),
      slice_bytes: 200 + random.below(4_000),
    });
    this.#slots = slots;
    this.ledger = this.#makeLedger();
    this.models.isPast = (key) => this.past.has(key);
    this.models.mayRun = (key) => this.ledger.attempts.has(key) || this.past.has(key);
  }

  #makeStores(random: Random = this.#storeChance): MemoryStores {
    const crashpoint = (name: CrashPointName): void => this.atStorePoint(name);
    return openMemoryStores({ clock: this.clock, random, crashpoint });
  }

  #makeLedger(): Ledger {
    return new Ledger({
      now: () => this.clock.monotonic(),
      slots: this.#slots,
      broken: (rule, message) => {
        if (!this.#changing) this.fault(rule, message);
      },
    });
  }

  committed(changes: readonly Change[]): void {
    this.#history.push(changes);
    this.ledger.commit(changes);
  }

  /** As somebody copies the database: one moment of it. */
  backUp(): void {
    this.#backup = [...this.#history];
  }

  /** The database of the backup stands there again, the first there was where there is none. Nobody has it open. */
  async putBack(): Promise<void> {
    const { store_id } = this.stores.reads;
    await this.#change({ next: () => this.#storeChance.next(), id: () => store_id }, async (store) => {
      for (const changes of this.#backup) await store.commit(changes);
    });
  }

  /** A database of its own stands there, made by `fill`. Nobody has it open. */
  replace(fill: (store: Store) => Promise<void>): Promise<void> {
    this.#backup = [];
    return this.#change(this.#storeChance, fill);
  }

  /** What was begun under the database before may still come. */
  async #change(random: Random, fill: (store: Store) => Promise<void>): Promise<void> {
    for (const key of this.ledger.attempts.keys()) this.past.add(key);
    for (const key of this.models.calls.keys()) this.past.add(key);
    this.models.calls.clear();
    await this.stores.store.close();
    this.stores = this.#makeStores(random);
    this.ledger = this.#makeLedger();
    this.#history = [];
    this.#changing = true;
    const { store } = this.stores;
    await fill(
      new Proxy(store, {
        get: (target, key) =>
          key === 'commit'
            ? async (changes: readonly Change[]) => {
                const refused = await target.commit(changes);
                this.committed(changes);
                return refused;
              }
            : (Reflect.get(target, key) as () => unknown).bind(target),
      }),
    );
    this.#changing = false;
    this.inherited = new Set(this.ledger.runs.keys());
    for (const [ref, digest] of this.accepted) {
      const stored = this.ledger.runs.get(this.ledger.ids.get(ref) ?? -1);
      if (stored?.digest !== digest) this.accepted.delete(ref);
    }
  }

  /** Somebody was told that this job is that run. Gives whether it is, or a fresh draw of it, which is as good. */
  accept(ref: string, job: Pick<PreparedJob, 'digest' | 'spec_sha256'>): boolean {
    const stored = this.ledger.runs.get(this.ledger.ids.get(ref) ?? -1);
    this.accepted.set(ref, stored?.digest ?? job.digest);
    if (stored === undefined || stored.digest === job.digest) return stored !== undefined;
    return this.drawn.has(stored.digest) && this.ledger.specs.get(stored.id) === job.spec_sha256;
  }

  /** Chance of its own for each part, so that one part more does not change what all the others do. */
  stream(): SeededRandom {
    this.#streams += 1;
    return new SeededRandom(this.#seed * 1_000_003 + this.#streams * 7_919);
  }

  /** Chance for a part that came later, beside the numbered ones. */
  streamOf(part: string): SeededRandom {
    return new SeededRandom(Number.parseInt(sha256(`${this.#seed} ${part}`).slice(0, 8), 16));
  }

  pid(): number {
    return this.#pids++;
  }

  get duplicating(): boolean {
    return this.clock.monotonic() < this.duplicating_until;
  }

  hit(what: string): void {
    this.hits.set(what, (this.hits.get(what) ?? 0) + 1);
  }

  say(what: string): void {
    this.#trace.push(`${(this.clock.monotonic() / 1_000).toFixed(3)} ${what}`);
    if (this.#trace.length > TRACE_MAX) this.#trace.shift();
  }

  get trace(): readonly string[] {
    return this.#trace;
  }

  fault(rule: string, what: string): void {
    const message = `at ${(this.clock.monotonic() / 1_000).toFixed(3)} s: ${what}`;
    this.violations.push({ rule, message });
    this.say(`VIOLATION (${rule}) ${what}`);
  }

  heard(events: readonly PromptdEvent[]): void {
    for (const event of events) {
      if (event.type === 'run_changed') this.#changed(event);
      else if (event.type === 'attempt_started')
        this.say(`${event.name}@${event.run}#${event.attempt} goes to ${event.instance}`);
      else if (event.type === 'attempt_ended')
        this.say(`${event.name}@${event.run}#${event.attempt} ${event.outcome} ${event.reason_code ?? ''}`);
      else if (event.type === 'turn_failed') {
        this.say(`turn failed: ${event.message}`);
        if (event.code === 'Internal') this.fault('turns', `a turn was refused: ${event.message}`);
      }
    }
  }

  #changed({ name, run, from, by, to, reason_code }: Extract<PromptdEvent, { type: 'run_changed' }>): void {
    this.hit(`transition ${from ?? 'new'} ${by} ${to}`);
    const why = reason_code === null ? '' : ` (${reason_code})`;
    this.say(`${name}@${run} ${from ?? 'new'} ─ ${by} ▶ ${to}${why}`);
    if (from !== null && by !== 'accept' && nextState(from, by) !== to)
      this.fault('transitions', `${name}@${run}: ${by} led from ${from} to ${to}`);
  }
}
