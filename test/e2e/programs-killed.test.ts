/**
 * F18, F24, G1, G5: programs of the user are under way (a script for the prompt, one for the command, a program that a script
 * names, one that a job names, packages in Python and TypeScript) when somebody is killed. None lives on without its attempt,
 * no job is lost, and each has one result.
 */
import { writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { hasEnded } from '../../src/core/states.ts';
import { until } from '../support/until.ts';
import { holdPrograms, jobOf, KINDS, type HeldPrograms } from './held-programs.ts';

async function outcomes(client: Client, name: string): Promise<(string | null)[]> {
  const { with: details } = await client.job(name, { with: ['attempts'] });
  return (details?.attempts ?? []).map(({ outcome }) => outcome);
}

const pidsOf = (list: readonly { readonly pid: number }[]): number[] => list.map(({ pid }) => pid);

/** The programs that run now, each of which has started another. */
async function runningOf(held: HeldPrograms): Promise<{ readonly areDead: () => boolean }> {
  await held.running(1);
  const pids = pidsOf(held.programs());
  expect(pids.length).toBeGreaterThanOrEqual(2 * KINDS.length);
  return { areDead: () => !pidsOf(held.programs()).some((pid) => pids.includes(pid)) };
}

/** One result each, and nothing in the folder of temporary files but what lives. */
async function expectAllAnswered(
  held: HeldPrograms,
  client: Client,
  wanted: readonly string[],
): Promise<void> {
  await held.ended(client);
  for (const kind of KINDS) {
    const job = await client.job(kind);
    expect([kind, job.state, await outcomes(client, kind)]).toEqual([kind, 'completed', wanted]);
  }
}

async function expectNothingLeft({ machine, programs, guards, temporaryFiles }: HeldPrograms): Promise<void> {
  expect(programs()).toEqual([]);
  expect(guards()).toEqual([]);
  expect(await temporaryFiles()).toEqual([]);
  expect((await machine.files('results')).length).toBe(KINDS.length);
}

// They mostly wait, one of them for as long as a stop may take.
vi.setConfig({ maxConcurrency: 2, testTimeout: 120_000 });

describe.concurrent('kill -9 while programs of the user run', () => {
  it('F18: of the instance: no program is left, and each job is completed by another attempt', async ({
    onTestFinished,
  }) => {
    const held = await holdPrograms(onTestFinished);
    const { client, stop } = await held.machine.serve();
    await held.submit(client);
    const programs = await runningOf(held);
    const [instance = 0] = await held.machine.localInstances();
    process.kill(instance, 'SIGKILL');
    await until('its programs to be dead', programs.areDead);
    await held.open();
    await expectAllAnswered(held, client, ['lost', 'succeeded']);
    expect(await stop()).toBe(0);
    await expectNothingLeft(held);
  });

  it('R26: of serve: the instance and its programs go on, and nothing is done twice', async ({
    onTestFinished,
  }) => {
    const held = await holdPrograms(onTestFinished);
    const first = await held.machine.serve();
    await held.submit(first.client);
    await held.running(1);
    const running = await held.said();
    await first.kill();
    const second = await held.machine.serve();
    // Not all that lives says so: an id of a package may still be starting its process.
    expect(pidsOf(held.programs())).toEqual(expect.arrayContaining(running));
    expect(await held.said()).toEqual(running);
    await held.open();
    await expectAllAnswered(held, second.client, ['succeeded']);
    expect(await second.stop()).toBe(0);
    await expectNothingLeft(held);
  });

  it('F24: of the guard alone: its programs die with it, and each job is tried again', async ({
    onTestFinished,
  }) => {
    const held = await holdPrograms(onTestFinished);
    const { client, stop } = await held.machine.serve();
    await held.submit(client);
    const programs = await runningOf(held);
    for (const { pid } of held.guards()) process.kill(pid, 'SIGKILL');
    await until('its programs to be dead', programs.areDead);
    await held.open();
    await expectAllAnswered(held, client, ['errored', 'succeeded']);
    expect(await stop()).toBe(0);
    await expectNothingLeft(held);
  });

  it('F18: of everything of promptd at once: what the programs had started is gone with the next start', async ({
    onTestFinished,
  }) => {
    const held = await holdPrograms(onTestFinished);
    const first = await held.machine.serve();
    await held.submit(first.client);
    const programs = await runningOf(held);
    const all = [...(await held.machine.localInstances()), ...pidsOf(held.guards())];
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    await first.kill();
    for (const pid of all) process.kill(pid, 'SIGKILL');
    const second = await held.machine.serve();
    await until('the old programs to be dead', programs.areDead);
    await held.open();
    await expectAllAnswered(held, second.client, ['lost', 'succeeded']);
    expect(await second.stop()).toBe(0);
    await expectNothingLeft(held);
  });
});

/** Prints a prompt, and leaves a process in a session of its own. */
const LEAVES_ONE = `#!/usr/bin/env python3
import os
ready, said = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(said, b"x")
    os.closerange(0, 3)
    os.execvp("sleep", ["sleep", "1000"])
os.read(ready, 1)
print("a question")
`;

describe.concurrent('a process that left the group of its script', () => {
  it('F30: ends with its attempt', async ({ onTestFinished }) => {
    const { machine, programs } = await holdPrograms(onTestFinished);
    await writeFile(machine.path('prompts/leave.py'), LEAVES_ONE, { mode: 0o755 });
    const first = await machine.serve();
    const configuration = { LLM_name: 'openai:test-model' };
    await first.client.submit({ name: 'a', prompt: { script: 'prompts/leave.py' }, configuration });
    expect((await first.client.job('a', { wait: 30 })).state).toBe('completed');
    await until('it to be dead', () => programs().length === 0);
    expect(await first.stop()).toBe(0);
  });
});

describe.concurrent('a stop in order', () => {
  it('G18: interrupts what does not end in time, charges nobody, leaves nothing behind, and runs it again after the next start', async ({
    onTestFinished,
  }) => {
    const held = await holdPrograms(onTestFinished);
    const first = await held.machine.serve();
    await held.submit(first.client);
    await runningOf(held);
    expect(await first.stop()).toBe(0);
    expect(held.programs()).toEqual([]);
    expect(held.guards()).toEqual([]);
    expect(await held.temporaryFiles()).toEqual([]);
    const second = await held.machine.serve();
    await held.open();
    await expectAllAnswered(held, second.client, ['interrupted', 'succeeded']);
    expect(await second.stop()).toBe(0);
    await expectNothingLeft(held);
  });

  it('G12: a cancel ends programs that ignore SIGTERM, with what they started; an id of a package is kept until its late answer is put aside', async ({
    onTestFinished,
  }) => {
    const held = await holdPrograms(onTestFinished);
    const { client, stop } = await held.machine.serve();
    await held.submit(client);
    await runningOf(held);
    await client.cancelMany({ names: [...KINDS] });
    await held.ended(client);
    for (const kind of KINDS)
      expect(await client.job(kind)).toMatchObject({ state: 'cancelled', reason: { code: 'Cancelled' } });
    // The processes of packages live on, for their other jobs.
    expect(held.programs().filter(({ command }) => /hold\.py|call\.py|work\.py/.test(command))).toEqual([]);
    await client.submit({ ...jobOf('easel', held.gate), name: 'next', prompt: 'What of next?' });
    await until('its attempt', async () => (await client.job('next')).state === 'running');
    await held.open();
    await until('it to end', async () => hasEnded((await client.job('next', { wait: 5 })).state));
    expect((await client.result('next')).result).toBe('answer to next');
    expect(await client.logs('next')).toContain('put aside a finished answer');
    expect(await stop()).toBe(0);
    expect(held.programs()).toEqual([]);
    expect(await held.temporaryFiles()).toEqual([]);
  });
});
