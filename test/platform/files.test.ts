import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Files } from '../../src/core/ports/files.ts';
import { systemFiles } from '../../src/platform/files.ts';
import { MemoryFiles } from '../support/memory-files.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'promptd-files-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (got: Uint8Array | null): string | null => (got === null ? null : Buffer.from(got).toString());

describe.each<[string, () => Files]>([
  ['files of the machine', () => systemFiles],
  ['files in memory', () => new MemoryFiles()],
])('%s', (_name, make) => {
  let files: Files;
  beforeEach(async () => {
    files = make();
    await files.makeDirectory(directory);
  });
  const at = (name: string): string => join(directory, name);

  it('say null of what is not there', async () => {
    expect(await files.facts(at('none'))).toBe(null);
    expect(await files.read(at('none'))).toBe(null);
    expect(await files.readPart(at('none'), 0, 10)).toBe(null);
    await files.unlink(at('none'));
  });

  it('write a new file whole, with its mode, and never over another', async () => {
    await files.writeNew(at('a'), bytes('one'), 0o444);
    expect(text(await files.read(at('a')))).toBe('one');
    expect(await files.facts(at('a'))).toMatchObject({ kind: 'file', bytes: 3, links: 1, mode: 0o444 });
    await expect(files.writeNew(at('a'), bytes('two'), 0o444)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(text(await files.read(at('a')))).toBe('one');
  });

  it('link to a free name only', async () => {
    await files.writeNew(at('a'), bytes('one'), 0o444);
    await files.writeNew(at('b'), bytes('two'), 0o444);
    await files.link(at('a'), at('c'));
    expect(await files.facts(at('a'))).toMatchObject({ links: 2 });
    await expect(files.link(at('a'), at('b'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(files.link(at('none'), at('d'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(text(await files.read(at('b')))).toBe('two');
  });

  it('read parts, fewer at the end', async () => {
    await files.writeNew(at('a'), bytes('0123456789'), 0o600);
    expect(text(await files.readPart(at('a'), 2, 3))).toBe('234');
    expect(text(await files.readPart(at('a'), 8, 2 ** 40))).toBe('89');
    expect(text(await files.readPart(at('a'), 20, 5))).toBe('');
  });

  it('append in the order of the calls, and say where', async () => {
    const file = await files.openAppend(at('log'));
    const offsets = await Promise.all([
      file.append(bytes('one')),
      file.append(bytes('three')),
      file.append(bytes('!')),
    ]);
    await file.sync();
    await file.close();
    expect(offsets).toEqual([0, 3, 8]);
    const again = await files.openAppend(at('log'));
    expect(await again.append(bytes('more'))).toBe(9);
    await again.close();
    expect(text(await files.read(at('log')))).toBe('onethree!more');
  });

  it('list, rename, truncate, remove', async () => {
    await files.writeNew(at('a'), bytes('one'), 0o600);
    await files.rename(at('a'), at('b'));
    await files.truncate(at('b'), 1);
    await files.syncDirectory(directory);
    expect(await files.list(directory)).toEqual(['b']);
    expect(text(await files.read(at('b')))).toBe('o');
    await files.unlink(at('b'));
    expect(await files.list(directory)).toEqual([]);
    await expect(files.list(at('none'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await files.freeBytes(directory)).toBeGreaterThan(0);
  });
});

describe('files of the machine', () => {
  it('give a mode whatever the umask is', async () => {
    const before = process.umask(0o077);
    try {
      await systemFiles.writeNew(join(directory, 'a'), bytes('x'), 0o444);
    } finally {
      process.umask(before);
    }
    expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o444);
  });

  it('tell a symlink from what it leads to, and do not follow it when they create', async () => {
    writeFileSync(join(directory, 'target'), 'safe');
    symlinkSync(join(directory, 'target'), join(directory, 'link'));
    expect(await systemFiles.facts(join(directory, 'link'))).toMatchObject({ kind: 'symlink' });
    await expect(systemFiles.writeNew(join(directory, 'link'), bytes('x'), 0o444)).rejects.toMatchObject({
      code: 'EEXIST',
    });
    await expect(systemFiles.link(join(directory, 'target'), join(directory, 'link'))).rejects.toMatchObject({
      code: 'EEXIST',
    });
    expect(readFileSync(join(directory, 'target'), 'utf8')).toBe('safe');
  });

  it('reject with the code of the system', async () => {
    await expect(systemFiles.openAppend(join(directory, 'no', 'such'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(existsSync(join(directory, 'no'))).toBe(false);
  });
});
