/**
 * Processes that stand still for longer than a lease (15 s, not configurable) and go on as if nothing had been. The waiting
 * here is what is tested, and costs nobody anything: nothing runs meanwhile.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, type TestContext } from 'vitest';
import { readServerFile, type ServerFile } from '../../src/app/server-info.ts';
import type { Client } from '../../src/client/client.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { type Machine, mixedJobs, setup } from './machine.ts';
import { until } from '../support/until.ts';

const TERM_MS = LIMITS.lease_ttl_ms;

function job(name: string) {
  return {
    name,
    prompt: `the question of ${name}`,
    configuration: { LLM_name: 'ollama:test-model' },
    // What is held back here is held back for long.
    options: { first_token_timeout: '5m' },
  };
}

/** The attempts of a job as `promptd show` tells of them. */
async function attemptsOf(client: Client, name: string) {
  const { with: details } = await client.job(name, { with: ['attempts'] });
  return (details?.attempts ?? []).map(({ instance, outcome, charged_for }) => ({
    instance,
    outcome,
    charged_for,
  }));
}

async function isConnected(client: Client, name: string): Promise<boolean> {
  return (await client.instances()).some((one) => one.name === name && one.state === 'connected');
}

/**
 * Two instances of a slot each, and none of `serve`: `slow` runs the first attempt of the job, whose request the model holds
 * back; `spare` has nothing to do.
 */
async function setupStranded(
  { onTestFinished }: TestContext,
  name: string,
  env: Readonly<Record<string, string>> = {},
) {
  const machine = await setup({ env: { PROMPTD_SLOTS: '0' }, onFinished: onTestFinished });
  machine.model.script(`question of ${name}`, [{ hold: 'headers' }, {}]);
  const serving = await machine.serve({ instance: false });
  const { client } = serving;
  let info: Awaited<ReturnType<typeof readServerFile>> = null;
  await until('serve to say where it is', async () => {
    info = await readServerFile(machine.path('.promptd', 'server.json'));
    return info !== null;
  });
  const port = (info as ServerFile | null)?.instances.port;
  const connect = ['instance', '--connect', `127.0.0.1:${port}`, '--slots', '1'];
  const slow = machine.spawn([...connect, '--name', 'slow'], env);
  await until('slow to connect', () => isConnected(client, 'slow'));
  await client.submit(job(name));
  const request = await machine.model.arrived(`question of ${name}`);
  machine.spawn([...connect, '--name', 'spare']);
  await until('spare to connect', () => isConnected(client, 'spare'));
  return { machine, serving, slow, request };
}

/** One answer, of the second attempt, in one file, and as many attempts as requests. */
async function expectOneAnswer(machine: Machine, client: Client, name: string): Promise<void> {
  expect(await attemptsOf(client, name)).toEqual([
    { instance: 1, outcome: 'lost', charged_for: 'lost' },
    { instance: 2, outcome: 'succeeded', charged_for: null },
  ]);
  expect((await client.result(name)).attempt).toBe(2);
  expect(machine.model.count(`the question of ${name}`)).toBe(2);
  expect((await machine.files('results')).filter((file) => file.endsWith(`_${name}.json`))).toHaveLength(1);
}

/** Both instances take work: two jobs of a slot each are asked at the same time. */
async function worksOn(machine: Machine, client: Client): Promise<void> {
  machine.model.script('both at once', { hold: 'headers' });
  await client.submitMany(['one', 'two'].map((name) => ({ ...job(name), prompt: `both at once: ${name}` })));
  await Promise.all([machine.model.arrived('at once: one'), machine.model.arrived('at once: two')]);
  machine.model.release();
  await until('both', async () => (await client.stats()).states.completed === 3);
}

// Beside each other, since each of them mostly waits for terms to end.
describe.concurrent('frozen', () => {
  it('R23 G7 F55: an instance that stood still for three terms finds its job done elsewhere, and works on', async (context) => {
    const { machine, serving, slow, request } = await setupStranded(context, 'stranded');
    const { client } = serving;
    slow.kill('SIGSTOP');
    const stopped_at = performance.now();
    // Its answer comes while it sleeps, and lies in its socket when it wakes.
    request.release();
    await until(
      'the job to be done elsewhere',
      async () => (await client.job('stranded')).state === 'completed',
      60_000,
    );
    expect(await isConnected(client, 'slow')).toBe(false);
    const before = await client.result('stranded');
    await sleep(3 * TERM_MS - (performance.now() - stopped_at));
    slow.kill('SIGCONT');
    await until('the instance to be back', () => isConnected(client, 'slow'));
    expect(await client.result('stranded')).toEqual(before);
    await worksOn(machine, client);
    await expectOneAnswer(machine, client, 'stranded');
    expect(await serving.stop()).toBe(0);
  }, 180_000);

  it('F57: an instance whose loop is blocked for 20 s loses its job to another, once, and works on', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'promptd-block-'));
    context.onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const go_on = join(folder, 'go-on');
    const { machine, serving, slow, request } = await setupStranded(context, 'blocked', {
      NODE_OPTIONS: `--import=${new URL('../support/block-when-told.ts', import.meta.url).href}`,
      PROMPTD_TEST_BLOCK_UNTIL: go_on,
    });
    const { client } = serving;
    slow.kill('SIGUSR2');
    const blocked_at = performance.now();
    request.release();
    await until(
      'the job to be done elsewhere',
      async () => (await client.job('blocked')).state === 'completed',
      60_000,
    );
    const before = await client.result('blocked');
    await sleep(Math.max(0, 20_000 - (performance.now() - blocked_at)));
    await writeFile(go_on, '');
    await until('the instance to be back', () => isConnected(client, 'slow'));
    expect(await client.result('blocked')).toEqual(before);
    await worksOn(machine, client);
    await expectOneAnswer(machine, client, 'blocked');
    expect(slow.exitCode).toBeNull();
    expect(await serving.stop()).toBe(0);
  }, 180_000);

  it('F55: a serve that stood still for longer than a term judges no lease by it, and asks nothing twice', async ({
    onTestFinished,
  }) => {
    const machine = await setup({ onFinished: onTestFinished });
    const jobs = mixedJobs(12, ' held');
    machine.model.script('held', { hold: 'headers' });
    const serving = await machine.serve();
    await serving.client.submitMany(jobs.map((one) => ({ ...one, options: { first_token_timeout: '5m' } })));
    await machine.model.until(() => machine.model.requests.length === jobs.length);
    serving.process.kill('SIGSTOP');
    // The instance hears the answers, and has nobody to tell.
    machine.model.release();
    await machine.model.until(() => machine.model.stats().answered === jobs.length);
    await sleep(TERM_MS + 3_000);
    serving.process.kill('SIGCONT');
    await until('the answers', async () => (await serving.client.stats()).states.completed === jobs.length);
    for (const { name } of jobs)
      expect(await attemptsOf(serving.client, name)).toEqual([
        { instance: 0, outcome: 'succeeded', charged_for: null },
      ]);
    expect(machine.model.stats().total).toBe(jobs.length);
    expect(await serving.stop()).toBe(0);
    expect(await machine.files('results')).toHaveLength(jobs.length);
    const db = new DatabaseSync(machine.path('.promptd', 'queue.db'), { readOnly: true });
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    db.close();
  }, 180_000);
});
