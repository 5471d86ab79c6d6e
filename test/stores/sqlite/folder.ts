/** A folder for database files that is gone after the test, with whatever was opened in it closed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { onTestFinished } from 'vitest';
import type { ReadStore } from '../../../src/core/ports/read-store.ts';
import type { Store } from '../../../src/core/ports/store.ts';
import { openReadStore } from '../../../src/stores/sqlite/read-store.ts';
import { openStore, type StoreOptions } from '../../../src/stores/sqlite/store.ts';
import { clock, random, type TestClock } from './bundle.ts';

export interface Folder {
  readonly path: string;
  readonly clock: TestClock;
  open(more?: Partial<StoreOptions>): Store;
  openReads(): ReadStore;
  /** A connection as another program would have it. */
  raw(path?: string): DatabaseSync;
}

export function folder(): Folder {
  const root = mkdtempSync(join(tmpdir(), 'promptd-store-'));
  const path = join(root, 'queue.db');
  const ends: (() => void | Promise<void>)[] = [];
  onTestFinished(async () => {
    for (const end of ends.toReversed()) await end();
    rmSync(root, { recursive: true });
  });
  const time = clock();
  return {
    path,
    clock: time,
    open(more = {}) {
      const store = openStore({ path, clock: time, random, busy_timeout_ms: 0, ...more });
      ends.push(() => store.close());
      return store;
    },
    openReads() {
      const reads = openReadStore({ path });
      ends.push(() => reads.close());
      return reads;
    },
    raw(at = path) {
      const db = new DatabaseSync(at);
      ends.push(() => void (db.isOpen && db.close()));
      return db;
    },
  };
}
