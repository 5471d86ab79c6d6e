import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/platform/files.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { type FaultOf, faultyFiles, type FileCall, systemError } from './faulty-files.ts';
import { filesIn, namesIn, temporaryWorkspace } from './folder.ts';
import { NOON, publicationBody } from './publication-rows.ts';
import { publishAll, publishing } from './publisher-setup.ts';

/** Real file calls take real time: moves the clock on until nothing is left to do. */
async function untilIdle(one: ReturnType<typeof publishing>, step_ms: number): Promise<void> {
  let idle = false;
  const waiting = one.publisher.idle().then(() => (idle = true));
  while (!idle) await one.clock.advance(step_ms);
  await waiting;
}

describe('a disk that is full for a while', () => {
  const calls: readonly [FileCall, string, string][] = [
    ['writeNew', 'ENOSPC', 'write'],
    ['writeNew', 'ENOSPC', 'fsync'],
    ['writeNew', 'EDQUOT', 'open'],
    ['writeNew', 'EMFILE', 'open'],
    ['link', 'ENOSPC', 'link'],
    ['link', 'EACCES', 'link'],
    ['unlink', 'EROFS', 'unlink'],
    ['syncDirectory', 'EMFILE', 'open'],
  ];

  it.each(calls)(
    'at %s (%s of %s): waits, says so, and loses nothing when it is over',
    async (call, code, syscall) => {
      const layout = await temporaryWorkspace();
      const failing: FaultOf = (name, _path, count) =>
        name === call && count <= 3 ? systemError(code, syscall) : null;
      const one = publishing({ layout, files: faultyFiles(systemFiles, failing), in_flight: 1 });
      const bodies = [1, 2, 3].map((job) => publicationBody({ job, name: `faq-${job}` }));
      one.rows.add(...bodies);
      one.publisher.poke();
      await untilIdle(one, 100);
      expect(Object.values(filesIn(layout.results))).toEqual(bodies.map(resultFileText));
      expect(one.rows.left).toBe(0);
      expect(one.troubles).toEqual([expect.objectContaining({ code }), null]);
      expect(one.fatal).toEqual([]);
    },
  );

  it('is told once for all tries, by its folder: what is written there has another name each time', async () => {
    const layout = await temporaryWorkspace();
    const files = faultyFiles(systemFiles, (call, to, count) => {
      if (call !== 'link' || count > 4) return null;
      const [path, dest] = [join(layout.tmp, `${count}.tmp`), to];
      const message = `EACCES: permission denied, link '${path}' -> '${dest}'`;
      return Object.assign(new Error(message), { code: 'EACCES', syscall: 'link', path, dest });
    });
    const one = publishing({ layout, files, in_flight: 2 });
    for (const job of [1, 2, 3]) one.rows.add(publicationBody({ job, name: `faq-${job}` }));
    one.publisher.poke();
    await untilIdle(one, 100);
    expect(files.count('link')).toBeGreaterThan(4);
    const message = `${layout.results}: permission denied`;
    expect(one.troubles).toEqual([expect.objectContaining({ code: 'EACCES', message }), null]);
  });

  it('is asked less and less often, at most every 30 seconds', async () => {
    const layout = await temporaryWorkspace();
    let full = true;
    const files = faultyFiles(systemFiles, (call) =>
      full && call === 'writeNew' ? systemError('ENOSPC', 'write') : null,
    );
    const one = publishing({ layout, files });
    one.rows.add(publicationBody());
    one.publisher.poke();
    const tries: number[] = [];
    for (let waited_ms = 0; waited_ms < 120_000; waited_ms += 100) {
      await one.clock.advance(100);
      // A wait is under way exactly when a timer is set: only then has the last try ended.
      while (one.clock.waiting === 0) await one.clock.settle();
      if (files.count('writeNew') > tries.length) tries.push(waited_ms);
    }
    const gaps = tries.slice(1).map((at, index) => at - tries[index]!);
    expect(gaps).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
    full = false;
    await untilIdle(one, 30_000);
    expect(namesIn(layout.results)).toHaveLength(1);
  });

  it('does not keep a stop waiting, and is not asked again by pokes', async () => {
    const layout = await temporaryWorkspace();
    const files = faultyFiles(systemFiles, (call) =>
      call === 'writeNew' ? systemError('ENOSPC', 'write') : null,
    );
    const one = publishing({ layout, files });
    one.rows.add(publicationBody());
    one.publisher.poke();
    while (one.publisher.stats().trouble === null || one.clock.waiting === 0) await one.clock.settle();
    for (let n = 0; n < 50; n += 1) one.publisher.poke();
    await one.clock.settle();
    expect(files.count('writeNew')).toBe(1);
    await one.publisher.stop();
    expect(one.clock.waiting).toBe(0);
    expect(one.rows.left).toBe(1);
  });
});

describe('a failed fsync', () => {
  it.each([
    ['of a file', 'writeNew', 'EIO'],
    ['of a folder', 'syncDirectory', 'EIO'],
    ['of a folder on a full disk', 'syncDirectory', 'ENOSPC'],
  ] as const)('%s ends everything: nothing is told, nothing is tried again', async (_what, failing, code) => {
    const layout = await temporaryWorkspace();
    const files = faultyFiles(systemFiles, (call) => (call === failing ? systemError(code, 'fsync') : null));
    const one = publishing({ layout, files });
    one.rows.add(publicationBody());
    one.publisher.poke();
    await expect(one.publisher.idle()).rejects.toThrow();
    one.publisher.poke();
    await one.clock.advance(3_600_000);
    expect(one.fatal).toHaveLength(1);
    expect(one.told).toEqual([]);
    expect(files.count(failing)).toBe(1);
  });
});

describe('a scheduler that cannot be told', () => {
  it('is told again, and the files are not written again', async () => {
    const layout = await temporaryWorkspace();
    const files = faultyFiles(systemFiles);
    let refusals = 3;
    const one = publishing({
      layout,
      files,
      onPublished: async (published) => {
        if (refusals-- > 0) throw new Error('The turn failed');
        one.rows.drop(published);
      },
    });
    one.rows.add(publicationBody());
    one.publisher.poke();
    await untilIdle(one, 100);
    expect(files.count('link')).toBe(1);
    expect(one.rows.left).toBe(0);
    expect(one.troubles).toEqual([expect.objectContaining({ message: 'The turn failed' }), null]);
  });

  it('does not hold up the files of other rows', async () => {
    const layout = await temporaryWorkspace();
    const answer = Promise.withResolvers<void>();
    const one = publishing({ layout, batch_max: 1, onPublished: () => answer.promise });
    for (let job = 1; job <= 5; job += 1) one.rows.add(publicationBody({ job, name: `faq-${job}` }));
    one.publisher.poke();
    while (one.publisher.stats().published < 5) await one.clock.settle();
    expect(namesIn(layout.results)).toHaveLength(5);
    expect(one.told).toHaveLength(1);
    answer.resolve();
    await one.publisher.idle();
    expect(one.told).toHaveLength(5);
  });

  it('is tried once more by a stop, which then gives up', async () => {
    const layout = await temporaryWorkspace();
    let asked = 0;
    const one = publishing({
      layout,
      onPublished: () => Promise.reject(new Error(`refused ${(asked += 1)}`)),
    });
    one.rows.add(publicationBody());
    one.publisher.poke();
    while (asked === 0 || one.clock.waiting === 0) await one.clock.settle();
    await one.publisher.stop();
    expect(asked).toBe(2);
    expect(one.clock.waiting).toBe(0);
  });
});

describe('a folder that disappears', () => {
  it('is made again', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({ layout });
    one.rows.add(publicationBody());
    await publishAll(one);
    rmSync(layout.results, { recursive: true });
    rmSync(layout.tmp, { recursive: true });
    one.rows.add(publicationBody({ job: 2 }));
    one.publisher.poke();
    await untilIdle(one, 100);
    expect(namesIn(layout.results)).toEqual([`${NOON + 2}_faq-17.json`]);
  });

  it('is trouble while a file stands in its place', async () => {
    const layout = await temporaryWorkspace();
    rmSync(layout.results, { recursive: true });
    await systemFiles.writeNew(layout.results, Buffer.from(''), 0o644);
    const one = publishing({ layout });
    one.rows.add(publicationBody());
    one.publisher.poke();
    while (one.publisher.stats().trouble === null) await one.clock.settle();
    expect(one.publisher.stats().trouble?.message).toBe(`${layout.results}: expected a folder, got a file`);
    rmSync(layout.results);
    await untilIdle(one, 100);
    expect(namesIn(layout.results)).toEqual([`${NOON + 1}_faq-17.json`]);
  });
});

describe('a database that cannot be read', () => {
  it('is asked again', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({ layout });
    one.rows.add(publicationBody());
    const read = one.rows.publications.bind(one.rows);
    let failures = 2;
    one.rows.publications = (limit) => {
      if (failures-- > 0) throw new Error('database is locked');
      return read(limit);
    };
    one.publisher.poke();
    await untilIdle(one, 100);
    expect(namesIn(layout.results)).toHaveLength(1);
    expect(one.troubles[0]).toMatchObject({
      code: 'StoreBusy',
      message: expect.stringContaining('database is locked'),
    });
  });
});
