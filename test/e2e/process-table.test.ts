/** R15, R16: programs of users are in the table of names and pids as long as they run, though their attempts share the instance. */
import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { until } from '../support/until.ts';
import { holdPrograms, KINDS } from './held-programs.ts';

async function table(client: Client): Promise<Readonly<Record<string, number | null>>> {
  const [local] = await client.instances();
  return Object.fromEntries((local?.running ?? []).map(({ name, pid }) => [name, pid]));
}

it('R15 R16: scripts, commands and AI packages are in the table with the pid of their process, and leave it with that', async ({
  onTestFinished,
}) => {
  const { machine, gate, submit, running, open, ended } = await holdPrograms(onTestFinished);
  const { client, stop } = await machine.serve();
  await submit(client);
  await running(1);
  const said = (await readdir(gate)).map((file) => /^runs-(.*)\.(\d+)$/.exec(file));
  const pids = Object.fromEntries(said.map((match) => [match?.[1], Number(match?.[2])]));
  expect(Object.keys(pids).toSorted()).toEqual([...KINDS].toSorted());
  await until('all of them in the table', async () => !Object.values(await table(client)).includes(null));
  expect(await table(client)).toEqual(pids);
  const shown = (await machine.promptd('ps', '--json')).stdout.trim().split('\n');
  expect(
    Object.fromEntries(
      shown.map((line) => JSON.parse(line) as Record<string, unknown>).map(({ name, pid }) => [name, pid]),
    ),
  ).toEqual(pids);
  expect((await client.stats()).processes).toBe(KINDS.length);

  await open();
  await ended(client);
  expect(await table(client)).toEqual({});
  expect((await client.stats()).processes).toBe(0);
  expect(await stop()).toBe(0);
}, 60_000);
