/**
 * A store that waits, fails or refuses when a test says so, over a real one. Nothing but the port is known here, so it
 * stands before any implementation.
 */
import type { Change, Loaded, LoadKeys, Refused, Store, StoreStart } from '../../src/core/ports/store.ts';

export class FaultyStore implements Store {
  readonly #store: Store;
  #gate: PromiseWithResolvers<void> | null = null;
  /** Every commit that was tried, in order. */
  readonly tried: (readonly Change[])[] = [];
  /** Those that are on disk. */
  readonly committed: (readonly Change[])[] = [];
  /** Throws or gives an error where a commit is to fail. */
  failing: (changes: readonly Change[]) => Error | null = () => null;
  /** Told of what is on disk, before the scheduler is. */
  onCommitted: (changes: readonly Change[]) => void = () => undefined;
  /** Indexes of changes to be refused. */
  refusing: (changes: readonly Change[]) => readonly number[] = () => [];
  /** What becomes of changes on their way: a store with a fault of its own. */
  bending: (changes: readonly Change[]) => readonly Change[] = (changes) => changes;

  constructor(store: Store) {
    this.#store = store;
  }

  /** From now on commits wait until `letGo`; the wait stands before the real commit. */
  hold(): void {
    this.#gate ??= Promise.withResolvers();
  }

  letGo(): void {
    this.#gate?.resolve();
    this.#gate = null;
  }

  start(): Promise<StoreStart> {
    return this.#store.start();
  }

  load(keys: LoadKeys): Promise<Loaded> {
    return this.#store.load(keys);
  }

  async commit(changes: readonly Change[]): Promise<readonly Refused[]> {
    this.tried.push(changes);
    await this.#gate?.promise;
    const error = this.failing(changes);
    if (error !== null) throw error;
    const refused = this.refusing(changes);
    if (refused.length > 0) return refused.flatMap((index) => refusalOf(changes, index));
    const answer = await this.#store.commit(this.bending(changes));
    if (answer.length === 0) {
      this.committed.push(changes);
      this.onCommitted(changes);
    }
    return answer;
  }

  nextDue(): Promise<number | null> {
    return this.#store.nextDue();
  }

  tidy(): Promise<void> {
    return this.#store.tidy();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

function refusalOf(changes: readonly Change[], index: number): Refused[] {
  const change = changes[index];
  return change === undefined ? [] : [{ index, change }];
}
