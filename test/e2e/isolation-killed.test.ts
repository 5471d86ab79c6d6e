/**
 * F18 to F26 with `isolation: process`: instance, guard or the process of an attempt is killed with kill -9 at each moment of the
 * way of an answer. There is one result; a second request is made only where the first answer was nowhere but in the
 * processes that died; and nothing of the dead lives on.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { hasEnded } from '../../src/core/states.ts';
import { CHILD_MARK, GUARD_MARK } from '../../src/platform/marked-processes.ts';
import { environmentOf, livingGroup, parentOf } from '../executor/child-processes.ts';
import type { ModelRequest } from '../support/model-server.ts';
import { livingOf, type LivingProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { setup, type Machine, type MachineOptions } from './machine.ts';

const PROMPT = 'What is asked?';

/** Who is killed. The process of the attempt leads a group, as its guard does. */
type Victim = 'attempt' | 'guard' | 'instance';

interface Setting {
  readonly machine: Machine;
  readonly env: Readonly<Record<string, string>>;
  /** While it is there, the process of an attempt stops itself before its first line. */
  readonly gate: string;
  readonly temporary: string;
}

async function settingOf(onFinished: NonNullable<MachineOptions['onFinished']>): Promise<Setting> {
  // Every process of this machine has it in its environment, and no other.
  const temporary = await mkdtemp(path.join(tmpdir(), 'promptd-killed-'));
  onFinished(async () => rm(temporary, { recursive: true, force: true }));
  const config = { instance: { slots: 2, isolation: 'process' } };
  const machine = await setup({ onFinished, config, env: { TMPDIR: temporary } });
  const gate = machine.path('gate');
  const stops = machine.path('stops.mjs');
  await writeFile(
    stops,
    `import { existsSync } from 'node:fs';
if (process.argv[1]?.includes('attempt-child') && existsSync(${JSON.stringify(gate)})) process.kill(process.pid, 'SIGSTOP');\n`,
  );
  return { machine, gate, temporary, env: { NODE_OPTIONS: `--import=${pathToFileURL(stops).href}` } };
}

function bearing(mark: string, { temporary }: Setting): LivingProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const own = pids.filter((pid) => {
    const environment = environmentOf(pid);
    return environment.includes(`\0${mark}=`) && environment.includes(`\0TMPDIR=${temporary}\0`);
  });
  return livingOf(own.map(Number));
}

const stateOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.charAt(stat.lastIndexOf(')') + 2);
};

/** Resolves when this process does nothing any more. */
async function stop(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await until('it to stand still', () => stateOf(pid) === 'T');
}

/** The process of the one attempt. */
async function attemptOf(setting: Setting): Promise<number> {
  let found: LivingProcess[] = [];
  await until('the process of the attempt', () => {
    found = bearing(CHILD_MARK, setting);
    return found.length === 1 && found[0]!.command.includes('attempt-child');
  });
  return found[0]!.pid;
}

async function kill(victim: Victim, attempt: number, { machine }: Setting): Promise<void> {
  const [instance = 0] = await machine.localInstances();
  const pids: Readonly<Record<Victim, number>> = { attempt, guard: parentOf(attempt), instance };
  process.kill(pids[victim], 'SIGKILL');
}

async function submit(client: Client): Promise<void> {
  await client.submit({ name: 'a', prompt: PROMPT, configuration: { LLM_name: 'ollama:test-model' } });
}

/** The model has been asked, and waits to answer. */
async function asked({ machine }: Setting): Promise<ModelRequest> {
  return machine.model.arrived(PROMPT);
}

/** How its attempts may have ended, and how often the model may have been asked, at least and at most. */
interface Expected {
  readonly ways: readonly (readonly string[])[];
  readonly requests: readonly [least: number, most: number];
}

/** One result, and as many requests as are allowed; nobody lives, and nobody is in the table. */
async function expectEnd(
  setting: Setting,
  client: Client,
  attempt: number,
  { ways, requests }: Expected,
): Promise<void> {
  const { machine } = setting;
  await until('it to end', async () => hasEnded((await client.job('a', { wait: 5 })).state), 60_000);
  const { state, with: details } = await client.job('a', { with: ['attempts'] });
  expect(state).toBe('completed');
  expect(ways).toContainEqual((details?.attempts ?? []).map(({ outcome }) => outcome));
  expect(machine.model.count(PROMPT)).toBeGreaterThanOrEqual(requests[0]);
  expect(machine.model.count(PROMPT)).toBeLessThanOrEqual(requests[1]);
  expect((await client.result('a')).result).toContain(PROMPT);
  await until('no process to be left', () => bearing(CHILD_MARK, setting).length === 0);
  expect(livingGroup(attempt)).toEqual([]);
  await until('an empty table', async () => {
    const instances = await client.instances();
    return instances.every(({ running }) => running.length === 0);
  });
}

async function expectNothingLeft(setting: Setting): Promise<void> {
  expect([...bearing(CHILD_MARK, setting), ...bearing(GUARD_MARK, setting)]).toEqual([]);
  expect(await readdir(setting.temporary)).toEqual([]);
  expect(await setting.machine.files('results')).toEqual([expect.stringMatching(/^\d+_a\.json$/)]);
}

type Outcomes = readonly string[];
const AGAIN: Outcomes = ['errored', 'succeeded'];
const ELSEWHERE: Outcomes = ['lost', 'succeeded'];
/** It was lost with the process, and is brought by the next one, which nobody gives it meanwhile. */
const BROUGHT = { ways: [['lost']], requests: [1, 1] } as const;

// Mostly they wait: for Node to start, for a retry.
vi.setConfig({ maxConcurrency: 3, testTimeout: 120_000 });

describe.concurrent('kill -9 with an attempt in a process of its own', () => {
  it.for<[Victim, Outcomes]>([
    ['attempt', AGAIN],
    ['guard', AGAIN],
    ['instance', ELSEWHERE],
  ])(
    'F17 F24: of the %s, before the attempt is told what to do: it is asked once, by the next one',
    async ([victim, outcomes], { onTestFinished }) => {
      const setting = await settingOf(onTestFinished);
      await writeFile(setting.gate, '');
      const { client, stop: end } = await setting.machine.serve({ env: setting.env });
      await submit(client);
      const attempt = await attemptOf(setting);
      await until('it to stand still', () => stateOf(attempt) === 'T');
      rmSync(setting.gate);
      await kill(victim, attempt, setting);
      await expectEnd(setting, client, attempt, { ways: [outcomes], requests: [1, 1] });
      expect(await end()).toBe(0);
      await expectNothingLeft(setting);
    },
  );

  it.for<[Victim, Outcomes]>([
    ['attempt', AGAIN],
    ['guard', AGAIN],
    ['instance', ELSEWHERE],
  ])(
    'F18 F26 G5: of the %s, when the model has answered and the attempt has not said so: it is asked again',
    async ([victim, outcomes], { onTestFinished }) => {
      const setting = await settingOf(onTestFinished);
      setting.machine.model.script(PROMPT, [{ hold: 'headers' }, {}]);
      const { client, stop: end } = await setting.machine.serve();
      await submit(client);
      const attempt = await attemptOf(setting);
      const request = await asked(setting);
      await stop(attempt);
      request.release();
      await request.ended;
      expect(request.state).toBe('answered');
      await kill(victim, attempt, setting);
      await expectEnd(setting, client, attempt, { ways: [outcomes], requests: [2, 2] });
      expect(await end()).toBe(0);
      await expectNothingLeft(setting);
    },
  );

  it('F26: of the guard, when the attempt has told its outcome and the instance has not heard it: that counts', async ({
    onTestFinished,
  }) => {
    const setting = await settingOf(onTestFinished);
    setting.machine.model.script(PROMPT, { hold: 'headers' });
    const { client, stop: end } = await setting.machine.serve();
    await submit(client);
    const attempt = await attemptOf(setting);
    const request = await asked(setting);
    const guard = parentOf(attempt);
    const [instance = 0] = await setting.machine.localInstances();
    await stop(instance);
    request.release();
    await until('it to have ended', () => livingGroup(attempt).length === 0);
    // The folder of the attempt goes when all that it said is on its way.
    const folder = path.join(setting.temporary, (await readdir(setting.temporary))[0]!);
    await until('all to be handed on', async () => (await readdir(folder)).length === 0);
    process.kill(guard, 'SIGKILL');
    await until('the guard to be dead', () => livingOf([guard]).length === 0);
    process.kill(instance, 'SIGCONT');
    await expectEnd(setting, client, attempt, { ways: [['succeeded']], requests: [1, 1] });
    expect(await end()).toBe(0);
    await expectNothingLeft(setting);
  });

  it.for<[string, Expected]>([
    ['instance.before_spool', { ways: [ELSEWHERE], requests: [2, 2] }],
    ['instance.after_spool', BROUGHT],
    ['instance.after_send', { ways: [...BROUGHT.ways, ['succeeded']], requests: [1, 1] }],
    ['instance.before_forget', { ways: [['succeeded']], requests: [1, 1] }],
  ])(
    'F19 F20 F22: of the instance, which has heard the outcome, at %s',
    async ([point, expected], { onTestFinished }) => {
      const setting = await settingOf(onTestFinished);
      const log = setting.machine.path('crash.log');
      const { client, stop: end } = await setting.machine.serve({
        env: { PROMPTD_CRASH_AT: `${point}:1`, PROMPTD_CRASH_LOG: log },
      });
      setting.machine.model.script(PROMPT, [{ hold: 'headers' }, {}]);
      await submit(client);
      const attempt = await attemptOf(setting);
      (await asked(setting)).release();
      await until('it to be killed', () => readFileSync(log, 'utf8').includes(`killed at ${point}:1\n`));
      await expectEnd(setting, client, attempt, expected);
      expect(await end()).toBe(0);
      await expectNothingLeft(setting);
    },
  );
});
