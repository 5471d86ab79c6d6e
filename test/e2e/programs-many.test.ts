/** F31, G16: many programs of users at once, and such as flood what reads them: memory stays small, and no term is lost. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import type { JobIn } from '../../src/client/job-in.ts';
import { until } from '../support/until.ts';
import { setup, type Machine } from './machine.ts';

const MIB = 1024 * 1024;
const CONFIGURATION = { LLM_name: 'simulator:any' };

async function workspace(scripts: Readonly<Record<string, string>>): Promise<Machine> {
  const machine = await setup({
    config: {
      endpoints: { simulator: { kind: 'simulator', tokens_per_second: 0, max_concurrent: 64 } },
      default_endpoint: 'simulator',
    },
  });
  for (const [name, text] of Object.entries(scripts)) {
    await mkdir(path.dirname(machine.path(name)), { recursive: true });
    await writeFile(machine.path(name), text, { mode: 0o755 });
  }
  return machine;
}

/** The most memory that the instance and its guard have had. */
async function peaks(machine: Machine): Promise<Readonly<Record<'instance' | 'guard', number>>> {
  const [instance = 0] = await machine.localInstances();
  const children = await readFile(`/proc/${instance}/task/${instance}/children`, 'latin1');
  const guard = Number(children.trim().split(' ')[0]);
  expect(await readFile(`/proc/${guard}/cmdline`, 'latin1')).toContain('child-guard');
  const peak = async (pid: number): Promise<number> => {
    const status = await readFile(`/proc/${pid}/status`, 'latin1');
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
  };
  return { instance: await peak(instance), guard: await peak(guard) };
}

async function submitAll(client: Client, jobs: readonly Omit<JobIn, 'configuration'>[]): Promise<void> {
  await client.submitMany(jobs.map((job) => ({ ...job, batch: 'all', configuration: CONFIGURATION })));
  await until(
    'all to end',
    async () => (await client.batch('all', { wait: 10 })).ended === jobs.length,
    100_000,
  );
}

describe('programs of users', { timeout: 120_000 }, () => {
  it('R2 G16: of 200 jobs on 64 slots all complete at their first attempt, in little memory', async () => {
    const machine = await workspace({ 'prompts/ask.sh': '#!/bin/sh\nread job\necho "question $1" \n' });
    const { client, stop } = await machine.serve();
    await submitAll(
      client,
      Array.from({ length: 200 }, (_, i) => ({
        name: `job-${i}`,
        prompt: { script: 'prompts/ask.sh', args: i },
      })),
    );
    const others = [];
    for await (const { name, state, reason, attempts } of client.jobs({ batch: 'all' }))
      if (state !== 'completed' || attempts !== 1) others.push({ name, state, reason, attempts });
    expect(others).toEqual([]);
    expect((await client.batch('all')).counts).toMatchObject({ completed: 200 });
    const { instance, guard } = await peaks(machine);
    expect(instance).toBeLessThan(400 * MIB);
    expect(guard).toBeLessThan(200 * MIB);
    expect(await stop()).toBe(0);
  });

  it('F31: that flood stdout and stderr, 20 each at once, are capped, and the others go on', async () => {
    const machine = await workspace({
      'prompts/out.sh': '#!/bin/sh\nexec yes this is too much\n',
      'prompts/err.sh': '#!/bin/sh\nyes what is this | head -c 10000000 >&2\necho a question\n',
      'prompts/ask.sh': '#!/bin/sh\necho another question\n',
    });
    const { client, stop } = await machine.serve();
    await submitAll(
      client,
      ['out', 'err', 'ask'].flatMap((what) =>
        Array.from({ length: 20 }, (_, i) => ({
          name: `${what}-${i}`,
          prompt: { script: `prompts/${what}.sh` },
        })),
      ),
    );
    for (let i = 0; i < 20; i += 1) {
      const jobs = ['out', 'err', 'ask'].map(async (what) => client.job(`${what}-${i}`));
      expect(await Promise.all(jobs)).toMatchObject([
        { state: 'failed', reason: { code: 'ScriptOutputTooLarge' }, attempts: 1 },
        { state: 'completed', attempts: 1 },
        { state: 'completed', attempts: 1 },
      ]);
    }
    const { instance, guard } = await peaks(machine);
    // What scripts print is collected for twenty of them at a time, each up to its limit; the guard keeps nothing.
    expect(instance).toBeLessThan(1_200 * MIB);
    expect(guard).toBeLessThan(300 * MIB);
    expect(await client.logs('err-3')).toContain('The log is cut here');
    expect(await stop()).toBe(0);
  });
});
