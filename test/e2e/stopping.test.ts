/** G18: what a signal does to each process. The first asks it to end in order, the second to end now; nothing is lost either way. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { ERRORS } from '../../src/core/errors.ts';
import { processGone } from '../../src/app/process-gone.ts';
import { setup, type Machine } from './machine.ts';
import { until } from '../support/until.ts';

const CONFIGURATION = { LLM_name: 'ollama:test-model' };

function ask(client: Client, name: string) {
  return client.submit({ name, prompt: `What of ${name}?`, configuration: CONFIGURATION });
}

async function answered(client: Client, name: string): Promise<void> {
  await until(`${name} to be answered`, async () => {
    const { state } = await client.job(name, { wait: 5 });
    return state === 'completed';
  });
}

/** Outcomes of a run's attempts, in order. */
async function outcomes(client: Client, name: string): Promise<(string | null)[]> {
  const { with: details } = await client.job(name, { with: ['attempts'] });
  return (details?.attempts ?? []).map(({ outcome }) => outcome);
}

async function endOf(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.signalCode ?? child.exitCode;
}

/** Again and again until it ends: one signal right behind the other is one wish. */
async function insist(child: ChildProcess): Promise<void> {
  await until('it to end', () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
    return child.exitCode !== null || child.signalCode !== null;
  });
}

/**
 * Instances elsewhere know one address, so that has to be the same after a restart. Below the ports that a system gives out by
 * itself: nobody else is given it while its server is away.
 */
async function freePort(): Promise<number> {
  const port = randomInt(20_000, 30_000);
  const server = createServer().listen(port, '127.0.0.1');
  const isFree = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (!isFree) return freePort();
  server.close();
  await once(server, 'close');
  return port;
}

/** Taken until the test has ended. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function intakeStopped(client: Client): Promise<void> {
  await until('the doors to close', () =>
    client.instances().then(
      () => false,
      () => true,
    ),
  );
  await expect(ask(client, 'too-late')).rejects.toMatchObject({ code: 'Unreachable' });
}

/** Read after everybody has gone. */
function statesOnDisk(machine: Machine): Record<string, unknown> {
  const db = new DatabaseSync(machine.path('.promptd', 'queue.db'), { readOnly: true });
  try {
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const rows = db.prepare('SELECT name, state FROM jobs').all();
    return Object.fromEntries(rows.map(({ name, state }) => [name, state]));
  } finally {
    db.close();
  }
}

describe('serve', () => {
  it.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('F86: ends in order on %s', async (signal) => {
    const machine = await setup();
    const serving = await machine.serve();
    await ask(serving.client, 'first');
    await answered(serving.client, 'first');
    serving.process.kill(signal);
    expect(await endOf(serving.process)).toBe(0);
    expect(statesOnDisk(machine)).toEqual({ first: 'completed' });
    expect(await machine.files('results')).toHaveLength(1);
    expect(await machine.localInstances()).toEqual([]);
    expect(await machine.files('.promptd')).not.toContain('server.json');
  });

  it('F86: ends in order where it is asked to while it starts, and leaves no instance behind', async () => {
    const machine = await setup();
    const child = machine.spawn(['serve']);
    await until('its instance to be started', async () => (await machine.localInstances()).length === 1);
    child.kill('SIGTERM');
    expect(await endOf(child)).toBe(0);
    expect(await machine.localInstances()).toEqual([]);
    expect(await machine.files('.promptd')).not.toContain('server.json');
  });

  it.for(['http', 'instances'] as const)(
    'R26: that finds the port of its %s taken leaves a database that the next start takes',
    async (door) => {
      const taken = await takenPort();
      const ports = { http: { port: 0 }, instances: { port: 0 } };
      const machine = await setup({ config: { ...ports, [door]: { port: taken } } });
      const { code, stderr } = await machine.promptd('serve');
      expect([code, stderr]).toEqual([
        ERRORS.PortTaken.exit,
        expect.stringContaining(`Port ${taken} is taken`),
      ]);
      const config = JSON.parse(await readFile(machine.path('promptd.config.json'), 'utf8')) as object;
      await writeFile(machine.path('promptd.config.json'), JSON.stringify({ ...config, ...ports }));
      const serving = await machine.serve();
      expect(await serving.stop()).toBe(0);
    },
  );

  it('F86: says that nothing runs where jobs only wait, and gives calls no time that are not there', async () => {
    const machine = await setup();
    const ended = machine.promptd('serve');
    const client = machine.client();
    await until('serve to answer', () =>
      client.stats().then(
        () => true,
        () => false,
      ),
    );
    await client.submit({
      name: 'later',
      prompt: 'later',
      configuration: CONFIGURATION,
      options: { run_at: '2099-01-01T00:00:00Z' },
    });
    const { pid } = JSON.parse(await readFile(machine.path('.promptd', 'server.json'), 'utf8')) as {
      pid: number;
    };
    process.kill(pid, 'SIGTERM');
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining('Stopping: nothing runs.')]);
  });

  it('R14: logs of an endpoint that is closed what a reader can use', async () => {
    const away = { kind: 'openai-compatible', base_url: `http://127.0.0.1:${await freePort()}/v1` };
    const machine = await setup({ config: { endpoints: { away }, default_endpoint: 'away' } });
    const { client } = await machine.serve();
    await client.submit({ name: 'a', prompt: 'a', configuration: { LLM_name: 'away:m' } });
    const log = machine.path('.promptd', 'logs', 'serve.log');
    let line: string | undefined;
    await until('it to be closed', async () => {
      line = (await readFile(log, 'utf8')).split('\n').find((one) => one.includes('gate_closed'));
      return line !== undefined;
    });
    expect(JSON.parse(line ?? '')).toEqual({
      level: 40,
      time: expect.any(String),
      process: 'serve',
      process_id: expect.any(Number),
      type: 'gate_closed',
      endpoint: 'away',
      model: null,
      code: 'EndpointUnreachable',
      closed: 1,
      until: expect.any(Number),
      msg: expect.stringContaining('away: '),
    });
  });

  it('lets its own instance finish what runs, takes nothing new meanwhile, and publishes it before it ends', async () => {
    const machine = await setup();
    machine.model.script('What of running?', { hold: 'headers' });
    const serving = await machine.serve();
    await ask(serving.client, 'running');
    const request = await machine.model.arrived('What of running?');
    serving.process.kill('SIGTERM');
    await intakeStopped(serving.client);
    expect(serving.process.exitCode).toBeNull();
    request.release();
    expect(await endOf(serving.process)).toBe(0);
    expect(statesOnDisk(machine)).toEqual({ running: 'completed' });
    expect(await machine.files('results')).toHaveLength(1);
    expect(machine.model.stats().total).toBe(1);
  });

  it('ends the instance of a server that was killed, too, once that has found its way back', async () => {
    const machine = await setup();
    const killed = await machine.serve();
    const [pid = 0] = await machine.localInstances();
    await killed.kill();
    const serving = await machine.serve();
    expect(await machine.localInstances()).toEqual([pid]);
    await ask(serving.client, 'first');
    await answered(serving.client, 'first');
    serving.process.kill('SIGTERM');
    expect(await endOf(serving.process)).toBe(0);
    expect(processGone(pid)).toBe(true);
    expect(statesOnDisk(machine)).toEqual({ first: 'completed' });
  });

  it('R18: leaves attempts on other instances running, and takes their outcomes when it is started again', async () => {
    const port = await freePort();
    const machine = await setup({ config: { instances: { port } }, env: { PROMPTD_SLOTS: '0' } });
    machine.model.script('What of far?', { hold: 'headers' });
    const first = await machine.serve({ instance: false });
    const instance = await machine.instance('far', first.client, ['--slots', '4']);
    await ask(first.client, 'far-before');
    await answered(first.client, 'far-before');
    await ask(first.client, 'far');
    const request = await machine.model.arrived('What of far?');
    first.process.kill('SIGTERM');
    expect(await endOf(first.process)).toBe(0);
    expect(statesOnDisk(machine)).toEqual({ 'far-before': 'completed', far: 'running' });
    expect(instance.exitCode).toBeNull();
    request.release();
    await request.ended;
    expect(request.state).toBe('answered');
    const second = await machine.serve({ instance: false });
    await answered(second.client, 'far');
    expect(await outcomes(second.client, 'far')).toEqual(['succeeded']);
    expect(machine.model.count('What of far?')).toBe(1);
    expect(await second.stop()).toBe(0);
    instance.kill('SIGTERM');
    expect(await endOf(instance)).toBe(0);
  });

  it('F86: ends at once on a second signal, with its instance; what ran is asked again after the next start', async () => {
    const machine = await setup();
    machine.model.script('What of running?', [{ stall: 'headers' }, {}]);
    const first = await machine.serve();
    await ask(first.client, 'running');
    await machine.model.arrived('What of running?');
    const [pid = 0] = await machine.localInstances();
    first.process.kill('SIGTERM');
    await intakeStopped(first.client);
    await insist(first.process);
    expect(await endOf(first.process)).toBe(1);
    await until('its instance to be gone', () => processGone(pid));
    expect(statesOnDisk(machine)).toEqual({ running: 'running' });
    const second = await machine.serve();
    await answered(second.client, 'running');
    expect(await outcomes(second.client, 'running')).toEqual(['lost', 'succeeded']);
    expect(await second.stop()).toBe(0);
    expect(await machine.files('results')).toHaveLength(1);
  });
});

describe('an instance', () => {
  async function withInstance() {
    const machine = await setup({ env: { PROMPTD_SLOTS: '0' } });
    machine.model.script('What of running?', { hold: 'headers' });
    const serving = await machine.serve({ instance: false });
    const instance = await machine.instance('far', serving.client, ['--slots', '4']);
    await ask(serving.client, 'running');
    const request = await machine.model.arrived('What of running?');
    return { machine, serving, instance, request };
  }

  it('finishes what it runs on SIGTERM, takes nothing new meanwhile, brings the outcome, and ends with 0', async () => {
    const { machine, serving, instance, request } = await withInstance();
    instance.kill('SIGTERM');
    await until('it to drain', async () => {
      const all = await serving.client.instances();
      return all.find(({ name }) => name === 'far')?.state === 'draining';
    });
    await ask(serving.client, 'next');
    expect((await serving.client.job('next')).state).toBe('queued');
    expect(instance.exitCode).toBeNull();
    request.release();
    expect(await endOf(instance)).toBe(0);
    await answered(serving.client, 'running');
    expect(await outcomes(serving.client, 'running')).toEqual(['succeeded']);
    expect(await outcomes(serving.client, 'next')).toEqual([]);
    expect(machine.model.count('What of next?')).toBe(0);
    expect(await serving.stop()).toBe(0);
  });

  it('F86: ends at once on a second signal; what it ran is lost with it and asked again elsewhere', async () => {
    const { machine, serving, instance } = await withInstance();
    instance.kill('SIGTERM');
    await insist(instance);
    expect(await endOf(instance)).toBe(1);
    machine.model.script('What of running?', {});
    const other = await machine.instance('near', serving.client, ['--slots', '4']);
    await answered(serving.client, 'running');
    expect(await outcomes(serving.client, 'running')).toEqual(['lost', 'succeeded']);
    other.kill('SIGTERM');
    expect(await endOf(other)).toBe(0);
    expect(await serving.stop()).toBe(0);
  });
});
