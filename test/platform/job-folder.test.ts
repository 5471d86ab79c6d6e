/** What stands in a real folder: it is looked at without being opened, and read only as what it was when it was looked at. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { FileVersion } from '../../src/core/ports/job-folder.ts';
import { systemJobFolder } from '../../src/platform/job-folder.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from '../workspace/folder.ts';

function setup() {
  const root = temporaryFolder();
  const path = (name: string): string => join(root, name);
  return { root, path, folder: systemJobFolder(root) };
}

function file(version: FileVersion | null): FileVersion {
  if (version === null) throw new Error('it is not there');
  return version;
}

describe('the folder of job files', () => {
  it('R14: tells what stands there, and waits for nobody', async () => {
    const { path, folder } = setup();
    writeFileSync(path('a.json'), 'text');
    symlinkSync('a.json', path('link.json'));
    mkdirSync(path('dir.json'));
    execFileSync('mkfifo', [path('pipe.json')]);
    const server = createServer().listen(path('sock.json'));
    onTestFinished(() => void server.close());
    await until('the socket', async () => (await folder.look('sock.json')) !== null);
    const kinds: Record<string, string | undefined> = {};
    for await (const names of folder.names())
      for (const name of names) kinds[name] = (await folder.look(name))?.kind;
    expect(kinds).toEqual({
      'a.json': 'file',
      'link.json': 'symlink',
      'dir.json': 'directory',
      'pipe.json': 'fifo',
      'sock.json': 'socket',
    });
    // Also where it was put there after the look.
    const version = file(await folder.look('a.json'));
    for (const name of ['link.json', 'dir.json', 'pipe.json', 'sock.json', 'none.json'])
      expect(await folder.read(name, version), name).toBeNull();
    expect(Buffer.from((await folder.read('a.json', version)) ?? []).toString()).toBe('text');
  });

  it('R14: gives the bytes of the version that was looked at, and of no other', async () => {
    const { path, folder } = setup();
    const changes: [string, () => void][] = [
      ['written in place', () => writeFileSync(path('a.json'), 'tex2')],
      ['longer', () => writeFileSync(path('a.json'), 'longer text')],
      [
        'moved over, of the same size and time',
        () => {
          writeFileSync(path('b.tmp'), 'tex3');
          utimesSync(path('b.tmp'), 1_000, 1_000);
          renameSync(path('b.tmp'), path('a.json'));
        },
      ],
      ['gone', () => rmSync(path('a.json'))],
    ];
    for (const [what, change] of changes) {
      writeFileSync(path('a.json'), 'text');
      utimesSync(path('a.json'), 1_000, 1_000);
      const before = file(await folder.look('a.json'));
      change();
      expect(await folder.read('a.json', before), what).toBeNull();
      expect((await folder.look('a.json'))?.id, what).not.toBe(before.id);
    }
  });

  it.each([
    ['longer', 'half a text, and the rest'],
    ['other bytes of the same length', 'HALF A TEXT'],
  ])('R14: gives no bytes of a file that becomes %s while it is read', async (_what, then) => {
    const { path, folder } = setup();
    writeFileSync(path('a.json'), 'half a text');
    const version = file(await folder.look('a.json'));
    const handle = await open(path('a.json'));
    const kind = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const read = kind.read as (this: FileHandle, ...given: unknown[]) => Promise<unknown>;
    // Somebody writes between the first bytes that are read and the look that follows.
    const between = vi.spyOn(kind, 'read').mockImplementation(async function (
      this: FileHandle,
      ...given: unknown[]
    ) {
      const got = await read.apply(this, given);
      writeFileSync(path('a.json'), then);
      utimesSync(path('a.json'), new Date(), new Date(Date.now() + 1_000));
      return got as never;
    });
    onTestFinished(() => between.mockRestore());
    expect(await folder.read('a.json', version)).toBeNull();
    expect(between).toHaveBeenCalled();
  });

  it('R14: has another time when a name comes, goes or is replaced, and tells of it', async () => {
    const { path, folder } = setup();
    const hinted = new Set<string | null>();
    const stop = folder.hints(
      (name) => hinted.add(name),
      () => undefined,
    );
    onTestFinished(stop);
    const before = await folder.changedAt();
    writeFileSync(path('a.json'), 'text');
    await until('a hint', () => hinted.has('a.json'));
    expect(await folder.changedAt()).not.toBe(before);
    linkSync(path('a.json'), path('b.json'));
    await until('another hint', () => hinted.has('b.json'));
  });

  it('R14: is none where it is gone', async () => {
    const { root, folder } = setup();
    rmSync(root, { recursive: true });
    expect([await folder.changedAt(), await folder.look('a.json')]).toEqual([null, null]);
    const names: string[] = [];
    for await (const some of folder.names()) names.push(...some);
    expect(names).toEqual([]);
  });

  it('R14: says with the system’s word which file it may not read', async (ctx) => {
    if (process.getuid?.() === 0) ctx.skip('root may read every file');
    const { path, folder } = setup();
    writeFileSync(path('a.json'), 'text');
    chmodSync(path('a.json'), 0);
    const version = file(await folder.look('a.json'));
    await expect(folder.read('a.json', version)).rejects.toMatchObject({ code: 'EACCES' });
  });
});
