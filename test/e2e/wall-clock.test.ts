/** A clock on the wall that jumps by a year under running processes: durations do not feel it, names still count upwards. */
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';

const DAY_MS = 86_400_000;

function job(name: string, prompt = `question ${name}`) {
  return { name, prompt, configuration: { LLM_name: 'ollama:test-model' } };
}

/** The library that shifts the clock of a process (Debian's package faketime); skips the test where there is none. */
function fakeTime(context: TestContext): string {
  const folders = ['/usr/lib', '/usr/local/lib', ...multiarch('/usr/lib')];
  const found = folders.map((folder) => join(folder, 'faketime', 'libfaketimeMT.so.1')).find(existsSync);
  if (found === undefined) context.skip('libfaketime is not installed (Debian: apt-get install faketime)');
  return found;
}

function multiarch(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => join(folder, name));
}

interface Shifted {
  readonly machine: Machine;
  readonly env: Readonly<Record<string, string>>;
  /** Moves the wall clock of the processes to so many days from the true time, forwards or backwards. */
  readonly jump: (days: number) => Promise<void>;
}

/** A machine whose processes see a wall clock of the test's own, and the true monotonic one. */
async function shifted(context: TestContext): Promise<Shifted> {
  const library = fakeTime(context);
  const machine = await setup({ onFinished: context.onTestFinished });
  const file = machine.path('wall-clock');
  const jump = async (days: number): Promise<void> => {
    // Whole at once: the processes read it while it is written.
    await writeFile(`${file}.new`, `${days < 0 ? '' : '+'}${days}d`);
    await rename(`${file}.new`, file);
  };
  await jump(0);
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    // Node's loop lives by the monotonic clock.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return { machine, env, jump };
}

/** Since the call the instance was heard of `times` times. */
async function beats(client: Client, times: number, name = 'local'): Promise<void> {
  let before = Number.POSITIVE_INFINITY;
  let heard = 0;
  await until(`${times} heartbeats`, async () => {
    const silent_ms = (await client.instances()).find((one) => one.name === name)?.silent_ms ?? before;
    if (silent_ms < before) heard += 1;
    before = silent_ms;
    return heard > times;
  });
}

const YEARS = [365, -365, 0];

describe.concurrent('a wall clock that jumps', { timeout: 180_000 }, () => {
  it('R23: by a year ends no lease and no attempt, and makes no duration negative', async (ctx) => {
    const { machine, env, jump } = await shifted(ctx);
    machine.model.script(/^held/, { hold: 'headers' });
    const { client } = await machine.serve({ env });
    const names = Array.from({ length: 8 }, (_, i) => `held-${i}`);
    for (const name of names) await client.submit(job(name, `held ${name}`));
    await until('all to be asked', () => machine.model.requests.length === names.length);
    const began = Date.now();
    for (const days of YEARS) {
      await jump(days);
      const at = (await client.submit(job(`at-${days}`))).submitted_at;
      // The server does see that clock: else this would prove nothing.
      expect(Math.round((Date.parse(at) - began) / DAY_MS)).toBe(days);
      await beats(client, 2);
      for (const name of names) {
        const one = await client.job(name);
        expect([one.state, one.attempts]).toEqual(['running', 1]);
        expect(one.live?.elapsed_ms ?? 0).toBeGreaterThanOrEqual(0);
      }
      await until('the job of that time', async () => (await client.job(`at-${days}`)).state === 'completed');
    }
    machine.model.release();
    for (const name of names) {
      await until(`${name} to end`, async () => (await client.job(name)).state === 'completed');
      const { with: more } = await client.job(name, { with: ['attempts'] });
      expect((more?.attempts ?? []).map(({ outcome }) => outcome)).toEqual(['succeeded']);
      for (const { timings } of more?.attempts ?? [])
        for (const ms of Object.values(timings ?? {})) expect(ms ?? 0).toBeGreaterThanOrEqual(0);
    }
    expect(machine.model.stats().total).toBe(names.length + YEARS.length);
    for (const command of [['ls'], ['status'], ['show', 'at--365'], ['show', 'at-365'], ['ps']])
      expect((await machine.promptd(...command)).stdout).not.toMatch(
        /(^|\s)-\d+(\.\d+)?\s?(ms|s|m|h|d|y)\b/m,
      );
  });

  it('F56: that is right on the server and years off on an instance changes nothing', async (ctx) => {
    const { machine, env, jump } = await shifted(ctx);
    await jump(-2 * 365);
    const { client } = await machine.serve({ env: { PROMPTD_SLOTS: '0' }, instance: false });
    machine.model.script(/^held/, { hold: 'headers' });
    await machine.instance('elsewhen', client, [], env);
    const began = Date.now();
    await client.submit(job('held-0', 'held 0'));
    await until('it to be asked', () => machine.model.requests.length === 1);
    for (const days of [2 * 365, 0]) {
      await jump(days);
      await beats(client, 2, 'elsewhen');
      expect(await client.job('held-0')).toMatchObject({ state: 'running', attempts: 1 });
    }
    machine.model.release();
    await until('it to end', async () => (await client.job('held-0')).state === 'completed');
    const { finished_at, with: more } = await client.job('held-0', { with: ['attempts'] });
    // Times of day are the server's; durations are of clocks that nobody sets.
    expect(Math.abs(Date.parse(finished_at ?? '') - began)).toBeLessThan(DAY_MS);
    for (const ms of Object.values(more?.attempts?.[0]?.timings ?? {})) expect(ms ?? 0).toBeLessThan(DAY_MS);
    expect(machine.model.stats().total).toBe(1);
  });

  it('R9: back by two years between two runs of a name gives the later run the larger epoch all the same', async (ctx) => {
    const { machine, env, jump } = await shifted(ctx);
    const first = await machine.serve({ env });
    await jump(365);
    await first.client.submit(job('again', 'first question'));
    await until('its file', async () => (await machine.files('results')).length === 1);
    await jump(-365);
    await first.client.submit({ ...job('again', 'second question'), if_exists: 'new_run' });
    await until('the second file', async () => (await machine.files('results')).length === 2);
    // A server that knows of no later time than its own wall's goes on where the row ends.
    expect(await first.stop()).toBe(0);
    const second = await machine.serve({ env });
    await second.client.submit({ ...job('again', 'third question'), if_exists: 'new_run' });
    await until('the third file', async () => (await machine.files('results')).length === 3);
    const runs = await Promise.all(
      (await machine.files('results')).map(async (file) => {
        const { run } = JSON.parse(await readFile(machine.path('results', file), 'utf8')) as { run: number };
        return { epoch: Number(file.split('_')[0]), run };
      }),
    );
    const byEpoch = runs.toSorted((a, b) => a.epoch - b.epoch);
    expect(byEpoch.map(({ run }) => run)).toEqual([1, 2, 3]);
    expect(new Set(runs.map(({ epoch }) => epoch)).size).toBe(3);
  });
});
