import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { Problem } from '../../../src/core/errors.ts';
import { migrate, MIGRATIONS, schemaVersion } from '../../../src/stores/sqlite/migrations.ts';
import { accepted, aRun } from '../rows.ts';
import { folder } from './folder.ts';

function problemOf(act: () => unknown): Problem {
  try {
    act();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Every file of a folder with its bytes, but for the index of the log, which any reader may make anew. */
function bytesBeside(path: string): Record<string, string> {
  const files = readdirSync(dirname(path)).filter((file) => !file.endsWith('-shm'));
  return Object.fromEntries(files.map((file) => [file, readFileSync(`${dirname(path)}/${file}`, 'base64')]));
}

it('R26: keeps everything from one opening to the next, its own id included', async () => {
  const { open, openReads } = folder();
  const first = open();
  await first.commit(accepted(aRun(1)));
  const { store_id } = await first.start();
  await first.close();
  const start = await open({ expect_existing: 'the test says so' }).start();
  expect([start.store_id, start.next_job_id]).toEqual([store_id, 2]);
  const reads = openReads();
  expect([reads.store_id, reads.runById(1)]).toEqual([store_id, aRun(1)]);
});

it('writes to a log of its own and syncs each commit', () => {
  const { open, raw, path } = folder();
  open();
  const db = raw();
  const pragma = (name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  expect(pragma('journal_mode')).toBe('wal');
  expect(pragma('application_id')).toBe(0x70726d64);
  expect(pragma('user_version')).toBe(schemaVersion());
  expect(existsSync(`${path}-wal`)).toBe(true);
  const strict =
    db.prepare(`SELECT count(*) AS loose FROM pragma_table_list WHERE schema = 'main' AND strict = 0
    AND name NOT LIKE 'sqlite_%'`);
  expect(strict.get()?.['loose']).toBe(0);
});

it('refuses an SQLite that can lose commits, and takes later ones', () => {
  for (const version of ['3.51.2', '3.50.9', '3.8.0', '2.99.99']) {
    const { open, path } = folder();
    const problem = problemOf(() => open({ sqlite_version: version }));
    expect(problem.code).toBe('StoreRefused');
    expect(problem.message).toBe(`SQLite ${version} can lose commits; promptd needs 3.51.3 or later`);
    expect(existsSync(path)).toBe(false);
  }
  for (const version of ['3.51.3', '3.51.10', '3.100.0', '4.0.0']) folder().open({ sqlite_version: version });
});

it('refuses a newer schema and does not touch it, neither in the file nor in the log', async () => {
  for (const checkpointed of [true, false]) {
    const { open, openReads, raw, path } = folder();
    await open().close();
    const writer = raw();
    writer.exec(
      `PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = ${schemaVersion() + 1}; CREATE TABLE later (x)`,
    );
    if (checkpointed) writer.close();
    const before = bytesBeside(path);
    for (const act of [() => open(), () => openReads()]) {
      const problem = problemOf(act);
      expect(problem.code).toBe('StoreRefused');
      expect(problem.message).toContain('has schema 3, and this promptd knows schemas up to 2');
    }
    expect(bytesBeside(path)).toEqual(before);
  }
});

it('refuses what is no database, another program’s, damaged or cut off, and leaves every byte', async () => {
  const spoil: readonly (readonly [string, RegExp, (path: string) => void])[] = [
    ['text', /is no SQLite database: .*got "hello"/, (path) => writeFileSync(path, 'hello')],
    ['half of a page', /is damaged/, (path) => truncateSync(path, 4_000)],
    ['half of the file', /is damaged/, (path) => truncateSync(path, statSync(path).size / 2)],
    ['garbage behind the head', /is damaged/, (path) => garble(path, 16)],
    [
      'nothing, expected',
      /is empty \(0 bytes\), but this workspace had one/,
      (path) => truncateSync(path, 0),
    ],
    ['no file, expected', /is missing, but this workspace had one/, (path) => rmSync(path)],
  ];
  for (const [, message, act] of spoil) {
    const { open, openReads, path } = folder();
    const store = open();
    await store.commit(accepted(aRun(1)));
    await store.close();
    act(path);
    const before = bytesBeside(path);
    for (const again of [() => open({ expect_existing: 'the test says so' }), () => openReads()]) {
      const problem = problemOf(again);
      expect(problem.code).toBe('StoreRefused');
      expect(problem.message).toMatch(message);
      expect(problem.hint).toContain('Nothing was changed');
    }
    expect(bytesBeside(path)).toEqual(before);
  }
});

function garble(path: string, from: number): void {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0xa5, from));
}

it('refuses an empty or missing database beside a log with content, whatever is expected', async () => {
  for (const empty of [true, false]) {
    const { open, path } = folder();
    const store = open();
    await store.commit(accepted(aRun(1)));
    if (empty) truncateSync(path, 0);
    else rmSync(path);
    const log = readFileSync(`${path}-wal`);
    const problem = problemOf(() => open());
    expect(problem.code).toBe('StoreRefused');
    expect(problem.message).toMatch(empty ? /is empty \(0 bytes\), but its log/ : /is missing, but its log/);
    expect(readFileSync(`${path}-wal`)).toEqual(log);
  }
});

it('refuses a database of another program', () => {
  const { open, raw, path } = folder();
  raw().exec('CREATE TABLE theirs (x); PRAGMA user_version = 1');
  const before = bytesBeside(path);
  expect(problemOf(() => open()).message).toContain('is a database of another program (application id 0)');
  expect(bytesBeside(path)).toEqual(before);
});

it('goes on where a first start was killed before its first commit', () => {
  const { open, raw } = folder();
  raw().exec('PRAGMA journal_mode = WAL');
  open();
});

it('says what to look at where the file cannot be opened', () => {
  const { open, path } = folder();
  expect(problemOf(() => open({ path: `${path}/below/queue.db` })).message).toMatch(/cannot be opened/);
});

it('migrates all or nothing', () => {
  const { raw } = folder();
  const db = raw();
  const broken = { version: 3, sql: 'CREATE TABLE more (x); CREATE TABLE more (x)' };
  migrate(db, () => undefined, [...MIGRATIONS, { version: 2, sql: 'CREATE TABLE second (x)' }]);
  expect(() => migrate(db, () => undefined, [...MIGRATIONS, { version: 2, sql: '' }, broken])).toThrow(
    'more already exists',
  );
  expect(db.isTransaction).toBe(false);
  expect(db.prepare('PRAGMA user_version').get()?.['user_version']).toBe(2);
  expect(
    db.prepare(`SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('more', 'second')`).get()?.['n'],
  ).toBe(1);
  let filled = 0;
  migrate(db, () => void (filled += 1), [...MIGRATIONS, { version: 3, sql: 'CREATE TABLE more (x)' }]);
  expect([filled, db.prepare('PRAGMA user_version').get()?.['user_version']]).toEqual([0, 3]);
});

it('counts the answers of before there were prices as answers whose cost is not known', () => {
  const { raw } = folder();
  const db = raw();
  migrate(db, () => undefined, MIGRATIONS.slice(0, 1));
  const jobs = [
    [1, 'b'],
    [2, 'b'],
    [3, 'other'],
    [4, null],
  ] as const;
  db.exec(`INSERT INTO batches (batch, created_at) VALUES ('b', 1), ('other', 1), ('empty', 1)`);
  const job = db.prepare(
    `INSERT INTO jobs (id, name, run, type, source, lane, endpoint, model, digest, batch, max_attempts, attempt_timeout_ms,
       submitted_at, state, priority, rank, leads, attempt, errors, lost, interrupted, same_errors)
     VALUES (?1, 'job-' || ?1, 1, 'llm', 'http', 1, 'e', 'm', '1:' || ?1, ?2, 4, 1, 1, 'queued', 0, 1, 0, 0, 0, 0, 0, 0)`,
  );
  const attempt = db.prepare(
    `INSERT INTO attempts (job, attempt, instance, started_at, warnings, log_offset, log_bytes, parameters_sent)
     VALUES (?, ?, 0, 1, '[]', 0, 0, ?)`,
  );
  for (const [id, batch] of jobs) {
    job.run(id, batch);
    attempt.run(id, 1, null);
    attempt.run(id, 2, '{}');
  }
  migrate(db, () => undefined);
  const rows = db.prepare('SELECT batch, cost_unknown FROM batches ORDER BY batch').all();
  expect(rows.map((row) => [row['batch'], row['cost_unknown']])).toEqual([
    ['b', 2],
    ['empty', 0],
    ['other', 1],
  ]);
});
