import { mkdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Files } from '../../src/core/ports/files.ts';
import type { LogPlace } from '../../src/core/ports/logs.ts';
import { systemFiles } from '../../src/platform/files.ts';
import {
  AttemptLogReader,
  AttemptLogWriter,
  type AttemptLogsOptions,
} from '../../src/workspace/attempt-logs.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { faultyFiles, systemError } from './faulty-files.ts';
import { until } from '../support/until.ts';
import { namesIn, temporaryFolder } from './folder.ts';

const DAY_MS = 86_400_000;
/** What FakeClock begins with, at midnight. */
const FIRST = '2026-01-01-0.log';

interface Setup {
  readonly folder: string;
  readonly clock: FakeClock;
  readonly lost: unknown[];
  start(more?: Partial<AttemptLogsOptions>): AttemptLogWriter;
  read(place: LogPlace | null | undefined, offset?: number): Promise<string | null>;
}

function setup(files: Files = systemFiles): Setup {
  const folder = join(temporaryFolder(), 'logs');
  const clock = new FakeClock();
  const lost: unknown[] = [];
  const reader = new AttemptLogReader({ files, folder });
  return {
    folder,
    clock,
    lost,
    start(more = {}) {
      const writer = new AttemptLogWriter({
        files,
        folder,
        clock,
        onLost: (error) => lost.push(error),
        ...more,
      });
      onTestFinished(() => writer.close());
      return writer;
    },
    async read(place, offset = 0) {
      if (place === null || place === undefined) throw new Error('this log has no place');
      const bytes = await reader.read(place, offset);
      return bytes === null ? null : Buffer.from(bytes).toString('utf8');
    },
  };
}

async function one(writer: AttemptLogWriter, log: string): Promise<LogPlace> {
  const [place] = await writer.append([log]);
  if (place === null || place === undefined) throw new Error('no place');
  return place;
}

describe('the logs of attempts', () => {
  it('R24: puts many logs into one append and reads each back, whole and from an offset', async () => {
    const { start, read, folder } = setup();
    const places = await start().append(['{"text":"ä"}\n', '', 'second\n']);
    expect(places).toEqual([
      { log_file: FIRST, log_offset: 0, log_bytes: 14 },
      null,
      { log_file: FIRST, log_offset: 14, log_bytes: 7 },
    ]);
    expect(await read(places[0])).toBe('{"text":"ä"}\n');
    expect(await read(places[2])).toBe('second\n');
    expect(await read(places[2], 4)).toBe('nd\n');
    expect(await read(places[2], 99)).toBe('');
    expect(namesIn(folder)).toEqual([FIRST]);
  });

  it('takes no place and makes no file for logs that are empty', async () => {
    const { start, folder } = setup();
    mkdirSync(folder);
    expect(await start().append(['', ''])).toEqual([null, null]);
    expect(namesIn(folder)).toEqual([]);
  });

  it('keeps logs apart that are appended at the same time', async () => {
    const { start, read } = setup();
    const writer = start();
    const places = await Promise.all(Array.from({ length: 50 }, (_, n) => one(writer, `log ${n}\n`)));
    expect(await Promise.all(places.map((place) => read(place)))).toEqual(places.map((_, n) => `log ${n}\n`));
  });

  it('begins a new segment when one is full, and when a day begins', async () => {
    const { start, folder, clock } = setup();
    const writer = start({ segment_bytes_max: 10 });
    await one(writer, '12345678');
    await one(writer, '12');
    await one(writer, 'x');
    await one(writer, 'larger than a segment');
    expect(namesIn(folder).map((name) => [name, statSync(join(folder, name)).size])).toEqual([
      [FIRST, 10],
      ['2026-01-01-1.log', 1],
      ['2026-01-01-2.log', 21],
    ]);
    clock.jumpWall(DAY_MS);
    await one(writer, 'y');
    expect(namesIn(folder).at(-1)).toBe('2026-01-02-0.log');
  });

  it('removes whole segments whose day ended longer ago than logs are kept, and nothing else', async () => {
    const { start, folder, clock, read } = setup();
    const writer = start({ log_retention_ms: 7 * DAY_MS });
    const old = await one(writer, 'old\n');
    writeFileSync(join(folder, 'notes.txt'), '');
    clock.jumpWall(8 * DAY_MS);
    await one(writer, 'kept\n');
    expect(namesIn(folder)).toEqual(['2026-01-01-0.log', '2026-01-09-0.log', 'notes.txt']);
    clock.jumpWall(1);
    expect(await writer.prune()).toBe(1);
    expect(namesIn(folder)).toEqual(['2026-01-09-0.log', 'notes.txt']);
    expect(await read(old)).toBe(null);
    clock.jumpWall(30 * DAY_MS);
    expect(await writer.prune()).toBe(0);
  });

  it('prunes at the start and as time goes by, also where nothing is logged, until it is told to stop', async () => {
    const { start, folder, clock } = setup();
    mkdirSync(folder);
    for (const day of ['2025-12-20', '2025-12-26', '2025-12-30'])
      writeFileSync(join(folder, `${day}-0.log`), '');
    const trouble: unknown[] = [];
    const writer = start({ log_retention_ms: 7 * DAY_MS });
    const end = writer.keepPruned(clock, (error) => trouble.push(error));
    await until('the first look', () => namesIn(folder).length === 2);
    expect(namesIn(folder)).toEqual(['2025-12-26-0.log', '2025-12-30-0.log']);
    const pass = async (hours: number, names: readonly string[]): Promise<void> => {
      for (let hour = 0; hour < hours; hour += 1) {
        await until('the next look to be due', () => clock.waiting === 1);
        await clock.advance(3_600_000);
      }
      await until(`${hours} hours`, () => namesIn(folder).join(' ') === names.join(' '));
    };
    // Midnight of the first day, plus seven days: the day before the last is kept to its last hour.
    await pass(48, ['2025-12-26-0.log', '2025-12-30-0.log']);
    await pass(1, ['2025-12-30-0.log']);
    await until('the next look to be due', () => clock.waiting === 1);
    end();
    expect(clock.waiting).toBe(0);
    expect(trouble).toEqual([]);
  });

  it('tells where an old segment cannot be removed, and tries again', async () => {
    let refused = 2;
    const files: Files = {
      ...systemFiles,
      unlink: (path) =>
        refused-- > 0 ? Promise.reject(systemError('EACCES', 'unlink')) : systemFiles.unlink(path),
    };
    const { start, folder, clock } = setup(files);
    mkdirSync(folder);
    writeFileSync(join(folder, '2025-01-01-0.log'), '');
    const trouble: unknown[] = [];
    const end = start().keepPruned(clock, (error) => trouble.push(error));
    for (const _ of [1, 2]) {
      await until('the next look to be due', () => clock.waiting === 1);
      await clock.advance(3_600_000);
    }
    await until('the segment to be gone', () => namesIn(folder).length === 0);
    expect(trouble).toHaveLength(2);
    end();
  });

  it('follows no name that is not a segment', async () => {
    const { read } = setup();
    expect(await read({ log_file: '../queue.db', log_offset: 0, log_bytes: 10 })).toBe(null);
  });
});

describe('a log after a crash', () => {
  it('never appends to what an earlier start wrote: rows may point beyond its end', async () => {
    const { start, read, folder, clock } = setup();
    const before = start();
    const kept = await one(before, 'kept\n');
    const torn = await one(before, 'torn\n');
    await before.close();
    truncateSync(join(folder, FIRST), 8);
    const after = await one(start(), 'of another attempt\n');
    expect(await read(kept)).toBe('kept\n');
    expect(await read(torn)).toBe('tor');
    expect(await read(after)).toBe('of another attempt\n');
    expect(after.log_file).toBe('2026-01-01-1.log');

    // Somebody empties the folder; the day goes on.
    rmSync(folder, { recursive: true });
    await clock.advance(5);
    const later = await one(start(), 'later\n');
    expect(await read(after)).toBe(null);
    expect(await read(later)).toBe('later\n');
  });

  it('cuts a log where the file system shows zeros for what was lost', async () => {
    const { start, read, folder } = setup();
    const place = await one(start(), 'abcdef\n');
    truncateSync(join(folder, FIRST), 3);
    truncateSync(join(folder, FIRST), 7);
    expect(await read(place)).toBe('abc');
    expect(await read(place, 3)).toBe('');
  });

  it('has the name of a segment on disk before anything in it is a place', async () => {
    const files = faultyFiles(systemFiles);
    const { start } = setup(files);
    await one(start(), 'x');
    expect(files.count('syncDirectory', 'logs')).toBe(1);
  });

  it('gives the bytes of a row or fewer of them, whatever starts and losses came between', async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('append' as const),
        logs: fc.array(fc.string({ maxLength: 20 }), { maxLength: 4 }),
      }),
      fc.record({ do: fc.constant('restart' as const), lose: fc.integer({ min: 0, max: 30 }) }),
      fc.record({ do: fc.constant('day' as const), hours: fc.integer({ min: 1, max: 200 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { start, read, folder, clock } = setup();
        const rows: { readonly place: LogPlace; readonly log: string }[] = [];
        let writer = start({ segment_bytes_max: 40 });
        for (const one_step of steps) {
          if (one_step.do === 'append') {
            const logs = one_step.logs.map((log) => JSON.stringify(log));
            (await writer.append(logs)).forEach(
              (place, at) => place !== null && rows.push({ place, log: logs[at]! }),
            );
          } else if (one_step.do === 'restart') {
            await writer.close();
            const last = rows.at(-1)?.place.log_file;
            const path = last === undefined ? null : join(folder, last);
            if (path !== null && (await systemFiles.facts(path)) !== null)
              truncateSync(path, Math.max(0, statSync(path).size - one_step.lose));
            writer = start({ segment_bytes_max: 40 });
          } else clock.jumpWall(one_step.hours * 3_600_000);
        }
        await writer.close();
        for (const { place, log } of rows) expect(log.startsWith((await read(place)) ?? '')).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a log that cannot be written', () => {
  it('has no place, is told of, and the next one is written', async () => {
    let full = true;
    const files = faultyFiles(systemFiles, (call) =>
      full && call === 'openAppend' ? systemError('ENOSPC', 'open') : null,
    );
    const { start, read, lost } = setup(files);
    const writer = start();
    expect(await writer.append(['a', 'b'])).toEqual([null, null]);
    expect(lost).toEqual([expect.objectContaining({ code: 'ENOSPC' })]);
    full = false;
    expect(await read(await one(writer, 'c'))).toBe('c');
  });

  it('is the end where an fsync failed', async () => {
    const files = faultyFiles(systemFiles, (call) =>
      call === 'syncDirectory' ? systemError('EIO', 'fsync') : null,
    );
    const { start } = setup(files);
    await expect(start().append(['a'])).rejects.toMatchObject({ code: 'EIO' });
  });
});
