/**
 * R15, R16, R17 with `isolation: process`: each attempt in a process of its own, told by `ps` while it lives, ended with its
 * attempt, its time limit, a cancel or its instance.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { processGone } from '../../src/app/process-gone.ts';
import type { Client } from '../../src/client/client.ts';
import type { JobIn } from '../../src/client/job-in.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { InstanceStatus } from '../../src/core/ports/scheduler.ts';
import { hasEnded } from '../../src/core/states.ts';
import { until } from '../support/until.ts';
import { setup, type Machine } from './machine.ts';

type OnFinished = NonNullable<NonNullable<Parameters<typeof setup>[0]>['onFinished']>;
type Running = InstanceStatus['running'][number] & { readonly pid: number };

/** What a program prints that asks to be held by the model server. */
const HELD = '@server {"hold": 2}';

async function isolated(onFinished: OnFinished, slots = 4): Promise<Machine> {
  return setup({ onFinished, config: { instance: { slots, isolation: 'process' } } });
}

/** Time for a process to start on a busy machine, ask the model and be answered, and no more. */
const LIMIT_MS = 8_000;

function job(name: string, script: string, options: JobIn['options'] = {}): JobIn {
  return { name, prompt: `${name}?\n${script}`, configuration: { LLM_name: 'ollama:test-model' }, options };
}

/** The attempts that `ps` shows with a process. */
async function table(client: Client): Promise<readonly Running[]> {
  const [local] = await client.instances();
  return (local?.running ?? []).flatMap((one) => (one.pid === null ? [] : [{ ...one, pid: one.pid }]));
}

async function running(client: Client, count: number): Promise<readonly Running[]> {
  await until(`${count} processes in the table`, async () => (await table(client)).length === count);
  return table(client);
}

async function ended(client: Client, name: string): Promise<string> {
  await until(`${name} to end`, async () => hasEnded((await client.job(name, { wait: 5 })).state), 60_000);
  const { state, with: details } = await client.job(name, { with: ['attempts'] });
  return [state, ...(details?.attempts ?? []).map(({ outcome }) => outcome)].join(' ');
}

async function nobodyIsLeft(client: Client, ...pids: readonly number[]): Promise<void> {
  await until('the processes to be gone', () => pids.every(processGone));
  expect(await table(client)).toEqual([]);
}

/** Of the process of an attempt: the guard. */
async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

// They mostly wait: for Node to start, and for the grace of a process that does not end.
vi.setConfig({ maxConcurrency: 3, testTimeout: 90_000 });

describe.concurrent('attempts in processes of their own', () => {
  it('R15: are in the table by name and pid, and what is there is not started again', async ({
    onTestFinished,
  }) => {
    const machine = await isolated(onTestFinished);
    const first = await machine.serve();
    await first.client.submit(job('one', HELD));
    const [one] = await running(first.client, 1);
    const pid = one!.pid;
    expect(one).toMatchObject({
      name: 'one',
      attempt: 1,
      endpoint: 'ollama',
      timeout_ms: LIMITS.attempt_timeout_ms,
    });
    expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).toContain('attempt-child');
    expect((await machine.localInstances()).includes(pid)).toBe(false);
    expect(JSON.parse((await machine.promptd('ps', '--json')).stdout)).toMatchObject({ name: 'one', pid });
    await until('its tokens', async () => (await first.client.job('one')).live?.tokens === 2);

    await first.client.submit(job('one', HELD));
    await first.client.submit({ ...job('one', HELD), name: 'the-same' });
    await first.kill();
    const second = await machine.serve();
    await until('the table to be told again', async () => (await table(second.client)).length === 1);
    expect((await table(second.client)).map((each) => [each.name, each.attempt, each.pid])).toEqual([
      ['one', 1, pid],
    ]);
    expect(machine.model.requests.length).toBe(1);

    machine.model.release();
    expect(await ended(second.client, 'one')).toBe('completed succeeded');
    expect(await ended(second.client, 'the-same')).toBe('completed');
    await nobodyIsLeft(second.client, pid);
    expect(machine.model.requests.length).toBe(1);
    expect((await machine.promptd('logs', 'one')).stdout).toContain('answered after');
    expect(await second.stop()).toBe(0);
  });

  it('R16: leave it at every end: an answer is a result, anything else is done again within the rules', async ({
    onTestFinished,
  }) => {
    const machine = await isolated(onTestFinished);
    const { client, stop } = await machine.serve();
    await client.submitMany([
      job('well', '{}'),
      job('breaks', '@server [{"status": 500}, {}]'),
      job('late', '@server [{"stall": 1}, {}]', { timeout: `${LIMIT_MS}ms` }),
      job('wrong', '@server {"status": 400}'),
      job('gives-up', '@server {"status": 500}', { max_attempts: 2 }),
    ]);
    expect(await ended(client, 'well')).toBe('completed succeeded');
    expect(await ended(client, 'breaks')).toBe('completed errored succeeded');
    expect(await ended(client, 'late')).toBe('completed timed_out succeeded');
    expect(await ended(client, 'wrong')).toBe('failed errored');
    expect(await ended(client, 'gives-up')).toBe('failed errored errored');
    await until('three results', async () => (await machine.files('results')).length === 3);
    await nobodyIsLeft(client);
    expect(await stop()).toBe(0);
  });

  it('R17: do not outlive their limit, though one does nothing that it is told', async ({
    onTestFinished,
  }) => {
    const machine = await isolated(onTestFinished);
    const { client, stop } = await machine.serve();
    await client.submit(job('stuck', `@server [{"hold": 1}, {}]`, { timeout: `${LIMIT_MS}ms` }));
    const [{ pid } = { pid: 0 }] = await running(client, 1);
    await machine.model.arrived('stuck');
    // It neither hears the message nor SIGTERM, nor its own clock.
    process.kill(pid, 'SIGSTOP');
    const began = performance.now();
    await until('it to be dead', () => processGone(pid), LIMIT_MS + LIMITS.cancel_grace_ms + 5_000);
    expect(performance.now() - began).toBeGreaterThan(2_000);
    expect(await ended(client, 'stuck')).toBe('completed timed_out succeeded');
    const { with: details } = await client.job('stuck', { with: ['attempts'] });
    expect(details?.attempts?.[0]?.reason_code).toBe('TotalTimeout');
    await nobodyIsLeft(client, pid);
    expect(await stop()).toBe(0);
  });

  it('R17: are as many as there are slots while there is work', async ({ onTestFinished }) => {
    const machine = await isolated(onTestFinished, 2);
    const { client, stop } = await machine.serve();
    await client.submitMany(['a', 'b', 'c', 'd'].map((name) => job(name, HELD)));
    const first = await running(client, 2);
    expect(new Set(first.map(({ pid }) => pid)).size).toBe(2);
    for (const name of first.map((one) => one.name)) (await machine.model.arrived(`${name}?`)).release();
    await until('the next two', async () => {
      const names = (await table(client)).map(({ name }) => name);
      return names.length === 2 && !first.some(({ name }) => names.includes(name));
    });
    expect(first.map(({ pid }) => processGone(pid))).toEqual([true, true]);
    for (const { name } of await table(client)) (await machine.model.arrived(`${name}?`)).release();
    for (const name of ['a', 'b', 'c', 'd']) expect(await ended(client, name)).toBe('completed succeeded');
    await nobodyIsLeft(client);
    expect(await stop()).toBe(0);
  });

  it('R16: bring an answer that is larger than what a pipe holds', async ({ onTestFinished }) => {
    const machine = await isolated(onTestFinished);
    const pieces = Array.from({ length: 8 }, (_, i) => String(i).repeat(1024 * 1024));
    machine.model.script('large?', { pieces });
    const { client } = await machine.serve();
    await client.submit(job('large', ''));
    expect(await ended(client, 'large')).toBe('completed succeeded');
    expect((await client.result('large')).result === pieces.join('')).toBe(true);
  });

  it('R16: killed with kill -9, are errors of their attempt alone, and the instance lives', async ({
    onTestFinished,
  }) => {
    const machine = await isolated(onTestFinished);
    const { client, stop } = await machine.serve();
    await client.submitMany([job('killed', '@server [{"hold": 1}, {}]'), job('beside', HELD)]);
    const instances = await machine.localInstances();
    const both = await running(client, 2);
    const victim = both.find(({ name }) => name === 'killed')!;
    await machine.model.arrived('killed');
    await machine.model.arrived('beside');
    process.kill(victim.pid, 'SIGKILL');
    expect(await ended(client, 'killed')).toBe('completed errored succeeded');
    const { with: details } = await client.job('killed', { with: ['attempts'] });
    expect(details?.attempts?.[0]).toMatchObject({
      reason_code: 'ProviderError',
      error: expect.stringContaining('was ended by SIGKILL, and not by promptd'),
    });
    machine.model.release();
    expect(await ended(client, 'beside')).toBe('completed succeeded');
    expect(await machine.localInstances()).toEqual(instances);
    await nobodyIsLeft(client, ...both.map(({ pid }) => pid));
    expect(await stop()).toBe(0);
  });

  it.for([
    ['their instance', false],
    ['their instance and its guard at one moment', true],
  ] as const)(
    'R17: die with %s, and so do the programs that they had started',
    async ([_what, withGuard], { onTestFinished }) => {
      const machine = await isolated(onTestFinished);
      await mkdir(machine.path('prompts'));
      const pids = machine.path('pids');
      await writeFile(
        machine.path('prompts', 'slow.sh'),
        `#!/bin/sh\n[ -e '${pids}.open' ] || { sleep 600 & echo $$ $! >> '${pids}'; wait; }\necho '"Made."'\n`,
      );
      await chmod(machine.path('prompts', 'slow.sh'), 0o755);
      const { client, stop } = await machine.serve();
      const configuration = { LLM_name: 'ollama:test-model' };
      await client.submitMany([
        { name: 'scripted', prompt: { script: 'prompts/slow.sh' }, configuration },
        job('plain', '@server [{"hold": 1}, {}]'),
      ]);
      const both = await running(client, 2);
      await machine.model.arrived('plain');
      await until('the script to run', async () =>
        (await readFile(pids, 'utf8').catch(() => '')).endsWith('\n'),
      );
      const programs = (await readFile(pids, 'utf8')).trim().split(/\s+/).map(Number);
      expect(programs.map(processGone)).toEqual([false, false]);
      await writeFile(`${pids}.open`, '');
      const [instance = 0] = await machine.localInstances();
      const victims = withGuard ? [instance, await parentOf(both[0]!.pid)] : [instance];
      for (const pid of victims) process.kill(pid, 'SIGSTOP');
      for (const pid of victims) process.kill(pid, 'SIGKILL');
      const all = [...both.map(({ pid }) => pid), ...programs];
      await until('all of them to be dead', () => all.every(processGone));
      expect(await ended(client, 'scripted')).toBe('completed lost succeeded');
      expect(await ended(client, 'plain')).toBe('completed lost succeeded');
      expect(await stop()).toBe(0);
    },
  );

  it('R17: end with a cancel, and their call with them', async ({ onTestFinished }) => {
    const machine = await isolated(onTestFinished);
    const { client, stop } = await machine.serve();
    await client.submit(job('unwanted', HELD));
    const [{ pid } = { pid: 0 }] = await running(client, 1);
    await machine.model.arrived('unwanted');
    await client.cancel('unwanted');
    expect(await ended(client, 'unwanted')).toBe('cancelled cancelled');
    await machine.model.until(() => machine.model.stats().aborted === 1);
    await nobodyIsLeft(client, pid);
    expect(await stop()).toBe(0);
  });

  it('G21: are told the key of their own endpoint alone, and never in an argument', async ({
    onTestFinished,
  }) => {
    const [own, other, token] = ['sk-canary-own-71aa', 'sk-canary-other-5be2', 'canary-token-09cd'];
    const machine = await setup({
      onFinished: onTestFinished,
      env: { OWN_KEY: own, OTHER_KEY: other, PROMPTD_KEY: token },
      config: { instance: { slots: 2, isolation: 'process' } },
    });
    const file = machine.path('promptd.config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as { endpoints: Record<string, object> };
    Object.assign(config.endpoints['ollama']!, { api_key_env: 'OWN_KEY' });
    Object.assign(config.endpoints['openai']!, { api_key_env: 'OTHER_KEY' });
    await writeFile(file, JSON.stringify(config));
    await mkdir(machine.path('prompts'));
    await writeFile(machine.path('prompts', 'tell.sh'), `#!/bin/sh\nenv >&2\necho '${HELD}'\n`);
    await chmod(machine.path('prompts', 'tell.sh'), 0o755);
    const { client, stop } = await machine.serve();
    await client.submit({
      name: 'tell',
      prompt: { script: 'prompts/tell.sh' },
      configuration: { LLM_name: 'ollama:test-model' },
    });
    const [{ pid } = { pid: 0 }] = await running(client, 1);
    await machine.model.arrived('hold');
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
    expect([own, other, token].map((key) => environment.includes(key))).toEqual([true, false, false]);
    expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('canary');
    machine.model.release();
    expect(await ended(client, 'tell')).toBe('completed succeeded');
    const said = await machine.promptd('logs', 'tell');
    expect(said.stdout).toContain('PROMPTD_WORKSPACE=');
    expect(said.stdout).not.toContain('canary');
    expect(await stop()).toBe(0);
  });
});
