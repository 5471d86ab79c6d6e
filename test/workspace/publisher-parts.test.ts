/** R8, R7: a folder that refuses all files holds back what belongs into it, and nothing else. */
import { describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/platform/files.ts';
import { until } from '../support/until.ts';
import { faultyFiles, systemError } from './faulty-files.ts';
import { namesIn, temporaryWorkspace } from './folder.ts';
import { publicationBody } from './publication-rows.ts';
import { publishing, type Publishing } from './publisher-setup.ts';

/** A publisher whose folder of this name refuses every file until it is mended. */
async function refusing(folder: 'jobs' | 'results') {
  const layout = await temporaryWorkspace();
  let refuses = true;
  const files = faultyFiles(systemFiles, (call, to) =>
    refuses && call === 'link' && to.startsWith(`${layout[folder]}/`) ? systemError('EACCES', 'link') : null,
  );
  const one = publishing({ layout, files, in_flight: 1, batch_max: 4 });
  return {
    layout,
    files,
    one,
    mend: () => {
      refuses = false;
    },
  };
}

async function untilIdle({ publisher, clock }: Publishing): Promise<void> {
  let idle = false;
  const waiting = publisher.idle().then(() => (idle = true));
  while (!idle) await clock.advance(1_000);
  await waiting;
}

const job = (id: number) => publicationBody({ kind: 'job', job: id, name: `by-http-${id}` });
const result = (id: number, name: string) => publicationBody({ job: id, name });

describe('a folder that refuses all files', () => {
  it('R8: of jobs: holds back these and their results, however many, and no other result', async () => {
    const { layout, one, mend } = await refusing('jobs');
    for (let id = 1; id <= 20; id += 1) one.rows.add(job(id), result(id, `by-http-${id}`));
    for (let id = 21; id <= 40; id += 1) one.rows.add(result(id, `dropped-${id}`));
    one.publisher.poke();
    await until('them to stand', () => namesIn(layout.results).length === 20);
    expect(namesIn(layout.results).every((name) => name.includes('_dropped-'))).toBe(true);
    expect(one.publisher.stats().trouble).toMatchObject({ code: 'EACCES' });

    // What comes while it waits is published at once.
    one.rows.add(result(41, 'dropped-41'));
    one.publisher.poke();
    await until('them to stand', () => namesIn(layout.results).length === 21);
    expect(namesIn(layout.jobs)).toEqual([]);

    mend();
    await untilIdle(one);
    expect([namesIn(layout.jobs).length, namesIn(layout.results).length]).toEqual([20, 41]);
    expect(one.troubles.at(-1)).toBeNull();
    const order = one.told.map(({ kind, job: id }) => `${kind} ${id}`);
    for (let id = 1; id <= 20; id += 1)
      expect(order.indexOf(`job ${id}`)).toBeLessThan(order.indexOf(`result ${id}`));
  });

  it('R8: of results: holds back no job file', async () => {
    const { layout, one, mend } = await refusing('results');
    for (let id = 1; id <= 20; id += 1) one.rows.add(result(id, `answered-${id}`));
    for (let id = 21; id <= 40; id += 1) one.rows.add(job(id));
    one.publisher.poke();
    await until('them to stand', () => namesIn(layout.jobs).length === 20);
    expect(namesIn(layout.results)).toEqual([]);
    mend();
    await untilIdle(one);
    expect(namesIn(layout.results).length).toBe(20);
    expect(one.troubles.at(-1)).toBeNull();
  });

  it('is asked less and less often, though others are published meanwhile', async () => {
    const { layout, files, one } = await refusing('jobs');
    one.rows.add(job(1));
    one.publisher.poke();
    let published = 0;
    const tries: number[] = [];
    for (let second = 0; second < 60; second += 1) {
      one.rows.add(result(100 + second, `dropped-${second}`));
      one.publisher.poke();
      published += 1;
      await until('them to stand', () => namesIn(layout.results).length === published);
      while (one.clock.waiting === 0) await one.clock.settle();
      tries.push(files.count('link') - published);
      await one.clock.advance(1_000);
    }
    // At once, and after 0.1, 0.2, 0.4, … 25.6 s more.
    expect(tries.at(-1)).toBeGreaterThanOrEqual(6);
    expect(tries.at(-1)).toBeLessThanOrEqual(10);
  });
});
