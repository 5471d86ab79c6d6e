import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe } from 'vitest';
import type { Store } from '../../../src/core/ports/store.ts';
import { openMemoryStores } from '../../../src/stores/sqlite/memory.ts';
import { openReadStore } from '../../../src/stores/sqlite/read-store.ts';
import { openStore } from '../../../src/stores/sqlite/store.ts';
import { storeSuite } from '../suite.ts';
import { clock, random } from './bundle.ts';

describe('in memory', () => {
  storeSuite(async () => {
    const { store, reads } = openMemoryStores({ clock: clock(), random });
    return { store, reads, another: async () => store, hold: null, close: () => store.close() };
  });
});

describe('in a file', () => {
  storeSuite(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'promptd-store-'));
    const path = join(folder, 'queue.db');
    const open = (): Store => openStore({ path, clock: clock(), random, busy_timeout_ms: 0 });
    const writers = [open()];
    const [store] = writers as [Store];
    const reads = openReadStore({ path });
    return {
      store,
      reads,
      async another() {
        const other = open();
        writers.push(other);
        return other;
      },
      hold() {
        const other = new DatabaseSync(path);
        other.exec('BEGIN IMMEDIATE');
        return () => other.close();
      },
      async close() {
        reads.close();
        for (const writer of writers) await writer.close();
        rmSync(folder, { recursive: true });
      },
    };
  });
});
