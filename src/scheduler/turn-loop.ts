/**
 * The turn: gather, decide, commit, release. One writer, one loop; nobody outside sees an effect before it is on disk.
 *
 * While a commit runs, the next turn's events gather by themselves: the busier, the larger the batch, the cheaper the fsync.
 * With nothing to do it does nothing. A turn that fails changes nothing: on a full or locked disk those who wait are told so,
 * what instances brought stays here for the next turn, and that waits a little. A turn that a constraint or an assertion
 * refuses is repeated one event at a time, so that the bad one is named and the rest pass. Any other error is fatal.
 */
import type { Board } from '../core/board.ts';
import { decide } from '../core/decide.ts';
import { LoadedRows, type Draft } from '../core/draft.ts';
import { messageOf, Problem } from '../core/errors.ts';
import type { PromptdEvent } from '../core/events.ts';
import { keysOf } from '../core/keys-of.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock, Random, Timer, Timers } from '../core/ports/clock.ts';
import type { CrashPoint } from '../core/ports/crashpoint.ts';
import { StoreBusyError, StoreConstraintError, StoreFullError, type Store } from '../core/ports/store.ts';
import { reason, type Reason } from '../core/reasons.ts';
import type { Effect, Receipt, TurnEvent } from '../core/turn-events.ts';
import { mergeKeys } from './merge-keys.ts';

/** Rounds of loading what a decision found missing: each brings it at least one step further. */
const LOAD_ROUNDS_MAX = 16;
/** How often a turn is decided again because the store refused a condition. */
const REFUSALS_MAX = 3;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 5_000;

export interface TurnLoopOptions {
  readonly store: Store;
  readonly board: Board;
  readonly store_id: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly crashpoint: CrashPoint;
  /** Called after the commit and after the board follows it, with all effects but receipts, follow-ups and events. */
  readonly release: (effects: readonly Effect[]) => Promise<void>;
  readonly on: (events: readonly PromptdEvent[]) => void;
  /** The process must end: the store cannot be trusted any more. */
  readonly onFatal: (error: unknown) => void;
  /** The rules; replaced by tests that break one of them to see that it is missed. */
  readonly decide?: typeof decide;
}

interface Entry {
  readonly event: TurnEvent;
  readonly settle: {
    readonly resolve: (receipt: Receipt) => void;
    readonly reject: (problem: Problem) => void;
  } | null;
}

/** An assertion of ours failed while deciding: a bug, but of one event. */
class DecisionFault extends Error {
  override readonly name = 'DecisionFault';
}

export class TurnLoop {
  readonly #options: TurnLoopOptions;
  #inbox: Entry[] = [];
  #busy = false;
  #stopped = false;
  #wait: Timer | null = null;
  #wait_ms = 0;
  #idle: (() => void)[] = [];
  #turns = 0;
  #trouble: Reason | null = null;

  constructor(options: TurnLoopOptions) {
    this.#options = options;
  }

  get turns(): number {
    return this.#turns;
  }

  /** Why turns fail at the moment. */
  get trouble(): Reason | null {
    return this.#trouble;
  }

  /** Adds an event that nobody waits for. */
  push(event: TurnEvent): void {
    this.#add({ event, settle: null });
  }

  /** Adds an event and resolves after its commit; rejects with a Problem where nothing was done. */
  ask(event: TurnEvent): Promise<Receipt> {
    return new Promise((resolve, reject) => this.#add({ event, settle: { resolve, reject } }));
  }

  /** Resolves when nothing is left to do. */
  idle(): Promise<void> {
    if (!this.#busy && (this.#stopped || this.#inbox.length === 0)) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Finishes the turn that runs and refuses everything after it. Idempotent. */
  async stop(): Promise<void> {
    this.#refuseAll();
    await this.idle();
  }

  #add(entry: Entry): void {
    if (this.#stopped) {
      entry.settle?.reject(stopping());
      return;
    }
    this.#inbox.push(entry);
    if (!this.#busy && this.#wait === null) this.#begin();
  }

  #begin(): void {
    this.#busy = true;
    // What stands in the sockets at this moment still joins the turn.
    this.#options.timers.soon(() => {
      this.#pass().catch((error: unknown) => this.#die(error));
    });
  }

  async #pass(): Promise<void> {
    const batch = this.#inbox.splice(0, turnLength(this.#inbox));
    if (batch.length > 0) await this.#try(batch);
    this.#busy = false;
    if (this.#inbox.length > 0 && this.#wait === null && !this.#stopped) {
      this.#begin();
    } else if (this.#wait === null || this.#stopped) {
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  async #try(batch: readonly Entry[]): Promise<void> {
    const error = await this.#turn(batch, true);
    if (isRefusal(error)) await this.#oneByOne(batch);
    else if (error !== null) this.#hold(batch, error);
  }

  /** Nothing was written. Those who wait are told; what instances brought is kept and tried again a little later. */
  #hold(batch: readonly Entry[], error: Error): void {
    const code = error instanceof StoreFullError ? 'DiskLow' : 'StoreBusy';
    const message =
      code === 'DiskLow'
        ? 'The disk is full. Nothing was done; free some space and try again.'
        : 'The database is locked by another program. Nothing was done; try again.';
    for (const entry of batch) entry.settle?.reject(new Problem(code, message, { cause: error }));
    this.#inbox = withoutRepeats([...batch.filter((entry) => entry.settle === null), ...this.#inbox]);
    this.#trouble = reason(code, error.message);
    this.#options.on([{ type: 'turn_failed', code, message: error.message }]);
    if (this.#stopped) return;
    this.#wait_ms = Math.min(Math.max(this.#wait_ms * 2, RETRY_MIN_MS), RETRY_MAX_MS);
    this.#wait = this.#options.timers.after(this.#wait_ms, () => {
      this.#wait = null;
      if (!this.#busy && !this.#stopped) this.#begin();
    });
  }

  /** Each event in a turn of its own; one that is refused is tried without placing runs, which may be what was refused. */
  async #oneByOne(batch: readonly Entry[]): Promise<void> {
    for (const [index, entry] of batch.entries()) {
      let error = await this.#turn([entry], true);
      if (isRefusal(error)) {
        const refused = error;
        error = await this.#turn([entry], false);
        if (error === null) this.#name('Placing runs', refused);
      }
      if (isRefusal(error)) {
        this.#name(`An event of "${entry.event.type}"`, error);
        entry.settle?.reject(
          new Problem('Internal', `The event was refused: ${error.message}`, { cause: error }),
        );
      } else if (error !== null) {
        this.#hold(batch.slice(index), error);
        return;
      }
    }
  }

  #name(what: string, error: Error): void {
    this.#options.on([
      { type: 'turn_failed', code: 'Internal', message: `${what} was refused: ${error.message}` },
    ]);
  }

  /** Null where the turn is done; else why nothing of it was. Any other error, and every one after the commit, is fatal. */
  async #turn(batch: readonly Entry[], placing: boolean): Promise<Error | null> {
    const { clock } = this.#options;
    const began_m = clock.monotonic();
    let draft: Draft;
    try {
      draft = await this.#commit(
        batch.map((entry) => entry.event),
        placing,
      );
    } catch (error) {
      if (error instanceof StoreFullError || error instanceof StoreBusyError || isRefusal(error))
        return error;
      throw error;
    }
    this.#trouble = null;
    this.#wait_ms = 0;
    await this.#release(batch, draft, clock.monotonic() - began_m);
    return null;
  }

  async #release(batch: readonly Entry[], draft: Draft, turn_ms: number): Promise<void> {
    const { crashpoint } = this.#options;
    draft.apply();
    this.#turns += 1;
    const told: PromptdEvent[] = [];
    const outside: Effect[] = [];
    for (const effect of draft.effects) {
      if (effect.type === 'receipt') batch[effect.event]?.settle?.resolve(effect.receipt);
      else if (effect.type === 'follow_up') this.push(effect.event);
      else if (effect.type === 'event') told.push(effect.event);
      else outside.push(effect);
    }
    if (outside.some(isDispatch)) crashpoint('turn.before_dispatch');
    await this.#options.release(outside);
    if (draft.changes.length > 0) crashpoint('turn.after_release');
    told.push({ type: 'turn', events: batch.length, changes: draft.changes.length, turn_ms });
    this.#options.on(told);
  }

  async #commit(events: readonly TurnEvent[], placing: boolean): Promise<Draft> {
    for (let refusals = 0; ; refusals += 1) {
      const draft = await this.#decide(events, placing);
      if (draft.changes.length === 0) return draft;
      this.#options.crashpoint('turn.before_commit');
      if (draft.effects.some(isDispatch)) this.#options.crashpoint('turn.before_claim');
      const refused = await this.#options.store.commit(draft.changes);
      if (refused.length === 0) {
        this.#options.crashpoint('turn.after_commit');
        return draft;
      }
      const first = refused[0]?.change.do ?? 'a change';
      if (refusals === REFUSALS_MAX)
        throw new StoreConstraintError(`the store refused ${first} ${refusals + 1} times`);
    }
  }

  async #decide(events: readonly TurnEvent[], placing: boolean): Promise<Draft> {
    const { store, board, clock, random, store_id, decide: decideTurn = decide } = this.#options;
    const moment = { now: clock.now(), now_m: clock.monotonic(), random: () => random.next(), store_id };
    const loaded = new LoadedRows();
    let keys = keysOf(events, board, moment.now, moment.now_m);
    for (let round = 0; round < LOAD_ROUNDS_MAX; round += 1) {
      loaded.add(keys, await store.load(keys));
      const decision = decideOrFault(() => decideTurn(events, board, loaded, moment, placing));
      if (decision.missing === null) return decision.draft;
      keys = mergeKeys(decision.missing);
    }
    throw new DecisionFault(
      `a decision still misses ${JSON.stringify(keys).slice(0, 200)} after ${LOAD_ROUNDS_MAX} loads`,
    );
  }

  /** Whether the turn that ran is on disk is not known, so those who wait for it hear nothing; the others hear that nothing was done. */
  #die(error: unknown): void {
    this.#refuseAll();
    this.#busy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
    this.#options.onFatal(error);
  }

  #refuseAll(): void {
    this.#stopped = true;
    this.#wait?.cancel();
    this.#wait = null;
    for (const entry of this.#inbox.splice(0)) entry.settle?.reject(stopping());
  }
}

function isDispatch(effect: Effect): boolean {
  return effect.type === 'dispatch';
}

/** How many of the events that wait, in order, make the next turn. */
function turnLength(inbox: readonly Entry[]): number {
  let outcomes = 0;
  let length = 0;
  for (const { event } of inbox) {
    if (length === LIMITS.turn_events_max || outcomes === LIMITS.turn_outcomes_max) break;
    if (event.type === 'report') outcomes += 1;
    length += 1;
  }
  return length;
}

/** What the store or an assertion refuses will be refused again: no use in waiting. */
function isRefusal(error: unknown): error is StoreConstraintError | DecisionFault {
  return error instanceof StoreConstraintError || error instanceof DecisionFault;
}

/** Instances send outcomes again while nobody acknowledges them; one of each is enough. */
function withoutRepeats(entries: readonly Entry[]): Entry[] {
  const seen = new Set<string>();
  return entries.filter(({ event }) => {
    if (event.type !== 'report') return true;
    const { store_id, name, run, attempt, digest } = event.report;
    const key = `${store_id} ${name}@${run}#${attempt} ${digest} ${event.instance}`;
    return !seen.has(key) && seen.add(key);
  });
}

function stopping(): Problem {
  return new Problem('ShuttingDown', 'The server is stopping. Nothing was done.');
}

function decideOrFault<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    throw new DecisionFault(messageOf(error), { cause: error });
  }
}
