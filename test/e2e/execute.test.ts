/** `promptd execute`: one attempt of one job by the command itself, beside a model server and, where it says so, a server. */
import { once } from 'node:events';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/core/errors.ts';
import { parseResultFile, type ResultFile } from '../../src/workspace/result-file.ts';
import { processGone } from '../../src/app/process-gone.ts';
import { until } from '../support/until.ts';
import { type Machine, setup } from './machine.ts';

const OLLAMA = { LLM_name: 'ollama:test-model', temperature: 0.2, seed: 7 };

async function resultsOf(machine: Machine, folder = 'results'): Promise<ResultFile[]> {
  const files = await machine.files(folder).catch(() => []);
  return Promise.all(
    files.map(async (file) => parseResultFile(await readFile(machine.path(folder, file), 'utf8'))),
  );
}

describe('promptd execute', { timeout: 60_000 }, () => {
  it('R4, R9: asks each time, and executed twice a job has two result files', async () => {
    const machine = await setup();
    await machine.writeJobs({ hello: { prompt: 'Say hello', configuration: OLLAMA, metadata: { gold: 1 } } });
    const first = await machine.promptd('execute', 'jobs/hello.json');
    const second = await machine.promptd('execute', 'jobs/hello.json');
    expect([first.code, second.code], first.stderr + second.stderr).toEqual([0, 0]);
    expect(machine.model.stats().total).toBe(2);
    expect(first.stdout).toBe('token0 token1 token2 token3 token4 of: Say hello');
    const files = await machine.files('results');
    expect(files).toEqual([
      expect.stringMatching(/^\d{13}_hello\.json$/),
      expect.stringMatching(/^\d{13}_hello\.json$/),
    ]);
    expect((await stat(machine.path('results', files[0] ?? ''))).mode & 0o777).toBe(0o444);
    const [result] = await resultsOf(machine);
    expect(result).toMatchObject({
      job: 'hello.json',
      result: first.stdout,
      name: 'hello',
      run: null,
      attempt: 1,
      metadata: { gold: 1 },
      endpoint: 'ollama',
      model: 'test-model',
      model_answered: 'test-model',
      parameters_sent: { options: { temperature: 0.2, seed: 7 } },
      finish_reason: 'stop',
      prompt: [{ role: 'user', content: 'Say hello' }],
      digest: expect.stringMatching(/^1:[0-9a-f]{64}$/),
      promptd_version: expect.stringMatching(/^\d/),
    });
    // It started no server, and made no state of one.
    expect(await stat(machine.path('.promptd')).catch(() => null)).toBeNull();
  });

  it('R4: sends what a server sends for the same job, and knows it by the same digest', async () => {
    const machine = await setup();
    const prompt = {
      base: 'About {{ topic }}',
      append: 'Briefly.',
      data: { topic: { file: 'data/topic.txt' } },
    };
    const configuration = { LLM_name: 'openai:test-model', max_tokens: 9, stop: ['x'], logit_bias: { 1: 2 } };
    await mkdir(machine.path('data'));
    await writeFile(machine.path('data', 'topic.txt'), 'queues');
    await machine.writeJobs({ both: { prompt, configuration } });
    const serving = await machine.serve();
    expect((await machine.promptd('run', 'jobs/both.json')).code).toBe(0);
    const run = await serving.client.job('both');
    // The run has completed, so this is no conflict: it is asked once more.
    const { code, stdout, stderr } = await machine.promptd('execute', 'jobs/both.json', '--json');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'both', digest: run.digest, run: null });
    const [byServer, here] = machine.model.requests;
    expect(here?.body).toEqual(byServer?.body);
    expect(here?.url).toBe(byServer?.url);
    expect(machine.model.requests).toHaveLength(2);
  });

  it('R4: leaves a job to the server that has it to do (exit 6), but not other work under that name', async () => {
    const machine = await setup();
    machine.model.script('held', { hold: 'headers' });
    await machine.writeJobs({ slow: { prompt: 'held', configuration: OLLAMA } });
    await machine.serve();
    expect((await machine.promptd('submit', 'jobs/slow.json')).code).toBe(0);
    const same = await machine.promptd('execute', 'jobs/slow.json');
    expect([same.code, same.stdout]).toEqual([EXIT.conflict, '']);
    expect(same.stderr).toMatch(/409 WrongState: slow is (queued|running) at the server of this workspace\./);
    expect(same.stderr).toContain('promptd wait slow');
    await machine.writeJobs({ slow: { prompt: 'edited', configuration: OLLAMA } });
    const edited = await machine.promptd('execute', 'jobs/slow.json');
    expect([edited.code, edited.stdout], edited.stderr).toEqual([
      0,
      'token0 token1 token2 token3 token4 of: edited',
    ]);
    expect(machine.model.count('held')).toBeLessThanOrEqual(1);
    machine.model.release();
  });

  it('R4: says why an attempt failed and what to do (exit 10), and writes no file', async () => {
    const machine = await setup();
    machine.model.script('refused', { status: 400, error: 'no such parameter' });
    await machine.writeJobs({
      refused: { prompt: 'refused', configuration: { LLM_name: 'openai:test-model' } },
      slow: {
        prompt: 'slow @stall',
        configuration: OLLAMA,
        options: { timeout: '200ms' },
      },
    });
    const refused = await machine.promptd('execute', 'jobs/refused.json');
    expect([refused.code, refused.stdout]).toEqual([EXIT.job_failed, '']);
    expect(refused.stderr).toContain('refused failed: BadRequest:');
    expect(refused.stderr).toContain('no such parameter');
    expect(refused.stderr).toContain('mend the configuration');
    const asJson = await machine.promptd('execute', 'jobs/refused.json', '--json');
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      job: 'refused.json',
      result: null,
      reason: { code: 'BadRequest' },
    });
    machine.model.script('slow', { stall: 1 });
    const slow = await machine.promptd('execute', 'jobs/slow.json');
    expect([slow.code, slow.stderr]).toEqual([EXIT.job_failed, expect.stringContaining('TotalTimeout')]);
    expect(await resultsOf(machine)).toEqual([]);
  });

  it('R4: shows what is wrong with a job, with line and column (exit 12), and asks nobody', async () => {
    const machine = await setup();
    await machine.writeJobs({ wrong: { prompt: 'x', configuration: { ...OLLAMA, seed: 'seven' } } });
    const { code, stderr } = await machine.promptd('execute', 'jobs/wrong.json');
    expect(code).toBe(EXIT.invalid_job);
    expect(stderr).toMatch(/^jobs\/wrong\.json:6:\d+: configuration\.seed: expected .*"seven"/);
    expect(stderr).toContain('nothing was executed');
    expect((await machine.promptd('execute', 'jobs/none.json')).code).toBe(EXIT.not_found);
    expect(machine.model.stats().total).toBe(0);
  });

  it('ends the attempt at Ctrl-C (exit 130): the model is let go of, and no file is written', async () => {
    const machine = await setup();
    machine.model.script('long', { stall: 2, tokens: 9 });
    await machine.writeJobs({ long: { prompt: 'long', configuration: OLLAMA } });
    const child = machine.spawn(['execute', 'jobs/long.json']);
    const exited = once(child, 'exit');
    const request = await machine.model.arrived('long');
    child.kill('SIGINT');
    expect(await exited).toEqual([EXIT.interrupted, null]);
    await request.ended;
    expect(request.state).toBe('aborted');
    expect(await resultsOf(machine)).toEqual([]);
  });

  it('R1: ends the scripts of an attempt at Ctrl-C, and what they started (exit 130)', async () => {
    const machine = await setup();
    const pids = machine.path('pids');
    await mkdir(machine.path('prompts'));
    const script = `#!/bin/sh\nsleep 600 &\necho "$$ $!" > '${pids}'\nwait\n`;
    await writeFile(machine.path('prompts', 'slow.sh'), script, { mode: 0o755 });
    await machine.writeJobs({ slow: { prompt: { script: 'prompts/slow.sh' }, configuration: OLLAMA } });
    const child = machine.spawn(['execute', 'jobs/slow.json']);
    const exited = once(child, 'exit');
    const started = async (): Promise<string> => readFile(pids, 'utf8').catch(() => '');
    await until('the script to run', async () => (await started()).endsWith('\n'));
    child.kill('SIGINT');
    expect(await exited).toEqual([EXIT.interrupted, null]);
    for (const pid of (await started()).trim().split(' '))
      await until(`${pid} to be gone`, () => processGone(Number(pid)));
    expect([machine.model.stats().total, await resultsOf(machine)]).toEqual([0, []]);
  });

  it('R9: the latest result of a name is the last one written, whatever the clock says', async () => {
    const machine = await setup();
    const later = Date.now() + 3_600_000;
    await mkdir(machine.path('results'));
    await writeFile(
      machine.path('results', `${later}_hello.json`),
      '{"job": "hello.json", "result": "before"}',
    );
    await machine.writeJobs({ hello: { prompt: 'Say hello', configuration: OLLAMA } });
    expect((await machine.promptd('execute', 'jobs/hello.json')).code).toBe(0);
    expect(await machine.files('results')).toEqual([`${later}_hello.json`, `${later + 1}_hello.json`]);
  });

  it('asks nobody where the answer could not be kept', async () => {
    const machine = await setup();
    await machine.writeJobs({ hello: { prompt: 'Say hello', configuration: OLLAMA } });
    await writeFile(machine.path('results'), 'no folder');
    const { code, stderr } = await machine.promptd('execute', 'jobs/hello.json');
    expect([code, machine.model.stats().total], stderr).toEqual([EXIT.error, 0]);
    expect(stderr).toContain(`${machine.path('results')}: expected a folder, got a file`);
  });

  it('R4: needs no workspace: links begin at the folder of the file, and the result lies beside it', async () => {
    const elsewhere = await setup();
    await rm(elsewhere.path('promptd.config.json'));
    await mkdir(elsewhere.path('data'));
    await writeFile(elsewhere.path('data', 'word.txt'), 'alone');
    const job = {
      prompt: { base: 'It is {{ word }}', data: { word: { file: 'data/word.txt' } } },
      configuration: { LLM_name: 'simulator:demo', max_tokens: 5 },
    };
    await writeFile(elsewhere.path('lonely.json'), JSON.stringify(job));
    const { code, stdout, stderr } = await elsewhere.promptd('execute', 'lonely.json');
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('Made up');
    expect(stderr).toContain('No workspace here');
    const [result] = await resultsOf(elsewhere);
    expect(result).toMatchObject({ job: 'lonely.json', prompt: [{ role: 'user', content: 'It is alone' }] });
  });

  it('R4: one line of a batch file is named by its key; a file of several is for promptd run', async () => {
    const machine = await setup();
    const lines = ['a', 'b'].map((key) =>
      JSON.stringify({ key, prompt: `question ${key}`, configuration: OLLAMA }),
    );
    await writeFile(machine.path('many.jsonl'), lines.join('\n'));
    const many = await machine.promptd('execute', 'many.jsonl');
    expect([many.code, many.stderr]).toEqual([EXIT.usage, expect.stringContaining('promptd run many.jsonl')]);
    const one = await machine.promptd('execute', 'many.jsonl#b', '--json');
    expect(one.code, one.stderr).toBe(0);
    expect(JSON.parse(one.stdout)).toMatchObject({ name: 'many.b', key: 'b', job: '../many.jsonl#b' });
    expect((await machine.promptd('execute', 'many.jsonl#c')).code).toBe(EXIT.not_found);
    expect(machine.model.stats().total).toBe(1);
  });
});
