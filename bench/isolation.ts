/** What `isolation: process` costs beside `inline`: the way of one job on a quiet server, jobs a second, and memory. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../src/client/client.ts';
import { ISOLATIONS, type Isolation } from '../src/core/endpoints.ts';
import { percentiles, perSecond, simulatorConfig, startServe } from './serve-process.ts';

const SLOTS = 8;
const SINGLE_JOBS = 50;
const JOBS = 200;

export async function isolation({ folder }: { readonly folder: string }): Promise<void> {
  for (const how of ISOLATIONS) await measure(how, folder);
}

async function measure(how: Isolation, folder: string): Promise<void> {
  const root = await mkdtemp(join(folder, 'promptd-bench-'));
  const kind = { kind: 'simulator', max_concurrent: SLOTS };
  const endpoints = {
    simulator: { ...kind, tokens_per_second: 0 },
    slow: { ...kind, tokens_per_second: 1 },
  };
  const config = { ...simulatorConfig(SLOTS), endpoints, instance: { slots: SLOTS, isolation: how } };
  await writeFile(join(root, 'promptd.config.json'), JSON.stringify(config));
  const serve = await startServe(root);
  try {
    console.log(`isolation: ${how}`);
    await oneByOne(serve.client);
    await throughput(serve.client);
    if (how === 'process') await memory(serve.client);
  } finally {
    await serve.stop();
    await rm(root, { recursive: true, force: true });
  }
}

async function oneByOne(client: Client): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < SINGLE_JOBS; i += 1) {
    const began = performance.now();
    const configuration = { LLM_name: 'simulator:noop', max_tokens: 5 };
    await client.submit({ name: `one-${i}`, prompt: `one ${i}`, configuration });
    const job = await client.job(`one-${i}`, { wait: 60 });
    if (job.state !== 'completed') throw new Error(`one-${i} is ${job.state}`);
    times.push(performance.now() - began);
  }
  console.log(`one job at a time, handed in until answered: ${percentiles(times)}`);
}

async function throughput(client: Client): Promise<void> {
  const began = performance.now();
  const configuration = { LLM_name: 'simulator:noop', max_tokens: 5 };
  const jobs = Array.from({ length: JOBS }, (_, i) => ({
    name: `many-${i}`,
    prompt: `${i}`,
    batch: 'many',
    configuration,
  }));
  await client.submitMany(jobs);
  for (let all = false; !all;) {
    const { ended, total } = await client.batch('many', { wait: 5 });
    all = ended === total;
  }
  console.log(`${JOBS} jobs, ${SLOTS} slots: ${perSecond(JOBS, performance.now() - began)}`);
}

/** With a full house: each process is in the middle of its answer. */
async function memory(client: Client): Promise<void> {
  const configuration = { LLM_name: 'slow:noop', max_tokens: 100 };
  const names = Array.from({ length: SLOTS }, (_, i) => `held-${i}`);
  await client.submitMany(names.map((name) => ({ name, prompt: name, configuration })));
  let pids: readonly number[] = [];
  while (pids.length < SLOTS) {
    await sleep(100);
    const [local] = await client.instances();
    pids = (local?.running ?? []).flatMap(({ pid }) => pid ?? []);
  }
  // Until what they needed for their start is given back.
  await sleep(3_000);
  for (const what of ['Rss', 'Pss'])
    console.log(
      `${what} of a process, of ${SLOTS}: ${mean(pids.map((pid) => mebibytes(pid, what))).toFixed(1)} MiB`,
    );
  for (const name of names) await client.cancel(name);
}

function mebibytes(pid: number, what: string): number {
  const line = new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'),
  );
  return Number(line?.[1]) / 1024;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
