/** AI packages as users plug them in: on a real server, next to ordinary jobs, with everything that may go wrong. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import type { JobIn } from '../../src/client/job-in.ts';
import { until } from '../support/until.ts';
import { setup, type Machine } from './machine.ts';

const KINDS = { desk: 'flaky-package.py', easel: 'flaky-package.ts' } as const;
type Endpoint = keyof typeof KINDS;
const COUNT = 20;
const FIRSTS = ['fail', 'die', 'late'] as const;

async function machineWithPackages(): Promise<Machine> {
  const machine = await setup({
    config: {
      endpoints: {
        desk: { kind: 'ai-package', module: 'packages/flaky-package.py', instances: 3, poll: '50ms' },
        easel: { kind: 'ai-package', module: 'packages/flaky-package.ts', instances: 3, poll: '50ms' },
        simulator: { kind: 'simulator', tokens_per_second: 0 },
      },
      default_endpoint: 'simulator',
    },
  });
  await mkdir(machine.path('packages'));
  for (const [endpoint, file] of Object.entries(KINDS)) {
    await copyFile(path.join(import.meta.dirname, file), machine.path('packages', file));
    await mkdir(machine.path(endpoint));
  }
  return machine;
}

function jobsFor(machine: Machine, endpoint: Endpoint): JobIn[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const first = FIRSTS[i];
    return {
      name: `${endpoint}-${first ?? i}`,
      batch: endpoint,
      prompt: `question ${i}`,
      configuration: { LLM_name: `${endpoint}:any` },
      metadata: { folder: machine.path(endpoint), ...(first === undefined ? {} : { first }) },
      // The first try of `late` ends when the test says so.
      options: { timeout: first === 'late' ? '3s' : '50s', max_attempts: 10 },
    };
  });
}

/** `submit <id> <job> <try>` and `retrieve <id> <job>`, in order. */
async function notesOf(machine: Machine, endpoint: Endpoint): Promise<readonly (readonly string[])[]> {
  const text = await readFile(machine.path(endpoint, 'notes'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
}

/** Its id gets nothing before the late answer was fetched, and put aside; and then it serves others again. */
async function expectLateAnswerDropped(machine: Machine, client: Client, endpoint: Endpoint): Promise<void> {
  const notes = async (): Promise<readonly (readonly string[])[]> => {
    const all = await notesOf(machine, endpoint);
    const at = all.findIndex((note) => note.slice(2).join(' ') === `${endpoint}-late 1`);
    return all.slice(at + 1).filter(([, id]) => id === all[at]?.[1]);
  };
  expect(await notes()).toEqual([]);
  await writeFile(machine.path(endpoint, 'release'), '');
  await until('the late answer to be fetched', async () => (await notes()).length > 0);
  const more = jobsFor(machine, endpoint).slice(10);
  await client.submitMany(more.map((job) => ({ ...job, name: `${job.name}-more`, prompt: `${job.name}?` })));
  await until('its id to serve others', async () => (await notes()).some(([what]) => what === 'submit'));
  const [next] = await notes();
  expect(next?.slice(0, 1)).toEqual(['retrieve']);
  expect(next?.[2]).toBe(`${endpoint}-late`);
}

describe('AI packages on a server', () => {
  it('R28 R29 R30 R31 R32 R33: run 20 jobs each in Python and TypeScript next to ordinary ones; what fails, dies or is late is asked again', async () => {
    const machine = await machineWithPackages();
    const { client, stop } = await machine.serve();
    const ordinary = Array.from({ length: 40 }, (_, i) => ({
      batch: 'ordinary',
      prompt: `ordinary ${i}`,
      configuration: { LLM_name: 'simulator:any' },
    }));
    const endpoints = Object.keys(KINDS) as Endpoint[];
    await client.submitMany([...endpoints.flatMap((one) => jobsFor(machine, one)), ...ordinary]);
    for (const batch of [...endpoints, 'ordinary'])
      for (let ended = -1; ended !== (batch === 'ordinary' ? 40 : COUNT);)
        ({ ended } = await client.batch(batch, { wait: 10 }));
    expect((await client.batch('ordinary')).counts.completed).toBe(40);
    for (const endpoint of endpoints) {
      for (let i = 0; i < COUNT; i += 1) {
        const name = `${endpoint}-${FIRSTS[i] ?? i}`;
        // The answer is that of a try that counts, and of nobody else's prompt.
        const { result, attempt } = await client.result(name);
        if (FIRSTS[i] === 'late') expect(result).toMatch(new RegExp(`^question ${i}, try [2-9]$`));
        else expect(result).toBe(`question ${i}, try ${FIRSTS[i] === undefined ? 1 : 2}`);
        if (FIRSTS[i] !== 'late') expect(attempt).toBe(FIRSTS[i] === undefined ? 1 : 2);
      }
      const submits = (await notesOf(machine, endpoint)).filter(([what]) => what === 'submit');
      expect(submits.filter(([, , name]) => name !== `${endpoint}-late`)).toHaveLength(COUNT + 1);
      expect(new Set(submits.map(([, id]) => id))).toEqual(new Set(['0', '1', '2']));
      await expectLateAnswerDropped(machine, client, endpoint);
    }
    const log = await client.logs('desk-die', { attempt: 1 });
    expect(log).toContain('the process of the package exited with code 9');
    expect(await stop()).toBe(0);
  });
});
