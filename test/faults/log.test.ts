import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

it('turns the log over when it has grown to its limit, keeps the one before, and loses no line of either', () => {
  const folder = join(temporaryFolder(), 'logs');
  const bytes_max = 10_000;
  const write = (from: number, to: number): void => {
    const log = openLog(folder, 'serve', 'info', bytes_max);
    for (let n = from; n < to; n += 1) log.info({ n }, 'a line of some length');
  };
  // Twice the process starts anew: what it finds counts.
  write(0, 50);
  write(50, 60);
  write(60, 400);
  expect(readdirSync(folder).toSorted()).toEqual(['serve.1.log', 'serve.log']);
  const lines = ['serve.1.log', 'serve.log'].flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { n: number }).n);
  });
  expect(lines.at(-1)).toBe(399);
  expect(lines).toEqual(Array.from({ length: lines.length }, (_, at) => 400 - lines.length + at));
  expect(statSync(join(folder, 'serve.1.log')).size).toBeGreaterThanOrEqual(bytes_max);
  for (const file of readdirSync(folder))
    expect(statSync(join(folder, file)).size).toBeLessThan(bytes_max + 1_000);
});

it('goes on in the same file where the one before cannot be replaced', () => {
  const folder = join(temporaryFolder(), 'logs');
  mkdirSync(join(folder, 'serve.1.log', 'in the way'), { recursive: true });
  const log = openLog(folder, 'serve', 'info', 1_000);
  for (let n = 0; n < 100; n += 1) log.info({ n }, 'a line');
  expect(readFileSync(join(folder, 'serve.log'), 'utf8').trim().split('\n')).toHaveLength(100);
});

it('says which process wrote a line, beside what the line says of others', () => {
  const folder = join(temporaryFolder(), 'logs');
  openLog(folder, 'serve', 'info').info({ name: 'far', pid: 7 }, 'instance attached');
  const line = readFileSync(join(folder, 'serve.log'), 'utf8');
  expect(JSON.parse(line)).toMatchObject({ process: 'serve', process_id: process.pid, name: 'far', pid: 7 });
  expect(line.match(/"(name|pid)":/g)).toHaveLength(2);
});
