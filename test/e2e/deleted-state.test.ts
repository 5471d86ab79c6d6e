/** A workspace whose `.promptd/` a person deleted: the next server makes its database from the folders and goes on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { BIN, endServerOf, type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';

const configuration = { LLM_name: 'ollama:test-model' };

/** What must be as before, of every run. */
async function stateOf(client: Client): Promise<Record<string, unknown>> {
  const runs: Record<string, unknown> = {};
  for await (const { name } of client.jobs({})) {
    const { with: also } = await client.job(name, { with: ['runs'] });
    for (const { run } of also?.runs ?? []) {
      const ref = `${name}@${run}`;
      const { state, reason, digest, batch, key, metadata, submitted_at } = await client.job(ref);
      const { result, usage, file } = await client.result(ref);
      runs[ref] = { state, reason, digest, batch, key, metadata, submitted_at, result, usage, file };
    }
  }
  return runs;
}

function putJob(machine: Machine, file: string, content: string): void {
  mkdirSync(machine.path('jobs'), { recursive: true });
  writeFileSync(machine.path('jobs', file), content);
}

/** Starts `serve`, and gives what it says at the terminal when it serves. */
async function serveSaying(
  machine: Machine,
): Promise<{ readonly said: () => string; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [BIN, 'serve'], {
    cwd: machine.root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (piece: Buffer) => (said += String(piece)));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  machine.onFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await until('serve to say where it serves', () => said.includes('instances '));
  return {
    said: () => said,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

it('R6, R8: deleting .promptd/ and starting again makes no attempt for what had ended; every job has its state and its result as before', async () => {
  const machine = await setup({ config: { watch: { enabled: true } } });
  putJob(machine, 'faq.json', JSON.stringify({ prompt: 'a?', configuration, metadata: { gold: 'B' } }));
  putJob(
    machine,
    'fails.json',
    JSON.stringify({
      prompt: 'fails\n@server {"status": 400, "error": "no"}',
      configuration,
      options: { max_attempts: 1 },
    }),
  );
  const lines = ['a', 'b/2'].map((key) => JSON.stringify({ key, prompt: `line ${key}`, configuration }));
  putJob(machine, 'lot.jsonl', `${lines.join('\n')}\n`);
  const first = await machine.serve();
  await first.client.submit({ name: 'http', prompt: 'over HTTP', configuration });
  await first.client.submit({ name: 'same', prompt: 'over HTTP', configuration });
  await first.client.submit({
    name: 'off',
    prompt: 'later',
    configuration,
    options: { run_at: '2099-01-01T00:00:00Z' },
  });
  await first.client.cancel('off');
  await until('all to end', async () => {
    const { states, unpublished } = await first.client.stats();
    return states['completed'] === 5 && states['failed'] === 1 && unpublished === 0;
  });
  await first.client.rerun('http', { fresh: 'again' });
  await until('all to end', async () => {
    const { states, unpublished } = await first.client.stats();
    return states['completed'] === 6 && unpublished === 0;
  });
  const before = await stateOf(first.client);
  expect(Object.keys(before)).toHaveLength(8);
  const files = await Promise.all(['jobs', 'results', 'ended'].map((folder) => machine.files(folder)));
  const asked = machine.model.requests.length;
  await first.stop();
  await machine.endOrphans();

  await rm(machine.path('.promptd'), { recursive: true });
  putJob(machine, 'open.json', JSON.stringify({ prompt: 'not asked so far', configuration }));
  const again = await serveSaying(machine);
  expect(again.said()).toContain(
    '.promptd is gone: the database is made again from results/, ended/ and jobs/',
  );
  expect(again.said()).toContain('6 runs with an answer, 2 that failed or were cancelled');
  expect(again.said()).toContain('Attempts, logs and keys are gone');
  const client = machine.client();
  await until('what was open to be asked', async () => (await client.stats()).states['completed'] === 7);
  const { 'open@1': open, ...after } = await stateOf(client);
  expect(open).toMatchObject({ state: 'completed' });
  expect(after).toEqual(before);
  expect(machine.model.requests).toHaveLength(asked + 1);
  await until('all to be published', async () => (await client.stats()).unpublished === 0);
  const now = await Promise.all(['jobs', 'results', 'ended'].map((folder) => machine.files(folder)));
  expect(now.map((names, i) => names.filter((name) => !files[i]?.includes(name)))).toEqual([
    ['open.json'],
    [expect.stringMatching(/^\d+_open\.json$/)],
    [],
  ]);
  await again.stop();
});

it('R6, R8: so does the server that promptd run starts, and a start that is killed in the middle of it', async () => {
  const machine = await setup();
  machine.onFinished(() => endServerOf(machine.root));
  putJob(machine, 'faq.json', JSON.stringify({ prompt: 'a?', configuration }));
  expect((await machine.promptd('run')).code).toBe(0);
  await endServerOf(machine.root);
  await machine.endOrphans();
  await rm(machine.path('.promptd'), { recursive: true });
  // However many files of others stand before the one that tells of a database.
  for (let i = 0; i < 200; i += 1)
    await writeFile(
      machine.path('results', `${1_000 + i}_other-${i}.json`),
      JSON.stringify({ job: `other-${i}.json`, result: 'by hand' }),
    );
  // What a start leaves that was killed while it read the folders.
  mkdirSync(machine.path('.promptd'));
  for (const name of ['serve.lock', 'detached.err', 'queue.db-rebuilt', 'queue.db-rebuilt-wal'])
    await writeFile(machine.path('.promptd', name), '');
  putJob(machine, 'other-7.json', JSON.stringify({ prompt: 'answered by hand', configuration }));
  const run = await machine.promptd('run');
  expect([run.code, run.stdout]).toEqual([0, expect.stringContaining('2 answered before')]);
  expect(machine.model.requests).toHaveLength(1);
});

it('R6, R8: a server whose .promptd/ is deleted while it runs ends, with its instance, so that no other asks the same beside it', async () => {
  const machine = await setup();
  putJob(machine, 'faq.json', JSON.stringify({ prompt: 'a?', configuration }));
  const first = await machine.serve();
  expect((await machine.promptd('run')).code).toBe(0);
  const ended = once(first.process, 'exit');
  await rm(machine.path('.promptd'), { recursive: true });
  // Whether or not the next one is there before the first one has seen it.
  const next = await serveSaying(machine);
  expect(await ended).toEqual([1, null]);
  const client = machine.client();
  await until('the instance of the next one', async () =>
    (await client.instances()).some(({ state }) => state === 'connected'),
  );
  expect((await client.stats()).states).toEqual({ completed: 1 });
  await client.submit({ name: 'new', prompt: 'b?', configuration });
  await until('its answer', async () => (await client.stats()).states['completed'] === 2);
  expect(machine.model.requests).toHaveLength(2);
  await next.stop();
});
