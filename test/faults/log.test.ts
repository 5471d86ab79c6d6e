import { mkdirSync, readFileSync, rmSync, symlinkSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openLog } from '../../src/app/log.ts';
import { temporaryFolder } from '../workspace/folder.ts';

it('R26: a log that the disk has no room for ends nobody, and goes on', (context) => {
  if (!existsSync('/dev/full')) context.skip('this system has no /dev/full');
  const folder = temporaryFolder();
  symlinkSync('/dev/full', join(folder, 'serve.log'));
  const log = openLog(folder, 'serve', 'info');
  for (let n = 0; n < 100; n += 1) log.info({ n }, 'no room');
  log.fatal({}, 'nor for this');
});

it('writes each line at once, so that the last one before an end is there', () => {
  const folder = join(temporaryFolder(), 'logs');
  mkdirSync(folder);
  writeFileSync(join(folder, 'serve.log'), '');
  openLog(folder, 'serve', 'info').fatal({ message: 'the end' }, 'fatal');
  expect(readFileSync(join(folder, 'serve.log'), 'utf8')).toContain('"message":"the end"');
  rmSync(folder, { recursive: true });
});
