import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LinkError } from '../../src/core/ports/link-reader.ts';
import { WorkspaceLinkReader } from '../../src/workspace/link-reader.ts';

let base: string;
let root: string;
let links: WorkspaceLinkReader;

beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'promptd-links-'));
  root = path.join(base, 'workspace');
  await mkdir(path.join(root, 'data', 'deep'), { recursive: true });
  await mkdir(path.join(root, 'prompts'));
  await mkdir(path.join(root, '.promptd'));
  await writeFile(path.join(root, 'data', 'one.txt'), 'one');
  await writeFile(path.join(root, 'data', 'deep', 'two.txt'), 'zwei');
  await writeFile(path.join(root, '.promptd', 'admin.key'), 'secret');
  await writeFile(path.join(base, 'outside.txt'), 'outside');
  links = new WorkspaceLinkReader({ root, bytes_max: 1_000 });
});

afterEach(async () => {
  await rm(base, { recursive: true });
});

async function kindOf(link: string): Promise<string> {
  try {
    return `read: ${Buffer.from(await links.read(link)).toString()}`;
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    return error.kind;
  }
}

describe('R2: links of a job', () => {
  it('lead to files in data/ and prompts/, however deep', async () => {
    await writeFile(path.join(root, 'prompts', 'p.md'), 'P');
    expect(await kindOf('data/one.txt')).toBe('read: one');
    expect(await kindOf('data/deep/two.txt')).toBe('read: zwei');
    expect(await kindOf('prompts/p.md')).toBe('read: P');
  });

  it.each([
    '/etc/passwd',
    '../outside.txt',
    'data/../../outside.txt',
    '.promptd/admin.key',
    'data/./one.txt',
    'data//one.txt',
    'jobs/a.json',
    'data',
    'data\\one.txt',
    'data/one.txt\0',
    '',
  ])('are refused by their text: %j', async (link) => {
    expect(await kindOf(link)).toBe('refused');
  });

  it('say what is missing', async () => {
    expect(await kindOf('data/none.txt')).toBe('missing');
    expect(await kindOf('data/one.txt/x')).toBe('missing');
  });

  it('do not follow a symlink, neither at the end nor on the way', async () => {
    await symlink(path.join(base, 'outside.txt'), path.join(root, 'data', 'link.txt'));
    await symlink(path.join(root, 'data', 'one.txt'), path.join(root, 'data', 'inner.txt'));
    await symlink(base, path.join(root, 'data', 'up'));
    await symlink(path.join(root, '.promptd'), path.join(root, 'data', 'state'));
    expect(await kindOf('data/link.txt')).toBe('refused');
    expect(await kindOf('data/inner.txt')).toBe('refused');
    expect(await kindOf('data/up/outside.txt')).toBe('refused');
    expect(await kindOf('data/state/admin.key')).toBe('refused');
  });

  it('are followed in a workspace that is itself reached through a symlink', async () => {
    await symlink(root, path.join(base, 'alias'));
    const aliased = new WorkspaceLinkReader({ root: path.join(base, 'alias') });
    expect(Buffer.from(await aliased.read('data/one.txt')).toString()).toBe('one');
  });

  it('are refused where they lead to a folder or a pipe, without waiting for its other end', async () => {
    execFileSync('mkfifo', [path.join(root, 'data', 'pipe')]);
    expect(await kindOf('data/deep')).toBe('refused');
    expect(await kindOf('data/pipe')).toBe('refused');
  });

  it('end at the size limit', async () => {
    await truncate(path.join(root, 'data', 'one.txt'), 1_000);
    expect(await kindOf('data/one.txt')).toMatch(/^read/);
    await truncate(path.join(root, 'data', 'one.txt'), 1_001);
    expect(await kindOf('data/one.txt')).toBe('too_large');
  });
});
