import { once } from 'node:events';
import { chmod, cp, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Problem } from '../../src/core/errors.ts';
import { parseResultFile } from '../../src/workspace/result-file.ts';
import { type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';

const JOB = { name: 'kept', prompt: 'hello', configuration: { LLM_name: 'ollama:test-model' } };

/** A workspace with one answer, whose server stopped in an orderly way or was killed. */
async function answered(end: 'stopped' | 'killed'): Promise<Machine> {
  const machine = await setup();
  const serving = await machine.serve();
  await serving.client.submit(JOB);
  await until('the answer', async () => (await serving.client.job(JOB.name)).state === 'completed');
  await until('the file', async () => (await serving.client.stats()).unpublished === 0);
  if (end === 'stopped') await serving.stop();
  else await serving.kill();
  await machine.endOrphans();
  return machine;
}

function isNoSocket(path: string): boolean {
  return !path.endsWith('.sock');
}

/** Every byte of the workspace but for logs, locks, what is the instance's own, and the log's index, which any reader may make anew. */
async function bytesOf(machine: Machine): Promise<Record<string, string>> {
  const bytes: Record<string, string> = {};
  for (const entry of await readdir(machine.root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || /\.promptd\/(logs|spool)\/|-shm$|lock|instance\.token/.test(path)) continue;
    bytes[path.slice(machine.root.length)] = (await readFile(path)).toString('base64');
  }
  return bytes;
}

async function rewrite(path: string, change: (bytes: Buffer) => void): Promise<void> {
  const bytes = await readFile(path);
  change(bytes);
  await writeFile(path, bytes);
}

function withDatabase<T>(path: string, act: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path);
  try {
    return act(db);
  } finally {
    db.close();
  }
}

interface Damage {
  readonly what: string;
  readonly end: 'stopped' | 'killed';
  readonly spoil: (machine: Machine, path: string) => Promise<void> | void;
  readonly says: RegExp;
}

const NEWER = (db: DatabaseSync): void => db.exec('PRAGMA user_version = 999');
const OTHER = (db: DatabaseSync): void => db.exec('PRAGMA application_id = 42');

const DAMAGES: readonly Damage[] = [
  {
    what: 'cut to nothing',
    end: 'stopped',
    spoil: (_, path) => truncate(path, 0),
    says: /queue\.db is empty \(0 bytes\), but this workspace had one: .*admin\.key is there/,
  },
  {
    what: 'cut in half',
    end: 'stopped',
    spoil: async (_, path) => truncate(path, Math.floor((await stat(path)).size / 2)),
    says: /queue\.db is damaged/,
  },
  {
    what: 'with a garbled header',
    end: 'stopped',
    spoil: (_, path) => rewrite(path, (bytes) => bytes.fill(0xa5, 0, 100)),
    says: /queue\.db is no SQLite database/,
  },
  {
    what: 'with a garbled page in the middle',
    end: 'stopped',
    spoil: (_, path) => rewrite(path, (bytes) => bytes.fill(0xa5, 8_192 * 12, 8_192 * 13)),
    says: /queue\.db is damaged/,
  },
  {
    what: 'with a garbled page under a log',
    end: 'killed',
    spoil: async (_, path) => {
      // What the log holds is put into the file first, so that the page counts; a small log stays beside it.
      const db = new DatabaseSync(path);
      db.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0');
      db.exec(`INSERT OR REPLACE INTO meta (key, value) VALUES ('test', 'test')`);
      const log = await readFile(`${path}-wal`);
      db.close();
      await writeFile(`${path}-wal`, log);
      await rewrite(path, (bytes) => bytes.fill(0xa5, 8_192 * 12, 8_192 * 13));
    },
    says: /queue\.db is damaged/,
  },
  {
    what: 'without the log that a killed server left',
    end: 'killed',
    spoil: (_, path) => rm(`${path}-wal`),
    says: /queue\.db-wal is missing: a server that did not stop in an orderly way left there/,
  },
  {
    what: 'gone beside its log',
    end: 'killed',
    spoil: (_, path) => rm(path),
    says: /queue\.db is missing, but its log of \d+ bytes/,
  },
  {
    what: 'gone, with the key of its server left',
    end: 'stopped',
    spoil: (_, path) => rm(path),
    says: /queue\.db is missing, but this workspace had one: .*admin\.key is there/,
  },
  {
    what: 'gone with all of its folder but the logs, beside its answers',
    end: 'stopped',
    spoil: async (machine) => {
      for (const name of await readdir(machine.path('.promptd')))
        if (name !== 'logs') await rm(machine.path('.promptd', name), { recursive: true });
    },
    says: /queue\.db is missing, but this workspace had one: .*results\/\d+_kept\.json was published from it/,
  },
  {
    what: 'of another program',
    end: 'stopped',
    spoil: (_, path) => withDatabase(path, OTHER),
    says: /queue\.db is a database of another program \(application id 42\)/,
  },
  {
    what: 'of a newer promptd',
    end: 'stopped',
    spoil: (_, path) => withDatabase(path, NEWER),
    says: /queue\.db has schema 999, and this promptd knows schemas up to \d+/,
  },
  {
    what: 'of a build between two releases',
    end: 'stopped',
    spoil: (_, path) => withDatabase(path, (db) => db.exec('ALTER TABLE body_keys RENAME TO body_names')),
    says: /queue\.db says that it has schema \d+, but it has no table body_keys: another build made it/,
  },
];

describe('a database that is damaged', () => {
  it.each(['stopped', 'killed'] as const)(
    'R26: after its server was %s: is refused by name, with what to do, and not one byte is changed',
    { timeout: 180_000 },
    async (end) => {
      const machine = await answered(end);
      const whole = await mkdtemp(join(tmpdir(), 'promptd-whole-'));
      onTestFinished(() => rm(whole, { recursive: true }));
      await cp(machine.root, whole, { recursive: true, filter: isNoSocket });
      for (const { what, spoil, says } of DAMAGES.filter((damage) => damage.end === end)) {
        await rm(machine.path('.promptd'), { recursive: true });
        await cp(join(whole, '.promptd'), machine.path('.promptd'), { recursive: true });
        await spoil(machine, machine.path('.promptd', 'queue.db'));
        const before = await bytesOf(machine);
        const { code, stderr, stdout } = await machine.promptd('serve');
        expect(stderr, what).toMatch(says);
        expect(stderr, what).toMatch(/Nothing was changed|was not touched/);
        expect([what, code, stdout]).toEqual([what, 13, '']);
        expect(await bytesOf(machine), what).toEqual(before);
      }
      expect(machine.model.requests.length).toBe(1);
    },
  );

  it('R26: put back from a copy: serves what it had, and asks nothing again', async () => {
    const machine = await answered('stopped');
    const path = machine.path('.promptd', 'queue.db');
    const copy = join(await mkdtemp(join(machine.root, 'copy-')), 'queue.db');
    await cp(path, copy);
    await truncate(path, 0);
    expect((await machine.promptd('serve')).code).toBe(13);
    await cp(copy, path);
    const { client } = await machine.serve();
    expect(await client.submit(JOB)).toMatchObject({ state: 'completed', answered_before: true });
    expect(machine.model.requests.length).toBe(1);
  });

  it('R26: removed while it is in use: the server accepts nothing more, says so, and ends', async () => {
    const machine = await answered('stopped');
    const serving = await machine.serve();
    const exited = once(serving.process, 'exit');
    await rm(machine.path('.promptd', 'queue.db'));
    await expect(serving.client.submit({ ...JOB, name: 'lost' })).rejects.toThrow(Problem);
    expect(await exited).toEqual([1, null]);
    expect(await lastFatal(machine)).toMatch(/queue\.db was removed while it was in use/);
  });
});

async function lastFatal(machine: Machine): Promise<string> {
  const log = await readFile(machine.path('.promptd', 'logs', 'serve.log'), 'utf8');
  const fatal = log.split('\n').findLast((line) => line.includes('"fatal"'));
  return (JSON.parse(fatal ?? '{}') as { message?: string }).message ?? '';
}

describe('a flipped bit', () => {
  it('R10: of an answer in the database is reported as corrupt, and nothing is asked again, published or mended', async () => {
    const machine = await answered('stopped');
    const [file] = await machine.files('results');
    if (file === undefined) throw new Error('no result stands in results/');
    const published = await readFile(machine.path('results', file), 'utf8');
    const text = (JSON.parse(published) as { result: string }).result;
    const path = machine.path('.promptd', 'queue.db');
    // The file's own sums do not cover this: SQLite has none, so only the hash of the text can tell.
    await rewrite(path, (bytes) => {
      const at = bytes.indexOf(text);
      expect(at).toBeGreaterThan(0);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    });
    const { client } = await machine.serve();
    await expect(client.result(JOB.name)).rejects.toMatchObject({ code: 'Corrupt', status: 500 });
    const command = await machine.promptd('result', JOB.name);
    expect([command.code, command.stdout]).toEqual([13, '']);
    expect(command.stderr).toMatch(/Corrupt: The result of kept@1: expected the SHA-256 [0-9a-f]{64}, got/);
    // The same work under another name would take that answer: it is not asked again behind anybody's back.
    await client.submit({ ...JOB, name: 'same-work' });
    await expect(client.result('same-work')).rejects.toMatchObject({ code: 'Corrupt' });
    expect(machine.model.requests.length).toBe(1);
    expect(await readFile(machine.path('results', file), 'utf8')).toBe(published);
    expect(await machine.files('results')).toEqual([file]);
  });

  it('R8: of a result file is not taken for the answer and not mended: the record still is, and says what it was', async () => {
    const machine = await answered('stopped');
    const [file] = await machine.files('results');
    if (file === undefined) throw new Error('no result stands in results/');
    const path = machine.path('results', file);
    const text = (JSON.parse(await readFile(path, 'utf8')) as { result: string }).result;
    await chmod(path, 0o644);
    await rewrite(path, (bytes) => {
      const at = bytes.indexOf(text);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    });
    const flipped = await readFile(path, 'utf8');
    expect(() => parseResultFile(flipped)).toThrow('the text does not match its sha256');
    const serving = await machine.serve();
    expect((await serving.client.result(JOB.name)).result).toBe(text);
    expect((await machine.promptd('result', JOB.name)).stdout.trimEnd()).toBe(text.trimEnd());
    await serving.stop();
    expect(await readFile(path, 'utf8')).toBe(flipped);
    expect(await machine.files('results')).toEqual([file]);
    expect(machine.model.requests.length).toBe(1);
  });
});
