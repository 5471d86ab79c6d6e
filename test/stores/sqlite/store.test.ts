import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { openMemoryStores } from '../../../src/stores/sqlite/memory.ts';
import { openReadStore } from '../../../src/stores/sqlite/read-store.ts';
import { openStore } from '../../../src/stores/sqlite/store.ts';
import { storeSuite } from '../suite.ts';
import { clock, random } from './bundle.ts';

describe('in memory', () => {
  storeSuite(async () => {
    const { store, reads } = openMemoryStores({ clock: clock(), random });
    return { store, reads, close: () => store.close() };
  });
});

describe('in a file', () => {
  storeSuite(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'promptd-store-'));
    const path = join(folder, 'queue.db');
    const store = openStore({ path, clock: clock(), random });
    const reads = openReadStore({ path });
    return {
      store,
      reads,
      async close() {
        reads.close();
        await store.close();
        rmSync(folder, { recursive: true });
      },
    };
  });
});
