import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/platform/files.ts';
import { jobFileText } from '../../src/workspace/job-file.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { faultyFiles } from './faulty-files.ts';
import { filesIn, namesIn, temporaryWorkspace } from './folder.ts';
import { NOON, publicationBody } from './publication-rows.ts';
import { publishAll, publishing } from './publisher-setup.ts';

const RESULT = `${NOON + 1}_faq-17.json`;

describe('publishing', () => {
  it('R9: writes each row as one read-only file and leaves nothing else', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({ layout });
    const result = publicationBody();
    const failed = publicationBody({ kind: 'ended', job: 2, name: 'law-3' });
    one.rows.add(publicationBody({ kind: 'job' }), result, failed);
    await publishAll(one);
    expect(filesIn(layout.results)).toEqual({ [RESULT]: resultFileText(result) });
    expect(namesIn(layout.jobs)).toEqual(['faq-17.json']);
    expect(namesIn(layout.ended)).toEqual([`${NOON + 2}_law-3.json`]);
    expect(statSync(join(layout.results, RESULT)).mode & 0o777).toBe(0o444);
    expect(namesIn(layout.tmp)).toEqual([]);
    expect(one.rows.left).toBe(0);
  });

  it('R9: writes two files for two runs of a job', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({ layout });
    one.rows.add(
      publicationBody({ job: 1, text: 'first' }),
      publicationBody({ job: 2, text: 'second', run: { run: 2 } }),
    );
    await publishAll(one);
    expect(namesIn(layout.results)).toEqual([RESULT, `${NOON + 2}_faq-17.json`]);
  });

  it('has the job file on disk before the result of the same job, and fsyncs each folder once a batch', async () => {
    const layout = await temporaryWorkspace();
    const files = faultyFiles(systemFiles);
    const one = publishing({ layout, files, batch_max: 40 });
    for (let job = 1; job <= 20; job += 1) {
      const name = `faq-${job}`;
      one.rows.add(publicationBody({ kind: 'job', job, name }), publicationBody({ job, name }));
    }
    await publishAll(one);
    const order = files.calls
      .filter((call) => /^(link|syncDirectory) /.test(call))
      .map((call) => call.split(layout.root)[1]);
    const synced = order.indexOf('/jobs');
    expect(order.slice(0, synced).every((path) => path?.startsWith('/jobs/'))).toBe(true);
    expect(order.slice(synced + 1, -1).every((path) => path?.startsWith('/results/'))).toBe(true);
    expect(order.at(-1)).toBe('/results');
    expect(files.count('syncDirectory')).toBe(2);
    expect(one.publisher.stats()).toMatchObject({ published: 40, folder_syncs: 2, untold: 0 });
  });

  it('works in batches, at most so many files at a time', async () => {
    const layout = await temporaryWorkspace();
    let now = 0;
    let most = 0;
    const files = faultyFiles(systemFiles);
    const counted = {
      ...files,
      async writeNew(path: string, bytes: Uint8Array, mode: number) {
        now += 1;
        most = Math.max(most, now);
        await systemFiles.writeNew(path, bytes, mode);
        now -= 1;
      },
    };
    const one = publishing({ layout, files: counted, batch_max: 10, in_flight: 4 });
    for (let job = 1; job <= 25; job += 1) one.rows.add(publicationBody({ job, name: `faq-${job}` }));
    await publishAll(one);
    expect(namesIn(layout.results)).toHaveLength(25);
    expect(most).toBe(4);
    expect(files.count('syncDirectory')).toBe(3);
  });

  it('does not write again what it told of, while the rows are still there', async () => {
    const layout = await temporaryWorkspace();
    const files = faultyFiles(systemFiles);
    const one = publishing({ layout, files, onPublished: async () => undefined });
    one.rows.add(publicationBody());
    await publishAll(one);
    await publishAll(one);
    one.rows.add(publicationBody({ job: 2 }));
    await publishAll(one);
    expect(files.count('link')).toBe(2);
    expect(one.told.map((row) => row.job)).toEqual([1, 2]);
  });

  it('tells again of a row that is still there after a minute: who was told may have forgotten', async () => {
    const layout = await temporaryWorkspace();
    writeFileSync(join(layout.results, RESULT), 'mine');
    const files = faultyFiles(systemFiles);
    const one = publishing({ layout, files, onPublished: async () => undefined });
    const [taken, free] = [publicationBody(), publicationBody({ job: 2 })];
    one.rows.add(taken, free);
    await publishAll(one);
    await one.clock.advance(59_999);
    await one.publisher.idle();
    expect(one.told).toHaveLength(1);
    await one.clock.advance(1);
    await one.publisher.idle();
    expect(one.told).toEqual([free.publication, free.publication]);
    expect(one.conflicts).toEqual([taken.publication, taken.publication]);
    one.rows.drop([taken.publication, free.publication]);
    await one.clock.advance(60_000);
    await one.publisher.idle();
    expect(one.clock.waiting).toBe(0);
  });

  it('passes over a row whose run cannot be read, and goes to rest', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({ layout });
    one.rows.publicationBody = () => null;
    one.rows.add(publicationBody());
    await publishAll(one);
    expect(one.told).toEqual([]);
    expect(one.rows.left).toBe(1);
  });

  it('publishes what comes while it is publishing', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({
      layout,
      crashpoint: (name) => {
        if (name !== 'publisher.after_sync' || one.told.length > 0) return;
        one.rows.add(publicationBody({ job: 2 }));
        one.publisher.poke();
      },
    });
    one.rows.add(publicationBody());
    await publishAll(one);
    expect(one.told.map((row) => row.job)).toEqual([1, 2]);
  });

  it('is idle at once where there is nothing, and stops as often as it is asked', async () => {
    const one = publishing({ layout: await temporaryWorkspace() });
    await one.publisher.idle();
    await publishAll(one);
    await one.publisher.stop();
    await one.publisher.stop();
    one.rows.add(publicationBody());
    await publishAll(one);
    expect(one.told).toEqual([]);
  });
});

describe('a name that is taken', () => {
  it('R8: by the same bytes: is done, and the file is not touched', async () => {
    const layout = await temporaryWorkspace();
    const body = publicationBody();
    writeFileSync(join(layout.results, RESULT), resultFileText(body));
    const before = statSync(join(layout.results, RESULT), { bigint: true });
    const one = publishing({ layout });
    one.rows.add(body);
    await publishAll(one);
    const after = statSync(join(layout.results, RESULT), { bigint: true });
    expect([after.ino, after.mtimeNs, after.mode]).toEqual([before.ino, before.mtimeNs, before.mode]);
    expect(one.told).toEqual([body.publication]);
    expect(one.conflicts).toEqual([]);
  });

  it('R8: by other bytes: these stay, and the result gets a new epoch', async () => {
    const layout = await temporaryWorkspace();
    writeFileSync(join(layout.results, RESULT), 'mine');
    const one = publishing({ layout });
    const body = publicationBody();
    one.rows.add(body);
    await publishAll(one);
    const renewed = `${NOON + 2}_faq-17.json`;
    expect(one.conflicts).toEqual([body.publication]);
    expect(filesIn(layout.results)).toEqual({ [RESULT]: 'mine', [renewed]: resultFileText(body) });
  });

  it('R8: by another job: it stays, and the job goes to conflicts/jobs under a name that is free there', async () => {
    const layout = await temporaryWorkspace();
    writeFileSync(join(layout.jobs, 'faq-17.json'), 'mine');
    writeFileSync(join(layout.conflicts_jobs, 'faq-17.json'), 'mine too');
    const one = publishing({ layout });
    const body = publicationBody({ kind: 'job' });
    one.rows.add(body);
    await publishAll(one);
    expect(filesIn(layout.jobs)).toEqual({ 'faq-17.json': 'mine' });
    expect(filesIn(layout.conflicts_jobs)).toEqual({
      'faq-17.json': 'mine too',
      'faq-17.2.json': jobFileText(body),
    });
    const again = publishing({ layout, seed: 2 });
    again.rows.add(body);
    await publishAll(again);
    expect(namesIn(layout.conflicts_jobs)).toEqual(['faq-17.2.json', 'faq-17.json']);
    expect(again.told).toEqual([body.publication]);
  });

  it('by the end of the same run, written before it was retried: is done', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({ layout, onPublished: async () => undefined });
    const body = publicationBody({ kind: 'ended' });
    one.rows.add(body);
    await publishAll(one);
    const again = publishing({ layout, seed: 2 });
    again.rows.add({ ...body, run: { ...body.run, state: 'queued', epoch: null, reason_code: null } });
    await publishAll(again);
    expect(again.conflicts).toEqual([]);
    expect(namesIn(layout.ended)).toHaveLength(1);
  });

  it.each([
    ['directory', (path: string) => mkdirSync(path)],
    ['symlink', (path: string) => symlinkSync('/nowhere/at/all', path)],
  ])(
    'by a %s: is refused and never followed, the rest goes on, and it is looked at again later',
    async (kind, block) => {
      const layout = await temporaryWorkspace();
      const path = join(layout.results, RESULT);
      block(path);
      const one = publishing({ layout });
      const blocked = publicationBody();
      one.rows.add(blocked, publicationBody({ job: 2, name: 'law-3' }));
      await publishAll(one);
      expect(one.told.map((row) => row.job)).toEqual([2]);
      expect(one.publisher.stats().refused).toEqual([
        {
          publication: blocked.publication,
          message: expect.stringContaining(`${path}: expected nothing or a file, found ${kind}`),
        },
      ]);
      rmSync(path, { recursive: true });
      await one.clock.advance(60_000);
      await one.publisher.idle();
      expect(filesIn(layout.results)[RESULT]).toBe(resultFileText(blocked));
      expect(one.publisher.stats().refused).toEqual([]);
    },
  );

  it('a damaged answer is refused too, and the rest goes on', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({ layout });
    one.rows.add(
      publicationBody({ result: { text_sha256: 'other' } }),
      publicationBody({ job: 2, name: 'law-3' }),
    );
    await publishAll(one);
    expect(one.told.map((row) => row.job)).toEqual([2]);
    expect(one.publisher.stats().refused[0]?.message).toContain('the stored answer has SHA-256');
  });

  it('R8: whatever stands in the folders before, it stands there after, and each row has one whole file', async () => {
    const step = fc.record({
      job: fc.integer({ min: 1, max: 3 }),
      taken: fc.constantFrom('free', 'same', 'other'),
      times: fc.integer({ min: 1, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), fc.integer(), async (steps, seed) => {
        const layout = await temporaryWorkspace();
        const standing = new Map<string, string>();
        const texts: string[] = [];
        steps.forEach(({ job, taken }, at) => {
          const text = resultFileText(publicationBody({ job, epoch: NOON + at * 10, text: `answer ${at}` }));
          texts.push(text);
          if (taken !== 'free')
            standing.set(`${NOON + at * 10}_faq-17.json`, taken === 'same' ? text : `other ${at}`);
        });
        for (const [name, text] of standing) writeFileSync(join(layout.results, name), text);
        for (const round of [0, 1]) {
          const one = publishing({ layout, seed: seed + round });
          steps.forEach(({ job, times }, at) => {
            if (times > round)
              one.rows.add(publicationBody({ job, epoch: NOON + at * 10, text: `answer ${at}` }));
          });
          await publishAll(one);
          expect(one.rows.left).toBe(0);
        }
        const after = filesIn(layout.results);
        expect(after).toMatchObject(Object.fromEntries(standing));
        expect(
          Object.values(after)
            .filter((text) => !text.startsWith('other'))
            .toSorted(),
        ).toEqual(texts.toSorted());
        expect(namesIn(layout.tmp)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });
});
