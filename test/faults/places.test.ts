/** What stands in the way of a file, and places where none can be put. */
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/platform/files.ts';
import { traceOfDatabase } from '../../src/workspace/database-trace.ts';
import { refuseWithoutLinks } from '../../src/workspace/publishing-folders.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { namesIn, realNames, temporaryFolder, temporaryWorkspace } from '../workspace/folder.ts';
import { NOON, publicationBody } from '../workspace/publication-rows.ts';
import { publishing } from '../workspace/publisher-setup.ts';
import { FaultyDisk } from './faulty-disk.ts';

describe('a name in results/ that something else has', () => {
  const target = `${NOON + 1}_faq-17.json`;
  const things: readonly [string, (path: string, elsewhere: string) => void][] = [
    ['a folder', (path) => mkdirSync(path)],
    ['a link to a file elsewhere', (path, elsewhere) => symlinkSync(elsewhere, path)],
    ['a link to nowhere', (path) => symlinkSync('/nowhere/at/all', path)],
  ];

  it.each(things)(
    'R8: %s: is not followed or replaced, is named, and is looked at again each minute',
    async (_, put) => {
      const layout = await temporaryWorkspace();
      const elsewhere = join(temporaryFolder(), 'theirs');
      writeFileSync(elsewhere, 'theirs');
      put(join(layout.results, target), elsewhere);
      const disk = new FaultyDisk();
      const one = publishing({ layout, files: disk.files });
      const body = publicationBody();
      one.rows.add(body, publicationBody({ job: 2, name: 'other' }));
      one.publisher.poke();
      await one.publisher.idle();
      expect(one.publisher.stats().refused.map(({ message }) => message)).toEqual([
        expect.stringMatching(/expected nothing or a file, found (directory|symlink)\. Move it away/),
      ]);
      expect(one.troubles).toEqual([
        expect.objectContaining({
          code: 'FolderRefused',
          message: expect.stringContaining(target) as string,
        }),
      ]);
      // Others are not held up, the row stays, and nobody asks in a loop.
      expect(namesIn(layout.results)).toEqual([target, `${NOON + 2}_other.json`]);
      expect(one.rows.left).toBe(1);
      const links = disk.writes.filter((line) => line.startsWith('link')).length;
      await one.clock.advance(59_000);
      expect(disk.writes.filter((line) => line.startsWith('link')).length).toBe(links);
      expect(readFileSync(elsewhere, 'utf8')).toBe('theirs');
      expect(existsSync('/nowhere')).toBe(false);
      rmSync(join(layout.results, target), { recursive: true });
      const began = performance.now();
      while (one.rows.left > 0 && performance.now() - began < 20_000) await one.clock.advance(60_000);
      expect(readFileSync(join(layout.results, target), 'utf8')).toBe(resultFileText(body));
      await one.publisher.idle();
      expect(one.troubles.slice(1)).toEqual([null]);
    },
  );
});

describe('a disk without hard links', () => {
  it.each(['EXDEV', 'EPERM', 'EOPNOTSUPP'])(
    'R8: (%s) is refused at the start, by name, and leaves nothing behind',
    async (code) => {
      const layout = await temporaryWorkspace();
      const disk = new FaultyDisk();
      disk.fault = { at: (write, path) => write === 'link' && path.startsWith(layout.results), code };
      const probe = refuseWithoutLinks({ files: disk.files, layout, random: new SeededRandom(1) });
      await expect(probe).rejects.toMatchObject({
        code: 'FolderRefused',
        message: expect.stringContaining(`Files cannot be linked from ${layout.tmp}`) as string,
        hint: expect.stringContaining('must lie on one disk') as string,
      });
      for (const folder of [layout.tmp, layout.jobs, layout.results, layout.ended])
        expect(namesIn(folder)).toEqual([]);
    },
  );

  it('is not what a full disk is taken for: that may pass, and a failed fsync may not', async () => {
    const layout = await temporaryWorkspace();
    const disk = new FaultyDisk();
    const probe = () => refuseWithoutLinks({ files: disk.files, layout, random: new SeededRandom(1) });
    await probe();
    for (const code of ['ENOSPC', 'EACCES', 'EMFILE']) {
      disk.fault = { at: (write) => write === 'link' || write === 'writeNew', code };
      await probe();
    }
    disk.fault = { at: (write) => write === 'writeNew', code: 'EIO', syscall: 'fsync' };
    await expect(probe()).rejects.toMatchObject({ code: 'EIO' });
  });
});

describe('what a workspace shows of a database that it had', () => {
  const traceIn = (layout: Awaited<ReturnType<typeof temporaryWorkspace>>): Promise<string | null> =>
    traceOfDatabase({ files: systemFiles, names: realNames, layout });

  it('is nothing in a fresh one, and nothing by results that others wrote', async () => {
    const layout = await temporaryWorkspace();
    expect(await traceIn(layout)).toBe(null);
    writeFileSync(layout.instance_token, 'made before any database is');
    writeFileSync(join(layout.results, '1764000000000_mine.json'), '{"job": "mine.json", "result": "pair"}');
    writeFileSync(join(layout.results, '1764000000001_broken.json'), 'no JSON');
    writeFileSync(join(layout.results, 'notes.txt'), '');
    expect(await traceIn(layout)).toBe(null);
  });

  it('is the key or the address of a server, or a file that was published', async () => {
    for (const path of ['admin_key', 'server'] as const) {
      const layout = await temporaryWorkspace();
      writeFileSync(layout[path], '{}');
      expect(await traceIn(layout)).toBe(`${layout[path]} is there`);
    }
    const layout = await temporaryWorkspace();
    const path = join(layout.results, `${NOON}_faq-17.json`);
    writeFileSync(path, resultFileText(publicationBody()));
    expect(await traceIn(layout)).toBe(`${path} was published from it`);
  });
});
