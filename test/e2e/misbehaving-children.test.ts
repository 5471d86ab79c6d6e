/**
 * R17, F27 to F32: whatever a program of the user does, its attempt ends in time, and nothing of it lives on: not in its process
 * group, and not outside. All of them do it at once, in one `serve` for each group of ends.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Isolation } from '../../src/core/endpoints.ts';
import type { JobView } from '../../src/core/views.ts';
import { endLeftProcesses } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { crowd, MISBEHAVIOURS, type Crowd } from './misbehaving.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const newCrowd = async (isolation: Isolation, env: Readonly<Record<string, string>> = {}): Promise<Crowd> =>
  crowd((cleanup) => cleanups.push(cleanup), isolation, env);

/** What lived on, by the end that it should have met, and who it was. */
const left = new Map<string, string[]>();
const jobs = new Map<string, JobView>();

async function lookForLeft(all: Crowd, end: string): Promise<void> {
  const looks = MISBEHAVIOURS.map(async ({ id }) => {
    left.set(`${id}-${end}`, await endLeftProcesses(() => all.processesOf(id, end)));
  });
  await Promise.all(looks);
  // Such as nobody knows of.
  left.set(end, await endLeftProcesses(() => all.processes()));
}

async function meetEnd(all: Crowd, client: Parameters<Crowd['ended']>[0], end: string): Promise<void> {
  for (const [id, job] of await all.ended(client, end)) jobs.set(`${id}-${end}`, job);
  await lookForLeft(all, end);
}

/** Time limits and cancels, of attempts that run in processes of their own. */
async function playAttempts(): Promise<void> {
  const all = await newCrowd('process');
  const { client, stop } = await all.machine.serve();
  await all.submit(client, 'limit', ({ by_itself }) => ({
    ...(by_itself === undefined ? { timeout: '5s' } : {}),
    max_attempts: 1,
  }));
  await meetEnd(all, client, 'limit');
  await all.submit(client, 'cancel');
  await all.begun('cancel');
  await client.cancelMany({ names: MISBEHAVIOURS.map(({ id }) => `${id}-cancel`) });
  await meetEnd(all, client, 'cancel');
  await stop();
}

/** Of attempts that run in their instance. */
async function playStop(): Promise<void> {
  const all = await newCrowd('inline');
  const { client, stop } = await all.machine.serve();
  await all.submit(client, 'stop');
  await all.begun('stop');
  await stop();
  await lookForLeft(all, 'stop');
  left.set('stop', [...(left.get('stop') ?? []), ...(await endLeftProcesses(() => all.guards()))]);
}

/** Of an instance that nobody starts again, so that nothing is found by the next start. */
async function playKills(): Promise<void> {
  const all = await newCrowd('process', { PROMPTD_SLOTS: '0' });
  const { client, stop } = await all.machine.serve({ instance: false });
  const start = async () => all.machine.instance('near', client, ['--slots', '64']);
  const cancel = async (end: string) =>
    client.cancelMany({ names: MISBEHAVIOURS.map(({ id }) => `${id}-${end}`) });
  const first = await start();
  await all.submit(client, 'kill');
  await all.begun('kill');
  first.kill('SIGKILL');
  await lookForLeft(all, 'kill');
  left.set('kill', [...(left.get('kill') ?? []), ...(await endLeftProcesses(() => all.guards()))]);
  await cancel('kill');
  const second = await start();
  await all.submit(client, 'both');
  await all.begun('both');
  for (const { pid } of all.guards()) process.kill(pid, 'SIGSTOP');
  second.kill('SIGKILL');
  for (const { pid } of all.guards()) process.kill(pid, 'SIGKILL');
  await until('the guard to be gone', () => all.guards().length === 0);
  outlived = all.processes().length;
  await cancel('both');
  await start();
  await lookForLeft(all, 'both');
  await stop();
}
/** What lives when instance and guard are gone together. */
let outlived = 0;

beforeAll(async () => {
  await Promise.all([playAttempts(), playStop(), playKills()]);
}, 300_000);

const WITH_LIMIT = MISBEHAVIOURS.map((one) => ({ ...one, ends: one.by_itself ?? 'TotalTimeout' }));

describe('a child that misbehaves', () => {
  it.each(WITH_LIMIT)('R17: has its end in time, and nothing of it lives: $what', ({ id, ends }) => {
    const { state, reason } = jobs.get(`${id}-limit`)!;
    expect(reason?.code ?? state).toBe(ends);
    // By the word of its runner: the scheduler’s own deadline did not have to come.
    if (ends === 'TotalTimeout') expect(reason?.message).toContain('(options.timeout)');
    expect(left.get(`${id}-limit`)).toEqual([]);
  });

  it.each(MISBEHAVIOURS)('R17 G12: ends by a cancel, and nothing of it lives: $what', ({ id, by_itself }) => {
    const { state, reason } = jobs.get(`${id}-cancel`)!;
    expect(['Cancelled', by_itself]).toContain(state === 'completed' ? state : reason?.code);
    expect(left.get(`${id}-cancel`)).toEqual([]);
  });

  it.each(MISBEHAVIOURS)('R17 G18: does not outlive a stop of serve: $what', ({ id }) => {
    expect(left.get(`${id}-stop`)).toEqual([]);
  });

  it.each(MISBEHAVIOURS)('R17: does not outlive a kill -9 of its instance: $what', ({ id }) => {
    expect(left.get(`${id}-kill`)).toEqual([]);
  });

  it.each(MISBEHAVIOURS)(
    'R17: where instance and guard are killed together, ends with the next start: $what',
    ({ id }) => {
      expect(left.get(`${id}-both`)).toEqual([]);
    },
  );

  it('R17: nor does anything else of theirs', () => {
    expect(outlived).toBeGreaterThan(0);
    const ends = ['limit', 'cancel', 'stop', 'kill', 'both'];
    expect(ends.map((end) => [end, left.get(end)])).toEqual(ends.map((end) => [end, []]));
  });
});
