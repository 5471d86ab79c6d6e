/**
 * A workspace of many files: what a start, rest, a dropped file and a look at the results of one job cost in it. The files
 * are taken by `serve` itself up to 100,000; more are written together with their results and the database.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemFolderNames } from '../src/platform/folder-names.ts';
import { Lookup } from '../src/workspace/lookup.ts';
import { writeDatabase } from './folder-database.ts';
import { drop, jobText, makeFolder, nameOf, writeJobs, writeResults } from './folder-files.ts';
import { firstIntake } from './folder-intake.ts';
import { cpuSeconds, peakMebibytes } from './process-figures.ts';
import { percentiles, PROGRAM, type Serve, startServe } from './serve-process.ts';

const INTAKE_MAX = 100_000;
const DROPS = 20;
/** Longer than the server ever rests between two looks at old files: what is seen in it is all that it does. */
const REST_MS = 65_000;
/** After this much of a core and less it has looked at all of them, or this bench waits no longer. */
const REST_SHARE = 0.01;
const REST_WITHIN_MS = 900_000;

export async function folders({
  files,
  folder,
}: {
  readonly files: number;
  readonly folder: string;
}): Promise<void> {
  const root = await mkdtemp(join(folder, 'promptd-bench-'));
  try {
    if (files <= INTAKE_MAX) await firstIntake(root, files);
    else {
      makeFolder(root);
      writeJobs(root, 0, files);
      writeResults(root, 0, files);
      await writeDatabase(root, files);
    }
    await starts(root);
    const serve = await startServe(root);
    try {
      await rest(serve);
      await pickUp(root, serve, 'at rest', 5_000);
      await lookUp(root, serve, files);
      await whileWriting(root, serve);
      console.log(
        `folders: peak memory of serve since that start: ${peakMebibytes(serve.pid).toFixed(0)} MiB`,
      );
    } finally {
      await serve.stop();
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

function promptd(root: string, ...args: readonly string[]): string {
  return execFileSync(process.execPath, [PROGRAM, ...args, '-C', root], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
}

/** A job that waited in the queue while no server ran, and a file that was dropped meanwhile. */
async function starts(root: string): Promise<void> {
  const before = await startServe(root);
  const run_at = new Date(Date.now() + 2_000).toISOString();
  await before.client.submit({ name: 'waited', ...JSON.parse(jobText('waited', { options: { run_at } })) });
  await before.stop();
  await sleep(2_500);
  drop(root, 'dropped-before');
  const serve = await startServe(root, 'answers');
  try {
    const told = await Promise.all(
      ['waited', 'dropped-before'].map(
        async (name) => `${name} ${Math.round((await dispatched(serve, name)) - serve.spawned_at)} ms`,
      ),
    );
    console.log(`folders: from the start until it was sent to a model: ${told.join(', ')}`);
  } finally {
    await serve.stop();
  }
}

/** When its first attempt began, Unix ms. */
async function dispatched({ client }: Serve, name: string): Promise<number> {
  for (;;) {
    const job = await client.job(name, { with: ['attempts'] }).catch(() => null);
    const began = job?.with?.attempts?.[0]?.started_at;
    if (began !== undefined) return Date.parse(began);
    await sleep(25);
  }
}

async function rest({ pid, spawned_at }: Serve): Promise<void> {
  let share: number;
  do {
    const began = performance.now();
    const used = cpuSeconds(pid);
    await sleep(REST_MS);
    share = ((cpuSeconds(pid) - used) * 1000) / (performance.now() - began);
  } while (share > REST_SHARE && Date.now() - spawned_at < REST_WITHIN_MS);
  const after = ((Date.now() - spawned_at) / 1000).toFixed(0);
  console.log(
    `folders: at rest: ${(share * 100).toFixed(2)} % of a core over ${REST_MS / 1000} s, until ${after} s after a start`,
  );
}

/** From the moment at which a file stands in jobs/ until the queue has it. */
async function pickUp(root: string, { client }: Serve, when: string, pause_ms: number): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < DROPS; i += 1) {
    const name = `dropped-${pause_ms}-${i}`;
    const at = drop(root, name);
    for (;;) {
      const job = await client.job(name).catch(() => null);
      if (job !== null) {
        times.push(Math.max(0, Date.parse(job.submitted_at) - at));
        break;
      }
      await sleep(10);
    }
    // At rest, the answer of the one before has been published, and seen.
    await sleep(pause_ms);
  }
  console.log(`folders: a dropped file ${when}, until it is accepted: ${percentiles(times)}`);
}

async function whileWriting(root: string, serve: Serve): Promise<void> {
  const { client } = serve;
  for (let from = 0; from < 30_000; from += 1_000) {
    const lot = Array.from({ length: 1_000 }, (_, i) => ({
      name: `write-${from + i}`,
      ...JSON.parse(jobText(`write-${from + i}`)),
    }));
    await client.submitMany(lot);
  }
  const before = (await client.stats()).unpublished;
  await pickUp(root, serve, 'while results are written', 150);
  const after = (await client.stats()).unpublished;
  console.log(`folders: ${before} files waited to be written at its beginning, ${after} at its end`);
}

async function lookUp(root: string, { client }: Serve, files: number): Promise<void> {
  const lookup = new Lookup({ layout: { results: join(root, 'results') }, names: systemFolderNames });
  const name = nameOf(Math.floor(files / 2));
  const times = { library: [] as number[], http: [] as number[], cli: [] as number[] };
  for (let i = 0; i < 5; i += 1) {
    times.library.push(await timed(() => lookup.resultsOf(name)));
    times.http.push(await timed(() => client.resultsOf(name)));
    times.cli.push(await timed(async () => promptd(root, 'results', name)));
  }
  for (const [way, ms] of Object.entries(times))
    console.log(`folders: the results of one job, ${way}: ${percentiles(ms)}`);
}

async function timed(fn: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await fn();
  return performance.now() - began;
}
