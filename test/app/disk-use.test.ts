import { linkSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DiskUseCounter, diskUseOf } from '../../src/app/disk-use.ts';
import type { DiskParts, DiskUseView } from '../../src/core/disk-use.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { layoutOf } from '../../src/workspace/layout.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/until.ts';

const NONE = { bytes: 0, inodes: 0 };

function partsOf(inodes: number): DiskParts {
  return { jobs: { bytes: 512, inodes }, results: NONE, ended: NONE, database: NONE, logs: NONE };
}

/** Counts that take as long as the test says. */
function setup() {
  const clock = new FakeClock();
  const counts: PromiseWithResolvers<DiskParts>[] = [];
  const counter = new DiskUseCounter({
    clock,
    timers: clock,
    count: () => {
      counts.push(Promise.withResolvers<DiskParts>());
      return counts.at(-1)!.promise;
    },
  });
  return { clock, counts, counter };
}

describe('what a workspace takes of its disk', () => {
  it('R4: is counted part by part, in bytes of the disk and in inodes, with all that lies in its folders', async () => {
    const root = mkdtempSync(join(tmpdir(), 'promptd-disk-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    const layout = layoutOf(root);
    for (const folder of [layout.jobs, layout.state, layout.logs, join(layout.results, '1_a.files')])
      mkdirSync(folder, { recursive: true });
    const files = [
      join(layout.jobs, 'a.json'),
      join(layout.results, '1_a.json'),
      join(layout.results, '1_a.files', 'image.png'),
      layout.database,
      `${layout.database}-wal`,
    ];
    for (const file of files) writeFileSync(file, Buffer.alloc(10_000, 'x'));
    // What a link points to is not in the folder.
    symlinkSync(layout.database, join(layout.jobs, 'link.json'));
    linkSync(layout.database, join(root, 'another-name'));
    const counter = diskUseOf(layout, { clock: systemClock, timers: systemTimers });
    let use: DiskUseView | null = null;
    await until('the count', async () => (use = await counter.view()) !== null);
    const file = statSync(layout.database).blocks * 512;
    const folder = statSync(layout.logs).blocks * 512;
    expect(use).toEqual({
      jobs: { bytes: folder + file, inodes: 3 },
      results: { bytes: 2 * folder + 2 * file, inodes: 4 },
      ended: { bytes: 0, inodes: 0 },
      database: { bytes: 2 * file, inodes: 2 },
      logs: { bytes: folder, inodes: 1 },
      age_s: expect.any(Number),
    });
  });

  it('is told with its age, and counted again only after a hundred times what a count took', async () => {
    const { clock, counts, counter } = setup();
    const first = counter.view();
    await clock.advance(400);
    counts[0]!.resolve(partsOf(1));
    expect(await first).toMatchObject({ jobs: { inodes: 1 }, age_s: 0 });
    await clock.advance(39_000);
    expect(await counter.view()).toMatchObject({ jobs: { inodes: 1 }, age_s: 39 });
    expect(counts).toHaveLength(1);
    await clock.advance(1_000);
    const again = counter.view();
    counts[1]!.resolve(partsOf(2));
    expect(await again).toMatchObject({ jobs: { inodes: 2 }, age_s: 0 });
  });

  it('is not waited for where it takes long: the last count is told, at first none', async () => {
    const { clock, counts, counter } = setup();
    const asked = [counter.view(), counter.view()];
    await clock.advance(500);
    expect(await Promise.all(asked)).toEqual([null, null]);
    // Everybody who asks meanwhile waits for the same count.
    expect(counts).toHaveLength(1);
    counts[0]!.resolve(partsOf(1));
    await clock.settle();
    expect(await counter.view()).toMatchObject({ jobs: { inodes: 1 } });
  });

  it('that could not be counted is told as it was, and counted when somebody asks again', async () => {
    const { clock, counts, counter } = setup();
    const first = counter.view();
    counts[0]!.resolve(partsOf(1));
    await first;
    await clock.advance(5_000);
    const second = counter.view();
    counts[1]!.reject(new Error('its thread ended'));
    expect(await second).toMatchObject({ jobs: { inodes: 1 }, age_s: 5 });
    void counter.view();
    expect(counts).toHaveLength(3);
  });
});
