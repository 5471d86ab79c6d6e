/** `serve` kills itself at a named place, and is started again: nothing accepted is lost, no answer is paid twice or overwritten. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { mixedJobs, setup, until } from './machine.ts';

const COUNT = 6;
const jobs = mixedJobs(COUNT).map((job) => ({ ...job, batch: 'mixed' }));

/** Beyond the first turns, which only take the admin key and the instance in. */
const POINTS = [
  ['turn.before_commit', 4],
  ['turn.after_commit', 4],
  ['turn.before_dispatch', 1],
  ['turn.after_release', 4],
  ['publisher.after_temp', 1],
  ['publisher.before_link', 2],
  ['publisher.after_link', 1],
  ['publisher.before_unlink', 3],
  ['publisher.after_sync', 1],
  ['publisher.after_report', 1],
] as const;

describe.each(POINTS)('killed at %s, hit %i', (point, hit) => {
  it('R8 R26: goes on at the next start as if nothing had been', async () => {
    const machine = await setup();
    const first = await machine.serve({ env: { PROMPTD_CRASH_AT: `${point}:${hit}` } });
    const died = first.process.signalCode === null ? once(first.process, 'exit') : Promise.resolve();
    // The answer may be lost with the server; the job is not, once it was accepted.
    await first.client.submitMany(jobs).catch(() => undefined);
    await died;
    expect(first.process.signalCode).toBe('SIGKILL');
    const second = await machine.serve();
    await second.client.submitMany(jobs);
    await until(
      'the batch to end',
      async () => (await second.client.batch('mixed', { wait: 10 })).ended === COUNT,
    );
    expect((await second.client.batch('mixed')).counts).toMatchObject({ completed: COUNT });
    expect(machine.model.stats().total).toBe(COUNT);
    expect(await second.stop()).toBe(0);
    const results = await machine.files('results');
    expect(results).toHaveLength(COUNT);
    expect(await machine.files('jobs')).toEqual(jobs.map(({ name }) => `${name}.json`).toSorted());
    expect(await machine.files('.promptd/tmp')).toEqual([]);
    for (const file of results) {
      const text = await readFile(machine.path('results', file), 'utf8');
      expect((JSON.parse(text) as { digest: string }).digest).toMatch(/^1:[0-9a-f]{64}$/);
    }
  });
});
