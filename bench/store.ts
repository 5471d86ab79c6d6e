/**
 * What the SQLite store alone costs: `node bench/store.ts [jobs] [jobs per turn]`. Each job is written as a scheduler
 * writes it, in four turns: accepted, claimed, answered, published. Everything is on disk (WAL, synchronous=FULL) and the
 * log is copied into the database as it would be in a server; both are in the time. What is loaded is measured apart.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../src/core/ports/store.ts';
import { openStore } from '../src/stores/sqlite/store.ts';
import { before, job, steps } from './store-jobs.ts';

const JOBS = Number(process.argv[2] ?? 100_000);
const TURN = Number(process.argv[3] ?? 1_000);

interface Spent {
  readonly name: string;
  ms: number;
}

async function timed<T>(spent: Spent, act: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const done = await act();
  spent.ms += performance.now() - from;
  return done;
}

async function measure(store: Store): Promise<void> {
  const names = ['accept', 'claim', 'answer', 'publish'] as const;
  const writes = names.map((name): Spent => ({ name, ms: 0 }));
  const reads = names.slice(0, 3).map((name): Spent => ({ name: `load for ${name}`, ms: 0 }));
  const tidy: Spent = { name: 'checkpoints', ms: 0 };
  await store.commit(before);
  for (let first = 1; first <= JOBS; first += TURN) {
    const lot = Array.from({ length: Math.min(TURN, JOBS - first + 1) }, (_, n) => job(first + n));
    const ids = lot.map(({ run }) => run.id);
    const loads = [
      { names: lot.map(({ run }) => run.name), digests: lot.map(({ run }) => run.digest) },
      { claims: [{ lane: 1, limit: lot.length }], orders: ids },
      { ids, epochs: lot.map(({ run }) => run.name) },
    ];
    for (const [at, step] of steps.entries()) {
      const load = loads[at];
      const read = reads[at];
      if (load !== undefined && read !== undefined) await timed(read, () => store.load(load));
      const changes = lot.flatMap(step);
      const refused = await timed(writes[at] ?? tidy, () => store.commit(changes));
      if (refused.length > 0) throw new Error(`refused: ${JSON.stringify(refused[0])}`);
      await timed(tidy, () => store.tidy());
    }
  }
  report([...writes, tidy], 'written');
  report(reads, 'loaded');
}

function report(spent: readonly Spent[], what: string): void {
  for (const { name, ms } of spent)
    console.log(`  ${name.padEnd(16)} ${((ms * 1_000) / JOBS).toFixed(2)} µs per job`);
  const ms = spent.reduce((sum, one) => sum + one.ms, 0);
  console.log(`${what}: ${Math.round((JOBS * 1_000) / ms).toLocaleString('en')} jobs/s`);
}

const folder = mkdtempSync(join(tmpdir(), 'promptd-bench-'));
try {
  const path = join(folder, 'queue.db');
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  const random = { next: () => Math.random(), id: (bytes: number) => 'ab'.repeat(bytes) };
  const store = openStore({ path, clock, random });
  console.log(`${JOBS.toLocaleString('en')} jobs in turns of ${TURN.toLocaleString('en')}`);
  await measure(store);
  await store.close();
  console.log(`database: ${(statSync(path).size / JOBS / 1024).toFixed(2)} KiB per job`);
} finally {
  rmSync(folder, { recursive: true });
}
