/** Faults of the database that its own opening cannot see, and its log. */
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import { accepted, aRun, body } from '../stores/rows.ts';
import { folder } from '../stores/sqlite/folder.ts';

async function problemOf(act: () => Promise<unknown>): Promise<Problem> {
  try {
    await act();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** All pages behind the schema's own become garbage. */
function garbleRows(path: string, from_page: number): void {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0xa5, from_page * 8_192));
}

it('R26: a page that no start looked at is named when it is met, and nothing is waited for', async () => {
  const { open, path } = folder();
  const first = open();
  for (let id = 1; id <= 20; id += 1)
    await first.commit([...accepted(aRun(id)), body(`${id}`.repeat(9_000))]);
  await first.close();
  const before = readFileSync(path).length / 8_192;
  garbleRows(path, Math.floor(before / 2));
  const garbled = readFileSync(path);
  const problem = await problemOf(async () => {
    const store = open({ check_bytes_max: 0 });
    await store.start();
    for (let id = 1; id <= 20; id += 1) await store.load({ ids: [id], orders: [id], attempts: [id] });
    for (let id = 21; id <= 40; id += 1) await store.commit(accepted(aRun(id)));
  });
  expect(problem.code).toBe('StoreRefused');
  expect(problem.message).toMatch(/queue\.db is damaged: /);
  expect(readFileSync(path)).toEqual(garbled);
});

it('R26: a database that was removed or replaced under its server takes nothing more', async () => {
  for (const replaced of [false, true]) {
    const { open, path } = folder();
    const store = open();
    await store.commit(accepted(aRun(1)));
    renameSync(path, `${path}.away`);
    if (replaced) writeFileSync(path, '');
    const problem = await problemOf(() => store.commit(accepted(aRun(2))));
    expect(problem.message).toContain(`was ${replaced ? 'replaced' : 'removed'} while it was in use`);
    if (replaced) rmSync(path);
    renameSync(`${path}.away`, path);
    // Back in its place nothing is missing of what was taken.
    await store.close();
    expect((await open().start()).next_job_id).toBe(2);
  }
});

it('R26: its mark stands while it is open and goes with an orderly close; without it a missing log says nothing', async () => {
  const { open, path } = folder();
  const store = open();
  expect(existsSync(`${path}-open`)).toBe(true);
  await store.commit(accepted(aRun(1)));
  await store.close();
  expect([existsSync(`${path}-open`), existsSync(`${path}-wal`)]).toEqual([false, false]);
  expect((await open().start()).next_job_id).toBe(2);
});

it('R26: a commit never touches the database file: its log is copied outside turns alone', async () => {
  const { open, clock, path } = folder();
  const store = open();
  await store.commit(accepted(aRun(1)));
  clock.advance(2_000);
  await store.tidy();
  const before = readFileSync(path);
  for (let id = 2; id <= 60; id += 1)
    await store.commit([...accepted(aRun(id)), body(`${id}`.repeat(20_000))]);
  expect(readFileSync(path)).toEqual(before);
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(2 * 1024 * 1024);
  clock.advance(2_000);
  await store.tidy();
  expect(statSync(`${path}-wal`).size).toBe(0);
  expect(readFileSync(path).length).toBeGreaterThan(before.length);
});

it('R26: a reader that stays pins the log while it stays, keeps nobody from writing, and not a moment longer', async () => {
  const { open, raw, clock, path } = folder();
  const store = open({ wal_bytes_max: 100_000 });
  await store.commit(accepted(aRun(1)));
  const reader = raw();
  reader.exec('BEGIN; SELECT count(*) FROM jobs');
  for (let id = 2; id <= 30; id += 1) {
    await store.commit([...accepted(aRun(id)), body(`${id}`.repeat(20_000))]);
    await store.tidy();
  }
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(200_000);
  reader.exec('COMMIT');
  await store.commit(accepted(aRun(31)));
  clock.advance(10);
  await store.tidy();
  expect(statSync(`${path}-wal`).size).toBe(0);
  expect((await store.start()).next_job_id).toBe(32);
});
