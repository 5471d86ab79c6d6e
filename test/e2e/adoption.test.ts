/** `serve` and answers that others put into `results/` and `ended/`: nothing is asked that stands there. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';

const CONFIGURATION = { LLM_name: 'ollama:test-model' };
const WATCHING = { config: { watch: { enabled: true } } };

function jobText(prompt: string): string {
  return JSON.stringify({ prompt, configuration: { LLM_name: 'ollama:test-model' } });
}

/** Made elsewhere, and moved in. */
function drop(machine: Machine, folder: 'jobs' | 'results' | 'ended', name: string, content: string): void {
  mkdirSync(machine.path(folder), { recursive: true });
  writeFileSync(machine.path(`${name}.tmp`), content);
  renameSync(machine.path(`${name}.tmp`), machine.path(folder, name));
}

function pair(name: string, result: string): string {
  return JSON.stringify({ job: `${name}.json`, result });
}

async function completed(machine: Machine, name: string): Promise<void> {
  const client = machine.client();
  await until(`${name} to be completed`, async () => {
    const run = await client.job(name).catch(() => null);
    return run?.state === 'completed';
  });
}

async function model(machine: Machine): Promise<number> {
  await until('all to end', async () => {
    const { states } = await machine.client().stats();
    return (states['queued'] ?? 0) + (states['running'] ?? 0) === 0;
  });
  return machine.model.requests.length;
}

/** Waits until `serve` has taken a file that was dropped now, and so whatever was there before it. */
async function passed(machine: Machine, name: string): Promise<void> {
  drop(machine, 'jobs', `${name}.json`, jobText(name));
  await completed(machine, name);
}

describe('an answer in results/', () => {
  it('R8 R9: that came before its job is the answer of it, and nobody is asked', async () => {
    const machine = await setup(WATCHING);
    await machine.serve();
    drop(machine, 'results', '1700000000000_early.json', pair('early', 'written by hand'));
    drop(machine, 'jobs', 'early.json', jobText('early?'));
    await completed(machine, 'early');
    await passed(machine, 'passed-1');
    const { result, warnings } = await machine.client().result('early');
    expect([result, warnings]).toEqual(['written by hand', [expect.stringContaining('unverified')]]);
    expect(machine.model.count('early?')).toBe(0);
    expect((await machine.client().folder()).counts).toMatchObject({ waiting: 0, changed: 0, of_no_run: 0 });
    expect((await machine.files('results')).filter((name) => name.endsWith('early.json'))).toEqual([
      '1700000000000_early.json',
    ]);
    const shown = (await machine.promptd('show', 'early')).stdout;
    expect(shown).toContain('its answer is that of results/1700000000000_early.json: asked elsewhere');
    expect(shown).toContain('unverified  That file carried no hash');
    expect((await machine.promptd('why', 'early')).stdout).toContain('That file carried no hash');
    const answer = await machine.promptd('result', 'early');
    expect([answer.stdout, answer.stderr]).toEqual([
      'written by hand',
      expect.stringContaining('Unverified: That file carried no hash'),
    ]);
    expect((await machine.client().job('passed-1')).adopted).toBeUndefined();
  });

  it('R8: of many that are moved in at the moment of their jobs, and of lines of a batch, is asked for none', async () => {
    const machine = await setup(WATCHING);
    await machine.serve();
    const names = Array.from({ length: 50 }, (_, i) => `pair-${i}`);
    for (const [i, name] of names.entries()) {
      drop(machine, 'results', `${1_700_000_000_000 + i}_${name}.json`, pair(name, `answer of ${name}`));
      drop(machine, 'jobs', `${name}.json`, jobText(name));
    }
    const line = (key: string) => JSON.stringify({ key, ...(JSON.parse(jobText(`line ${key}`)) as object) });
    const answered = JSON.stringify({ job: 'lot.jsonl#a', result: 'of a' });
    drop(machine, 'results', '1700000001000_lot.a.json', answered);
    drop(machine, 'jobs', 'lot.jsonl', `${line('a')}\n${line('b')}\n`);
    for (const name of [...names, 'lot.a', 'lot.b']) await completed(machine, name);
    expect(machine.model.requests.map(({ prompt }) => prompt)).toEqual(['line b']);
    expect((await machine.client().result('pair-7')).result).toBe('answer of pair-7');
    expect((await machine.client().result('lot.a')).result).toBe('of a');
  });

  it('R8 R14: completes a job that waits, and one that came while serve was down', async () => {
    const machine = await setup(WATCHING);
    const first = await machine.serve();
    machine.model.script('slow', { hold: 'headers' });
    await first.client.submit({ name: 'slow', prompt: 'slow', configuration: CONFIGURATION });
    await first.client.submit({ name: 'other', prompt: 'other', configuration: CONFIGURATION });
    await until('slow to be asked', () => machine.model.count('slow') === 1);
    await completed(machine, 'other');
    drop(machine, 'results', '1700000000000_slow.json', pair('slow', 'quicker by hand'));
    await completed(machine, 'slow');
    await first.stop();
    drop(machine, 'results', '1700000000000_down.json', pair('down', 'came meanwhile'));
    drop(machine, 'jobs', 'down.json', jobText('down'));
    const again = await machine.serve();
    await completed(machine, 'down');
    expect((await again.client.result('down')).result).toBe('came meanwhile');
    expect((await again.client.result('slow')).result).toBe('quicker by hand');
    expect([machine.model.count('slow'), machine.model.count('down')]).toEqual([1, 0]);
  });

  it('R6 R8: of another workspace is taken with its run, its digest and its reason, while both serve', async () => {
    const other = await setup(WATCHING);
    const there = await other.serve();
    const failing = `fails\n@server {"status": 400, "error": "no"}`;
    for (const prompt of ['one', 'two', failing])
      await there.client.submit({
        name: prompt.slice(0, 3),
        prompt,
        configuration: CONFIGURATION,
        options: { max_attempts: 1 },
      });
    await until('files', async () => {
      const { states, unpublished } = await there.client.stats();
      return (states['completed'] ?? 0) + (states['failed'] ?? 0) === 3 && unpublished === 0;
    });
    const machine = await setup(WATCHING);
    const { client } = await machine.serve();
    for (const folder of ['results', 'ended', 'jobs'])
      cpSync(other.path(folder), machine.path(folder), { recursive: true });
    for (const name of ['one', 'two']) await completed(machine, name);
    await until(
      'the end to be known',
      async () => (await client.job('fai').catch(() => null))?.state === 'failed',
    );
    for (const name of ['one', 'two', 'fai']) {
      const { digest, state, reason, submitted_at } = await there.client.job(name);
      expect(await client.job(name)).toMatchObject({ digest, state, reason, submitted_at });
    }
    // The same work under another name is answered before.
    const same = await client.submit({ name: 'same', prompt: 'one', configuration: CONFIGURATION });
    expect(same).toMatchObject({ state: 'completed', answered_before: true });
    await until('all to be dealt with', async () => (await client.folder()).counts.waiting === 0);
    expect(await model(machine)).toBe(0);
  });

  it('R8 R14: that is damaged, of other runs, a link or a FIFO is of no run: it is shown, stays, and blocks nothing', async () => {
    const machine = await setup(WATCHING);
    const { client } = await machine.serve();
    await passed(machine, 'asked');
    drop(machine, 'results', '1700000000000_damaged.json', '{"job": "damaged.json", "result": 7}');
    drop(machine, 'results', '1700000000001_asked.json', pair('asked', 'another answer'));
    drop(machine, 'results', '1700000000002_null.json', '{"job": "null.json", "result": null}');
    symlinkSync('/etc/passwd', machine.path('results', '1700000000003_link.json'));
    execFileSync('mkfifo', [machine.path('results', '1700000000004_pipe.json')]);
    for (const name of ['damaged', 'null', 'link', 'pipe']) await passed(machine, name);
    await until('all to be shown', async () => (await client.folder()).counts.of_no_run === 4);
    expect((await client.folder()).of_no_run.map(({ file }) => file)).toEqual([
      'results/1700000000000_damaged.json',
      'results/1700000000001_asked.json',
      'results/1700000000003_link.json',
      'results/1700000000004_pipe.json',
    ]);
    expect((await machine.promptd('status')).stdout).toContain('4 files of no run (promptd ls --rejected)');
    const listed = (await machine.promptd('ls', '--rejected')).stdout;
    expect(listed).toContain('results/1700000000001_asked.json: its name has other runs');
    expect(listed).toContain('results/1700000000004_pipe.json: expected a regular file, got a FIFO');
    expect(await model(machine)).toBe(5);
    expect(readdirSync(machine.path('results')).filter((file) => file.startsWith('1700'))).toHaveLength(5);
  });
});

describe('another content under the name of a job that came over HTTP', () => {
  it('R8: lets the accepted one stand, keeps it in conflicts/jobs/, and why says so', async () => {
    const machine = await setup(WATCHING);
    const { client } = await machine.serve();
    await client.submit({ name: 'x', prompt: 'accepted', configuration: CONFIGURATION });
    await completed(machine, 'x');
    await until('the file', async () => (await client.stats()).unpublished === 0);
    const accepted = readFileSync(machine.path('jobs', 'x.json'), 'utf8');
    drop(machine, 'jobs', 'x.json', jobText('moved over it'));
    const kept = machine.path('conflicts/jobs/x.json');
    await until('the accepted one to be kept', () => existsSync(kept));
    expect(readFileSync(kept, 'utf8')).toBe(accepted);
    expect(readFileSync(machine.path('jobs', 'x.json'), 'utf8')).toBe(jobText('moved over it'));
    const said =
      'jobs/x.json holds another content than what was accepted; that stands in conflicts/jobs/x.json';
    expect((await machine.promptd('why', 'x')).stdout).toContain(said);
    expect((await client.job('x')).job_file).toContain(said);
    expect((await client.folder()).counts.changed).toBe(1);
    expect(machine.model.count('moved over it')).toBe(0);
    // Put back, nothing is the matter any more; what was kept stays.
    drop(machine, 'jobs', 'x.json', accepted);
    await until('it to be known', async () => (await client.folder()).counts.changed === 0);
    expect((await client.job('x')).job_file).toBeUndefined();
    expect(await machine.files('conflicts/jobs')).toEqual(['x.json']);
  });
});
