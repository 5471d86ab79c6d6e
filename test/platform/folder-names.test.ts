import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemFolderNames } from '../../src/platform/folder-names.ts';

function folderOf(files: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'promptd-names-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (let i = 0; i < files; i += 1) writeFileSync(join(folder, `${i}.json`), '');
  return folder;
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const name of systemFolderNames(folder)) names.push(name);
  return names;
}

// What is read at once is 1,024 names.
it.each([0, 1, 1_023, 1_024, 1_025])('R10: lists each of %i names once', async (files) => {
  const names = await namesIn(folderOf(files));
  expect(names).toHaveLength(files);
  expect(new Set(names)).toEqual(new Set(Array.from({ length: files }, (_, i) => `${i}.json`)));
});

it('R10: lists nothing of a folder that is not there', async () => {
  expect(await namesIn(join(folderOf(0), 'gone'))).toEqual([]);
});

it('closes the folder where nobody wants the rest of the names', async (ctx) => {
  if (!existsSync('/proc/self/fd')) ctx.skip('open files are counted in /proc');
  const folder = folderOf(3);
  const open = (): number => readdirSync('/proc/self/fd').filter((fd) => isFolder(fd, folder)).length;
  for await (const name of systemFolderNames(folder)) {
    expect([name.endsWith('.json'), open()]).toEqual([true, 1]);
    break;
  }
  expect(open()).toBe(0);
});

function isFolder(fd: string, folder: string): boolean {
  try {
    return readlinkSync(join('/proc/self/fd', fd)) === folder;
  } catch {
    return false;
  }
}
