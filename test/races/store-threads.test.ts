/** Writers in threads of their own, at the same time for real, and a reader that looks all the while. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { folder } from '../stores/sqlite/folder.ts';
import type { WriterData, WriterReport } from './store-writer.ts';

const WRITERS = 3;
const ROUNDS = 40;
const TOGETHER = 8;

it('R22, G8: of writers in threads one has each name, and a reader sees all of a commit or nothing of it', async () => {
  const { path, open, openReads } = folder();
  await open().start();
  const reads = openReads();
  const workers = Array.from({ length: WRITERS }, (_, who) => {
    const workerData: WriterData = { path, who, rounds: ROUNDS, together: TOGETHER };
    return new Worker(new URL('./store-writer.ts', import.meta.url), { workerData });
  });
  let writing = true;
  const reports = Promise.all(
    workers.map(async (worker) => (await once(worker, 'message'))[0] as WriterReport),
  );
  void reports.finally(() => {
    writing = false;
  });
  const seen = new Set<number>();
  while (writing) {
    for (const { batch, counts } of reads.batches(10))
      expect(counts, `a part of the commit of ${batch}`).toEqual({ queued: TOGETHER });
    const total = reads.counts([], {})[0]?.runs ?? 0;
    expect(total % TOGETHER).toBe(0);
    seen.add(total);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const told = await reports;
  await Promise.all(workers.map((worker) => worker.terminate()));
  expect(told.flatMap(({ won }) => won).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: ROUNDS }, (_, round) => round),
  );
  expect(told.reduce((sum, { refused }) => sum + refused, 0)).toBe((WRITERS - 1) * ROUNDS);
  expect(reads.counts([], {})).toEqual([{ by: {}, runs: ROUNDS * TOGETHER }]);
  for (const [who, { won }] of told.entries())
    for (const round of won) expect(reads.run(`round-${round}`, null)?.batch).toBe(`r${round}-w${who}`);
  expect(seen.size, 'the reader looked while they wrote').toBeGreaterThan(1);
}, 60_000);
