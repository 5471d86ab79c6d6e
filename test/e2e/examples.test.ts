/** Every job of examples/, executed alone, in a copy of its workspace whose servers are the scripted one. */
import { readFileSync } from 'node:fs';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isJsonObject, type Json } from '../../src/core/json.ts';
import { parseJobText, splitNdjson } from '../../src/core/job-text.ts';
import { splitResultFileName } from '../../src/core/names.ts';
import { parseResultFile, type ResultFile } from '../../src/workspace/result-file.ts';
import { type Machine, setup } from './machine.ts';

const ROOT = path.join(import.meta.dirname, '../../examples');
/** Scripts of JavaScript are run by the Node that runs this. */
const PATH = `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;

interface ConfigFile {
  endpoints?: Record<string, { kind: string; base_url?: string; tokens_per_second?: number }>;
}

/** The workspaces whose jobs stand in `jobs/`, each with the jobs as `execute` is told of them. */
const workspaces = new Map<string, readonly string[]>();
for (const entry of await readdir(ROOT, { withFileTypes: true })) {
  if (!entry.isDirectory()) continue;
  const jobs = path.join(ROOT, entry.name, 'jobs');
  const files: string[] = await readdir(jobs).catch(() => []);
  workspaces.set(
    entry.name,
    files.toSorted().flatMap((file) => namesIn(path.join(jobs, file), `jobs/${file}`)),
  );
}

/** A file, or a batch file by its keys. */
function namesIn(file: string, shown: string): string[] {
  if (!file.endsWith('.jsonl')) return [shown];
  return splitNdjson(readFileSync(file, 'utf8')).map(({ text }) => {
    const { key } = JSON.parse(text) as { readonly key: string };
    return `${shown}#${key}`;
  });
}

async function copyOf(workspace: string): Promise<Machine> {
  const machine = await setup({ env: { PATH } });
  await cp(path.join(ROOT, workspace), machine.root, {
    recursive: true,
    filter: (file) => !/\/(?:\.promptd|results|ended)(?:\/|$)/.test(file),
  });
  const text = await readFile(machine.path('promptd.config.json'), 'utf8');
  const config = parseJobText(text).value as ConfigFile;
  for (const endpoint of Object.values(config.endpoints ?? {})) {
    if (endpoint.kind === 'ollama') endpoint.base_url = machine.model.url;
    if (endpoint.kind === 'openai-compatible') endpoint.base_url = `${machine.model.url}/v1`;
    if (endpoint.kind === 'simulator') endpoint.tokens_per_second = 0;
  }
  await writeFile(machine.path('promptd.config.json'), JSON.stringify(config));
  machine.model.setModels(['default']);
  machine.model.script(({ body }) => isJsonObject(body['response_format']), {
    pieces: ['{"name": "Ada Quill", ', '"town": "Thornbury"}'],
  });
  return machine;
}

async function resultsOf(machine: Machine): Promise<ReadonlyMap<string, ResultFile>> {
  const results = new Map<string, ResultFile>();
  for (const file of await machine.files('results')) {
    const split = splitResultFileName(file);
    if (split === null) continue;
    const result = parseResultFile(await readFile(machine.path('results', file), 'utf8'));
    results.set(split.name, result);
  }
  return results;
}

describe('examples/', () => {
  it('R1, R2, R3: show texts, messages, data, scripts, images, commands, schemas and batches', () => {
    const texts = [...workspaces.keys()].map((workspace) => jobTexts(workspace)).join('\n');
    for (const word of [
      '"prompt": "',
      '"messages"',
      '"csv"',
      '"jsonl"',
      '"json"',
      '"file"',
      '"script"',
      '"pure"',
    ])
      expect(texts).toContain(word);
    for (const word of ['"image"', '"command"', '"argv"', '"response_schema"', '"sample"', '"seed"', '"key"'])
      expect(texts).toContain(word);
  });

  // A process for each job, one after the other.
  it.each([...workspaces].filter(([, jobs]) => jobs.length > 0))(
    'R4, R9: promptd execute works for every job of %s, alone, and leaves a result of each',
    { timeout: 180_000 },
    async (workspace, jobs) => {
      const machine = await copyOf(workspace);
      for (const job of jobs) {
        const { code, stdout, stderr } = await machine.promptd('execute', job);
        expect({ job, code, stderr }).toEqual({ job, code: 0, stderr });
        expect(stdout.trim(), job).not.toBe('');
      }
      const results = await resultsOf(machine);
      expect(results.size).toBe(jobs.length);
      const links = [...results.values()].map(({ job }) => `jobs/${job}`);
      expect(links.toSorted()).toEqual(jobs.toSorted());
      for (const [name, result] of results) {
        expect(result).toMatchObject({ name, run: null, attempt: 1, finish_reason: expect.any(String) });
        expect(JSON.stringify(result.prompt)).not.toMatch(/\{\{|\{%/);
      }
    },
  );

  it('R1: scripts make the prompts that their jobs describe', { timeout: 60_000 }, async () => {
    const machine = await copyOf('scripts');
    const promptOf = async (name: string): Promise<Json> => {
      const { stdout, stderr } = await machine.promptd('execute', `jobs/${name}.json`, '--dry-run', '--json');
      expect(stdout, stderr).not.toBe('');
      return (JSON.parse(stdout) as { readonly prompt: Json }).prompt;
    };
    const asked = (content: unknown) => [{ role: 'user', content }];
    expect(await promptOf('digest')).toEqual(
      asked('Explain write-ahead logging in at most 80 words.\n(This is digest, run 1.)'),
    );
    expect(await promptOf('turnover')).toEqual(
      asked('Our turnover today was 147 euro. Write one cheerful sentence for the team.'),
    );
    expect(await promptOf('rewrite')).toEqual(
      asked(expect.stringContaining('fewer than 9 words, and without the word "reorganisation"')),
    );
    expect(await promptOf('order')).toEqual(asked(expect.stringContaining('Ada: 12 × notebook')));
    expect(await promptOf('interview')).toMatchObject([{ role: 'system' }, {}, {}, {}, { role: 'user' }]);
    expect(await promptOf('chart')).toEqual(
      asked([
        expect.objectContaining({ type: 'text' }),
        expect.objectContaining({ type: 'image', media_type: 'image/png' }),
      ]),
    );
  });

  it(
    'R3: commands take the place of a model, and build the request to one',
    { timeout: 60_000 },
    async () => {
      const programs = await copyOf('commands');
      const said = async (job: string): Promise<string> =>
        (await programs.promptd('execute', `jobs/${job}.json`)).stdout;
      expect(await said('sorted')).toBe('apple\nmelon\npear\n');
      expect(await said('shout')).toBe('KEEP EVERY ANSWER\n');
      expect(await said('frequent')).toContain('| promised | 4 |');
      expect(programs.model.stats().total).toBe(0);
      const machine = await copyOf('server');
      await machine.promptd('execute', 'jobs/chat.json');
      await machine.promptd('execute', 'jobs/stream.json');
      expect(machine.model.requests.map(({ body }) => body)).toEqual([
        {
          model: 'default',
          messages: [{ role: 'user', content: 'Name three rivers.' }],
          max_tokens: 50,
          stream: false,
        },
        { model: 'default', messages: [{ role: 'user', content: 'Name three mountains.' }], stream: true },
      ]);
    },
  );
});

function jobTexts(workspace: string): string {
  const files = (workspaces.get(workspace) ?? []).map((job) => job.replace(/#.*$/, ''));
  return [...new Set(files)].map((file) => readFileSync(path.join(ROOT, workspace, file), 'utf8')).join('\n');
}
