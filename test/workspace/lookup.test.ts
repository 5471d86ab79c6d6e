import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resultFileName } from '../../src/core/names.ts';
import { jobOf, Lookup } from '../../src/workspace/lookup.ts';
import { realNames, temporaryWorkspace } from './folder.ts';

describe('looking up by file names', () => {
  it('R10: finds every result of a job, the oldest first, and those of no other', async () => {
    const layout = await temporaryWorkspace();
    const files = [
      '1700000000002_b.json',
      '20_b.json',
      '9_b.json',
      '9_a_b.json',
      '9_b.json.tmp',
      '9_b_.json',
      'x9_b.json',
      '9_B.json',
      '_b.json',
    ];
    for (const file of files) writeFileSync(join(layout.results, file), 'not even JSON', { mode: 0o000 });
    const lookup = new Lookup({ layout, names: realNames });
    expect((await lookup.resultsOf('b')).map((one) => one.file)).toEqual([
      '9_b.json',
      '20_b.json',
      '1700000000002_b.json',
    ]);
    expect((await lookup.resultsOf('a_b')).map((one) => one.file)).toEqual(['9_a_b.json']);
  });

  it('R11: names the job of a result by splitting the file name', () => {
    expect(jobOf('/w/results/1700000000002_my_job.v2.json')).toBe('my_job.v2.json');
    expect(jobOf('17_17_17.json')).toBe('17_17.json');
    expect(jobOf('my_job.json')).toBe(null);
    expect(jobOf('17_.hidden.json')).toBe(null);
  });

  it('R12: maps a job without a result to the null result', async () => {
    const layout = await temporaryWorkspace();
    writeFileSync(join(layout.results, '5_done.json'), '');
    const lookup = new Lookup({ layout, names: realNames });
    expect(await lookup.resultsOf('waiting')).toEqual([]);
    expect(await lookup.resultOf('waiting')).toEqual({ job: 'waiting.json', result: null });
    expect(await lookup.resultOf('done')).toEqual({ file: '5_done.json', epoch: 5, name: 'done' });
  });

  it('walks a folder of a million results without holding their names', async () => {
    let peak = 0;
    let held = 0;
    async function* million() {
      for (let epoch = 1; epoch <= 1_000_000; epoch += 1) {
        held += 1;
        peak = Math.max(peak, held);
        yield resultFileName(epoch, epoch % 250_000 === 0 ? 'rare' : 'other');
        held -= 1;
      }
    }
    const lookup = new Lookup({ layout: { results: '/w/results' }, names: million });
    expect((await lookup.resultsOf('rare')).map((one) => one.epoch)).toEqual([
      250_000, 500_000, 750_000, 1_000_000,
    ]);
    expect(peak).toBe(1);
  });
});
