/** A server that was started before its settings were changed: `run` goes on with a new one, or says that it cannot. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { BIN, endServerOf, type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';

const exec = promisify(execFile);

/** A command that must end well, with further variables. */
async function promptd(machine: Machine, env: Record<string, string>, ...args: string[]): Promise<string> {
  const options = { cwd: machine.root, env: { ...process.env, NO_COLOR: '1', ...env } };
  const { stdout, stderr } = await exec(process.execPath, [BIN, ...args], options);
  return `${stdout}${stderr}`;
}

async function pidOf(machine: Machine): Promise<number> {
  const text = await readFile(machine.path('.promptd', 'server.json'), 'utf8');
  return (JSON.parse(text) as { readonly pid: number }).pid;
}

/** Adds an endpoint that asks the scripted model server with a key. */
async function addEndpoint(machine: Machine): Promise<void> {
  const file = machine.path('promptd.config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { endpoints: Record<string, unknown> };
  config.endpoints['vendor'] = {
    kind: 'openai-compatible',
    base_url: `${machine.model.url}/v1`,
    api_key_env: 'VENDOR_KEY',
  };
  await writeFile(file, JSON.stringify(config));
}

const ask = (endpoint: string, prompt: string): string[] => [
  'run',
  '-p',
  prompt,
  '-m',
  `${endpoint}:test-model`,
];

it('R20: an endpoint and a key that were added since are used by the next run, and nothing else starts another server', async () => {
  const machine = await setup();
  machine.onFinished(() => endServerOf(machine.root));
  await promptd(machine, {}, ...ask('ollama', 'question 1'));
  const first = await pidOf(machine);
  await promptd(machine, { OTHER: 'x' }, ...ask('ollama', 'question 2'));
  expect(await pidOf(machine)).toBe(first);
  await addEndpoint(machine);
  await promptd(machine, { VENDOR_KEY: 'key-of-the-test' }, ...ask('vendor', 'question 3'));
  const second = await pidOf(machine);
  expect(second).not.toBe(first);
  // A terminal without the key does not take it away.
  await promptd(machine, {}, ...ask('vendor', 'question 4'));
  expect(await pidOf(machine)).toBe(second);
  await promptd(machine, { VENDOR_KEY: 'another-key' }, ...ask('vendor', 'question 5'));
  expect(await pidOf(machine)).not.toBe(second);
  const written = await readFile(machine.path('.promptd', 'server.json'), 'utf8');
  expect(written).not.toContain('another-key');
});

it('R20: a server that runs something, or that a person started, goes on, and whoever runs a job is told', async () => {
  const machine = await setup();
  machine.onFinished(() => endServerOf(machine.root));
  machine.model.script('long', { hold: 'headers' });
  await promptd(machine, {}, 'submit', '-m', 'openai:test-model', '-p', 'long', '--name', 'long');
  await until('it to run', async () => (await machine.client().job('long')).state === 'running');
  await addEndpoint(machine);
  expect(await promptd(machine, {}, ...ask('ollama', 'question 6'))).toContain(
    'promptd.config.json was changed since the background server started; that goes on as it was until nothing runs.',
  );
  machine.model.release();
  await promptd(machine, {}, 'wait', 'long');
  expect(machine.model.count('long')).toBe(1);
  await endServerOf(machine.root);
  const serving = await machine.serve();
  await writeFile(
    machine.path('promptd.config.json'),
    `${await readFile(machine.path('promptd.config.json'), 'utf8')}\n`,
  );
  expect(await promptd(machine, { VENDOR_KEY: 'k' }, ...ask('ollama', 'question 7'))).toContain(
    'promptd.config.json was changed since the server started; start it again to use that.',
  );
  expect(await serving.stop()).toBe(0);
});

it('R18 R20: the instance of a killed server finishes what it runs, then makes way where settings were changed before the next start', async () => {
  const machine = await setup();
  machine.model.script('held', { hold: 'headers' });
  const first = await machine.serve();
  await first.client.submit({
    name: 'held',
    prompt: 'held',
    configuration: { LLM_name: 'ollama:test-model' },
  });
  const request = await machine.model.arrived('held');
  const [before] = await machine.localInstances();
  await first.kill();
  await addEndpoint(machine);
  const { client } = await machine.serve({ env: { VENDOR_KEY: 'key-of-the-test' }, instance: false });
  await until('the earlier one to make way', async () =>
    (await client.instances()).some(({ state, running }) => state === 'draining' && running.length === 1),
  );
  await client.submit({ name: 'new', prompt: 'new', configuration: { LLM_name: 'vendor:test-model' } });
  request.release();
  for (const name of ['held', 'new'])
    await until(`${name} to be answered`, async () => (await client.job(name)).state === 'completed');
  expect(machine.model.requests).toHaveLength(2);
  const instances = await machine.localInstances();
  expect(instances).toHaveLength(1);
  expect(instances).not.toContain(before);
});

it('R18: it stays where nothing was changed', async () => {
  const machine = await setup();
  const first = await machine.serve();
  const before = await machine.localInstances();
  expect(before).toHaveLength(1);
  await first.kill();
  const { client } = await machine.serve();
  await client.submit({ name: 'a', prompt: 'a', configuration: { LLM_name: 'ollama:test-model' } });
  await until('a to be answered', async () => (await client.job('a')).state === 'completed');
  expect(await machine.localInstances()).toEqual(before);
});

it('R20: several that run at once after a change let one server make way to one, and ask nothing twice', async () => {
  const machine = await setup();
  machine.onFinished(() => endServerOf(machine.root));
  await promptd(machine, {}, ...ask('ollama', 'first'));
  await addEndpoint(machine);
  const prompts = ['one', 'two', 'three', 'four'];
  await Promise.all(prompts.map((prompt) => promptd(machine, { VENDOR_KEY: 'k' }, ...ask('vendor', prompt))));
  expect(prompts.map((prompt) => machine.model.count(prompt))).toEqual([1, 1, 1, 1]);
});
