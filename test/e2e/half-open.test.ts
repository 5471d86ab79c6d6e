/**
 * F60, F55, G7: an instance that is there and says nothing: its cable is out, or it is stopped. Nobody says goodbye, so only the
 * end of the term frees its work; and when it is back it finds that the work is somebody else's.
 */
import { execFileSync, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { setup, type Machine } from './machine.ts';
import { until } from '../support/until.ts';

/** A term, and time for a busy machine; without the end of the term nothing at all would happen. */
const PATIENCE_MS = LIMITS.lease_ttl_ms + 45_000;

async function attemptsOf(client: Client, name: string) {
  const { with: details } = await client.job(name, { with: ['attempts'] });
  return (details?.attempts ?? []).map(({ outcome, instance }) => ({ outcome, instance }));
}

async function stateOf(client: Client, name: string): Promise<string | undefined> {
  const instances = await client.instances();
  return instances.find((one) => one.name === name)?.state;
}

/** The work of `far` was done again by `near`, once and for all. */
async function checkDoneElsewhere(machine: Machine, client: Client): Promise<void> {
  const ids = new Map((await client.instances()).map(({ name, id }) => [name, id]));
  expect(await attemptsOf(client, 'silent')).toEqual([
    { outcome: 'lost', instance: ids.get('far') },
    { outcome: 'succeeded', instance: ids.get('near') },
  ]);
  const [file = ''] = await machine.files('results');
  expect(await machine.files('results')).toEqual([file]);
  const { attempt } = JSON.parse(await readFile(machine.path('results', file), 'utf8')) as {
    readonly attempt: number;
  };
  expect(attempt).toBe(2);
}

describe.concurrent('an instance that says nothing', () => {
  it('F55: because it is stopped loses its work at the end of the term, and takes nothing back when it goes on', async ({
    onTestFinished,
  }) => {
    const machine = await setup({ env: { PROMPTD_SLOTS: '0' }, onFinished: onTestFinished });
    machine.model.script('What is silent?', [{ hold: 'headers' }, {}]);
    const serving = await machine.serve({ instance: false });
    const { client } = serving;
    const far = await machine.instance('far', client, ['--slots', '1']);
    await client.submit({
      name: 'silent',
      prompt: 'What is silent?',
      configuration: { LLM_name: 'ollama:test-model' },
    });
    const request = await machine.model.arrived('What is silent?');
    await machine.instance('near', client, ['--slots', '1']);
    far.kill('SIGSTOP');
    await until(
      'the work to be done elsewhere',
      async () => (await client.job('silent')).state === 'completed',
      PATIENCE_MS,
    );
    // The first answer comes after all, and lies in the socket of a process that has no right to it any more.
    request.release();
    far.kill('SIGCONT');
    await until('it to be back', async () => (await stateOf(client, 'far')) === 'connected', PATIENCE_MS);
    await checkDoneElsewhere(machine, client);
    expect(machine.model.count('What is silent?')).toBe(2);
    expect(await serving.stop()).toBe(0);
    await checkOneFile(machine);
  }, 180_000);

  const cable = whyNoCable();
  it.skipIf(cable !== null)(
    `F60: because its cable is out loses its work at the end of the term${cable === null ? '' : ` (${cable})`}`,
    async ({ onTestFinished }) => {
      const net = new Cable();
      onTestFinished(() => net.remove());
      const machine = await setup({
        env: { PROMPTD_SLOTS: '0' },
        onFinished: onTestFinished,
        config: {
          instances: { host: net.host, port: 0, insecure: true },
          endpoints: { sim: { kind: 'simulator', tokens_per_second: 0 } },
          default_endpoint: 'sim',
        },
      });
      const serving = await machine.serve({ instance: false });
      const { client } = serving;
      await startBehind(machine, net);
      await until('far to connect', async () => (await stateOf(client, 'far')) === 'connected');
      await client.submit({
        name: 'silent',
        prompt: 'What is silent?',
        configuration: { LLM_name: 'sim:any' },
      });
      await until('far to run it', async () => (await client.job('silent')).state === 'running');
      const near = nearAt(machine, net, await instancesPort(machine));
      await until('near to connect', async () => (await stateOf(client, 'near')) === 'connected');
      net.unplug();
      expect(await stateOf(client, 'far')).toBe('connected');
      await until(
        'the work to be done elsewhere',
        async () => (await client.job('silent')).state === 'completed',
        PATIENCE_MS,
      );
      expect(await stateOf(client, 'far')).toBe('disconnected');
      net.plug();
      await until('far to be back', async () => (await stateOf(client, 'far')) === 'connected', PATIENCE_MS);
      await checkDoneElsewhere(machine, client);
      expect(near.exitCode).toBeNull();
      expect(await serving.stop()).toBe(0);
      await checkOneFile(machine);
    },
    180_000,
  );
});

async function checkOneFile(machine: Machine): Promise<void> {
  expect(await machine.files('results')).toHaveLength(1);
  expect(await machine.files('ended')).toEqual([]);
}

async function instancesPort(machine: Machine): Promise<number> {
  const text = await readFile(machine.path('.promptd', 'server.json'), 'utf8');
  return (JSON.parse(text) as { readonly instances: { readonly port: number } }).instances.port;
}

/** In its own workspace behind the cable, where the same endpoint is slow enough to be still at it when the cable is out. */
async function startBehind(machine: Machine, net: Cable): Promise<ChildProcess> {
  await until('serve to announce itself', async () =>
    readFile(machine.path('.promptd', 'server.json')).then(
      () => true,
      () => false,
    ),
  );
  const home = machine.path('behind');
  await mkdir(home);
  const config = { endpoints: { sim: { kind: 'simulator', tokens_per_second: 0.05 } } };
  await writeFile(`${home}/promptd.config.json`, JSON.stringify(config));
  const token = await readFile(machine.path('.promptd', 'instance.token'), 'utf8');
  const connect = `${net.host}:${await instancesPort(machine)}`;
  return machine.spawn(
    ['instance', '--connect', connect, '--name', 'far', '--slots', '1'],
    { PROMPTD_INSTANCE_TOKEN: token.trim() },
    { cwd: home, through: ['ip', 'netns', 'exec', net.name] },
  );
}

function nearAt(machine: Machine, net: Cable, port: number): ChildProcess {
  return machine.spawn(['instance', '--connect', `${net.host}:${port}`, '--name', 'near', '--slots', '1']);
}

/** Null where network namespaces can be made here. */
function whyNoCable(): string | null {
  try {
    new Cable().remove();
    return null;
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n').at(-2) ?? error.message) : String(error);
    return `skipped, no network namespace can be made here: ${why}`;
  }
}

/** A namespace with a network of its own, and one cable to it. */
class Cable {
  readonly name: string;
  readonly host: string;
  readonly #link: string;

  constructor() {
    const number = process.pid % 250;
    this.name = `promptd-test-${process.pid}`;
    this.#link = `pdt${process.pid}`;
    this.host = `10.213.${number}.1`;
    ip('netns', 'add', this.name);
    try {
      ip('link', 'add', this.#link, 'type', 'veth', 'peer', 'name', 'there', 'netns', this.name);
      ip('addr', 'add', `${this.host}/24`, 'dev', this.#link);
      ip('link', 'set', this.#link, 'up');
      ip('-n', this.name, 'addr', 'add', `10.213.${number}.2/24`, 'dev', 'there');
      ip('-n', this.name, 'link', 'set', 'there', 'up');
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  unplug(): void {
    ip('-n', this.name, 'link', 'set', 'there', 'down');
  }

  plug(): void {
    ip('-n', this.name, 'link', 'set', 'there', 'up');
  }

  remove(): void {
    ip('netns', 'del', this.name);
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
