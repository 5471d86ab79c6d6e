/** What comes with an answer, with real processes: what it cost, the prompt that a script made for it, files beside it. */
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { setup } from './machine.ts';

const PRICES = {
  'openai:test-model': { input: 1, output: 2, per: 1_000, currency: 'EUR', as_of: '2026-11-02' },
};

interface File {
  readonly prompt: unknown;
  readonly prompt_sha256: string;
  readonly cost?: { readonly amount: number; readonly currency: string };
  readonly files?: readonly { readonly name: string; readonly path: string; readonly bytes: number }[];
}

it('says of each answer and of their batch what it cost, where there is a price', async () => {
  const machine = await setup({ config: { prices: PRICES } });
  const serving = await machine.serve();
  const jobs = ['openai', 'ollama'].map((endpoint) => ({
    name: endpoint,
    batch: 'b',
    prompt: `question for ${endpoint}`,
    configuration: { LLM_name: `${endpoint}:test-model` },
  }));
  await serving.client.submitMany(jobs);
  const batch = await serving.client.batch('b', { wait: 30 });
  expect(batch.counts).toMatchObject({ completed: 2 });
  const { usage, cost } = await serving.client.result('openai');
  const amount = ((usage?.input ?? Number.NaN) + 2 * (usage?.output ?? Number.NaN)) / 1_000;
  expect(cost).toEqual({ amount: expect.closeTo(amount, 9), currency: 'EUR', as_of: '2026-11-02' });
  expect((await serving.client.result('ollama')).cost).toBeNull();
  expect(batch).toMatchObject({
    cost: [{ currency: 'EUR', amount: expect.closeTo(amount, 9) }],
    cost_unknown: 1,
  });
  expect(await serving.stop()).toBe(0);
  const files = await resultFiles(machine);
  expect(files.get('openai')).toMatchObject({ cost: { currency: 'EUR' } });
  expect(files.get('ollama')).not.toHaveProperty('cost');
});

it('R22: counts an answer that broke its schema in the cost of its batch, and says of both attempts what they took', async () => {
  const machine = await setup({ config: { prices: PRICES } });
  machine.model.script('twice', [{ pieces: ['no JSON'] }, { pieces: ['{"n":', ' 2}'] }]);
  const response_schema = { type: 'object', required: ['n'] };
  const serving = await machine.serve();
  await serving.client.submit({
    name: 'twice',
    batch: 'b',
    prompt: 'twice',
    configuration: { LLM_name: 'openai:test-model', response_schema },
  });
  const { state, with: more } = await serving.client.job('twice', { wait: 30, with: ['attempts'] });
  expect(state).toBe('completed');
  const attempts = more?.attempts ?? [];
  expect(attempts.map(({ outcome }) => outcome)).toEqual(['errored', 'succeeded']);
  const amounts = attempts.map(({ cost, usage }) => {
    expect(cost?.amount).toBeCloseTo(
      ((usage?.input ?? Number.NaN) + 2 * (usage?.output ?? Number.NaN)) / 1_000,
      9,
    );
    return cost?.amount ?? Number.NaN;
  });
  expect(await serving.client.batch('b')).toMatchObject({
    cost: [
      {
        currency: 'EUR',
        amount: expect.closeTo(
          amounts.reduce((a, b) => a + b),
          9,
        ) as number,
      },
    ],
    cost_unknown: 0,
  });
  expect(await serving.stop()).toBe(0);
});

it('R2: publishes and shows the prompt that a script made at the attempt', async () => {
  const machine = await setup();
  await mkdir(machine.path('prompts'), { recursive: true });
  await writeFile(
    machine.path('prompts/ask.sh'),
    '#!/bin/sh\nprintf "What is %s?" "$(date +%Y | cut -c1-2)"\n',
  );
  await chmod(machine.path('prompts/ask.sh'), 0o755);
  const job = { prompt: { script: 'prompts/ask.sh' }, configuration: { LLM_name: 'ollama:test-model' } };
  await machine.writeJobs({ a: job });
  const serving = await machine.serve();
  const run = await machine.promptd('run', 'jobs/a.json');
  expect(run).toMatchObject({ code: 0 });
  const shown = await machine.promptd('show', 'a', '--prompt');
  expect(shown.stdout).toContain(
    'made at each attempt by prompts/ask.sh; of attempt 1\n[user]\nWhat is 20?\n',
  );
  expect(await serving.stop()).toBe(0);
  const file = (await resultFiles(machine)).get('a');
  expect(file?.prompt).toEqual([{ role: 'user', content: 'What is 20?' }]);
});

it('R31: stores what a package made beside its result, and gives it out again', async () => {
  const source = `
import { writeFileSync } from 'node:fs';
let done = false;
export const get_job_status = () => (done ? 1 : 0);
export const submit_job = () => { writeFileSync('chart.png', 'not really a picture'); done = true; return 0; };
export const retrieve_job = () => { done = false; return { path: process.cwd() + '/chart.png' }; };
`;
  const endpoints = { maker: { kind: 'ai-package', module: 'maker.mjs', poll: '50ms' } };
  const machine = await setup({ config: { endpoints, default_endpoint: 'maker' } });
  await writeFile(machine.path('maker.mjs'), source);
  const serving = await machine.serve();
  await serving.client.submit({ name: 'a', prompt: 'Draw.', configuration: { LLM_name: 'maker:any' } });
  expect(await serving.client.job('a', { wait: 30 })).toMatchObject({ state: 'completed' });
  const { files = [] } = await serving.client.result('a');
  expect(files).toMatchObject([{ name: 'chart.png', bytes: 20 }]);
  expect(await serving.stop()).toBe(0);
  const path = machine.path('results', files[0]?.path ?? '');
  expect(await readFile(path, 'utf8')).toBe('not really a picture');
  expect((await stat(path)).mode & 0o777).toBe(0o444);
  expect((await resultFiles(machine)).get('a')?.files).toEqual(files);
});

/** Result files by the names of their jobs. */
async function resultFiles(machine: Awaited<ReturnType<typeof setup>>): Promise<Map<string, File>> {
  const names = (await machine.files('results')).filter((name) => name.endsWith('.json'));
  const texts = names.map(async (name) => {
    const text = await readFile(machine.path('results', name), 'utf8');
    return [name.slice(name.indexOf('_') + 1, -'.json'.length), JSON.parse(text) as File] as const;
  });
  return new Map(await Promise.all(texts));
}
