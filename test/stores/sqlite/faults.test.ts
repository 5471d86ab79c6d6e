import { statSync } from 'node:fs';
import { expect, it } from 'vitest';
import { StoreBusyError, StoreConstraintError, StoreFullError } from '../../../src/core/ports/store.ts';
import { commitError, SQLITE } from '../../../src/stores/sqlite/errors.ts';
import { openMemoryStores } from '../../../src/stores/sqlite/memory.ts';
import { SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { openWriter } from '../../../src/stores/sqlite/open.ts';
import { accepted, aRun, body, CLAIMED, moved } from '../rows.ts';
import { clock, random } from './bundle.ts';
import { folder } from './folder.ts';

it('R27: rejects with StoreBusyError while another program writes, and goes on afterwards', async () => {
  const { open, raw } = folder();
  const store = open();
  const other = raw();
  other.exec('BEGIN IMMEDIATE');
  await expect(store.commit(accepted(aRun(1)))).rejects.toThrow(StoreBusyError);
  expect((await store.load({ ids: [1] })).runs).toEqual([]);
  other.exec('ROLLBACK');
  expect(await store.commit(accepted(aRun(1)))).toEqual([]);
});

it('R27: rejects with StoreFullError where the file cannot grow, with nothing written, and goes on once it can', async () => {
  const { path, clock: time } = folder();
  const options = { path, clock: time, random };
  const db = openWriter(options);
  const store = new SqliteStore(db, options);
  const pages = Number(db.prepare('PRAGMA page_count').get()?.['page_count']);
  db.exec(`PRAGMA max_page_count = ${pages + 2}`);
  const large = [...accepted(aRun(1)), body('x'.repeat(100_000))];
  await expect(store.commit(large)).rejects.toThrow(StoreFullError);
  expect(db.isTransaction).toBe(false);
  expect((await store.load({ ids: [1] })).runs).toEqual([]);
  db.exec('PRAGMA max_page_count = 1000000');
  expect(await store.commit(large)).toEqual([]);
  await store.close();
});

it('takes an I/O error for a full disk only where space is short, and never one of fsync', () => {
  const sqlite = (errcode: number): Error => Object.assign(new Error('disk I/O error'), { errcode });
  const space = (free_bytes: number) => () => ({ free_bytes, floor_bytes: 100 });
  const write = sqlite(SQLITE.IOERR | (3 << 8));
  expect(commitError(write, space(99))).toBeInstanceOf(StoreFullError);
  expect(commitError(write, space(100))).toBe(write);
  for (const code of [SQLITE.IOERR_FSYNC, SQLITE.IOERR_DIR_FSYNC]) {
    const fsync = sqlite(code);
    expect(commitError(fsync, space(0))).toBe(fsync);
  }
  expect(commitError(sqlite(SQLITE.FULL), space(1_000))).toBeInstanceOf(StoreFullError);
  expect(commitError(sqlite(SQLITE.READONLY | (1 << 8)), space(1_000))).toBeInstanceOf(StoreFullError);
  expect(commitError(sqlite(SQLITE.BUSY | (2 << 8)), space(0))).toBeInstanceOf(StoreBusyError);
  expect(commitError(sqlite(SQLITE.LOCKED), space(0))).toBeInstanceOf(StoreBusyError);
  expect(commitError(sqlite(SQLITE.CONSTRAINT_UNIQUE), space(0))).toBeInstanceOf(StoreConstraintError);
  const corrupt = sqlite(SQLITE.CORRUPT);
  expect(commitError(corrupt, space(0))).toBe(corrupt);
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['UPDATE results SET epoch = epoch', /results are immutable/],
  ['DELETE FROM results', /results are never deleted/],
  ['INSERT OR REPLACE INTO results SELECT * FROM results', /results are never deleted/],
  ['UPDATE specs SET link = link', /specs are immutable/],
  ['DELETE FROM specs', /specs are never deleted/],
  ['INSERT OR REPLACE INTO specs SELECT * FROM specs', /specs are never deleted/],
  [`UPDATE bodies SET body = ''`, /bodies are immutable/],
  ['DELETE FROM bodies', /bodies are never deleted/],
  ['DELETE FROM attempts', /attempts are never deleted/],
  ['UPDATE attempts SET kept_answer = NULL', /a kept answer is immutable/],
  ['UPDATE attempts SET instance = 5', /of an attempt are immutable/],
  ['DELETE FROM jobs', /runs are never deleted/],
  ['INSERT OR REPLACE INTO jobs SELECT * FROM jobs', /runs are never deleted/],
  [`UPDATE jobs SET state = 'queued' WHERE id = 1`, /completed_is_final/],
  ...['id', 'name', 'run', 'endpoint', 'model', 'digest', 'batch', 'key', 'lane', 'submitted_at'].map(
    (column): readonly [string, RegExp] => [
      `UPDATE jobs SET ${column} = ${column}`,
      /what determines the answer of a run is immutable/,
    ],
  ),
  [`UPDATE jobs SET state = 'asleep' WHERE id = 2`, /states_of_a_run/],
];

it.each(REFUSED)('R8: refuses %s', async (sql, message) => {
  const { store, db } = openMemoryStores({ clock: clock(), random });
  const { answered, anAttempt, META, T0 } = await import('../rows.ts');
  for (const changes of answered(aRun(1), 'answer')) expect(await store.commit(changes)).toEqual([]);
  const kept_answer = { text_sha256: 'ab', text_bytes: 1, meta: META };
  const attempt = anAttempt(2, { ended_at: T0, outcome: 'lost', kept_answer });
  await store.commit([...accepted(aRun(2)), { do: 'insert_attempt', attempt }]);
  const dump = (): unknown =>
    ['jobs', 'specs', 'bodies', 'attempts', 'results'].map((table) =>
      db.prepare(`SELECT * FROM ${table}`).all(),
    );
  const before = dump();
  expect(() => db.exec(sql)).toThrow(message);
  expect(dump()).toEqual(before);
  await store.close();
});

it('copies its log into the database when it is idle, and then does nothing', async () => {
  const { open, openReads, path, clock: time } = folder();
  const store = open();
  const reads = openReads();
  await store.commit(accepted(aRun(1)));
  await store.tidy();
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);
  time.advance(1_000);
  await store.tidy();
  expect(statSync(`${path}-wal`).size).toBe(0);
  const copied = statSync(path);
  time.advance(1_000);
  await store.tidy();
  expect(statSync(path).mtimeMs).toBe(copied.mtimeMs);
  expect(reads.runById(1)).toEqual(aRun(1));
});

it('copies its log once it is larger than it may be, so that it does not grow without end', async () => {
  const { open, path } = folder();
  const store = open({ wal_bytes_max: 200_000 });
  for (let id = 1; id <= 40; id += 1) {
    await store.commit([...accepted(aRun(id)), body(`${id}`.repeat(20_000))]);
    await store.tidy();
    expect(statSync(`${path}-wal`).size).toBeLessThan(500_000);
  }
});

it('waits for no reader when it tidies, and truncates the log once that has gone', async () => {
  const { open, raw, path, clock: time } = folder();
  const store = open({ wal_bytes_max: 50_000 });
  await store.commit(accepted(aRun(1)));
  const reader = raw();
  reader.exec('BEGIN; SELECT count(*) FROM jobs');
  for (let id = 2; id <= 10; id += 1) {
    await store.commit([...accepted(aRun(id)), body(`${id}`.repeat(20_000))]);
    await store.tidy();
  }
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(100_000);
  reader.exec('COMMIT');
  time.advance(1_000);
  await store.tidy();
  expect(statSync(`${path}-wal`).size).toBe(0);
});

it('R22: of two writers that claim the same run, one is refused', async () => {
  const { open } = folder();
  const [one, other] = [open(), open()];
  await one.commit(accepted(aRun(1)));
  const claim = moved(aRun(1), CLAIMED);
  const refused = await Promise.all([one.commit([claim]), other.commit([claim])]);
  expect(refused.map(({ length }) => length).toSorted((a, b) => a - b)).toEqual([0, 1]);
});
