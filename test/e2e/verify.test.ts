/** `promptd verify` over what real processes left behind, and over what somebody did to it since. */
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import type { Misfit, Verified } from '../../src/core/verification.ts';
import { type Machine, setup } from './machine.ts';

const PACKAGE = `
import { writeFileSync } from 'node:fs';
let done = false;
export const get_job_status = () => (done ? 1 : 0);
export const submit_job = () => { writeFileSync('chart.png', 'not really a picture'); done = true; return 0; };
export const retrieve_job = () => { done = false; return { path: process.cwd() + '/chart.png' }; };
`;

/** Two answers of a model, one with a file beside it, and one that was cancelled. */
async function answered(): Promise<Machine> {
  const machine = await setup({
    config: {
      endpoints: {
        simulator: { kind: 'simulator', tokens_per_second: 0 },
        charts: { kind: 'ai-package', module: 'charts.mjs', poll: '10ms' },
      },
      default_endpoint: 'simulator',
    },
  });
  await writeFile(machine.path('charts.mjs'), PACKAGE);
  const serving = await machine.serve();
  const configuration = { LLM_name: 'simulator:any' };
  await serving.client.submitMany([
    { name: 'one', prompt: 'first', configuration },
    { name: '5_two', prompt: 'second', configuration },
    { name: 'chart', prompt: 'draw', configuration: { LLM_name: 'charts:any' } },
    { name: 'gone', prompt: 'never', configuration, options: { run_at: '2099-01-01T00:00:00Z' } },
  ]);
  await serving.client.cancel('gone');
  for (const name of ['one', '5_two', 'chart']) await serving.client.job(name, { wait: 30 });
  const beside = await machine.promptd('verify');
  expect(beside).toMatchObject({ code: 0, stdout: '' });
  expect(await machine.promptd('result', 'one', '--verify')).toMatchObject({ code: 0, stdout: '' });
  expect(await serving.stop()).toBe(0);
  return machine;
}

async function verify(machine: Machine): Promise<{ code: number; found: Misfit[]; summary: Verified }> {
  const { code, stdout, stderr } = await machine.promptd('verify', '--json');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Misfit & { summary?: Verified });
  const summary = lines.pop()?.summary;
  if (summary === undefined) throw new Error(stderr);
  return { code, found: lines.toSorted((a, b) => (a.where < b.where ? -1 : 1)), summary };
}

async function resultOf(machine: Machine, name: string): Promise<string> {
  const file = (await machine.files('results')).find((one) => one.endsWith(`_${name}.json`));
  return `results/${file ?? ''}`;
}

it('R9: finds everything as it was written, beside a server and without one', async () => {
  const machine = await answered();
  const { code, found, summary } = await verify(machine);
  expect({ code, found }).toEqual({ code: 0, found: [] });
  expect(summary).toMatchObject({ runs: 4, files: 5, unverified: 0, misfits: 0, database: true });
});

it('R9: names each file that was changed, removed or put there, and ends with 13', async () => {
  const machine = await answered();
  const one = await resultOf(machine, 'one');
  const two = await resultOf(machine, '5_two');
  const chart = (await resultOf(machine, 'chart')).replace('.json', '.files');
  const [ended = ''] = await machine.files('ended');
  await rewrite(machine.path(one), (text) => text.replace(/"result": "/, '"result": "not '));
  await rewrite(machine.path('ended', ended), (text) => text.replace('"cancelled"', '"failed"'));
  await rewrite(machine.path(chart, 'chart.png'), () => 'another picture');
  await writeFile(machine.path(chart, 'stray.png'), '');
  await rename(machine.path(two), machine.path('results/17_5_two.json'));
  await rm(machine.path('jobs/one.json'));
  await writeFile(machine.path('results/18_seed.json'), '{"job": "seed.json", "result": "by hand"}');
  await writeFile(machine.path('results/19_seed.json'), '{"job": "seed.json", "resu');
  await writeFile(machine.path('results/README.md'), 'of no interest');
  await mkdir(machine.path('results/20_seed.json'));
  const { code, found, summary } = await verify(machine);
  expect(found.find(({ where }) => where === 'results/20_seed.json')?.message).toBe(
    'expected a file, got a folder',
  );
  expect(found.map(({ where, kind }) => `${where}: ${kind}`)).toEqual(
    [
      `ended/${ended}: changed`,
      'jobs/one.json: missing',
      `${two}: missing`,
      `${one}: changed`,
      `${one}: changed`,
      `${chart}/chart.png: changed`,
      `${chart}/stray.png: unknown`,
      'results/17_5_two.json: unknown',
      'results/19_seed.json: unreadable',
      'results/20_seed.json: unreadable',
    ].toSorted((a, b) => (a < b ? -1 : 1)),
  );
  expect({ code, unverified: summary.unverified, misfits: summary.misfits }).toEqual({
    code: 13,
    unverified: 1,
    misfits: 10,
  });
  const text = await machine.promptd('verify');
  expect(text.code).toBe(13);
  expect(text.stdout).toContain(`${one}: changed: its text is not that of the database\n`);
  expect(text.stderr).toContain('Without a hash, so that nobody can say whether it was changed: 1 result.');
});

it('R9: names the run whose stored answer was changed behind the back of the database', async () => {
  const machine = await answered();
  const db = new DatabaseSync(machine.path('.promptd/queue.db'));
  db.exec(`DROP TRIGGER bodies_keep;
    UPDATE bodies SET body = 'x' || body WHERE id = (
      SELECT r.text FROM results r JOIN jobs j ON j.id = r.job WHERE j.name = 'one');
    CREATE TRIGGER bodies_keep BEFORE UPDATE ON bodies BEGIN SELECT RAISE(ABORT, 'bodies are immutable'); END;`);
  db.close();
  const { code, found } = await verify(machine);
  expect(code).toBe(13);
  expect(found.map(({ where, kind }) => [where, kind])).toEqual([
    ['one@1', 'changed'],
    ['one@1', 'changed'],
  ]);
});

it('R9: holds files to themselves where there is no database', async () => {
  const machine = await answered();
  await rm(machine.path('.promptd'), { recursive: true });
  const one = await resultOf(machine, 'one');
  await rewrite(machine.path(one), (text) => text.replace(/"result": "/, '"result": "not '));
  const { code, found, summary } = await verify(machine);
  expect({ code, where: found.map(({ where }) => where) }).toEqual({ code: 13, where: [one] });
  expect(summary).toMatchObject({ database: false, files: 5, runs: 0 });
});

async function rewrite(path: string, change: (text: string) => string): Promise<void> {
  const { mode } = await stat(path);
  await chmod(path, 0o644);
  await writeFile(path, change(await readFile(path, 'utf8')));
  await chmod(path, mode);
}
