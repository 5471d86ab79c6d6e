/** What all processes of a simulation share: time, chance, the network, the disk of the server, and what is true. */
import type { PromptdEvent } from '../../src/core/events.ts';
import type { Change } from '../../src/core/ports/store.ts';
import { openMemoryStores } from '../../src/stores/sqlite/memory.ts';
import { MemoryNetwork } from '../../src/transport/memory.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { Models } from './model.ts';

export const ENDPOINTS = [
  { name: 'fast', max_concurrent: 9, sticky_models: false },
  { name: 'sticky', max_concurrent: 3, sticky_models: true },
] as const;

const TRACE_MAX = 4_000;

export class World {
  readonly clock = new FakeClock();
  readonly network: MemoryNetwork;
  readonly stores;
  readonly models: Models;
  /** Pids that are surely gone. */
  readonly dead = new Set<number>();
  readonly violations: string[] = [];
  /** How often each kind of fault, each crash point and each transition was hit. */
  readonly hits = new Map<string, number>();
  /** Runs whose acceptance was told to somebody: `name@run` to what was asked. */
  readonly accepted = new Map<string, { readonly digest: string; readonly text: string }>();
  /** `name@run#attempt` of outcomes that an instance was told it may forget. */
  readonly acknowledged = new Set<string>();
  /** `name@run#attempt` of those that an instance gave up because it could not renew their leases, or that were cancelled. */
  readonly given_up = new Set<string>();
  /** Results on disk, by run id. */
  readonly results = new Map<number, string>();
  /** The network delays and cuts as long as this is true. */
  rough = true;
  readonly #trace: string[] = [];
  readonly #seed: number;
  #streams = 0;
  #pids = 1_000;

  constructor(seed: number) {
    this.#seed = seed;
    const random = this.stream();
    this.models = new Models(this.stream());
    this.stores = openMemoryStores({ clock: this.clock, random: this.stream() });
    this.network = new MemoryNetwork({
      timers: this.clock,
      delay_ms: () => (this.rough ? random.below(40) : 1),
      slice_bytes: 200 + random.below(4_000),
    });
  }

  /** Chance of its own for each part, so that one part more does not change what all the others do. */
  stream(): SeededRandom {
    this.#streams += 1;
    return new SeededRandom(this.#seed * 1_000_003 + this.#streams * 7_919);
  }

  pid(): number {
    return this.#pids++;
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

  fault(what: string): void {
    this.violations.push(`at ${(this.clock.monotonic() / 1_000).toFixed(3)} s: ${what}`);
    this.say(`VIOLATION ${what}`);
  }

  /** A turn is on disk. */
  committed(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.do === 'update_run' && change.run.state === 'cancelled') {
        this.given_up.add(`${change.run.name}@${change.run.run}#${change.run.attempt}`);
      }
      if (change.do !== 'insert_result') continue;
      const { job, text_sha256 } = change.result;
      if (this.results.has(job)) this.fault(`run ${job} has a second result`);
      this.results.set(job, text_sha256);
    }
  }

  heard(events: readonly PromptdEvent[]): void {
    for (const event of events) {
      if (event.type === 'run_changed') {
        this.hit(`transition ${event.from ?? 'new'} ${event.by} ${event.to}`);
        this.say(
          `${event.name}@${event.run} ${event.from ?? 'new'} ─ ${event.by} ▶ ${event.to}${event.reason_code === null ? '' : ` (${event.reason_code})`}`,
        );
      } else if (event.type === 'attempt_started') {
        this.say(`${event.name}@${event.run}#${event.attempt} goes to ${event.instance}`);
      } else if (event.type === 'attempt_ended') {
        this.say(`${event.name}@${event.run}#${event.attempt} ${event.outcome} ${event.reason_code ?? ''}`);
      } else if (event.type === 'turn_failed') {
        this.say(`turn failed: ${event.message}`);
        if (event.code === 'Internal') this.fault(`a turn was refused: ${event.message}`);
      }
    }
  }
}
