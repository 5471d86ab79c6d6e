/** `serve` and the folder `jobs/`: drop a file, get a file; whatever is killed meanwhile, once for each name. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';

function text(prompt: string, model = 'ollama:test-model'): string {
  return `{\n  // Written by a person.\n  "prompt": ${JSON.stringify(prompt)},\n  "configuration": { "LLM_name": "${model}" }\n}\n`;
}

/** How it is meant to be done: made elsewhere, and moved in. */
function drop(machine: Machine, name: string, content: string): void {
  mkdirSync(machine.path('jobs'), { recursive: true });
  writeFileSync(machine.path(`${name}.tmp`), content);
  renameSync(machine.path(`${name}.tmp`), machine.path('jobs', name));
}

function resultNames(machine: Machine): string[] {
  return readdirSync(machine.path('results')).map((file) => file.replace(/^\d+_/, ''));
}

/** Every result that is there, by the name of its job, waiting for so many. */
async function results(machine: Machine, count: number): Promise<string[]> {
  await until(`${count} results`, () => resultNames(machine).length >= count, 120_000);
  return resultNames(machine).toSorted();
}

const WATCHING = { config: { watch: { enabled: true } } };

describe('serve and the folder jobs/', () => {
  it('R14: makes a result file of a file that is dropped, and leaves that as it is', async () => {
    const machine = await setup(WATCHING);
    const { client } = await machine.serve();
    const dropped = { '5_job.json': 'one', 'a.b.json': 'two', 'x_1_2.json': 'three' };
    for (const [name, prompt] of Object.entries(dropped)) drop(machine, name, text(prompt));
    expect(await results(machine, 3)).toEqual(Object.keys(dropped).toSorted());
    for (const [name, prompt] of Object.entries(dropped))
      expect(readFileSync(machine.path('jobs', name), 'utf8')).toBe(text(prompt));
    expect(await machine.files('jobs')).toEqual(Object.keys(dropped).toSorted());
    // What came over HTTP is published there, and not taken for dropped.
    await client.submit({ name: 'http', prompt: 'four', configuration: { LLM_name: 'ollama:test-model' } });
    await results(machine, 4);
    drop(machine, 'last.json', text('five'));
    expect(await results(machine, 5)).toContain('last.json');
    expect(await client.folder()).toMatchObject({
      counts: { watched: true, waiting: 0, rejected: 0, changed: 0 },
    });
    expect((await client.stats()).states).toEqual({ completed: 5 });
  });

  it('R7: takes at its start what was put there while nothing ran, a batch as its lines', async () => {
    const machine = await setup(WATCHING);
    drop(machine, 'early.json', text('early'));
    drop(
      machine,
      'lot.jsonl',
      ['a', 'b']
        .map((key) => JSON.stringify({ key, prompt: key, configuration: { LLM_name: 'test-model' } }))
        .join('\n'),
    );
    const { client } = await machine.serve();
    expect(await results(machine, 3)).toEqual(['early.json', 'lot.a.json', 'lot.b.json']);
    expect((await client.batch('lot')).total).toBe(2);
  });

  it('R14: says of every wrong file what is wrong, until it is mended, and once over restarts', async () => {
    const machine = await setup(WATCHING);
    const first = await machine.serve();
    drop(machine, 'wrong.json', '{"prompt": "x", "configuration": {"LLM_name": "test-model", "sed": 1}}');
    drop(machine, 'half.json', '{"prompt": "x", ');
    drop(machine, 'not a name.json', text('x'));
    symlinkSync('/etc/passwd', machine.path('jobs', 'link.json'));
    execFileSync('mkfifo', [machine.path('jobs', 'pipe.json')]);
    mkdirSync(machine.path('jobs', 'dir.json'));
    const rejected = async (): Promise<number> => (await machine.client().folder()).counts.rejected;
    await until('all to be rejected', async () => (await rejected()) === 6);
    const listed = await machine.promptd('ls', '--rejected');
    expect(listed.stdout).toContain('jobs/wrong.json:1:61: configuration.sed: expected a known parameter');
    expect(listed.stdout).toMatch(/^jobs\/half\.json:1:\d+: /m);
    expect((await machine.promptd('status')).stdout).toContain('6 rejected (promptd ls --rejected)');
    const reports = await machine.files('rejected');
    expect(reports).toHaveLength(6);
    await first.stop();
    await machine.serve();
    await until('all to be rejected again', async () => (await rejected()) === 6);
    expect(await machine.files('rejected')).toEqual(reports);
    drop(machine, 'wrong.json', text('mended'));
    expect(await results(machine, 1)).toEqual(['wrong.json']);
    expect(await rejected()).toBe(5);
  });

  it('R8: shows a changed file, and spends nothing on it until it is asked', async () => {
    const machine = await setup(WATCHING);
    const { client } = await machine.serve();
    drop(machine, 'faq.json', text('before'));
    await results(machine, 1);
    drop(machine, 'faq.json', text('after'));
    await until('the change to be seen', async () => (await client.folder()).counts.changed === 1);
    expect((await machine.promptd('ls', '--changed')).stdout).toContain('jobs/faq.json  faq');
    expect(machine.model.count('after')).toBe(0);
    expect((await machine.promptd('run', 'jobs/faq.json')).code).toBe(0);
    await until('it to be known', async () => (await client.folder()).counts.changed === 0);
    expect(await results(machine, 2)).toEqual(['faq.json', 'faq.json']);

    const line = (prompt: string) =>
      `{"key": "k1", "prompt": "${prompt}", "configuration": {"LLM_name": "test-model"}}\n`;
    drop(machine, 'lot.jsonl', line('first'));
    await results(machine, 3);
    drop(machine, 'lot.jsonl', line('second'));
    await until('the change to be seen', async () => (await client.folder()).counts.changed === 1);
    const { stdout } = await machine.promptd('why', 'lot.k1');
    expect(stdout).toContain('See: promptd explain lot.k1 jobs/lot.jsonl#k1');
    const told = await machine.promptd(...(/promptd (explain .+)/.exec(stdout)?.[1] ?? '').split(' '));
    expect(told.stdout).toContain('second');
  });

  it('R7: asks a changed file as the next run where the configuration says so', async () => {
    const machine = await setup({ config: { watch: { on_change: 'new_run' } } });
    await machine.serve();
    drop(machine, 'faq.json', text('before'));
    await results(machine, 1);
    drop(machine, 'faq.json', text('after'));
    expect(await results(machine, 2)).toEqual(['faq.json', 'faq.json']);
    expect([machine.model.count('before'), machine.model.count('after')]).toEqual([1, 1]);
  });

  it.each(['watcher.before_submit:1', 'watcher.after_submit:1', 'turn.after_commit:1', 'store.in_commit:1'])(
    'R7 R8: takes a file once where it is killed at %s',
    async (at) => {
      const machine = await setup(WATCHING);
      drop(machine, 'one.json', text('one'));
      const killed = machine.spawn(['serve'], { PROMPTD_CRASH_AT: at });
      expect(await once(killed, 'exit')).toEqual([null, 'SIGKILL']);
      await machine.endOrphans();
      const { client } = await machine.serve();
      expect(await results(machine, 1)).toEqual(['one.json']);
      drop(machine, 'two.json', text('two'));
      expect(await results(machine, 2)).toEqual(['one.json', 'two.json']);
      expect(machine.model.count('one')).toBe(1);
      expect((await client.stats()).states).toEqual({ completed: 2 });
      expect(await machine.files('jobs')).toEqual(['one.json', 'two.json']);
    },
  );

  it('R7 R8 R14: makes one result of each of 2,000 files while it is killed twice, and none is changed', async () => {
    const machine = await setup(WATCHING);
    const contents = new Map(
      Array.from({ length: 2_000 }, (_, i) => [`${i}_job.x.json`, text(`prompt ${i}`, 'simulator:any')]),
    );
    const names = [...contents.keys()];
    const put = (from: number, to: number): void => {
      for (const name of names.slice(from, to)) drop(machine, name, contents.get(name) ?? '');
    };
    for (const [from, to] of [
      [0, 700],
      [700, 1_400],
    ] as const) {
      const serving = await machine.serve();
      put(from, to);
      await until('some results', () => resultNames(machine).length > from + 100);
      await serving.kill();
    }
    put(1_400, 2_000);
    await machine.serve();
    expect(await results(machine, 2_000)).toEqual(names.toSorted());
    for (const [name, content] of contents)
      expect(readFileSync(machine.path('jobs', name), 'utf8')).toBe(content);
    expect((await machine.files('jobs')).length).toBe(2_000);
    expect(await machine.files('rejected')).toEqual([]);
  });
});
