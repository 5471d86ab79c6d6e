/** Results and jobs are found by file names alone: what a lookup opens, as the system saw it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { BIN, type Machine, setup } from './machine.ts';
import { type Call, callsOfProgram, needsStrace, watchCalls } from './strace.ts';

const OPENING = ['open', 'openat', 'openat2', 'creat'];
const LIBRARY = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
const NAMES = ['5_job', 'a.b', 'x_1_2', 'job'];

/** Three results of each name, as nobody could read them. */
async function withResults(): Promise<Machine> {
  const machine = await setup();
  await mkdir(machine.path('results'));
  for (const name of NAMES)
    for (const epoch of [30, 9, 1_764_000_000_000])
      await writeFile(machine.path('results', `${epoch}_${name}.json`), 'not even JSON');
  return machine;
}

/** How often the folder of results was opened, and what in it. */
function openedIn(machine: Machine, calls: readonly Call[]): { folder: number; files: string[] } {
  const results = machine.path('results');
  return {
    folder: calls.filter(({ text }) => text.includes(`"${results}"`)).length,
    files: calls.map(({ text }) => text).filter((text) => text.includes(`${results}/`)),
  };
}

describe('a lookup by file names', () => {
  it('R10 R11 R12: of the library opens the folder of results once, and no file in it', async (ctx) => {
    needsStrace(ctx);
    const machine = await withResults();
    const program = `
      import { jobOf, Lookup, systemFolderNames } from ${JSON.stringify(LIBRARY)};
      const layout = { results: ${JSON.stringify(machine.path('results'))} };
      const lookup = new Lookup({ layout, names: systemFolderNames });
      const found = await lookup.resultsOf('x_1_2');
      const jobs = found.map(({ file }) => jobOf(layout.results + '/' + file));
      const none = await lookup.resultOf('2');
      console.log(JSON.stringify({ found: found.map(({ file }) => file), jobs, none }));`;
    const argv = [process.execPath, '--input-type=module', '-e', program];
    const { stdout, calls } = await callsOfProgram(argv, { calls: OPENING, cwd: machine.root });
    expect(JSON.parse(stdout)).toEqual({
      found: ['9_x_1_2.json', '30_x_1_2.json', '1764000000000_x_1_2.json'],
      jobs: ['x_1_2.json', 'x_1_2.json', 'x_1_2.json'],
      none: { job: '2.json', result: null },
    });
    // One for each of the two jobs that were looked up.
    expect(openedIn(machine, calls)).toEqual({ folder: 2, files: [] });
  });

  it('R10 R11 R12: of the command line opens the folder of results once, and no file in it', async (ctx) => {
    needsStrace(ctx);
    const machine = await withResults();
    const run = (...args: readonly string[]) =>
      callsOfProgram([process.execPath, BIN, ...args], { calls: OPENING, cwd: machine.root });
    const found = await run('results', '5_job', '--json');
    expect(
      found.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { file: string }).file),
    ).toEqual(['9_5_job.json', '30_5_job.json', '1764000000000_5_job.json']);
    expect(openedIn(machine, found.calls)).toEqual({ folder: 1, files: [] });
    const none = await run('results', 'b', '--json');
    expect(none.stdout).toBe('{"job":"b.json","result":null}\n');
    expect(openedIn(machine, none.calls)).toEqual({ folder: 1, files: [] });
    const job = await run('job-of', 'results/30_a.b.json');
    expect(job.stdout).toBe('a.b.json\n');
    expect(openedIn(machine, job.calls)).toEqual({ folder: 0, files: [] });
  });

  it('R10 R11 R12: over HTTP opens no file of results', async (ctx) => {
    needsStrace(ctx);
    const machine = await setup();
    const { client, process } = await machine.serve();
    const configuration = { LLM_name: 'ollama:test-model' };
    for (const [run, prompt] of ['first', 'second'].entries()) {
      await client.submit({ name: '5_a.b', prompt, configuration, if_exists: 'new_run' });
      expect(await client.job('5_a.b', { wait: 30 })).toMatchObject({ state: 'completed', run: run + 1 });
    }
    await client.submit({
      name: 'later',
      prompt: 'x',
      configuration,
      options: { run_at: '2099-01-01T00:00:00Z' },
    });
    await until('both files', async () => (await machine.files('results')).length === 2);
    const files = await machine.files('results');
    const tracer = await watchCalls(process.pid ?? 0, OPENING);
    const { results } = await client.resultsOf('5_a.b');
    expect(results.map(({ file, run }) => ({ file, run }))).toEqual(
      files.map((file, at) => ({ file, run: at + 1 })),
    );
    expect(await client.jobOf(files[1] ?? '')).toMatchObject({ job: '5_a.b.json', name: '5_a.b', run: 2 });
    expect(await client.resultsOf('later')).toEqual({ job: 'later.json', results: [], result: null });
    // So that the trace is known to show what is opened: a file that is published is opened under another name first.
    await client.submit({ name: 'control', prompt: 'y', configuration });
    await until('its file', async () => (await machine.files('results')).length === 3);
    const calls = await tracer.end();
    expect(calls.some(({ text }) => text.includes('publish-'))).toBe(true);
    expect(openedIn(machine, calls).files).toEqual([]);
  });
});
