/** `promptd rebuild` after `.promptd/` was lost: nothing is asked again, and every job has its state and results as before. */
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { JobView } from '../../src/core/views.ts';
import { endServerOf, type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';

const configuration = { LLM_name: 'ollama:test-model', temperature: 0.5 };

const PACKAGE = `
import { writeFileSync } from 'node:fs';
let done = false;
export const get_job_status = () => (done ? 1 : 0);
export const submit_job = () => { writeFileSync('chart.png', 'not really a picture'); done = true; return 0; };
export const retrieve_job = () => { done = false; return { path: process.cwd() + '/chart.png' }; };
`;

/** What must be as before. Times of claims and the instances that made attempts are gone. */
async function known(machine: Machine): Promise<Record<string, unknown>> {
  const serving = await machine.serve();
  const jobs = await machine.promptd('ls', '--all', '--json');
  const views: Record<string, unknown> = {};
  for (const line of jobs.stdout.trim().split('\n')) {
    const { name } = JSON.parse(line) as JobView;
    const { with: also } = await serving.client.job(name, { with: ['runs'] });
    for (const { run } of also?.runs ?? []) {
      const ref = `${name}@${run}`;
      const { state, reason, digest, batch, key, metadata, submitted_at, model } =
        await serving.client.job(ref);
      const { result, files, usage, attempt, finish_reason, file } = await serving.client.result(ref);
      views[ref] = {
        state,
        reason,
        digest,
        batch,
        key,
        metadata,
        submitted_at,
        model,
        result,
        files,
        usage,
        attempt,
        finish_reason,
        file,
      };
    }
  }
  expect(await serving.stop()).toBe(0);
  await machine.endOrphans();
  return views;
}

async function lose(machine: Machine): Promise<void> {
  await endServerOf(machine.root);
  await machine.endOrphans();
  await rm(machine.path('.promptd'), { recursive: true });
}

it('R8 R26: gives each job its runs, states and answers again, and asks nothing of them', async () => {
  const charts = { kind: 'ai-package', module: 'charts.mjs', poll: '10ms' };
  const machine = await setup();
  machine.onFinished(() => endServerOf(machine.root));
  const config = JSON.parse(await readFile(machine.path('promptd.config.json'), 'utf8')) as {
    endpoints: Record<string, unknown>;
  };
  config.endpoints['charts'] = charts;
  await writeFile(machine.path('promptd.config.json'), JSON.stringify(config));
  await writeFile(machine.path('charts.mjs'), PACKAGE);
  await mkdir(machine.path('prompts'));
  await writeFile(machine.path('prompts/ask.sh'), '#!/bin/sh\nprintf "made by a script"\n');
  await chmod(machine.path('prompts/ask.sh'), 0o755);
  const fails = '@server {"status": 400, "error": "no"}';
  await machine.writeJobs({
    '5_17_a': { prompt: 'digits', configuration, metadata: { gold: 'B' } },
    'a.b': { prompt: 'dots', configuration },
    x_1_2: { prompt: 'underscores', configuration },
    same: { prompt: 'dots', configuration },
    twice: { prompt: 'first words', configuration },
    chart: { prompt: 'draw', configuration: { LLM_name: 'charts:any' } },
    script: { prompt: { script: 'prompts/ask.sh' }, configuration },
    fails: { prompt: `fails\n${fails}`, configuration, options: { max_attempts: 1 } },
  });
  await writeFile(
    machine.path('questions.jsonl'),
    ['a', 'b/2'].map((key) => JSON.stringify({ key, prompt: `line ${key}`, configuration })).join('\n'),
  );
  await machine.promptd('run');
  await machine.promptd('run', 'questions.jsonl');
  await machine.writeJobs({ twice: { prompt: 'second words', configuration } });
  await machine.promptd('run');
  await machine.promptd('rerun', 'x_1_2', '--yes');
  await machine.promptd('wait', 'x_1_2');
  await machine.promptd(
    'submit',
    '-m',
    'ollama:test-model',
    '-p',
    'later',
    '--run-at',
    '2099-01-01T00:00:00Z',
    '--name',
    'off',
  );
  await machine.promptd('cancel', 'off');
  const server = machine.client();
  await until('all files', async () => (await server.stats()).unpublished === 0);
  await endServerOf(machine.root);
  const before = await known(machine);
  expect(Object.keys(before).toSorted()).toEqual([
    '5_17_a@1',
    'a.b@1',
    'chart@1',
    'fails@1',
    'off@1',
    'questions.a@1',
    'questions.b-2@1',
    'same@1',
    'script@1',
    'twice@1',
    'twice@2',
    'x_1_2@1',
    'x_1_2@2',
  ]);
  const files = [await machine.files('results'), await machine.files('ended'), await machine.files('jobs')];
  const asked = machine.model.requests.length;

  await lose(machine);
  const refused = await machine.promptd('status');
  expect(refused.code).not.toBe(0);
  const rebuilt = await machine.promptd('rebuild');
  expect(rebuilt).toMatchObject({ code: 0, stdout: '' });
  expect(rebuilt.stderr).toContain('11 runs with an answer, 2 that failed or were cancelled');
  expect(rebuilt.stderr).toContain('Attempts, logs and keys are gone');
  expect(await known(machine)).toEqual(before);
  expect(await machine.promptd('verify')).toMatchObject({ code: 0, stdout: '' });

  const again = await machine.promptd('run');
  expect(again.stdout).toContain('1 failed before, not asked again');
  expect((await machine.promptd('run', 'questions.jsonl')).code).toBe(0);
  await endServerOf(machine.root);
  expect(machine.model.requests.length).toBe(asked);
  expect([await machine.files('results'), await machine.files('ended'), await machine.files('jobs')]).toEqual(
    files,
  );
});

it('R9: takes the bare pair as an answer of its job, and leaves out and names what does not fit', async () => {
  const machine = await setup();
  machine.onFinished(() => endServerOf(machine.root));
  await machine.writeJobs({
    seed: { prompt: 'by hand', configuration },
    changed: { prompt: 'as it was', configuration },
    open: { prompt: 'not asked so far', configuration },
  });
  await machine.promptd('run', 'jobs/changed.json');
  await lose(machine);
  const [result = ''] = await machine.files('results');
  const text = await readFile(machine.path('results', result), 'utf8');
  await writeFile(
    machine.path('results/1000_spoiled.json'),
    text.replaceAll('changed', 'spoiled').replace('"result": "', '"result": "x'),
  );
  await writeFile(machine.path('results/1001_broken.json'), '{"job": "brok');
  await writeFile(
    machine.path('results/1002_seed.json'),
    '{"job": "seed.json", "result": "an answer by hand"}',
  );
  await writeFile(
    machine.path('results/1003_gone.json'),
    '{"job": "gone.json", "result": "of a job that is gone"}',
  );
  await writeFile(machine.path('results/1004_gone.json'), '{"job": "gone.json", "result": "and another"}');
  const asked = machine.model.requests.length;
  const { code, stdout, stderr } = await machine.promptd('rebuild');
  expect(code).toBe(13);
  expect(stdout.split('\n').toSorted().slice(1)).toEqual([
    expect.stringContaining('results/1000_spoiled.json: changed: the text does not match its sha256'),
    expect.stringContaining('results/1001_broken.json: changed: expected JSON'),
  ]);
  expect(stderr).toContain('3 came from files that name no run');
  const run = await machine.promptd('run');
  expect(run.code).toBe(0);
  expect(machine.model.requests.length).toBe(asked + 1);
  const seed = await machine.promptd('result', 'seed');
  expect(seed).toMatchObject({ code: 0, stdout: 'an answer by hand' });
  expect((await machine.promptd('result', 'gone@1')).stdout).toBe('of a job that is gone');
  expect((await machine.promptd('result', 'gone')).stdout).toBe('and another');
  expect(await machine.promptd('rerun', 'gone')).toMatchObject({ code: 6 });
  await endServerOf(machine.root);
});

it('R26: refuses beside a server, and where there is a database', async () => {
  const machine = await setup();
  machine.onFinished(() => endServerOf(machine.root));
  const serving = await machine.serve();
  expect(await machine.promptd('rebuild')).toMatchObject({ code: 6 });
  expect(await serving.stop()).toBe(0);
  const refused = await machine.promptd('rebuild');
  expect(refused.code).toBe(6);
  expect(refused.stderr).toContain('queue.db is there. Nothing was changed.');
});
