/** No job is performed more than once unnecessarily (R6), over the whole road: files, commands, server, instance, models. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { Lookup } from '../../src/workspace/lookup.ts';
import { systemFolderNames } from '../../src/platform/folder-names.ts';
import { until } from '../support/until.ts';
import { blocksOf } from '../docs/blocks.ts';
import { readDoc } from '../docs/tables.ts';
import { endServerOf, type Machine, setup } from './machine.ts';

const ROWS = 500;
const CONFIGURATION = { LLM_name: 'ollama:test-model', temperature: 0 };

type Row = [id: number, question: string, note: string];
const rows = (): Row[] => Array.from({ length: ROWS }, (_, i): Row => [i, `question number ${i}`, 'nothing']);

async function writeRows(machine: Machine, table: readonly Row[]): Promise<void> {
  const lines = table.map(([id, question, note]) => `${id},${question},${note}`);
  await writeFile(machine.path('data', 'faq.csv'), `id,question,note\n${lines.join('\n')}\n`);
}

/** Two templates over every row. */
function lines(): object[] {
  return ['Answer', 'Doubt'].flatMap((verb) =>
    Array.from({ length: ROWS }, (_, row) => ({
      key: `${verb}-${row}`,
      prompt: { base: `${verb}: {{ q }}`, data: { q: { csv: 'data/faq.csv', row, column: 'question' } } },
      configuration: CONFIGURATION,
    })),
  );
}

async function writeLines(machine: Machine, file: string, jobs: readonly object[]): Promise<void> {
  await writeFile(machine.path(file), jobs.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

interface Report {
  readonly created: number;
  readonly answered_before: number;
  readonly shared: number;
  readonly next_runs: { readonly total: number; readonly some: readonly object[] } | null;
}

async function run(machine: Machine, ...args: readonly string[]): Promise<Report> {
  const ran = await machine.promptd('run', '--json', '-q', ...args);
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(ran.stdout) as Report;
}

async function workspace(): Promise<Machine> {
  const machine = await setup();
  machine.onFinished(() => endServerOf(machine.root));
  await mkdir(machine.path('data'));
  await mkdir(machine.path('jobs'));
  return machine;
}

// Thousands of jobs through real processes, on a machine that may be busy.
const LONG = { timeout: 180_000 };

it(
  'R6, R9: of 1,000 jobs over one data file an edited row asks those that use it, an unused column and another template ask none',
  LONG,
  async () => {
    const machine = await workspace();
    const table = rows();
    await writeRows(machine, table);
    await writeLines(machine, 'faq.jsonl', lines());
    expect(await run(machine, 'faq.jsonl')).toMatchObject({
      created: 1_000,
      answered_before: 0,
      next_runs: null,
    });
    expect(machine.model.requests).toHaveLength(1_000);

    table[17] = [17, 'another question', 'nothing'];
    await writeRows(machine, table);
    const next = await run(machine, 'faq.jsonl');
    expect(next).toMatchObject({ created: 2, answered_before: 998 });
    expect(next.next_runs).toEqual({
      total: 2,
      some: ['Answer', 'Doubt'].map((verb) => ({ name: `faq.${verb}-17`, run: 2, differs: ['prompt.data'] })),
    });
    const sent = machine.model.requests.slice(1_000).map(({ prompt }) => prompt);
    expect(sent.toSorted()).toEqual(['Answer: another question', 'Doubt: another question']);

    await writeRows(
      machine,
      table.map(([id, question]): Row => [id, question, 'edited']),
    );
    expect(await run(machine, 'faq.jsonl')).toMatchObject({
      created: 0,
      answered_before: 1_000,
      next_runs: null,
    });

    const plain = table.flatMap(([id, question]) =>
      ['Answer', 'Doubt'].map((verb) => ({
        key: `${verb}-${id}`,
        prompt: `${verb}: ${question}`,
        configuration: CONFIGURATION,
      })),
    );
    await writeLines(machine, 'plain.jsonl', plain);
    expect(await run(machine, 'plain.jsonl')).toMatchObject({
      created: 0,
      answered_before: 1_000,
      shared: 0,
    });
    expect(machine.model.requests).toHaveLength(1_002);
  },
);

it('R6, R9: --fresh asks once for the name of its batch, and two equal lines of it share', LONG, async () => {
  const machine = await workspace();
  const same = (key: string): object => ({ key, prompt: 'the same', configuration: CONFIGURATION });
  await writeLines(machine, 'lines.jsonl', [same('a'), same('b')]);
  expect(await run(machine, 'lines.jsonl')).toMatchObject({ created: 1, shared: 1 });
  expect(await run(machine, 'lines.jsonl', '--fresh', '--batch', 'second')).toMatchObject({
    created: 1,
    shared: 1,
  });
  expect(await run(machine, 'lines.jsonl', '--fresh', '--batch', 'second')).toMatchObject({
    answered_before: 2,
  });
  expect(await run(machine, 'lines.jsonl')).toMatchObject({ created: 0, answered_before: 2 });
  expect(machine.model.requests).toHaveLength(2);
  expect(await run(machine, 'lines.jsonl', '--fresh')).toMatchObject({
    created: 1,
    shared: 1,
    next_runs: null,
  });
  expect(machine.model.requests).toHaveLength(3);
});

it(
  'R9: rerun asks what is stored, not what stands in the files now, and leaves two results',
  LONG,
  async () => {
    const machine = await workspace();
    await writeFile(machine.path('data', 'q.txt'), 'the first text');
    const prompt = { base: '{{ q }}', data: { q: { file: 'data/q.txt' } } };
    await machine.writeJobs({ faq: { prompt, configuration: CONFIGURATION } });
    await run(machine);
    await writeFile(machine.path('data', 'q.txt'), 'an edited text');
    expect(await machine.promptd('rerun', 'faq')).toMatchObject({ code: 0, stdout: 'faq@2 created\n' });
    expect(await machine.promptd('wait', 'faq')).toMatchObject({ code: 0 });
    expect(machine.model.requests.map((one) => one.prompt)).toEqual(['the first text', 'the first text']);
    const names = { layout: { results: machine.path('results') }, names: systemFolderNames };
    await until(
      'both results to be published',
      async () => (await new Lookup(names).resultsOf('faq')).length === 2,
    );
    const explained = await machine.promptd('explain', 'faq', 'jobs/faq.json');
    expect(explained.stdout).toContain('prompt.data');
    expect(explained.stdout).toMatch(/A .*the first text/);
    expect(explained.stdout).toMatch(/B .*an edited text/);
    expect(await run(machine)).toMatchObject({ created: 1, next_runs: { total: 1 } });
  },
);

it('R6, R2: a script that is not pure is asked for each job, and a rerun runs it again', LONG, async () => {
  const machine = await workspace();
  await mkdir(machine.path('prompts'));
  const script = machine.path('prompts', 'ask.sh');
  const prints = async (text: string): Promise<void> => {
    await writeFile(script, `#!/bin/sh\ncat > /dev/null\nprintf '%s' '${text}'\n`);
    await chmod(script, 0o755);
  };
  await prints('what came first');
  const scripted = { prompt: { script: 'prompts/ask.sh' }, configuration: CONFIGURATION };
  const pure = { ...scripted, prompt: { ...scripted.prompt, pure: true } };
  await machine.writeJobs({ a: scripted, b: scripted, c: pure, d: pure });
  const first = await run(machine);
  expect(first.created + first.answered_before + first.shared).toBe(4);
  expect(machine.model.requests).toHaveLength(3);
  const explained = await machine.promptd('explain', 'a', 'b');
  expect(explained.stdout).toContain('name (a script in it is not pure: it is the same work only as itself)');
  await prints('what came then');
  expect(await machine.promptd('rerun', 'a')).toMatchObject({ code: 0, stdout: 'a@2 created\n' });
  expect(await machine.promptd('wait', 'a')).toMatchObject({ code: 0 });
  expect(machine.model.requests.at(-1)?.prompt).toBe('what came then');
});

it(
  'R6: shared_with names the run that is waited for, and a permanent failure is the same for all',
  LONG,
  async () => {
    const machine = await workspace();
    const { client } = await machine.serve();
    machine.model.script('held', { hold: 'headers' });
    const job = (name: string, prompt: string) => ({ name, prompt, configuration: CONFIGURATION });
    const submitted = await client.submitMany([job('a', 'held'), job('b', 'held')]);
    expect(submitted).toMatchObject({ created: 1, shared: 1 });
    expect(await client.job('b')).toMatchObject({
      state: 'blocked',
      shared_with: 'a@1',
      reason: { code: 'SameAs', message: expect.stringContaining('a@1') as string },
    });
    await until('the model to be asked', () => machine.model.requests.length === 1);
    machine.model.requests[0]!.release();
    expect(await client.job('b', { wait: 30 })).toMatchObject({
      state: 'completed',
      shared_with: 'a@1',
      answered_before: true,
      attempts: 0,
    });
    expect((await client.result('b')).result).toBe((await client.result('a')).result);

    machine.model.script('refused', { status: 400 });
    await client.submitMany([job('c', 'refused'), job('d', 'refused')]);
    const [c, d] = [await client.job('c', { wait: 30 }), await client.job('d', { wait: 30 })];
    expect(c.state).toBe('failed');
    expect(d.reason).toMatchObject({
      code: c.reason?.code,
      message: `The same work failed as c@1: ${c.reason?.message}`,
    });
    expect(machine.model.requests).toHaveLength(2);
  },
);

it(
  'R12: a job without a result has the same null result in the command, over HTTP and in the library',
  LONG,
  async () => {
    const machine = await workspace();
    const { client } = await machine.serve({ instance: false });
    const run_at = '2099-01-01T00:00:00Z';
    await client.submit({ name: 'later', prompt: 'x', configuration: CONFIGURATION, options: { run_at } });
    const lookup = new Lookup({ layout: { results: machine.path('results') }, names: systemFolderNames });
    const NULL_RESULT = { job: 'later.json', result: null };
    expect(await lookup.resultOf('later')).toEqual(NULL_RESULT);
    expect(await client.result('later')).toMatchObject(NULL_RESULT);
    const shown = await machine.promptd('result', 'later', '--json');
    expect(JSON.parse(shown.stdout)).toEqual(await client.result('later'));
  },
);

it('R6: docs/identity.md: its example is what it says', LONG, async () => {
  const machine = await workspace();
  const blocks = blocksOf(readDoc('docs/identity.md'));
  const second = JSON.parse(blocks.find(({ info }) => info === 'json')!.text) as {
    configuration: { sample: number; seed: number };
  };
  const first = { ...second, configuration: { ...second.configuration, sample: 1 } };
  await machine.writeJobs({ 'name-1': first, 'name-2': second });
  const [typed, ...printed] = blocks.find(({ info }) => info === 'console')!.text.split('\n');
  const explained = await machine.promptd(...typed!.replace('$ promptd ', '').split(' '));
  expect(explained).toEqual({ code: 0, stderr: '', stdout: `${printed.join('\n')}\n` });
  expect(await run(machine)).toMatchObject({ created: 2 });
  for (const [name, { sample, seed }] of [
    ['name-1', first.configuration],
    ['name-2', second.configuration],
  ] as const) {
    const result = JSON.parse((await machine.promptd('result', name, '--json')).stdout) as {
      parameters_sent: { seed: number };
      file: string;
    };
    expect(result.parameters_sent.seed).toBe(seed + sample);
    const file = await readFile(machine.path('results', result.file), 'utf8');
    expect(JSON.parse(file)).toMatchObject({ parameters_sent: { seed: seed + sample } });
  }
});
