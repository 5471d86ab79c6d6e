/** What every implementation of the store's two ports must do. A test file of one is a few lines that call this. */
import { afterEach, describe, expect } from 'vitest';
import type { ReadStore } from '../../src/core/ports/read-store.ts';
import type { Change, Store } from '../../src/core/ports/store.ts';
import { commitSuite } from './suite-commit.ts';
import { loadSuite } from './suite-load.ts';
import { raceSuite } from './suite-races.ts';
import { readSuite } from './suite-read.ts';
import { startSuite } from './suite-start.ts';

export interface OpenStores {
  readonly store: Store;
  readonly reads: ReadStore;
  /** A second writer of the same database; where there can be only one connection, the same. Closed with the others. */
  another(): Promise<Store>;
  /** Takes the database's write lock as another program would, until it is released; null where none could. */
  readonly hold: (() => () => void) | null;
  close(): Promise<void>;
}

/** A fresh and empty database for each call. */
export type OpenForTest = () => Promise<OpenStores>;

/** Stores that end with the test, and a way to commit that fails where something is refused. */
export interface StoreSetup extends OpenStores {
  must(...commits: readonly (readonly Change[])[]): Promise<void>;
}

export function storeSuite(open: OpenForTest): void {
  const opened: OpenStores[] = [];
  afterEach(async () => {
    for (const stores of opened.splice(0)) await stores.close();
  });

  const setup = async (): Promise<StoreSetup> => {
    const stores = await open();
    opened.push(stores);
    return {
      ...stores,
      async must(...commits) {
        for (const changes of commits) expect(await stores.store.commit(changes)).toEqual([]);
      },
    };
  };

  describe('commit', () => commitSuite(setup));
  describe('load', () => loadSuite(setup));
  describe('start', () => startSuite(setup));
  describe('reads', () => readSuite(setup));
  describe('two writers', () => raceSuite(setup));
}
