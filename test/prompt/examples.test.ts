// The jobs of examples/quickstart, prepared as a server prepares them.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseJobText, splitNdjson } from '../../src/core/job-text.ts';
import type { PreparedJob } from '../../src/core/submission.ts';
import { createPrepare, type PrepareFrom } from '../../src/prompt/prepare.ts';
import { WorkspaceLinkReader } from '../../src/workspace/link-reader.ts';

const ROOT = path.join(import.meta.dirname, '../../examples/quickstart');
const files = readdirSync(path.join(ROOT, 'jobs')).toSorted();

async function preparedFrom(file: string): Promise<PreparedJob[]> {
  const prepare = createPrepare({
    endpoints: new Map([
      ['ollama', { name: 'ollama', kind: 'ollama' as const }],
      ['simulator', { name: 'simulator', kind: 'simulator' as const }],
    ]),
    default_endpoint: 'ollama',
    links: new WorkspaceLinkReader({ root: ROOT }),
  });
  const text = readFileSync(path.join(ROOT, 'jobs', file), 'utf8');
  const name = path.basename(file, path.extname(file));
  const lines = file.endsWith('.jsonl') ? splitNdjson(text).map((line) => line.text) : [text];
  const from: PrepareFrom = {
    via: 'folder',
    link: file,
    defaults: file.endsWith('.jsonl') ? { batch: name } : { name },
  };
  return Promise.all(
    lines.map(async (line) => {
      const parsed = parseJobText(line);
      expect(parsed.faults).toEqual([]);
      const prepared = await prepare(parsed.value, from);
      if (!prepared.ok) throw new Error(JSON.stringify(prepared.faults));
      expect(prepared.warnings).toEqual([]);
      return prepared.job;
    }),
  );
}

describe('R1, R2: the quickstart', () => {
  it.each(files)('has a job file that is accepted: %s', async (file) => {
    const jobs = await preparedFrom(file);
    for (const job of jobs) {
      expect(job.endpoint).toBe('simulator');
      expect(job.prompt).not.toMatch(/\{\{|\{%/);
    }
  });

  it('asks a model of yours after one word is replaced', () => {
    for (const file of files) {
      const text = readFileSync(path.join(ROOT, 'jobs', file), 'utf8');
      const models = [...text.matchAll(/"LLM_name": ?"([^"]*)"/g)].map(([, model]) => model);
      expect(new Set(models)).toEqual(new Set(['simulator:demo']));
      expect(text.split('simulator:demo').length - 1).toBe(models.length);
    }
  });

  it('R6: has fourteen jobs, two of which are the same work', async () => {
    const jobs = (await Promise.all(files.map(preparedFrom))).flat();
    expect(jobs).toHaveLength(14);
    expect(new Set(jobs.map(({ name }) => name)).size).toBe(14);
    expect(new Set(jobs.map(({ digest }) => digest)).size).toBe(13);
  });

  it('builds prompts that read well', async () => {
    const [report] = await preparedFrom('reviews-report.json');
    const [label] = await preparedFrom('review-label.json');
    const [capital] = await preparedFrom('capitals.jsonl');
    expect(JSON.parse(report?.prompt ?? '')).toMatchObject([
      {
        content: expect.stringMatching(
          /^Write a short report on what our customers say\.\n\n- Desk lamp \(5 of 5\): Bright.*\n- Kettle.*\n- Headphones.*\n- Notebook[^\n]*$/,
        ),
      },
    ]);
    expect(label?.prompt).toContain('The cable, \\"reinforced\\" or not, is far too short.');
    expect(capital).toMatchObject({
      name: 'capitals.fr',
      key: 'fr',
      link: 'capitals.jsonl#fr',
      source: 'batch_file',
      metadata: { gold: 'Paris' },
    });
  });
});
