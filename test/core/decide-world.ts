/**
 * A scheduler without its threads, timers and wires: turns over a real store, decided one after the other. Everything that
 * the outside could say is said by a test: instances that come and go, outcomes of any attempt that ever was, leases that end.
 */
import { boardAtStart, type Board } from '../../src/core/board.ts';
import { decide, type Decision } from '../../src/core/decide.ts';
import { LoadedRows, type Draft } from '../../src/core/draft.ts';
import { keysOf } from '../../src/core/keys-of.ts';
import type { LoadKeys, Store } from '../../src/core/ports/store.ts';
import type { ReadStore } from '../../src/core/ports/read-store.ts';
import type { EndpointConfig } from '../../src/core/endpoints.ts';
import type { Effect, TurnEvent } from '../../src/core/turn-events.ts';
import { mergeKeys } from '../../src/scheduler/merge-keys.ts';
import { openMemoryStores } from '../../src/stores/sqlite/memory.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const T0 = 1_790_000_000_000;
const ROUNDS_MAX = 16;

/** One attempt that was ever sent out. */
export interface Sent {
  readonly instance: number;
  readonly name: string;
  readonly run: number;
  readonly attempt: number;
  readonly digest: string;
}

export interface Turn {
  readonly events: readonly TurnEvent[];
  readonly draft: Draft;
  readonly effects: readonly Effect[];
}

export class World {
  readonly store: Store;
  readonly reads: ReadStore;
  readonly board: Board;
  readonly store_id: string;
  /** In the order in which they were dispatched. */
  readonly sent: Sent[] = [];
  /** Events that turns gave themselves for the next one. */
  readonly follow_ups: TurnEvent[] = [];
  now = T0;
  now_m = 0;
  #turns = 0;

  private constructor(stores: { store: Store; reads: ReadStore }, board: Board, store_id: string) {
    this.store = stores.store;
    this.reads = stores.reads;
    this.board = board;
    this.store_id = store_id;
  }

  static async open(endpoints: readonly EndpointConfig[]): Promise<World> {
    const clock = { now: () => T0, monotonic: () => 0 };
    const stores = openMemoryStores({ clock, random: new SeededRandom(1) });
    const start = await stores.store.start();
    return new World(stores, boardAtStart(start, endpoints, 0), start.store_id);
  }

  /** The work of a new turn: what was left to do, and what comes now. */
  gather(events: readonly TurnEvent[]): readonly TurnEvent[] {
    return [...this.follow_ups.splice(0), ...events];
  }

  /** Decides over the events, and changes nothing. `expecting`: loads first what a turn will most likely want to know. */
  async decide(events: readonly TurnEvent[], expecting: boolean): Promise<Draft> {
    const { board, now, now_m, store_id } = this;
    const loaded = new LoadedRows();
    let keys: LoadKeys = expecting ? keysOf(events, board, now, now_m) : {};
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      loaded.add(keys, await this.store.load(keys));
      const chance = new SeededRandom(this.#turns);
      const moment = { now, now_m, store_id, random: () => chance.next() };
      const decision: Decision = decide(events, board, loaded, moment);
      if (decision.missing === null) return decision.draft;
      keys = mergeKeys(decision.missing);
    }
    throw new Error(`a decision still misses ${JSON.stringify(keys)} after ${ROUNDS_MAX} loads`);
  }

  /** Commits what was decided, and lets memory follow. */
  async commit(draft: Draft): Promise<void> {
    const refused = await this.store.commit(draft.changes);
    if (refused.length > 0) throw new Error(`the store refused ${JSON.stringify(refused)}`);
    draft.apply();
    this.#turns += 1;
    for (const effect of draft.effects) {
      if (effect.type === 'follow_up') this.follow_ups.push(effect.event);
      if (effect.type === 'dispatch') this.sent.push({ ...effect.attempt, instance: effect.instance });
    }
  }

  pass(ms: number): void {
    this.now += ms;
    this.now_m += ms;
  }
}
