import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { JobsOnDisk } from '../../src/app/jobs-on-disk.ts';
import { createPrepare } from '../../src/prompt/prepare.ts';
import { layoutOf } from '../../src/workspace/layout.ts';

const CONFIGURATION = { LLM_name: 'simulator:m' };
const prepare = createPrepare({
  endpoints: new Map([['simulator', { name: 'simulator', kind: 'simulator' }]]),
  default_endpoint: null,
  links: null,
});

async function jobsIn(files: Readonly<Record<string, readonly object[]>>): Promise<JobsOnDisk> {
  const root = await mkdtemp(join(tmpdir(), 'promptd-jobs-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const layout = layoutOf(root);
  await mkdir(layout.jobs, { recursive: true });
  for (const [file, lines] of Object.entries(files)) {
    const text = lines.map((line) => JSON.stringify({ configuration: CONFIGURATION, ...line })).join('\n');
    await writeFile(join(layout.jobs, file), text);
  }
  return new JobsOnDisk(layout, prepare);
}

/** As the door makes the job of such a line. */
async function accepted(line: object, batch: string, file: string) {
  const made = await prepare(
    { configuration: CONFIGURATION, ...line },
    { via: 'folder', link: file, defaults: { batch } },
  );
  if (!made.ok) throw new Error(JSON.stringify(made.faults));
  return made.job;
}

describe('the job that a result links to', () => {
  const lines = [
    { key: 'a', prompt: 'by key' },
    { name: 'own', prompt: 'by name' },
    { prompt: 'by neither' },
  ];

  it.each(lines)('R11: is found by what its line is called: %o', async (line) => {
    const jobs = await jobsIn({ 'lot.jsonl': lines, 'other.jsonl': [{ prompt: 'another' }] });
    const { link, name, digest, batch } = await accepted(line, 'lot', 'lot.jsonl');
    expect(await jobs.of(link, name, { digest, batch })).toMatchObject({ digest });
    expect(await jobs.of(link.replace('lot.', 'other.'), name, { digest, batch })).toBe(null);
  });

  it('R11: is found in a file whose lines were asked as a batch of another name', async () => {
    const jobs = await jobsIn({ 'lot.jsonl': lines });
    for (const batch of ['trial', 'lot']) {
      const { link, name, digest } = await accepted({ prompt: 'by neither' }, batch, 'lot.jsonl');
      expect(await jobs.of(link, name, { digest, batch })).toMatchObject({ digest, batch });
    }
  });
});
