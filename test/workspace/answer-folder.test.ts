/** `results/<EPOCH>_<name>.files/`: what came beside the text of an answer, on disk before the result file names it. */
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CrashPoint, CrashPointName } from '../../src/core/ports/crashpoint.ts';
import { systemFolderNames } from '../../src/platform/folder-names.ts';
import { layoutOf, type WorkspaceLayout } from '../../src/workspace/layout.ts';
import { jobOf, Lookup } from '../../src/workspace/lookup.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { MemoryFiles } from '../support/memory-files.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { namesIn, temporaryWorkspace } from './folder.ts';
import { NOON, publicationBody, PublicationRows } from './publication-rows.ts';
import { publishAll, publishing } from './publisher-setup.ts';

const TEXTS = { 'chart.png': 'a picture', 'notes.txt': 'Ärger\n', 'empty.bin': '' };
const FOLDER = `${NOON + 1}_faq-17.files`;
const RESULT = `${NOON + 1}_faq-17.json`;

/** A result with three files. */
function rowsWithFiles(jobs: readonly number[] = [1]): PublicationRows {
  const rows = new PublicationRows();
  for (const job of jobs) {
    const files = Object.entries(TEXTS).map(([name, text]) => rows.addFile(name, text));
    rows.add(publicationBody({ job, name: job === 1 ? 'faq-17' : `faq-17-${job}`, files }));
  }
  return rows;
}

function filesOf(layout: WorkspaceLayout, folder: string): Record<string, string> {
  const path = join(layout.results, folder);
  return Object.fromEntries(namesIn(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]));
}

/** From the n-th time that a point is reached, whatever goes on dies: what a kill leaves behind. */
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

describe('the files of an answer', () => {
  it('R31: stand write-once beside the result file, which names them with size, hash and path', async () => {
    const layout = await temporaryWorkspace();
    const one = publishing({ layout, rows: rowsWithFiles() });
    await publishAll(one);
    expect(namesIn(layout.results)).toEqual([FOLDER, RESULT].toSorted());
    expect(filesOf(layout, FOLDER)).toEqual(TEXTS);
    const { files } = JSON.parse(readFileSync(join(layout.results, RESULT), 'utf8'));
    expect(files).toHaveLength(3);
    for (const { path, bytes, name } of files) {
      const stats = statSync(join(layout.results, path));
      expect([stats.mode & 0o777, stats.size]).toEqual([0o444, bytes]);
      expect(path).toBe(`${FOLDER}/${name}`);
    }
    expect(namesIn(layout.tmp)).toEqual([]);
    expect(one.conflicts).toEqual([]);
  });

  it('R31: stand whole before the result file does', async () => {
    const layout = await temporaryWorkspace();
    const seen: boolean[] = [];
    const look = () => {
      if (!existsSync(join(layout.results, RESULT))) return;
      seen.push(Object.keys(TEXTS).every((name) => existsSync(join(layout.results, FOLDER, name))));
    };
    await publishAll(publishing({ layout, rows: rowsWithFiles(), crashpoint: look }));
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).not.toContain(false);
  });

  it('are left as they are where the very same files stand already', async () => {
    const layout = await temporaryWorkspace();
    await publishAll(publishing({ layout, rows: rowsWithFiles() }));
    const before = statSync(join(layout.results, FOLDER, 'chart.png')).ino;
    const again = publishing({ layout, rows: rowsWithFiles(), seed: 2 });
    await publishAll(again);
    expect([again.conflicts, again.rows.left]).toEqual([[], 0]);
    expect(statSync(join(layout.results, FOLDER, 'chart.png')).ino).toBe(before);
  });

  it('R9: go to the next epoch with their result where other bytes stand under one of their names', async () => {
    const layout = await temporaryWorkspace();
    mkdirSync(join(layout.results, FOLDER));
    writeFileSync(join(layout.results, FOLDER, 'notes.txt'), 'mine');
    const one = publishing({ layout, rows: rowsWithFiles() });
    await publishAll(one);
    expect(one.conflicts).toHaveLength(1);
    expect(filesOf(layout, FOLDER)['notes.txt']).toBe('mine');
    expect(existsSync(join(layout.results, RESULT))).toBe(false);
    expect(filesOf(layout, `${NOON + 2}_faq-17.files`)).toEqual(TEXTS);
    const { files } = JSON.parse(readFileSync(join(layout.results, `${NOON + 2}_faq-17.json`), 'utf8'));
    expect(files[0].path).toBe(`${NOON + 2}_faq-17.files/chart.png`);
  });

  it('R9: go to the next epoch where the name of the result file is taken, and leave nothing behind', async () => {
    const layout = await temporaryWorkspace();
    writeFileSync(join(layout.results, RESULT), 'mine');
    await publishAll(publishing({ layout, rows: rowsWithFiles() }));
    expect(readFileSync(join(layout.results, RESULT), 'utf8')).toBe('mine');
    expect(namesIn(layout.results)).toEqual([RESULT, `${NOON + 2}_faq-17.files`, `${NOON + 2}_faq-17.json`]);
  });

  it.each(['a file', 'a link'])(
    'follow nothing and replace nothing where their folder is %s',
    async (what) => {
      const layout = await temporaryWorkspace();
      const elsewhere = join(layout.root, 'elsewhere');
      mkdirSync(elsewhere);
      if (what === 'a link') symlinkSync(elsewhere, join(layout.results, FOLDER));
      else writeFileSync(join(layout.results, FOLDER), 'mine');
      const one = publishing({ layout, rows: rowsWithFiles() });
      await publishAll(one);
      expect(one.publisher.stats().refused).toMatchObject([{ message: expect.stringContaining(FOLDER) }]);
      expect(namesIn(layout.results)).toEqual([FOLDER]);
      expect(namesIn(elsewhere)).toEqual([]);
    },
  );

  it('R8: are not published, and neither is their result, where a stored file is not the one that was accepted', async () => {
    const layout = await temporaryWorkspace();
    const rows = rowsWithFiles();
    const body = Buffer.from(TEXTS['notes.txt']).toString('base64');
    for (const [hash, stored] of rows.bodies) if (stored === body) rows.bodies.set(hash, 'AAAA');
    const one = publishing({ layout, rows });
    await publishAll(one);
    expect(one.publisher.stats().refused).toMatchObject([
      { message: expect.stringContaining('notes.txt: the stored file is not the one that was accepted') },
    ]);
    expect(existsSync(join(layout.results, RESULT))).toBe(false);
  });

  it('R10, R11: are no results, and neither is their folder, however they are called', async () => {
    const layout = await temporaryWorkspace();
    const rows = new PublicationRows();
    const files = [rows.addFile('5_faq-17.json', '{}'), rows.addFile('faq-17.json', '{}')];
    rows.add(publicationBody({ name: 'faq-17', files }));
    await publishAll(publishing({ layout, rows }));
    const lookup = new Lookup({ layout, names: systemFolderNames });
    expect((await lookup.resultsOf('faq-17')).map(({ file }) => file)).toEqual([RESULT]);
    expect(await lookup.resultsOf('faq-17.files')).toEqual([]);
    expect(jobOf(join(layout.results, FOLDER))).toBeNull();
    expect(jobOf(join(layout.results, FOLDER, '5_faq-17.json'))).toBeNull();
    expect(jobOf(join(layout.results, RESULT))).toBe('faq-17.json');
  });
});

const POINTS = [
  'publisher.after_temp',
  'publisher.before_link',
  'publisher.after_link',
  'publisher.before_unlink',
  'publisher.after_sync',
  'publisher.after_report',
] as const;
/** Each file passes the points of placing, and so does the result file behind them. */
const CASES = POINTS.flatMap((point) =>
  (point === 'publisher.after_sync' || point === 'publisher.after_report' ? [1] : [1, 2, 3, 4, 6]).map(
    (nth) => [point, nth] as const,
  ),
);

describe('a publisher that is killed among the files of an answer', () => {
  it.each(CASES)('F34: at %s, the %i. time: the next one completes them', async (point, nth) => {
    const layout = await temporaryWorkspace();
    const rows = rowsWithFiles([1, 2]);
    const crashpoint = crashAt(point, nth);
    const first = publishing({ layout, rows, seed: 1, in_flight: 1, crashpoint });
    first.publisher.poke();
    await first.publisher.idle().catch(() => undefined);
    await first.publisher.stop();
    expect(crashpoint.hit()).toBe(true);

    const second = publishing({ layout, rows, seed: 2 });
    await publishAll(second);
    expect([rows.left, second.conflicts]).toEqual([0, []]);
    const other = `${NOON + 2}_faq-17-2`;
    expect(namesIn(layout.results)).toEqual([FOLDER, RESULT, `${other}.files`, `${other}.json`].toSorted());
    for (const folder of [FOLDER, `${other}.files`]) expect(filesOf(layout, folder)).toEqual(TEXTS);
    expect(namesIn(layout.tmp)).toEqual([]);
  });
});

describe('a publisher whose power goes among the files of an answer', () => {
  it.each(CASES)(
    'F36: at %s, the %i. time: where a result file stands, its files do, and the next one completes the rest',
    async (point, nth) => {
      for (let seed = 1; seed <= 20; seed += 1) {
        const files = new MemoryFiles();
        const layout = layoutOf('/disk');
        const rows = rowsWithFiles([1, 2]);
        const bodies = rows.publications(9).map((row) => rows.publicationBody(row)!);
        const crashpoint = crashAt(point, nth);
        const first = publishing({ layout, files, rows, in_flight: 1, crashpoint });
        first.publisher.poke();
        await first.publisher.idle().catch(() => undefined);
        await first.publisher.stop();
        files.losePower(new SeededRandom(seed));

        const pathOf = (name: string) => join(layout.results, name);
        const expectFiles = (of: (typeof bodies)[number]) => {
          for (const [name, text] of Object.entries(TEXTS)) {
            const found = files.peek(pathOf(`${of.publication.epoch}_${of.run.name}.files/${name}`));
            expect(found === null ? null : String(found), `${name}, seed ${seed}`).toBe(text);
          }
        };
        const resultOf = (of: (typeof bodies)[number]) =>
          files.peek(pathOf(`${of.publication.epoch}_${of.run.name}.json`));
        for (const body of bodies) if (resultOf(body) !== null) expectFiles(body);

        const second = publishing({ layout, files, rows, seed: 2 });
        await publishAll(second);
        expect([rows.left, second.conflicts]).toEqual([0, []]);
        for (const body of bodies) {
          expect(String(resultOf(body))).toBe(resultFileText(body));
          expectFiles(body);
        }
      }
    },
  );
});
