import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CrashPoint, CrashPointName } from '../../src/core/ports/crashpoint.ts';
import { jobFileText } from '../../src/workspace/job-file.ts';
import { layoutOf } from '../../src/workspace/layout.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { MemoryFiles } from '../support/memory-files.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { filesIn, namesIn, temporaryWorkspace } from './folder.ts';
import { NOON, publicationBody, PublicationRows } from './publication-rows.ts';
import { publishAll, publishing } from './publisher-setup.ts';

const POINTS: readonly CrashPointName[] = [
  'publisher.after_temp',
  'publisher.before_link',
  'publisher.after_link',
  'publisher.before_unlink',
  'publisher.after_sync',
  'publisher.after_report',
];

/** From the n-th time that a point is reached, whatever goes on dies at its next point: what a kill leaves behind. */
function crashAt(point: CrashPointName, nth: number): CrashPoint & { readonly hit: () => boolean } {
  let count = 0;
  let dead = false;
  const crashpoint = (name: CrashPointName) => {
    if (name === point) count += 1;
    dead ||= name === point && count === nth;
    if (dead) throw new Error(`killed at ${point}`);
  };
  return Object.assign(crashpoint, { hit: () => dead });
}

describe('a publisher that is killed', () => {
  const cases = POINTS.flatMap((point) => [1, 2, 5].map((nth) => [point, nth] as const));

  it.each(cases)(
    'at %s, the %i. time: the next one leaves exactly one whole file for each row',
    async (point, nth) => {
      const layout = await temporaryWorkspace();
      const rows = new PublicationRows();
      const jobs = [1, 2, 3, 4, 5, 6].map((job) => publicationBody({ kind: 'job', job, name: `faq-${job}` }));
      const results = [1, 2, 3, 4, 5, 6].map((job) =>
        publicationBody({ job, name: `faq-${job}`, text: `answer ${job}` }),
      );
      jobs.forEach((job, at) => rows.add(job, results[at]!));
      const crashpoint = crashAt(point, nth);
      const first = publishing({ layout, rows, seed: 1, batch_max: 4, in_flight: 2, crashpoint });
      first.publisher.poke();
      await first.publisher.idle().catch(() => undefined);
      await first.publisher.stop();
      expect(crashpoint.hit()).toBe(true);
      expect(first.fatal).toHaveLength(1);

      const second = publishing({ layout, rows, seed: 2 });
      await publishAll(second);
      expect(rows.left).toBe(0);
      expect(filesIn(layout.jobs)).toEqual(
        Object.fromEntries(jobs.map((body) => [`${body.run.name}.json`, jobFileText(body)])),
      );
      expect(filesIn(layout.results)).toEqual(
        Object.fromEntries(
          results.map((body) => [`${body.publication.epoch}_${body.run.name}.json`, resultFileText(body)]),
        ),
      );
      expect(namesIn(layout.tmp)).toEqual([]);
      expect(namesIn(layout.conflicts_jobs)).toEqual([]);
      expect(second.conflicts).toEqual([]);
    },
  );

  it('writes nothing any more after it died, however often it is poked', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({ layout, crashpoint: crashAt('publisher.before_link', 1) });
    one.rows.add(publicationBody());
    one.publisher.poke();
    await expect(one.publisher.idle()).rejects.toThrow('killed');
    one.publisher.poke();
    await expect(one.publisher.idle()).rejects.toThrow('killed');
    expect(one.fatal).toHaveLength(1);
    expect(namesIn(layout.results)).toEqual([]);
  });

  it('removes at the start what it left half done, and nothing that is not its own', async () => {
    const layout = await temporaryWorkspace();
    const ours = ['publish-0123456789abcdef.tmp', 'publish-ffffffffffffffff.tmp'];
    const others = [
      'notes.txt',
      'publish-.tmp',
      'publish-0123456789abcdef.tmp.keep',
      'spool-0123456789abcdef.tmp',
    ];
    for (const name of [...ours, ...others]) writeFileSync(join(layout.tmp, name), '');
    await publishAll(publishing({ layout }));
    expect(namesIn(layout.tmp)).toEqual(others.toSorted());
  });

  it('never touches a temporary file that has the name which it draws', async () => {
    const layout = await temporaryWorkspace();
    const names: string[] = [];
    const recorder = publishing({ layout, seed: 7, crashpoint: () => names.push(...namesIn(layout.tmp)) });
    recorder.rows.add(publicationBody());
    await publishAll(recorder);
    // Put there after the start has looked for leftovers: the same seed draws the same name.
    const again = publishing({ layout, seed: 7 });
    await publishAll(again);
    writeFileSync(join(layout.tmp, names[0]!), 'of somebody else');
    again.rows.add(publicationBody({ job: 2 }));
    await publishAll(again);
    expect(filesIn(layout.tmp)).toEqual({ [names[0]!]: 'of somebody else' });
    expect(namesIn(layout.results)).toEqual([`${NOON + 1}_faq-17.json`, `${NOON + 2}_faq-17.json`]);
  });
});

describe('a publisher whose power goes', () => {
  const cases = POINTS.flatMap((point) => [1, 3, 6].map((nth) => [point, nth] as const));

  it.each(cases)(
    'G1, F36: at %s, the %i. time: what was dropped from the rows stands whole, whatever the disk had not written yet',
    async (point, nth) => {
      for (let seed = 1; seed <= 20; seed += 1) {
        const files = new MemoryFiles();
        const layout = layoutOf('/disk');
        const rows = new PublicationRows();
        const bodies = [1, 2, 3, 4, 5, 6].map((job) => publicationBody({ job, name: `faq-${job}` }));
        rows.add(...bodies);
        const crashpoint = crashAt(point, nth);
        const first = publishing({ layout, files, rows, batch_max: 2, in_flight: 2, crashpoint });
        first.publisher.poke();
        await first.publisher.idle().catch(() => undefined);
        await first.publisher.stop();
        files.losePower(new SeededRandom(seed));

        const second = publishing({ layout, files, rows, seed: 2 });
        await publishAll(second);
        expect(rows.left).toBe(0);
        for (const body of bodies) {
          const path = join(layout.results, `${body.publication.epoch}_${body.run.name}.json`);
          expect(String(files.peek(path)), `${path}, seed ${seed}`).toBe(resultFileText(body));
        }
      }
    },
  );
});
