import { describe, expect, it } from 'vitest';
import { DiskWatch, takingWhatDisksHold } from '../../src/app/disk-watch.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Reason } from '../../src/core/reasons.ts';
import { setup as httpSetup } from '../http/setup.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MIB = 1024 ** 2;

function setup(free_min_bytes = 512 * MIB) {
  const clock = new FakeClock();
  const free = new Map([
    ['/state', 1_000 * MIB],
    ['/results', 1_000 * MIB],
  ]);
  const asked: string[] = [];
  const told: (Reason | null)[] = [];
  const watch = new DiskWatch({
    clock,
    folders: [...free.keys()],
    free_min_bytes,
    files: {
      async freeBytes(path) {
        asked.push(path);
        const bytes = free.get(path);
        if (bytes === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT' });
        return bytes;
      },
    },
    onChange: (trouble) => told.push(trouble),
  });
  return { clock, free, asked, told, watch };
}

describe('the watch of the disks', () => {
  it('G17: names the disk that has less than disk_free_min_bytes, what it has and what to do', async () => {
    const { watch, free, clock } = setup(LIMITS.disk_free_min_bytes);
    expect(await watch.trouble()).toBe(null);
    for (const folder of ['/state', '/results']) {
      free.set(folder, LIMITS.disk_free_min_bytes - 1);
      await clock.advance(1_000);
      expect(await watch.trouble()).toEqual({
        code: 'DiskLow',
        message: `The disk of ${folder} has 511 MiB free, and new work is taken from 512 MiB on (disk_free_min_bytes in promptd.config.json). Free some disk space; it goes on by itself.`,
      });
      free.set(folder, LIMITS.disk_free_min_bytes);
    }
    await clock.advance(1_000);
    expect(await watch.trouble()).toBe(null);
  });

  it('G17: tells once that room runs short, and once that there is enough again', async () => {
    const { watch, free, clock, told } = setup();
    const look = async (bytes: number): Promise<void> => {
      free.set('/state', bytes * MIB);
      await clock.advance(1_000);
      await watch.trouble();
    };
    for (const bytes of [600, 500, 400, 0, 600, 700]) await look(bytes);
    expect(told.map((one) => one?.code ?? null)).toEqual(['DiskLow', null]);
  });

  it('asks the disks at most once a second, however many ask it, and never where nobody does', async () => {
    const { watch, clock, asked } = setup();
    await clock.advance(3_600_000);
    expect(asked).toEqual([]);
    await Promise.all(Array.from({ length: 100 }, () => watch.trouble()));
    await clock.advance(999);
    await watch.trouble();
    expect(asked).toEqual(['/state', '/results']);
    await clock.advance(1);
    await watch.trouble();
    expect(asked.length).toBe(4);
    expect(clock.waiting).toBe(0);
  });

  it('takes a disk that cannot be asked for none that is full', async () => {
    const { watch, free } = setup();
    free.delete('/results');
    expect(await watch.trouble()).toBe(null);
  });

  it('takes work down to the last byte where nothing is to be kept free', async () => {
    const { watch, free } = setup(0);
    free.set('/state', 0);
    expect(await watch.trouble()).toBe(null);
  });
});

describe('a server whose disk has less than it keeps free', () => {
  it('G17: refuses new jobs with 507, says so where it is asked, does all else, and takes jobs again by itself', async () => {
    await using server = await httpSetup();
    const { watch, free, clock } = setup();
    const { scheduler } = server;
    const calls = { submit: scheduler.submit.bind(scheduler), status: scheduler.status.bind(scheduler) };
    Object.assign(scheduler, takingWhatDisksHold(calls, watch));
    expect((await server.submit('early')).status).toBe(201);
    scheduler.start('early');

    free.set('/results', 100 * MIB);
    await clock.advance(1_000);
    const refused = await server.submit('late');
    expect(refused).toMatchObject({ status: 507, json: { code: 'DiskLow' } });
    expect(refused.json['detail']).toMatch(/^The disk of \/results has 100 MiB free.* Nothing was done\.$/);
    expect([...server.reads.rows.values()].map(({ name }) => name)).toEqual(['early']);
    expect((await server.ask('/readyz')).json).toMatchObject({
      code: 'Overloaded',
      detail: expect.stringMatching(/^DiskLow: The disk of \/results/) as string,
    });
    expect((await server.ask('/stats')).json['trouble']).toMatchObject({ code: 'DiskLow' });
    scheduler.finish('early', 'the answer');
    expect((await server.ask('/jobs/early/result')).json).toMatchObject({ result: 'the answer' });
    expect((await server.ask('/healthz')).status).toBe(200);

    free.set('/results', 600 * MIB);
    await clock.advance(1_000);
    expect((await server.ask('/readyz')).status).toBe(200);
    expect((await server.ask('/stats')).json['trouble']).toBe(null);
    expect((await server.submit('late')).status).toBe(201);
  });

  it('names what its turns meet before what the disk has', async () => {
    await using server = await httpSetup();
    const { watch, free } = setup();
    const { scheduler } = server;
    const calls = { submit: scheduler.submit.bind(scheduler), status: scheduler.status.bind(scheduler) };
    Object.assign(scheduler, takingWhatDisksHold(calls, watch));
    free.set('/state', 0);
    scheduler.trouble = { code: 'StoreBusy', message: 'Another program holds it.' };
    expect((await server.ask('/stats')).json['trouble']).toMatchObject({ code: 'StoreBusy' });
  });
});
