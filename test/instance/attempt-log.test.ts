import { afterEach, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { LogEntry } from '../../src/core/attempt.ts';
import { AttemptLog } from '../../src/instance/attempt-log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryFiles } from '../support/memory-files.ts';

const logs: AttemptLog[] = [];
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close();
});

function setup(more: { log_bytes_max?: number; memory_bytes_max?: number } = {}) {
  const clock = new FakeClock();
  const files = new MemoryFiles();
  let told = 0;
  const log = new AttemptLog({
    clock,
    files,
    path: '/spool/logs/1.log',
    log_bytes_max: 1024 * 1024,
    memory_bytes_max: 4_096,
    onMore: () => (told += 1),
    ...more,
  });
  logs.push(log);
  return { clock, files, log, told: () => told };
}

const entriesOf = (text: string): LogEntry[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogEntry);

async function readAll(log: AttemptLog, from = 0): Promise<string> {
  const parts: Uint8Array[] = [];
  let offset = from;
  while (offset < log.bytes) {
    const part = await log.read(offset, 1_000);
    expect(part.at(-1)).toBe(10);
    parts.push(part);
    offset += part.length;
  }
  return Buffer.concat(parts).toString();
}

describe('the log of an attempt', () => {
  it('is NDJSON of what was logged, with its time', async () => {
    const { clock, log, told } = setup();
    log.append('info', 'begins');
    await clock.advance(5);
    log.append('stderr', 'two\nlines');
    expect(entriesOf(await log.whole())).toEqual([
      { at: clock.now() - 5, stream: 'info', text: 'begins' },
      { at: clock.now(), stream: 'stderr', text: 'two\nlines' },
    ]);
    expect(told()).toBe(2);
  });

  it('R24: reads the same bytes from any line on, in memory or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 900 }), { minLength: 1, maxLength: 40 }),
        async (texts) => {
          const { clock, log, files } = setup();
          for (const text of texts) {
            log.append('stdout', text);
            if (text.length % 3 === 0) await clock.settle();
          }
          const whole = await log.whole();
          expect(Buffer.byteLength(whole)).toBe(log.bytes);
          expect(await readAll(log)).toBe(whole);
          const second_line = whole.indexOf('\n') + 1;
          expect(await readAll(log, Buffer.byteLength(whole.slice(0, second_line)))).toBe(
            whole.slice(second_line),
          );
          await log.close();
          expect(files.paths).toEqual([]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('G16: keeps little in memory and the rest in a file, which goes in the end', async () => {
    const { clock, files, log } = setup();
    for (let i = 0; i < 100; i += 1) {
      log.append('stdout', 'x'.repeat(1_000));
      await clock.settle();
    }
    expect(files.paths).toEqual(['/spool/logs/1.log']);
    const spilled = await files.facts('/spool/logs/1.log');
    expect(log.bytes - spilled!.bytes).toBeLessThan(6_000);
    await log.close();
    expect(files.paths).toEqual([]);
  });

  it('is cut at its limit, and says so in its last entry', async () => {
    const { clock, log } = setup({ log_bytes_max: 10_000 });
    for (let i = 0; i < 100; i += 1) log.append('stdout', 'x'.repeat(1_000));
    await clock.settle();
    const bytes = log.bytes;
    log.append('stdout', 'more');
    expect(log.bytes).toBe(bytes);
    const text = await log.whole();
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(10_000);
    expect(entriesOf(text).at(-1)).toMatchObject({
      stream: 'info',
      text: 'The log is cut here: it has reached log_bytes_max, 10000 bytes.',
    });
  });

  it('splits long texts into entries, never inside a character', async () => {
    const { log } = setup();
    const text = `a${'😀'.repeat(20_000)}`;
    log.append('stdout', text);
    const entries = entriesOf(await log.whole());
    expect(entries.length).toBeGreaterThan(2);
    expect(entries.map((entry) => entry.text).join('')).toBe(text);
    for (const entry of entries) expect(entry.text.isWellFormed()).toBe(true);
  });

  it('goes on without its file where the disk is full, and says where it ends', async () => {
    const { clock, files, log } = setup();
    files.fail('append', 'ENOSPC', { lasting: true });
    for (let i = 0; i < 10; i += 1) log.append('stdout', 'x'.repeat(1_000));
    await clock.settle();
    log.append('stdout', 'never seen');
    const entries = entriesOf(await log.whole());
    expect(entries).toHaveLength(11);
    expect(entries.at(-1)!.text).toMatch(/^The log is cut here: it could not be written \(ENOSPC/);
  });

  it('takes nothing any more once it was taken whole', async () => {
    const { log } = setup();
    log.append('info', 'one');
    await log.whole();
    log.append('info', 'two');
    expect(entriesOf(await log.whole())).toHaveLength(1);
  });
});
