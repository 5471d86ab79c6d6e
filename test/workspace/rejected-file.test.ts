import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/core/errors.ts';
import { systemFiles } from '../../src/platform/files.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { type Rejection, RejectedReports } from '../../src/workspace/rejected-file.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryFiles } from '../support/memory-files.ts';
import { filesIn, namesIn, realNames, temporaryWorkspace } from './folder.ts';

const FAULT: Fault = { code: 'InvalidJob', path: 'prompt', expected: 'a text', got: '7', line: 2, column: 3 };

function rejection(file: string, sha256 = 'a'.repeat(64)): Rejection {
  const version = { kind: 'file', bytes: 12, modified_at: '2026-01-01T00:00:00.000Z', sha256 } as const;
  return { file, version, faults: [FAULT] };
}

async function setup() {
  const layout = await temporaryWorkspace();
  const clock = new FakeClock();
  const reports = (): RejectedReports =>
    new RejectedReports({ files: systemFiles, names: realNames, layout, clock, random: systemRandom });
  return { layout, clock, reports };
}

describe('a report about a rejected file', () => {
  it('R14: stands in rejected/ under the name and the time, with what is wrong where', async () => {
    const { layout, clock, reports } = await setup();
    const name = await reports().write(rejection('faq.json'));
    expect(name).toBe(`faq.${clock.now()}.json`);
    expect(JSON.parse(filesIn(layout.rejected)[name] ?? '')).toEqual({
      file: 'faq.json',
      faults: [FAULT],
      version: rejection('faq.json').version,
      rejected_at: new Date(clock.now()).toISOString(),
      format: 1,
    });
    expect(namesIn(layout.tmp)).toEqual([]);
  });

  it('R14: is written once for a version, also over restarts, and again for another version', async () => {
    const { layout, clock, reports } = await setup();
    const first = await reports().write(rejection('faq.json'));
    await clock.advance(60_000);
    expect(await reports().write(rejection('faq.json'))).toBe(first);
    const second = await reports().write(rejection('faq.json', 'b'.repeat(64)));
    expect(namesIn(layout.rejected)).toEqual([first, second].toSorted());
  });

  it('R14: is written once of each of several files that are spelled alike, over restarts', async () => {
    const { layout, clock, reports } = await setup();
    const files = ['a b.json', 'a_b.json', 'a-b.json', 'a+b.json'];
    const all = reports();
    const first = await Promise.all(files.map((file) => all.write(rejection(file))));
    await clock.advance(60_000);
    const again = reports();
    for (const [i, file] of files.entries()) expect(await again.write(rejection(file))).toBe(first[i]);
    expect(namesIn(layout.rejected)).toEqual(first.toSorted());
  });

  it('R14: that is told of is there after a power loss', async () => {
    const { layout, clock } = await setup();
    const files = new MemoryFiles();
    for (const folder of [layout.rejected, layout.tmp]) await files.makeDirectory(folder);
    const options = { files, names: realNames, layout, clock, random: systemRandom };
    const name = await new RejectedReports(options).write(rejection('faq.json'));
    files.losePower({ next: () => 0, id: () => '' });
    expect(files.paths).toContain(join(layout.rejected, name));
  });

  it('R8: never goes over another, and never follows what somebody put there', async () => {
    const { layout, clock, reports } = await setup();
    writeFileSync(join(layout.rejected, `faq.${clock.now()}.json`), 'mine');
    const name = await reports().write(rejection('faq.json'));
    expect(filesIn(layout.rejected)).toMatchObject({ [`faq.${clock.now()}.json`]: 'mine' });
    expect(name).toBe(`faq.${clock.now() + 1}.json`);
  });

  it('R14: is told apart for a job and a batch of one name, and has a plain name whatever the file is called', async () => {
    const { layout, clock, reports } = await setup();
    const all = reports();
    for (const file of ['a.json', 'a.jsonl', 'é/../ü x.json', `${'n'.repeat(250)}.json`])
      await all.write(rejection(file));
    expect(namesIn(layout.rejected)).toEqual(
      [
        `a.${clock.now()}.json`,
        `a.jsonl.${clock.now()}.json`,
        `__..___x.${clock.now()}.json`,
        `${'n'.repeat(200)}.${clock.now()}.json`,
      ].toSorted(),
    );
  });
});
