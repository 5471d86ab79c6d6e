/**
 * Every kind of write that promptd does to files, and what becomes of it when the system refuses. A kind that is missing in
 * this table fails the last tests: they look at what the scenes really write, and at who writes past the port.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Write } from './faulty-disk.ts';
import { type Outcome, SCENES, type SceneName } from './scenes.ts';

const CODES = ['ENOSPC', 'EIO', 'EMFILE', 'EACCES'] as const;
type ByCode = Readonly<Record<(typeof CODES)[number], Outcome>>;

const all = (outcome: Outcome): ByCode => ({
  ENOSPC: outcome,
  EIO: outcome,
  EMFILE: outcome,
  EACCES: outcome,
});

interface Kind {
  readonly kind: string;
  readonly scene: SceneName;
  readonly write: Write;
  readonly path: RegExp;
  readonly syscall?: string;
  readonly by: ByCode;
}

const KINDS: readonly Kind[] = [
  {
    ...{ kind: 'the bytes of a file that is published', scene: 'publisher', write: 'writeNew' },
    ...{ path: /\/tmp\/publish-/, by: all('waits') },
  },
  {
    ...{ kind: 'the fsync of a file that is published', scene: 'publisher', write: 'writeNew' },
    ...{ path: /\/tmp\/publish-/, syscall: 'fsync' },
    // A full disk that an fsync reports costs the temporary file alone, which is made again from its row.
    by: { ...all('ends'), ENOSPC: 'waits' },
  },
  {
    ...{ kind: 'the name of a file that is published', scene: 'publisher', write: 'link' },
    ...{ path: /\/results\//, by: all('waits') },
  },
  {
    ...{ kind: 'the end of a temporary file', scene: 'publisher', write: 'unlink' },
    ...{ path: /\/tmp\/publish-/, by: all('waits') },
  },
  {
    ...{ kind: 'the fsync of a folder of files', scene: 'publisher', write: 'syncDirectory' },
    ...{ path: /\/results$/, by: all('ends') },
  },
  {
    ...{ kind: 'the opening of a folder to fsync it', scene: 'publisher', write: 'syncDirectory' },
    ...{ path: /\/results$/, syscall: 'open', by: all('waits') },
  },
  {
    ...{ kind: 'a segment of the spool', scene: 'spool', write: 'openAppend' },
    ...{ path: /\.spool$/, by: { ...all('ends'), ENOSPC: 'waits' } },
  },
  {
    ...{ kind: 'the name of a segment of the spool', scene: 'spool', write: 'syncDirectory' },
    ...{ path: /./, by: all('ends') },
  },
  {
    ...{ kind: 'an outcome in the spool', scene: 'spool', write: 'append' },
    ...{ path: /\.spool$/, by: { ...all('ends'), ENOSPC: 'waits' } },
  },
  {
    ...{ kind: 'the fsync of an outcome', scene: 'spool', write: 'sync' },
    ...{ path: /\.spool$/, by: all('ends') },
  },
  {
    ...{ kind: 'the close of a segment of the spool', scene: 'spool', write: 'close' },
    ...{ path: /\.spool$/, by: { ...all('ends'), ENOSPC: 'waits' } },
  },
  {
    ...{ kind: 'the end of a segment of the spool', scene: 'spool', write: 'unlink' },
    ...{ path: /\.spool$/, by: all('goes on') },
  },
  {
    ...{ kind: 'the folder of logs', scene: 'attemptLogs', write: 'makeDirectory' },
    ...{ path: /\/logs$/, by: all('goes on') },
  },
  {
    ...{ kind: 'a segment of logs', scene: 'attemptLogs', write: 'openAppend' },
    ...{ path: /\.log$/, by: all('goes on') },
  },
  {
    ...{ kind: 'the name of a segment of logs', scene: 'attemptLogs', write: 'syncDirectory' },
    ...{ path: /\/logs$/, by: { ...all('ends'), ENOSPC: 'goes on' } },
  },
  {
    ...{ kind: 'a log of an ended attempt', scene: 'attemptLogs', write: 'append' },
    ...{ path: /\.log$/, by: all('goes on') },
  },
  {
    ...{ kind: 'a small log of an ended attempt', scene: 'attemptLogs', write: 'appendNow' },
    ...{ path: /\.log$/, by: all('goes on') },
  },
  {
    ...{ kind: 'the close of a segment of logs', scene: 'attemptLogs', write: 'close' },
    ...{ path: /\.log$/, by: all('goes on') },
  },
  {
    ...{ kind: 'the end of a segment of logs that is old', scene: 'attemptLogs', write: 'unlink' },
    ...{ path: /\.log$/, by: all('goes on') },
  },
  {
    ...{ kind: 'the file of a large log while it grows', scene: 'runningLog', write: 'openAppend' },
    ...{ path: /1\.log$/, by: all('goes on') },
  },
  {
    ...{ kind: 'a line of a large log', scene: 'runningLog', write: 'append' },
    ...{ path: /1\.log$/, by: all('goes on') },
  },
  {
    ...{ kind: 'the close of a large log', scene: 'runningLog', write: 'close' },
    ...{ path: /1\.log$/, by: all('goes on') },
  },
  {
    ...{ kind: 'the end of a large log', scene: 'runningLog', write: 'unlink' },
    ...{ path: /1\.log$/, by: all('goes on') },
  },
  {
    ...{ kind: 'the bytes of a secret', scene: 'secrets', write: 'writeNew' },
    ...{ path: /(token|key)\./, by: all('refused') },
  },
  {
    ...{ kind: 'the name of a secret', scene: 'secrets', write: 'link' },
    ...{ path: /(token|key)$/, by: all('refused') },
  },
  {
    ...{ kind: 'the end of the temporary file of a secret', scene: 'secrets', write: 'unlink' },
    ...{ path: /(token|key)\./, by: all('goes on') },
  },
  {
    ...{ kind: 'the fsync of the folder of secrets', scene: 'secrets', write: 'syncDirectory' },
    ...{ path: /./, by: all('refused') },
  },
];

/** Met once, before any of the scenes begins, in places that the tests of these parts hold. */
const AT_THE_START: readonly RegExp[] = [/^makeDirectory .*promptd-test-[^/]*$/];

describe.each(KINDS)('$kind', ({ scene, write, path, syscall, by }) => {
  it.each(CODES)(
    'R27: with %s: is as the table says, and nothing that was promised is lost',
    async (code) => {
      const at = (made: Write, where: string): boolean => made === write && path.test(where);
      const { outcome, disk } = await SCENES[scene]({
        at,
        code,
        ...(syscall === undefined ? {} : { syscall }),
      });
      expect(disk.failed.length).toBeGreaterThan(0);
      expect(outcome).toBe(by[code]);
      // A failed fsync is never asked again: the second one would say "done".
      if (outcome === 'ends' && write !== 'close') expect(disk.failed).toHaveLength(1);
    },
  );
});

describe('the table of kinds', () => {
  it.each(Object.keys(SCENES) as SceneName[])('has every write of the scene %s', async (scene) => {
    const { disk } = await SCENES[scene](null);
    const missing = disk.writes.filter((line) => {
      const [made, where = ''] = line.split(/ (.*)/);
      const known = KINDS.some((one) => one.scene === scene && one.write === made && one.path.test(where));
      return !known && !AT_THE_START.some((start) => start.test(line));
    });
    expect(disk.writes.length).toBeGreaterThan(0);
    expect(missing).toEqual([]);
  });

  it('knows everybody who writes past the port of files', () => {
    expect(writersPastThePort()).toEqual(PAST_THE_PORT);
  });
});

/** Files of src/ that call a writing function of Node themselves, and where their faults are held. */
const PAST_THE_PORT: Readonly<Record<string, readonly string[]>> = {
  // Only in tests of crashes.
  'app/crash.ts': ['appendFileSync'],
  // The folder of the log of a server that `run` starts.
  'app/detached.ts': ['mkdirSync', 'openSync'],
  // test/faults/log.test.ts
  'app/log.ts': ['mkdirSync', 'renameSync'],
  // A database that is made from the folders; it gets its name when it is whole: test/e2e/rebuild.test.ts.
  'app/rebuild.ts': ['chmod', 'mkdir', 'rename', 'rm'],
  // At the start: test/e2e/disk-full.test.ts.
  'app/serve.ts': ['chmod', 'mkdir', 'rm'],
  'app/server-info.ts': ['rename', 'rm', 'writeFile'],
  // Files of jobs and answers, in the folder of the package's own process: what fails there is said to be the call's fault.
  'packages/host.ts': ['mkdir', 'open', 'rm', 'writeFile', 'writeSync'],
  // Fresh folders of programs: test/executor/guard.test.ts. Nothing is kept in them.
  'platform/child-guard.ts': ['rm'],
  'platform/children.ts': ['mkdtempSync', 'rmSync'],
  'platform/guard.ts': ['rm'],
  'platform/guarded-child.ts': ['mkdtemp', 'rm'],
  // The port itself, and its files.
  'platform/append-file.ts': ['writeSync'],
  'platform/files.ts': ['link', 'mkdir', 'open', 'rename', 'truncate', 'unlink'],
  // test/faults/database.test.ts, test/e2e/damaged-database.test.ts
  'stores/sqlite/file-lock.ts': ['mkdirSync'],
  'stores/sqlite/in-use.ts': ['openSync', 'rmSync', 'writeFileSync'],
};

const SRC = fileURLToPath(new URL('../../src', import.meta.url));
const WRITING =
  /^(appendFile|chmod|chown|copyFile|cp|fchmod|ftruncate|lchown|link|lutimes|mkdir|mkdtemp|open|rename|rm|rmdir|symlink|truncate|unlink|utimes|write|writeFile|writev|createWriteStream)(Sync)?$/;
/** They open, and never to write. */
const READERS = [
  'app/secrets.ts',
  'platform/job-folder.ts',
  'platform/marked-processes.ts',
  'platform/program-file.ts',
  'stores/sqlite/refusals.ts',
  'workspace/link-reader.ts',
];

function writersPastThePort(): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const entry of readdirSync(SRC, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const path = entry.split(sep).join('/');
    if (!path.endsWith('.ts') || READERS.includes(path)) continue;
    const text = readFileSync(join(SRC, entry), 'utf8');
    const names = [...text.matchAll(/import \{([^}]*)\} from 'node:fs(?:\/promises)?'/g)]
      .flatMap(([, list = '']) => list.split(','))
      .map((name) => name.trim())
      .filter((name) => WRITING.test(name));
    if (names.length > 0) found[path] = names.toSorted();
  }
  return found;
}
