/** Names that are no text, and times that somebody puts back, in a real folder of job files. */
import { renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemJobFolder } from '../../src/platform/job-folder.ts';
import { temporaryFolder } from '../workspace/folder.ts';

it('R14: a file whose name is not UTF-8 is there, though nothing can be asked of it', async () => {
  const root = temporaryFolder();
  const folder = systemJobFolder(root);
  const latin1 = Buffer.concat([Buffer.from(`${root}/h`), Buffer.from([0xe4]), Buffer.from('user.json')]);
  writeFileSync(latin1, '{}');
  const names: string[] = [];
  for await (const some of folder.names()) names.push(...[some].flat());
  expect(names).toEqual(['h\u{FFFD}user.json']);
  expect(await folder.look(names[0] ?? '')).toMatchObject({ kind: 'unnamed' });
  expect(await folder.look('häuser.json')).toBeNull();
  renameSync(latin1, join(root, 'h\u{FFFD}user.json'));
  expect(await folder.look('h\u{FFFD}user.json')).toMatchObject({ kind: 'file', bytes: 2 });
});

it('R14: names that came are told, though who brought them put the time of the folder back', async () => {
  const root = temporaryFolder();
  const folder = systemJobFolder(root);
  const { atime, mtime } = statSync(root);
  utimesSync(root, atime, mtime);
  const before = await folder.changedAt();
  writeFileSync(join(root, 'a.json'), '{}');
  utimesSync(root, atime, mtime);
  expect(await folder.changedAt()).not.toBe(before);
});
