/** Both sides over one connection to a database that is gone when it closes: for tests and simulations. */
import type { DatabaseSync } from 'node:sqlite';
import type { ReadStore } from '../../core/ports/read-store.ts';
import type { Store } from '../../core/ports/store.ts';
import { openWriter } from './open.ts';
import { SqliteReadStore } from './read-store.ts';
import { SqliteStore, type StoreOptions } from './store.ts';

export interface MemoryStores {
  readonly store: Store;
  readonly reads: ReadStore;
  /** For statements that neither side offers. */
  readonly db: DatabaseSync;
}

/** Closing the store ends both; closing the reads alone does nothing. */
export function openMemoryStores(options: Omit<StoreOptions, 'path'>): MemoryStores {
  const full: StoreOptions = { ...options, path: ':memory:' };
  const db = openWriter(full);
  return { store: new SqliteStore(db, full), reads: new SqliteReadStore(db, () => undefined), db };
}
